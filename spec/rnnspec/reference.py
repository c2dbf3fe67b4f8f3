"""The oracle: the documents' equations, evaluated step by step, independent of `torch.nn`.

The equations are written for anything that adds, multiplies and has `tanh`: float64 tensors give
the expected values, `affine.Affine` numbers give the values and how far rounding may move them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .case import Case
from .keeping import pristine

Number = Any
"""A Tensor or an `affine.Affine`."""


@dataclass(frozen=True)
class Result:
    """What a call gives: output (T, B, D·P), h_n (L·D, B, P) and, for the LSTM, c_n (L·D, B, H)."""

    output: Number
    h_n: Number
    c_n: Number | None = None

    @property
    def state(self) -> tuple[Number, ...]:
        """The final state, in the form in which the next call takes it."""
        return (self.h_n,) if self.c_n is None else (self.h_n, self.c_n)

    def items(self) -> Iterator[tuple[str, Number]]:
        """Name and value of each part."""
        yield "output", self.output
        yield "h_n", self.h_n
        if self.c_n is not None:
            yield "c_n", self.c_n

    @property
    def parts(self) -> list[Number]:
        """The values alone."""
        return [part for _, part in self.items()]

    def map(self, change: Callable[[Number], Number]) -> Result:
        """Every part changed alike."""
        return Result(*(change(part) for _, part in self.items()))

    def rows(self, index: Any) -> Result:
        """Some rows of the batch, of every part."""
        return self.map(lambda part: part[:, index])

    def steps(self, index: slice) -> Result:
        """Some steps of the output; the states as they are."""
        return Result(self.output[index], *self.state)

    def __rmul__(self, factor: float) -> Result:
        return self.map(lambda part: factor * part)

    def __add__(self, other: Result) -> Result:
        return Result(*(a + b for (_, a), (_, b) in zip(self.items(), other.items(), strict=True)))


class Layer(NamedTuple):
    """The weights of one direction of one layer, by the names of the equations."""

    W_ih: Tensor
    W_hh: Tensor
    b_ih: Tensor | None
    b_hh: Tensor | None
    W_hr: Tensor | None


def layer_weights(case: Case, weights: Mapping[str, Any]) -> list[Layer]:
    """The float64 weights of every layer and direction, in the order of the states."""
    wide = {name: _wide(value) for name, value in weights.items()}
    return [
        Layer(
            wide[f"weight_ih{suffix}"],
            wide[f"weight_hh{suffix}"],
            wide.get(f"bias_ih{suffix}"),
            wide.get(f"bias_hh{suffix}"),
            wide.get(f"weight_hr{suffix}"),
        )
        for suffix in case.suffixes()
    ]


def _wide(value: Any) -> Any:
    """A tensor in float64; a weight whose gradient is asked for as it is."""
    return value.detach().cpu().double() if isinstance(value, Tensor) else value


def linear(x: Number, W: Tensor, b: Tensor | None) -> Number:
    return x @ W.T if b is None else x @ W.T + b


def elman(case: Case, w: Layer, gates_x: Number, state: tuple[Number, ...]) -> tuple[Number, ...]:
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), or relu."""
    (h,) = state
    a = gates_x + linear(h, w.W_hh, w.b_hh)
    return (a.relu() if case.nonlinearity == "relu" else a.tanh(),)


def gru(case: Case, w: Layer, gates_x: Number, state: tuple[Number, ...]) -> tuple[Number, ...]:
    """n = tanh(W_in x_t + b_in + r (W_hn h + b_hn)), h_t = (1 - z) n + z h.

    With the reset before, n = tanh(W_in x_t + b_in + W_hn (r h) + b_hn).
    """
    (h,) = state
    gates_h = linear(h, w.W_hh, w.b_hh)
    r, z, _ = (gates_x + gates_h).sigmoid().chunk(3, -1)
    if case.reset == "after":
        n_h = r * gates_h.chunk(3, -1)[2]
    else:
        n_h = linear(r * h, w.W_hh, w.b_hh).chunk(3, -1)[2]
    n = (gates_x.chunk(3, -1)[2] + n_h).tanh()
    return (n.lerp(h, z),)


def lstm(case: Case, w: Layer, gates_x: Number, state: tuple[Number, ...]) -> tuple[Number, ...]:
    """c_t = f c_{t-1} + i g, h_t = o tanh(c_t), projected by W_hr where there is one."""
    h, c = state
    gates = gates_x + linear(h, w.W_hh, w.b_hh)
    i, f, _, o = gates.sigmoid().chunk(4, -1)
    g = gates.chunk(4, -1)[2].tanh()
    c = f * c + i * g
    h = o * c.tanh()
    return (h if w.W_hr is None else h @ w.W_hr.T), c


STEP = {"RNN": elman, "GRU": gru, "LSTM": lstm}


def stack(parts: list[Number]) -> Number:
    return torch.stack(parts) if isinstance(parts[0], Tensor) else parts[0].stack(parts)


def concatenate(parts: list[Number]) -> Number:
    if len(parts) == 1:
        return parts[0]
    return torch.cat(parts, -1) if isinstance(parts[0], Tensor) else parts[0].concatenate(parts)


@pristine
def run(
    case: Case,
    weights: Mapping[str, Any],
    x: Number,
    state: tuple[Number, ...],
    carry: Callable[[Number], Number] = lambda number: number,
) -> Result:
    """The network of `case` over x (T, B, I) from `state`; `carry` sees each state between steps."""
    step, final, halves = STEP[case.kind], [], []
    for number, w in enumerate(layer_weights(case, weights)):
        backwards = number % case.D == 1
        gates_x = linear(x, w.W_ih, w.b_ih)
        now, hidden = tuple(part[number] for part in state), []
        for t in reversed(range(len(x))) if backwards else range(len(x)):
            now = tuple(carry(part) for part in step(case, w, gates_x[t], now))
            hidden.append(now[0])
        final.append(now)
        halves.append(stack(hidden[::-1] if backwards else hidden))
        if len(halves) == case.D:
            x, halves = concatenate(halves), []
    return Result(x, *(stack(list(parts)) for parts in zip(*final, strict=True)))


def expected(case: Case) -> Result:
    """The float64 result of a case with its own numbers."""
    state = case.state or case.zeros
    return run(case, case.weights, case.input.double(), tuple(part.double() for part in state))
