"""The equations: one step of each kind of network, and the parameters it takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, nn

State = tuple[Tensor, ...]  # (h,) or (h, c)


class Weights(NamedTuple):
    """What one step needs, under the names of its parameters."""

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None = None
    bias_hh: Tensor | None = None
    weight_hr: Tensor | None = None

    def each(self, change: Callable[[Tensor], Tensor]) -> Weights:
        return Weights(**{role: change(t) for role, t in self._asdict().items() if t is not None})


def affine(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    product = x @ weight.T
    return product if bias is None else product + bias


class Step(nn.Module):
    """One step of a network and the parameters it takes."""

    order: str
    input_size: int
    hidden_size: int
    bias: bool
    proj_size = 0

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        raise NotImplementedError

    def gates(self, rows: Tensor) -> dict[str, Tensor]:
        return dict(zip(self.order, rows.chunk(len(self.order), -1), strict=True))

    def tanh(self, v: Tensor) -> Tensor:
        return v.tanh()

    def sigmoid(self, v: Tensor) -> Tensor:
        return v.sigmoid()

    def widths(self) -> tuple[int, ...]:
        """The columns of each tensor of the state."""
        return (self.hidden_size,)

    def shapes(self, columns: int) -> dict[str, tuple[int, ...]]:
        rows, width = len(self.order) * self.hidden_size, self.widths()[0]
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (rows, columns),
            "weight_hh": (rows, width),
        }
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if width != self.hidden_size:
            shapes["weight_hr"] = (width, self.hidden_size)
        return shapes

    def reset_parameters(self) -> None:
        k = 1 / math.sqrt(self.hidden_size) if self.hidden_size else 0
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -k, k)

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        raise NotImplementedError

    def initial_state(self, *shape: int, like: Tensor) -> State:
        return tuple(like.new_zeros(*shape, width) for width in self.widths())

    def given_state(self, hx: Any) -> State:
        if not isinstance(hx, Tensor):
            raise TypeError(f"the state must be a tensor, got {type(hx).__name__}")
        return (hx,)

    def returned_state(self, state: State) -> Any:
        return state[0]

    def check_state(self, state: State, *shape: int, like: Tensor) -> None:
        for s, width in zip(state, self.widths(), strict=True):
            if s.shape != (*shape, width):
                raise RuntimeError(f"Expected hidden size {(*shape, width)}, got {list(s.shape)}")
            if s.dtype != like.dtype:
                raise RuntimeError(f"state and weights must have the same dtype, got {s.dtype}")


class ElmanStep(Step):
    order = "h"
    nonlinearity: str

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        inputs, recurrent = self.preactivations(x, state[0], w)
        return (self.activation(inputs + recurrent),)

    def preactivations(self, x: Tensor, h: Tensor, w: Weights) -> tuple[Tensor, Tensor]:
        return affine(x, w.weight_ih, w.bias_ih), affine(h, w.weight_hh, w.bias_hh)

    def activation(self, v: Tensor) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self.tanh(v) if self.nonlinearity == "tanh" else self.relu(v)

    def relu(self, v: Tensor) -> Tensor:
        return v.relu()


class GRUStep(Step):
    order = "rzn"

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        (h,) = state
        inputs = self.gates(affine(x, w.weight_ih, w.bias_ih))
        recurrent = self.gates(affine(h, w.weight_hh, w.bias_hh))
        r = self.sigmoid(inputs["r"] + recurrent["r"])
        z = self.sigmoid(inputs["z"] + recurrent["z"])
        return (self.blend(z, self.candidate(inputs["n"], r, recurrent["n"]), h),)

    def candidate(self, inputs: Tensor, r: Tensor, recurrent: Tensor) -> Tensor:
        return self.tanh(inputs + r * recurrent)

    def blend(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return (1 - z) * n + z * h


class GRUBeforeStep(GRUStep):
    """The reset gate scales the state before the product."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        (h,) = state
        inputs = self.gates(affine(x, w.weight_ih, w.bias_ih))
        recurrent = self.gates(affine(h, w.weight_hh, w.bias_hh))
        r = self.sigmoid(inputs["r"] + recurrent["r"])
        z = self.sigmoid(inputs["z"] + recurrent["z"])
        return (self.blend(z, self.tanh(inputs["n"] + self.inside(r, h, w)), h),)

    def inside(self, r: Tensor, h: Tensor, w: Weights) -> Tensor:
        return self.gates(affine(self.reset(r, h), w.weight_hh, w.bias_hh))["n"]

    def reset(self, r: Tensor, h: Tensor) -> Tensor:
        return r * h


class LSTMStep(Step):
    order = "ifgo"

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        h, c = state
        rows = affine(x, w.weight_ih, w.bias_ih) + affine(h, w.weight_hh, w.bias_hh)
        gates = self.gates(rows)
        new = self.cell(gates["i"], gates["f"], gates["g"], c)
        return self.project(self.hidden(gates["o"], new, c), w), new

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        return self.sigmoid(f) * c + self.sigmoid(i) * self.tanh(g)

    def hidden(self, o: Tensor, c: Tensor, old: Tensor) -> Tensor:
        return self.sigmoid(o) * self.tanh(c)

    def project(self, h: Tensor, w: Weights) -> Tensor:
        return h if w.weight_hr is None else affine(h, w.weight_hr, None)

    def widths(self) -> tuple[int, ...]:
        return (self.proj_size or self.hidden_size, self.hidden_size)

    def given_state(self, hx: Any) -> State:
        if not isinstance(hx, (tuple, list)):
            raise TypeError(f"the state must be a pair of tensors, got {type(hx).__name__}")
        if len(hx) != 2:
            raise RuntimeError(f"lstm expects two hidden states, got {len(hx)}")
        return (hx[0], hx[1])

    def returned_state(self, state: State) -> Any:
        return state
