"""tinygrad: nn.LSTMCell, step by step. Names, order of gates and both biases are torch's.

It compiles its kernels with clang where there is one, and else interprets them in Python, which takes
hundreds of times as long; and it leaves their loops as they are: to make them quick takes as long as all the
rest. The environment's DEV and NOOPT have the last word. Each step is realised by itself, and captured once
for each shape: to schedule the graph of a whole sequence takes seconds.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

if "DEV" not in os.environ:
    os.environ["DEV"] = "CPU" if shutil.which("clang") else "PYTHON"
os.environ.setdefault("NOOPT", "1")

import numpy as np
from tinygrad import Tensor, TinyJit, dtypes, nn

from ..case import Case
from ..notation import BASIC, is_cell
from .base import STACKED, Adapter
from .crossing import Gradients

NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
DTYPES = {"float32": dtypes.float32, "float64": dtypes.float64}

Arrays = tuple[Any, ...]


def cell(weights: Sequence[Tensor]) -> nn.LSTMCell:
    """The library's cell with these weights in the place of its own."""
    rows, columns = weights[0].shape
    made = nn.LSTMCell(columns, rows // 4, bias=len(weights) == 4)
    for name, weight in zip(NAMES, weights, strict=False):
        setattr(made, name, weight)
    return made


def step(columns: Sequence[int], beside: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """h and c after one step, from x, and h and c if there are more columns, side by side."""
    x, *state = beside.split(list(columns), dim=1)
    found: tuple[Tensor, ...] = cell(weights)(x, (state[0], state[1]) if state else None)
    return found


def back(columns: Sequence[int], beside: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The gradient of Σ g_h · h + Σ g_c · c, with g_h and g_c behind the rest, by that and by the weights."""
    *_, g_h, g_c = beside.split(list(columns), dim=1)
    inputs = beside[:, : sum(columns[:-2])].contiguous()
    h, c = step(columns[:-2], inputs, weights)
    found: tuple[Tensor, ...] = tuple(((h * g_h).sum() + (c * g_c).sum()).gradient(inputs, *weights))
    return found


@lru_cache(maxsize=256)
def captured(function: Callable[..., Any], columns: tuple[int, ...], *key: Any) -> Callable[..., Any]:
    """A function of tensors of one shape and dtype, captured at its second call."""

    def realised(own: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = function(columns, own, weights)
        found[0].realize(*found[1:])  # in one schedule
        return found

    jitted: Callable[..., Any] = TinyJit(realised)
    return jitted


def called(function: Callable[..., Any], arrays: Sequence[Any], weights: Sequence[Tensor]) -> Arrays:
    """A function of arrays (B, ·). They go in side by side: to make a tensor takes longer than the step.

    What comes out is copied, since the next call writes in the same place.
    """
    columns, beside = tuple(array.shape[1] for array in arrays), np.concatenate(arrays, 1)
    shapes = tuple(weight.shape for weight in weights)  # without a state, only they tell H
    jitted = captured(function, columns, len(beside), str(beside.dtype), shapes)
    found = jitted(Tensor(beside, dtype=DTYPES[str(beside.dtype)]).realize(), *weights)
    return tuple(np.array(part.numpy()) for part in found)


class Tinygrad(Adapter):
    name = "tinygrad"
    modes = ("LSTM", "LSTMCell")
    claims = BASIC | STACKED | {"nobias", "grad"}

    def model(self, case: Case, weights: Mapping[str, Any]) -> Any:
        suffix = next(case.suffixes())
        named = {name + suffix: weights[name + suffix] for name in NAMES if name + suffix in weights}
        tensors = {name: Tensor(w, dtype=DTYPES[str(w.dtype)]).realize() for name, w in named.items()}
        return case, tensors

    def run(
        self, model: Any, x: Any, state: Arrays | None, lengths: Sequence[int] | None
    ) -> tuple[Any, Arrays]:
        case, weights = model
        if is_cell(case.mode):
            now = self.along(weights, x[None], state)[-1]
            return now[0], now
        states = self.along(weights, x, None if state is None else tuple(part[0] for part in state))
        return np.stack([h for h, _ in states]), tuple(part[None] for part in states[-1])

    def along(self, weights: Mapping[str, Tensor], x: Any, state: Arrays | None) -> list[Arrays]:
        """The state after every step of x (T, B, I)."""
        states = []
        for x_t in x:
            state = called(step, [x_t, *(state or ())], list(weights.values()))
            states.append(state)
        return states

    def vjp(
        self,
        model: Any,
        x: Any,
        state: Arrays | None,
        lengths: Sequence[int] | None,
        g_output: Any,
        g_state: Arrays,
    ) -> Gradients:
        case, weights = model
        layer = not is_cell(case.mode)
        if not layer:
            x, g_output = x[None], g_output[None]
        own = (lambda part: part[0]) if layer else (lambda part: part)
        start, (g_h, g_c) = state and tuple(map(own, state)), map(own, g_state)
        states, g_x = self.along(weights, x, start), np.zeros_like(x)
        total = {name: np.zeros(weight.shape, x.dtype) for name, weight in weights.items()}
        for t in reversed(range(len(x))):
            before = (states[t - 1] if t else start) or ()
            arrays = [x[t], *before, g_h + g_output[t], g_c]
            own, *rest = called(back, arrays, list(weights.values()))
            g_x[t], *g_before = np.split(own, np.cumsum([part.shape[1] for part in arrays[:-3]]), 1)
            g_h, g_c = g_before or (None, None)
            for name, part in zip(weights, rest, strict=True):
                total[name] += part
        found = {**total, "x": g_x if layer else g_x[0]}
        if state is not None:
            found |= {"h_0": g_h[None] if layer else g_h, "c_0": g_c[None] if layer else g_c}
        return found


TINYGRAD = Tinygrad()
