"""A manner of computing a network: the oracle's equations, with the choices open that are made wrongly.

`TORCHS` is the oracle itself; a reading (`readings`) changes one of its fields.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..case import Case
from ..notation import is_cell
from ..reference import Layer, Result, layer_weights, linear

State = tuple[Tensor, ...]
Function = Callable[[Tensor], Tensor]


class Trace(NamedTuple):
    """What a network would return, and the states behind it: of each layer and direction, step by step."""

    result: Result
    steps: list[list[State]]
    given: State


@dataclass(frozen=True)
class Manner:
    """`weights` changes those of all layers, `given` the states that a call is given, `returned` what it
    returns, `enters` the input and `leaves` the output; the rest is what the equations and layers do.
    """

    weights: tuple[Callable[[Case, list[Layer]], list[Layer]], ...] = ()
    given: tuple[Callable[[Case, State], State], ...] = ()
    returned: tuple[Callable[[Case, Trace], Result], ...] = ()
    enters: Function | None = None
    leaves: Function | None = None
    sigmoid: Function = torch.sigmoid
    tanh: Function = torch.tanh
    squash: Function = torch.tanh
    elman: Function | None = None
    reset: str = ""
    update: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda z, n, h: (1 - z) * n + z * h
    coupled: bool = False
    reverse: str = ""
    join: Callable[[list[Tensor]], Tensor] = lambda halves: torch.cat(halves, -1)
    above: str = ""

    def but(self, other: Manner) -> Manner | None:
        """This manner with what the other changes; None where both change the same thing."""
        changes: dict[str, Any] = {}
        for field in fields(self):
            mine, new = getattr(self, field.name), getattr(other, field.name)
            if new == field.default:
                continue
            if not isinstance(new, tuple) and mine != field.default:
                return None
            changes[field.name] = (*mine, *new) if isinstance(new, tuple) else new
        return replace(self, **changes)


TORCHS = Manner()


def run(manner: Manner, case: Case, steps: int | None = None) -> Result:
    """What a network of this manner gives for a case, time first, or for the first steps of it."""
    x, state = case.input[:steps].double(), tuple(part.double() for part in case.state or case.zeros)
    layers = layer_weights(case, case.weights)
    for change in manner.weights:
        layers = change(case, layers)
    if not is_cell(case.mode):
        return _sequence(manner, case, layers, x, state)
    hidden = []
    for t in range(len(x)):
        state = _sequence(manner, case, layers, x[t : t + 1], state).state
        hidden.append(state[0][0])
    return Result(torch.stack(hidden), *state)


def _sequence(manner: Manner, case: Case, layers: list[Layer], x: Tensor, state: State) -> Result:
    x = manner.enters(x) if manner.enters else x
    if not case.hx and x.shape[1] != state[0].shape[1]:  # zeros, for as many rows as there seem to be
        state = tuple(part.new_zeros(len(part), x.shape[1], part.shape[2]) for part in state)
    for change in manner.given:
        state = change(case, state)
    if any(part.shape[:2] != (len(layers), x.shape[1]) for part in state):
        raise ValueError("the state has rows of its own")
    below, halves, steps = x, [], []
    for number, w in enumerate(layers):
        backwards = number % case.D == 1 and manner.reverse != "forwards"
        states = _direction(manner, case, w, below, tuple(part[number] for part in state), backwards)
        steps.append(states)
        hidden = torch.stack([now[0] for now in states])
        halves.append(hidden.flip(0) if backwards and manner.reverse != "not flipped back" else hidden)
        if len(halves) == case.D:
            put_out = manner.join(halves) if case.D == 2 else halves[0]
            below, halves = x if manner.above == "input" else put_out, []
    final = [torch.stack(parts) for parts in zip(*(states[-1] for states in steps), strict=True)]
    trace = Trace(Result(put_out, *final), steps, state)
    for finish in manner.returned:
        trace = trace._replace(result=finish(case, trace))
    result = trace.result
    return Result(manner.leaves(result.output), *result.state) if manner.leaves else result


def _direction(manner: Manner, case: Case, w: Layer, x: Tensor, state: State, backwards: bool) -> list[State]:
    """The states after each step, in the order in which they are computed."""
    gates_x, states = linear(x, w.W_ih, w.b_ih), []
    for t in reversed(range(len(x))) if backwards else range(len(x)):
        state = STEP[case.kind](manner, case, w, gates_x[t], state)
        states.append(state)
    return states


def _elman(manner: Manner, case: Case, w: Layer, gates_x: Tensor, state: State) -> State:
    documented = torch.relu if case.nonlinearity == "relu" else manner.tanh
    return ((manner.elman or documented)(gates_x + linear(state[0], w.W_hh, w.b_hh)),)


def _gru(manner: Manner, case: Case, w: Layer, gates_x: Tensor, state: State) -> State:
    (h,) = state
    gates_h = linear(h, w.W_hh, w.b_hh)
    r, z, _ = manner.sigmoid(gates_x + gates_h).chunk(3, -1)
    reset, n_h = manner.reset or case.reset, gates_h.chunk(3, -1)[2]
    if reset == "after" or (reset == "later" and h.any()):
        n_h = r * n_h
    elif reset == "later":
        n_h = torch.zeros_like(n_h)
    elif reset == "before":
        n_h = linear(r * h, w.W_hh, w.b_hh).chunk(3, -1)[2]
    return (manner.update(z, manner.tanh(gates_x.chunk(3, -1)[2] + n_h), h),)


def _lstm(manner: Manner, case: Case, w: Layer, gates_x: Tensor, state: State) -> State:
    h, c = state
    gates = gates_x + linear(h, w.W_hh, w.b_hh)
    i, f, _, o = manner.sigmoid(gates).chunk(4, -1)
    i = 1 - f if manner.coupled else i
    c = f * c + i * manner.tanh(gates.chunk(4, -1)[2])
    h = o * manner.squash(c)
    return (h if w.W_hr is None else linear(h, w.W_hr, None)), c


STEP: dict[str, Callable[[Manner, Case, Layer, Tensor, State], State]] = {
    "RNN": _elman,
    "GRU": _gru,
    "LSTM": _lstm,
}
