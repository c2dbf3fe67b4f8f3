"""Correct ways to evaluate the equations: each is one that some kernel uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnspec.axes import MODES, Axis
from rnnspec.case import Case
from rnnspec.reference import Result

State = tuple[Tensor, ...]
Weights = Mapping[str, Tensor]


STEPS: Axis = [*MODES, {"mode": "GRU", "reset": "before"}]
"""The steps that there are: torch's, and the GRU with the reset before."""


@dataclass(frozen=True)
class Way:
    """How the sums are grouped, which formulas stand for tanh, sigmoid and the mix of n and h,

    and where the dtype is kept: in every operation or (`wide`) in another one within a step, with
    the state rounded to the dtype after each step or (`loose`) never.
    """

    name: str
    joined: bool = False
    merged: bool = False
    backwards: bool = False
    by_tanh: bool = False
    by_sigmoid: bool = False
    lerp: bool = False
    wide: torch.dtype | None = None
    loose: bool = False

    def __str__(self) -> str:
        return self.name

    def sigmoid(self, a: Tensor) -> Tensor:
        return 0.5 * (1 + torch.tanh(0.5 * a)) if self.by_tanh else torch.sigmoid(a)

    def tanh(self, a: Tensor) -> Tensor:
        return 2 * self.sigmoid(2 * a) - 1 if self.by_sigmoid else torch.tanh(a)

    def product(self, x: Tensor, W: Tensor) -> Tensor:
        if self.backwards:
            x, W = x.flip(-1), W.flip(-1)
        return x @ W.T


WAYS = [
    Way("plain"),
    Way("one-gemm", joined=True, merged=True),
    Way("merged-biases", merged=True, lerp=True),
    Way("sigmoid-by-tanh", by_tanh=True),
    Way("tanh-by-sigmoid", by_sigmoid=True, lerp=True),
    Way("reversed", backwards=True, joined=True),
    Way("float64-within", wide=torch.float64),
    Way("float64-throughout", wide=torch.float64, loose=True, lerp=True),
]
HALF = [
    Way("float32-within", wide=torch.float32),
    Way("float32-throughout", wide=torch.float32, loose=True, merged=True),
    Way("float32-reversed", wide=torch.float32, loose=True, backwards=True, joined=True),
]


def gates(way: Way, w: Weights, x: Tensor, h: Tensor, split: bool) -> tuple[Tensor, Tensor]:
    """What comes from the input and what from the state; their sum if they need not be `split`."""
    b_x = w.get("bias_ih", torch.zeros((), dtype=x.dtype))
    b_h = w.get("bias_hh", torch.zeros((), dtype=x.dtype))
    if split or not (way.joined or way.merged):
        return way.product(x, w["weight_ih"]) + b_x, way.product(h, w["weight_hh"]) + b_h
    if way.joined:
        both, W = torch.cat([x, h], -1), torch.cat([w["weight_ih"], w["weight_hh"]], -1)
        return way.product(both, W) + (b_x + b_h), torch.zeros((), dtype=x.dtype)
    return way.product(x, w["weight_ih"]) + (b_x + b_h), way.product(h, w["weight_hh"])


def step(case: Case, way: Way, w: Weights, x: Tensor, state: State) -> State:
    h = state[0]
    from_x, from_h = gates(way, w, x, h, split=case.kind == "GRU")
    if case.kind == "RNN":
        a = from_x + from_h
        return (a.relu() if case.nonlinearity == "relu" else way.tanh(a),)
    if case.kind == "GRU":
        (r_x, z_x, n_x), (r_h, z_h, n_h) = from_x.chunk(3, -1), from_h.chunk(3, -1)
        z, r = way.sigmoid(z_x + z_h), way.sigmoid(r_x + r_h)
        n_h = r * n_h if case.reset == "after" else gates(way, w, x, r * h, split=True)[1].chunk(3, -1)[2]
        n = way.tanh(n_x + n_h)
        return (n + z * (h - n) if way.lerp else (1 - z) * n + z * h,)
    i, f, g, o = (from_x + from_h).chunk(4, -1)
    c = way.sigmoid(f) * state[1] + way.sigmoid(i) * way.tanh(g)
    h = way.sigmoid(o) * way.tanh(c)
    return (way.product(h, w["weight_hr"]) if case.P else h), c


def numbers(case: Case) -> dict[str, Tensor]:
    """The case's own, by name."""
    states = dict(zip(("h_0", "c_0"), case.state or case.zeros, strict=False))
    return {"input": case.input, **states, **case.weights}


def run(case: Case, way: Way, given: Weights | None = None) -> Result:
    """The case's network and its result in the case's dtype, by default of its own numbers."""
    inside = way.wide or case.dtype
    between = inside if way.loose else case.dtype
    given = given or numbers(case)
    x, final = given["input"], []
    for layer in range(case.L):
        halves = []
        for d in range(case.D):
            number = layer * case.D + d
            suffix = list(case.suffixes())[number]
            w = {
                name.removesuffix(suffix): value.to(inside)
                for name, value in given.items()
                if name in case.weights and name.endswith(suffix)
            }
            now = tuple(given[name][number] for name in ("h_0", "c_0") if name in given)
            hidden = []
            for x_t in x.flip(0) if d else x:
                after = step(case, way, w, x_t.to(inside), tuple(part.to(inside) for part in now))
                now = tuple(part.to(between) for part in after)
                hidden.append(now[0])
            halves.append(torch.stack(hidden[::-1] if d else hidden))
            final.append(now)
        x = torch.cat(halves, -1)
    states = (torch.stack(list(parts)) for parts in zip(*final, strict=True))
    return Result(x, *states).map(lambda part: part.to(case.dtype))


def by_torch(case: Case) -> Result:
    """The same by torch.nn."""
    module = getattr(torch.nn, case.mode)(case.I, case.H, **case.options).to(case.dtype)
    module.load_state_dict(dict(case.weights))
    state = case.state
    with torch.no_grad():
        if state is None:
            output, final = module(case.input)
        else:
            output, final = module(case.input, state if case.kind == "LSTM" else state[0])
    return Result(output, *(final if case.kind == "LSTM" else (final,)))
