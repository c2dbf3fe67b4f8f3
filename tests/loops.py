"""A second oracle: the equations in loops over 50-digit numbers, written apart from `rnnspec`.

`Arithmetic` rounds nothing; `Adversary` moves the result of every operation by ±u, at random.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import mpmath  # type: ignore[import-untyped]
import torch
from torch import Tensor

from rnnspec.case import Case

CONTEXT = mpmath.MPContext()
CONTEXT.dps = 50

Number = Any  # CONTEXT.mpf
Vector = list[Number]
Pair = tuple[Number, Number]


class Arithmetic:
    """Exact to 50 digits."""

    def kept(self, value: Number) -> Number:
        """What is left of a value once it is stored."""
        return value

    def gathered(self, value: Number) -> Number:
        """What is left of it inside a dot product."""
        return value

    def dot(self, a: Vector, b: Vector, *extra: Number) -> Number:
        terms = [self.gathered(x * y) for x, y in zip(a, b, strict=True)]
        total = CONTEXT.mpf(0)
        for term in self.order([*terms, *extra]):
            total = self.gathered(total + term)
        return self.kept(total)

    def order(self, terms: Vector) -> Vector:
        return terms

    def sum(self, a: Number, b: Number) -> Number:
        return self.kept(a + b)

    def product(self, a: Number, b: Number) -> Number:
        return self.kept(a * b)

    def sigmoid(self, a: Number) -> Number:
        return self.kept(1 / self.kept(1 + self.kept(CONTEXT.exp(-a))))

    def tanh(self, a: Number) -> Number:
        e = self.kept(CONTEXT.exp(-2 * abs(a)))
        return CONTEXT.sign(a) * self.kept(self.kept(1 - e) / self.kept(1 + e))


class Adversary(Arithmetic):
    """Every operation off by the whole unit roundoff, up or down; sums in any order."""

    def __init__(self, store: float, accumulate: float, seed: int) -> None:
        self.store, self.accumulate = CONTEXT.mpf(store), CONTEXT.mpf(accumulate)
        self.dice = random.Random(seed)

    def kept(self, value: Number) -> Number:
        return value * (1 + self.dice.choice((-1, 1)) * self.store)

    def gathered(self, value: Number) -> Number:
        return value * (1 + self.dice.choice((-1, 1)) * self.accumulate)

    def order(self, terms: Vector) -> Vector:
        return self.dice.sample(terms, len(terms))


class Direction:
    """One direction of one layer, one row of the batch at a time."""

    def __init__(self, case: Case, weights: Mapping[str, Tensor], suffix: str) -> None:
        self.case = case
        self.w = {name: exact(weights[name + suffix]) for name in NAMES if name + suffix in weights}

    def gates(self, block: int, x: Vector, h: Vector, do: Arithmetic) -> list[Pair]:
        """What each unit of a gate block gathers from the input, and what from the state."""
        parts = []
        for row in range(block * self.case.H, (block + 1) * self.case.H):
            b_x, b_h = ([self.w[b][row]] if self.case.bias else [] for b in ("bias_ih", "bias_hh"))
            from_x = do.dot(self.w["weight_ih"][row], x, *b_x)
            parts.append((from_x, do.dot(self.w["weight_hh"][row], h, *b_h)))
        return parts

    def step(self, x: Vector, h: Vector, c: Vector, do: Arithmetic) -> tuple[Vector, Vector]:
        blocks = [self.gates(g, x, h, do) for g in range(self.case.G)]
        units: Any = list(zip(*blocks, strict=True))
        if self.case.kind == "RNN":
            squash = relu if self.case.nonlinearity == "relu" else do.tanh
            return [squash(do.sum(*block)) for (block,) in units], c
        if self.case.kind == "GRU":
            if self.case.reset == "before":
                scaled = [
                    do.product(do.sigmoid(do.sum(*r)), b) for (r, _, _), b in zip(units, h, strict=True)
                ]
                inside = self.gates(2, x, scaled, do)
                units = [(ONE, z, n) for (_, z, _), n in zip(units, inside, strict=True)]
            return [gru(r, z, n, b, do) for (r, z, n), b in zip(units, h, strict=True)], c
        pairs = [lstm(i, f, g, o, b, do) for (i, f, g, o), b in zip(units, c, strict=True)]
        h, c = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        return [do.dot(row, h) for row in self.R] or h, c

    @property
    def R(self) -> list[Vector]:
        rows: list[Vector] = self.w.get("weight_hr", [])
        return rows


NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


def relu(a: Number) -> Number:
    return max(a, CONTEXT.mpf(0))


ONE: Any = (CONTEXT.mpf(0), CONTEXT.inf)
"""A pre-activation at which sigmoid is 1."""


def gru(r: Pair, z: Pair, n: Pair, before: Number, do: Arithmetic) -> Number:
    reset, update = do.sigmoid(do.sum(*r)), do.sigmoid(do.sum(*z))
    new = do.tanh(do.sum(n[0], do.product(reset, n[1])))
    return do.sum(do.product(do.kept(1 - update), new), do.product(update, before))


def lstm(i: Pair, f: Pair, g: Pair, o: Pair, before: Number, do: Arithmetic) -> Pair:
    written = do.product(do.sigmoid(do.sum(*i)), do.tanh(do.sum(*g)))
    c = do.sum(do.product(do.sigmoid(do.sum(*f)), before), written)
    return do.product(do.sigmoid(do.sum(*o)), do.tanh(c)), c


def exact(value: Tensor) -> Any:
    """Nested lists of 50-digit numbers."""

    def wide(part: Any) -> Any:
        return [wide(p) for p in part] if isinstance(part, list) else CONTEXT.mpf(part)

    return wide(value.double().tolist())


def run(case: Case, do: Arithmetic) -> dict[str, Tensor]:
    """output, h_n and c_n of a case with its own numbers, at last in float64."""
    state = [exact(part) for part in case.state or case.zeros]
    x, h_n, c_n = exact(case.input), [], []
    directions = [Direction(case, case.weights, suffix) for suffix in case.suffixes()]
    for layer in range(case.L):
        beside: Any = [[[] for _ in range(case.B)] for _ in range(case.T)]
        for d in range(case.D):
            number = layer * case.D + d
            h, c = list(state[0][number]), list(state[-1][number])
            for t in reversed(range(case.T)) if d else range(case.T):
                for b in range(case.B):
                    h[b], c[b] = directions[number].step(x[t][b], h[b], c[b], do)
                    beside[t][b] = beside[t][b] + h[b]
            h_n.append(h)
            c_n.append(c)
        x = beside
    parts = {"output": x, "h_n": h_n} | ({"c_n": c_n} if case.kind == "LSTM" else {})
    return {name: torch.tensor(floats(part), dtype=torch.float64) for name, part in parts.items()}


def floats(part: Any) -> Any:
    return [floats(p) for p in part] if isinstance(part, list) else float(part)
