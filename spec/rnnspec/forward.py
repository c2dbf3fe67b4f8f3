"""Forward-mode derivatives over affine numbers: how a result moves with its inputs, and within what bound.

`reference.run` is evaluated on pairs of a value and its tangent, after the rules that forward mode
follows; what an implementation rounds on the way is counted as in `affine`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from . import reference
from .affine import Affine, Rounding
from .backward import SLOPE
from .bound import Noise, threads
from .case import Case
from .keeping import pristine
from .reference import Result

State = tuple[Tensor, ...]


@dataclass(frozen=True)
class Moving:
    """A weight and its tangent."""

    value: Tensor
    tangent: Tensor

    @property
    def T(self) -> Moving:
        return Moving(self.value.T, self.tangent.T)


@dataclass(frozen=True, eq=False)
class Dual:
    """A number of the equations and its tangent."""

    value: Affine
    tangent: Affine

    def __matmul__(self, W: Moving) -> Dual:
        return Dual(self.value @ W.value, self.tangent @ W.value + self.value @ W.tangent)

    def __add__(self, other: Dual | Moving) -> Dual:
        return Dual(self.value + other.value, self.tangent + other.tangent)

    def __mul__(self, other: Dual) -> Dual:
        return Dual(self.value * other.value, self.tangent * other.value + self.value * other.tangent)

    def lerp(self, end: Dual, weight: Dual) -> Dual:
        moved = weight.tangent * end.value + _negative(weight.tangent * self.value)
        held = self.tangent.lerp(end.tangent, weight.value)
        return Dual(self.value.lerp(end.value, weight.value), held + moved)

    def tanh(self) -> Dual:
        y = self.value.tanh()
        return Dual(y, self.tangent * _slope(y, 1 - y.center**2, -2 * y.center))

    def sigmoid(self) -> Dual:
        s = self.value.sigmoid()
        return Dual(s, self.tangent * _slope(s, s.center * (1 - s.center), 1 - 2 * s.center))

    def relu(self) -> Dual:
        now, t = self.value.settled(), self.tangent.settled()
        open_, unsure = now.center > 0, (now.center.abs() <= now.radius) & (now.radius > 0)
        slack = torch.where(unsure, t.center.abs() + t.radius, open_ * t.slack)
        spread = None if t.spread is None else t.spread * (open_ & ~unsure)
        return Dual(now.relu(), Affine(t.center * open_, slack, t.unit, spread))

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, index: int) -> Dual:
        return self.each(lambda number: number[index])

    def chunk(self, blocks: int, axis: int) -> list[Dual]:
        pairs = zip(self.value.chunk(blocks, axis), self.tangent.chunk(blocks, axis), strict=True)
        return [Dual(*pair) for pair in pairs]

    def each(self, change: Callable[[Affine], Affine]) -> Dual:
        return Dual(change(self.value), change(self.tangent))

    @staticmethod
    def stack(parts: Sequence[Dual]) -> Dual:
        return Dual(Affine.stack([p.value for p in parts]), Affine.stack([p.tangent for p in parts]))

    @staticmethod
    def concatenate(parts: Sequence[Dual]) -> Dual:
        values, tangents = [p.value for p in parts], [p.tangent for p in parts]
        return Dual(Affine.concatenate(values), Affine.concatenate(tangents))


def _negative(number: Affine) -> Affine:
    now = number.settled()
    return replace(now, center=-now.center, spread=None if now.spread is None else -now.spread)


def _slope(value: Affine, center: Tensor, bend: Tensor) -> Affine:
    """The slope at a function's value, which it bends with; the second derivative is at most 2."""
    now = value.settled()
    slack = bend.abs() * now.slack + now.radius**2 + now.unit.stored(torch.ones_like(center), SLOPE)
    return Affine(center, slack, now.unit, None if now.spread is None else now.spread * bend)


@threads(1)
@pristine
def predicted(case: Case, along: Case, weights: bool = False) -> tuple[Result, Result]:
    """The derivative of a case's result with respect to input and states along the numbers of another
    case, or with respect to the weights along its weights; and the bound of every element.
    """
    unit, noise = Rounding.of(case.dtype, case.factors), Noise()

    def pair(value: Tensor, tangent: Tensor) -> tuple[Tensor, Tensor]:
        return value.double(), tangent.double()

    def number(value: Tensor, tangent: Tensor) -> Dual:
        return Dual(*(Affine.exact(part, unit) for part in pair(value, (not weights) * tangent)))

    given = (case.input, *(case.state or case.zeros)), (along.input, *(along.state or along.zeros))
    x, *state = (number(*both) for both in zip(*given, strict=True))
    moving = {name: Moving(*pair(w, weights * along.weights[name])) for name, w in case.weights.items()}
    result = reference.run(case, moving, x, tuple(state), carry=lambda dual: dual.each(noise))
    tangents = result.map(lambda dual: dual.tangent)
    return tangents.map(lambda n: n.center), tangents.map(lambda n: n.radius)
