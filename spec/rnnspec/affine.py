"""Affine arithmetic: numbers that know how far rounding may have moved them.

A number is

    center + sum_k spread[k] e_k + slack e,    every e in [-1, 1]

where each e_k is the rounding error that one element of one earlier state has made; it is carried
through the true derivatives, so that bounds neither explode with T nor miss a cancellation. Within
a step, errors gather in `slack`; `carry` turns them into noise terms of their own.

The model of arithmetic, for a dtype of unit roundoff u (half types accumulate in float32):

- a sum of products in any order, regrouped at will: gamma_n = n u / (1 - n u) of the sum of
  magnitudes, and one rounding to the dtype per partial sum that an implementation may store;
- the factors of those products are exact, or held as `factors` says: with TF32 they keep 10 binary digits,
  rounded or cut off;
- tanh and sigmoid: `ACTIVATION` roundings of 1, the end of their range, for any usual formula;
- a product, a quotient, 1 - z: one rounding; (1 - z) n + z h also as n + z (h - n);
- second-order terms: bounded by the largest second derivative, 4/(3 sqrt 3) and 1/(6 sqrt 3).

The oracle's own float64 rounding is added to each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import sqrt

import torch
from torch import Tensor

from .factors import EXACTLY, Factors, Held
from .notation import SMALLEST, UNIT_ROUNDOFF

Change = Callable[[Tensor], Tensor]
Join = Callable[[list[Tensor], int], Tensor]

ACTIVATION = 4
"""Roundings of 1 allowed for one tanh or sigmoid."""

TANH_CURVATURE = 4 / (3 * sqrt(3))
SIGMOID_CURVATURE = 1 / (6 * sqrt(3))

ORACLE = UNIT_ROUNDOFF[torch.float64]


TF32 = 2.0**-10
"""The largest relative error of a factor that is cut off after 10 binary digits."""


def gamma(n: int, u: float) -> float:
    """The relative error of n roundings in a row."""
    return n * u / (1 - n * u)


@dataclass(frozen=True)
class Rounding:
    """What a rounding of a dtype costs: stored, accumulated, near zero; and how factors are held."""

    store: float
    accumulate: float
    smallest: float
    factors: Factors = EXACTLY

    @classmethod
    def of(cls, dtype: torch.dtype, factors: Factors = EXACTLY) -> Rounding:
        u = UNIT_ROUNDOFF[dtype]
        return cls(u + ORACLE, min(u, UNIT_ROUNDOFF[torch.float32]), SMALLEST[dtype], factors)

    @classmethod
    def of_tf32(cls) -> Rounding:
        """float32 with TF32 products."""
        return cls.of(torch.float32, Factors(Held(TF32), Held(TF32)))

    def stored(self, magnitude: Tensor, times: int = 1) -> Tensor:
        return magnitude * (times * self.store) + times * self.smallest

    def accumulated(self, terms: int, magnitude: Tensor) -> Tensor:
        return (gamma(terms, self.accumulate) + gamma(terms, ORACLE)) * magnitude


@dataclass(frozen=True, eq=False)
class Sum:
    """A sum that an implementation may still regroup: its products and its stored pieces."""

    terms: int
    mass: Tensor
    pieces: int
    parts: Tensor

    def __add__(self, other: Sum) -> Sum:
        return Sum(
            self.terms + other.terms,
            self.mass + other.mass,
            self.pieces + other.pieces,
            self.parts + other.parts,
        )


def together(left: Tensor | None, right: Tensor | None, sign: float = 1) -> Tensor | None:
    """The sum of two spreads; the later one may know more noise terms."""
    if left is None or right is None:
        return left if right is None else sign * right
    short, long = sorted((left, sign * right), key=len)
    total = long.clone()
    total[: len(short)] += short
    return total


def padded(spreads: Sequence[Tensor | None], like: Tensor) -> list[Tensor] | None:
    """Spreads brought to the same noise terms; None if there is no noise at all."""
    most = max((len(s) for s in spreads if s is not None), default=0)
    if most == 0:
        return None
    out = []
    for spread in spreads:
        have = like.new_zeros((0, *like.shape)) if spread is None else spread
        out.append(torch.cat([have, have.new_zeros((most - len(have), *have.shape[1:]))]))
    return out


@dataclass(frozen=True, eq=False)
class Affine:
    """A number of the equations with the errors it may carry; shapes as the tensor's it stands for.

    `spread` is (noise terms, *shape), the noise of each batch row its own; `pending` is the rounding
    of a sum that has not been read yet.
    """

    center: Tensor
    slack: Tensor
    unit: Rounding
    spread: Tensor | None = None
    pending: Sum | None = None

    @classmethod
    def exact(cls, value: Tensor, unit: Rounding) -> Affine:
        wide = value.detach().cpu().double()
        return cls(wide, torch.zeros_like(wide), unit)

    @classmethod
    def rounded(cls, value: Tensor, unit: Rounding) -> Affine:
        """A number that was seen only after one rounding to the dtype."""
        wide = value.detach().cpu().double()
        return cls(wide, unit.stored(wide.abs()), unit)

    def settled(self) -> Affine:
        """The sum read: its roundings have happened."""
        return self if self.pending is None else self._read

    @cached_property
    def _read(self) -> Affine:
        p = self.pending
        assert p is not None
        lost = self.unit.accumulated(p.terms, p.mass) + self.unit.stored(p.parts, p.pieces)
        return replace(self, slack=self.slack + lost, pending=None)

    @cached_property
    def radius(self) -> Tensor:
        """The most that rounding may have moved each element."""
        now = self.settled()
        return now.slack if now.spread is None else now.spread.abs().sum(0) + now.slack

    def carry(self, known: int = 0) -> Affine:
        """Between steps: `slack` becomes noise terms, one per column, after the `known` ones."""
        now = self.settled()
        fresh = torch.diag_embed(now.slack).movedim(-1, 0)
        gap = fresh.new_zeros((known, *now.center.shape))
        spread = together(now.spread, torch.cat([gap, fresh]))
        return replace(now, spread=spread, slack=torch.zeros_like(now.slack))

    # Linear operations: exact but for rounding.

    def __matmul__(self, W: Tensor) -> Affine:
        now, size = self.settled(), W.abs()
        center = now.center @ W
        most = now.center.abs() + now.radius
        mass = most @ size
        return Affine(
            center,
            now.slack @ size + self.unit.factors.lost(most, size),
            self.unit,
            None if now.spread is None else now.spread @ W,
            Sum(len(W), mass, 1, center.abs()),
        )

    def _sum(self) -> Sum:
        size = self.center.abs() + self.radius if self.pending is None else self.center
        return self.pending or Sum(1, size, 1, size)

    def __add__(self, other: Affine | Tensor) -> Affine:
        if isinstance(other, Tensor):
            other = Affine(other, torch.zeros_like(other), self.unit)
        return Affine(
            self.center + other.center,
            self.slack + other.slack,
            self.unit,
            together(self.spread, other.spread),
            self._sum() + other._sum(),
        )

    # Products and functions: first order in `spread`, the rest in `slack`.

    def __mul__(self, other: Affine) -> Affine:
        x, y = self.settled(), other.settled()
        center = x.center * y.center
        slack = x.center.abs() * y.slack + y.center.abs() * x.slack + x.radius * y.radius
        spread = together(_scaled(x.spread, y.center), _scaled(y.spread, x.center))
        return Affine(center, slack + self.unit.stored(center.abs()), self.unit, spread)

    def lerp(self, end: Affine, weight: Affine) -> Affine:
        """(1 - weight) self + weight end, in that form or as self + weight (end - self)."""
        n, h, z = self.settled(), end.settled(), weight.settled()
        keep, apart = 1 - z.center, h.center - n.center
        slack = keep.abs() * n.slack + z.center.abs() * h.slack + apart.abs() * z.slack
        slack = slack + z.radius * (n.radius + h.radius)
        spread = together(_scaled(n.spread, keep), _scaled(h.spread, z.center))
        spread = together(spread, _scaled(z.spread, apart))
        lost = self.unit.stored(n.center.abs() + h.center.abs(), 4)
        return Affine(n.center.lerp(h.center, z.center), slack + lost, self.unit, spread)

    def tanh(self) -> Affine:
        value = self.center.tanh()
        return self._function(value, 1 - value**2, TANH_CURVATURE, 1 + value.abs())

    def sigmoid(self) -> Affine:
        value = self.center.sigmoid()
        return self._function(value, value * (1 - value), SIGMOID_CURVATURE, torch.maximum(value, 1 - value))

    def _function(self, value: Tensor, slope: Tensor, curvature: float, most: Tensor) -> Affine:
        now = self.settled()
        beyond = curvature / 2 * now.radius**2
        slack = slope * now.slack + beyond
        lost = self.unit.store * ACTIVATION + self.unit.smallest * ACTIVATION
        spread = _scaled(now.spread, slope)
        wild = slope * now.radius + beyond > most
        if bool(wild.any()):
            slack = torch.where(wild, most, slack)
            spread = _scaled(spread, (~wild).double())
        return Affine(value, slack + lost, self.unit, spread)

    def relu(self) -> Affine:
        now = self.settled()
        open_, reach = now.center > 0, now.radius
        unsure = now.center.abs() <= reach
        slack = torch.where(unsure, reach, open_ * now.slack)
        spread = _scaled(now.spread, (open_ & ~unsure).double())
        return Affine(now.center.relu(), slack, self.unit, spread)

    # Shape.

    def __len__(self) -> int:
        return len(self.center)

    def __getitem__(self, index: int) -> Affine:
        """One step (or layer) of the leading axis."""
        return self._each(lambda part: part[index], lambda part: part[:, index])

    def chunk(self, blocks: int, axis: int) -> list[Affine]:
        """The gate blocks of the last axis."""
        size = self.center.shape[axis] // blocks

        def cut(number: int) -> Affine:
            where = (..., slice(number * size, (number + 1) * size))
            return self._each(lambda part: part[where], lambda part: part[where])

        return [cut(number) for number in range(blocks)]

    def _each(self, change: Change, change_spread: Change) -> Affine:
        p = self.pending
        return Affine(
            change(self.center),
            change(self.slack),
            self.unit,
            None if self.spread is None else change_spread(self.spread),
            p and Sum(p.terms, change(p.mass), p.pieces, change(p.parts)),
        )

    @staticmethod
    def stack(parts: Sequence[Affine]) -> Affine:
        """Steps (or layers) along a new leading axis."""
        return _joined(parts, torch.stack, 0, 1)

    @staticmethod
    def concatenate(parts: Sequence[Affine]) -> Affine:
        """Directions side by side in the last axis."""
        return _joined(parts, torch.cat, -1, -1)


def _scaled(spread: Tensor | None, factor: Tensor) -> Tensor | None:
    return None if spread is None else spread * factor


def _joined(parts: Sequence[Affine], join: Join, axis: int, spread_axis: int) -> Affine:
    now = [part.settled() for part in parts]
    spreads = padded([part.spread for part in now], now[0].center)
    return Affine(
        join([part.center for part in now], axis),
        join([part.slack for part in now], axis),
        now[0].unit,
        join(spreads, spread_axis) if spreads else None,
    )
