"""JAX: a step function is enough. The kit scans it, stacks it and differentiates through it.

Everything is compiled once for each shape, not traced in each call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import torch
import torch.utils.dlpack
from torch import Tensor

from ..case import Case
from ..notation import BASIC, is_cell
from .base import STACKED, Adapter
from .crossing import NUMPY, Arrays, Gradients

jax.config.update("jax_enable_x64", True)

HALF = (torch.bfloat16, torch.float16)


def _array(tensor: Tensor) -> Any:
    """Through NumPy, which has no bfloat16; that goes through DLPack."""
    if tensor.dtype == torch.bfloat16:
        return jnp.from_dlpack(tensor.detach().cpu().contiguous())
    return jnp.asarray(NUMPY.of(tensor))


def _tensor(array: Any) -> Tensor:
    return (
        torch.utils.dlpack.from_dlpack(array).clone() if array.dtype == jnp.bfloat16 else NUMPY.tensor(array)
    )


ARRAYS = Arrays(_array, _tensor)


QUICK = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
}
"""Of XLA's options."""

KEPT = 100
"""Networks, each with the shapes that it was called with, whose code is kept."""


class Weights(NamedTuple):
    """One direction of one layer: W_ih (G·H, I), W_hh (G·H, H or P), b_ih and b_hh (G·H), W_hr (P, H).

    The blocks of the gates are in torch's order: r z n, or i f g o. A bias that is not there is zeros.
    """

    W_ih: Any
    W_hh: Any
    b_ih: Any
    b_hh: Any
    W_hr: Any = None


def weights_of(weights: Mapping[str, Any], suffix: str) -> Weights:
    """The weights of a suffix, `_l0` or `_l0_reverse`, or none for a cell."""
    W_ih = weights[f"weight_ih{suffix}"]
    zeros = jnp.zeros(len(W_ih), W_ih.dtype)
    b_ih, b_hh = (weights.get(f"bias_{kind}{suffix}", zeros) for kind in ("ih", "hh"))
    return Weights(W_ih, weights[f"weight_hh{suffix}"], b_ih, b_hh, weights.get(f"weight_hr{suffix}"))


class JaxAdapter(Adapter):
    """A network as a function of weights, x, state and lengths that JAX can trace."""

    arrays = ARRAYS

    def network(
        self, case: Case, weights: Mapping[str, Any], x: Any, state: tuple[Any, ...] | None, lengths: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        """What `run` gives, by the weights themselves: differentiated with respect to all but the lengths."""
        raise NotImplementedError

    def model(self, case: Case, weights: Mapping[str, Any]) -> Any:
        return _plain(case), dict(weights)

    def run(
        self, model: Any, x: Any, state: tuple[Any, ...] | None, lengths: Sequence[int] | None
    ) -> tuple[Any, tuple[Any, ...]]:
        case, weights = model
        forward, _ = _compiled(self, case)
        found: tuple[Any, tuple[Any, ...]] = forward(weights, x, state, _lengths(lengths))
        return found

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
        _, backward = _compiled(self, case)
        g_weights, g_x, g_initial = backward(weights, x, state, _lengths(lengths), (g_output, g_state))
        return {**g_weights, "x": g_x, **dict(zip(("h_0", "c_0"), g_initial or (), strict=False))}


def _lengths(lengths: Sequence[int] | None) -> Any:
    return None if lengths is None else jnp.asarray(lengths)


def _plain(case: Case) -> Case:
    """What a network is compiled for, shapes and dtype aside: cases that differ in numbers share it."""
    return case.but(T=1, B=1, seed=1, gain=1.0, span=1.0, grid=None, hx=True)


@cache
def _compiled(adapter: JaxAdapter, case: Case) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The network and its vector-Jacobian product, to be compiled at the first call with each shape.

    What was compiled for earlier networks is given up from time to time: each takes some ten of the mappings
    of memory that a process may have, and the compiler dies where there are no more.
    """
    if _compiled.cache_info().misses % KEPT == 0:
        jax.clear_caches()
    network = partial(adapter.network, case)

    def backward(weights: Any, x: Any, state: Any, lengths: Any, grads: Any) -> Any:
        _, pulled = jax.vjp(lambda w, x, state: network(w, x, state, lengths), weights, x, state)
        return pulled(grads)

    return _jit(network), _jit(backward)


def _jit(function: Callable[..., Any]) -> Callable[..., Any]:
    compiled: Callable[..., Any] = jax.jit(function, compiler_options=_quick())
    return compiled


@cache
def _quick() -> dict[str, Any] | None:
    """What makes compiling four times as fast: it takes most of the time of thousands of small networks.

    What is judged is the library's arithmetic, and not XLA's optimiser. Where XLA does not know a word of
    these, it is asked for none.
    """
    try:
        jax.jit(lambda x: x + 1, compiler_options=QUICK)(0.0)
    except Exception:
        return None
    return QUICK


Step = Callable[[Weights, Any, tuple[Any, ...]], tuple[Any, ...]]
"""step(w, x, state) -> state, for one step: x (B, I), the state (h,) or (h, c) of (B, H) each."""


class JaxSteps(JaxAdapter):
    """Step functions by the mode of their layer: RNN, GRU or LSTM. Each is tried as a layer and as a cell.

    `claims` are further ones. A GRU that claims "reset_before" has its reset gate before the product.
    """

    claims = BASIC | STACKED | {"nobias", "grad"}

    def __init__(self, name: str, steps: Mapping[str, Step], claims: Iterable[str] = ()) -> None:
        self.name, self.steps = name, steps
        self.modes = (*steps, *(f"{mode}Cell" for mode in steps))
        self.claims = type(self).claims | frozenset(claims)
        if "reset_before" in self.claims:
            self.claims -= {"reset_after"}

    def network(
        self, case: Case, weights: Mapping[str, Any], x: Any, state: tuple[Any, ...] | None, lengths: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        w, step = weights_of(weights, next(case.suffixes())), self.steps[case.kind]
        if is_cell(case.mode):
            now = step(w, x, state or zeros(case, x.shape[:-1], x.dtype))
            return now[0], now
        start = zeros(case, x.shape[1:-1], x.dtype) if state is None else tuple(part[0] for part in state)
        final, hidden = scanned(partial(step, w), start, x)
        return hidden, tuple(part[None] for part in final)


def zeros(case: Case, rows: tuple[int, ...], dtype: Any) -> tuple[Any, ...]:
    """The initial state of one direction that was not given."""
    widths = (case.width, case.H) if case.kind == "LSTM" else (case.width,)
    return tuple(jnp.zeros((*rows, width), dtype) for width in widths)


def scanned(step: Callable[[Any, tuple[Any, ...]], tuple[Any, ...]], start: tuple[Any, ...], x: Any) -> Any:
    """The final state and every h of x (T, B, I)."""

    def along(state: tuple[Any, ...], x_t: Any) -> tuple[Any, Any]:
        new = step(x_t, state)
        return new, new[0]

    return jax.lax.scan(along, start, x)


def jax_step(mode: str, *claims: str) -> Callable[[Step], JaxSteps]:
    """Makes an implementation of a step function: `@jax_step("GRU")` above it is all."""

    def made(step: Step) -> JaxSteps:
        return JaxSteps(step.__name__, {mode: step}, claims)

    return made
