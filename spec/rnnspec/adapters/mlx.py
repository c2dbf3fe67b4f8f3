"""MLX on the CPU: mlx.nn.RNN, GRU and LSTM, one direction of one layer, batch-major.

The matrices are torch's, and so is the order of the gates. There is one bias, the sum of torch's two, but for
the n of a GRU, which has both. A layer gives the states after every step, of which the last is the final one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import torch
from torch import Tensor

from ..case import Case
from ..notation import BASIC, LAYERS
from .base import STACKED, Adapter
from .crossing import Arrays, Gradients

mx.set_default_device(mx.cpu)  # float64 is there alone

DTYPES = {
    torch.float64: mx.float64,
    torch.float32: mx.float32,
    torch.bfloat16: mx.bfloat16,
    torch.float16: mx.float16,
}
BACK = {dtype: wide for wide, dtype in DTYPES.items()}


def _array(tensor: Tensor) -> Any:
    """Half types by way of float32, which holds all of their numbers: NumPy has no bfloat16."""
    wide = tensor.detach().cpu() if tensor.dtype == torch.float64 else tensor.detach().cpu().float()
    return mx.array(wide.numpy(), dtype=DTYPES[tensor.dtype])


def _tensor(array: Any) -> Tensor:
    wide = array if array.dtype == mx.float64 else array.astype(mx.float32)
    return torch.from_numpy(np.array(wide)).to(BACK[array.dtype])


def layer(case: Case, weights: Mapping[str, Any]) -> nn.Module:
    """A layer of these sizes with these weights in the place of its own."""
    words = {"nonlinearity": nn.relu} if case.nonlinearity == "relu" else {}
    made = getattr(nn, case.mode)(case.I, case.H, bias=case.bias, **words)
    wide, high = ("Wxh", "Whh") if case.kind == "RNN" else ("Wx", "Wh")
    made[wide], made[high] = weights["weight_ih_l0"], weights["weight_hh_l0"]
    if case.bias and case.kind == "GRU":
        b_ih, b_hh = weights["bias_ih_l0"], weights["bias_hh_l0"]
        both = b_ih[: 2 * case.H] + b_hh[: 2 * case.H]
        made["b"], made["bhn"] = mx.concatenate([both, b_ih[2 * case.H :]]), b_hh[2 * case.H :]
    elif case.bias:
        made["bias"] = weights["bias_ih_l0"] + weights["bias_hh_l0"]
    return made


def called(case: Case, weights: Mapping[str, Any], x: Any, state: Sequence[Any] | None) -> list[Any]:
    """Output and final states of x (T, B, I), or (T, I) without a batch."""
    batched = x.ndim == 3
    steps = layer(case, weights)(x.swapaxes(0, 1) if batched else x, *(part[0] for part in state or ()))
    every = steps if case.kind == "LSTM" else (steps,)
    output = every[0].swapaxes(0, 1) if batched else every[0]
    return [output, *(part[..., -1, :][None] for part in every)]


class Mlx(Adapter):
    name = "mlx"
    modes = LAYERS
    claims = BASIC | STACKED | {"relu", "nobias", "half", "float16", "unbatched", "grad"}
    arrays = Arrays(_array, _tensor)

    def run(
        self, model: Any, x: Any, state: tuple[Any, ...] | None, lengths: Sequence[int] | None
    ) -> tuple[Any, tuple[Any, ...]]:
        case, weights = model
        output, *final = called(case, weights, x, state)
        mx.eval(output, *final)
        return output, tuple(final)

    def vjp(
        self,
        model: Any,
        x: Any,
        state: tuple[Any, ...] | None,
        lengths: Sequence[int] | None,
        g_output: Any,
        g_state: tuple[Any, ...],
    ) -> Gradients:
        case, weights = model
        given = {"x": x, **dict(zip(("h_0", "c_0"), state or (), strict=False)), **weights}

        def network(*values: Any) -> list[Any]:
            named = dict(zip(given, values, strict=True))
            states = None if state is None else [named[name] for name in ("h_0", "c_0")[: len(state)]]
            return called(case, {name: named[name] for name in weights}, named["x"], states)

        _, found = mx.vjp(network, list(given.values()), [g_output, *g_state])
        mx.eval(*found)
        return dict(zip(given, found, strict=True))


MLX = Mlx()
