"""Backpropagation over affine numbers: the derivatives of the equations, and how far rounding may move them.

`reference.run` is evaluated on `Traced` numbers, which note every operation on a `Tape`; the tape is
then read backwards, each operation by its rule. The rules are exact where autograd's are; what an
implementation rounds on the way back, in any usual order and formula, is counted as it is forwards:

- an adjoint's product with a slope: one rounding, and those of the slope;
- slopes 1 - y², s (1 - s): from the rounded values, `SLOPE` roundings of 1 and of s;
- the adjoint of a state is carried from step to step, as the state is, with noise terms of its own;
- the gradient of a weight is a sum over steps and rows in any order, stored once per step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .affine import Affine, Rounding

SLOPE = 4
"""Roundings allowed for one slope."""

Noise = Callable[[Affine], Affine]
Rule = Callable[[Affine], None]


@dataclass(frozen=True)
class Weight:
    """A weight of the equations, by name: its gradient is asked for."""

    name: str
    value: Tensor

    @property
    def T(self) -> Weight:
        return self


class Total:
    """The gradient of one weight as it gathers: a sum of products over steps and rows."""

    def __init__(self) -> None:
        self.terms = self.pieces = 0
        self.center = self.reach = self.mass = torch.zeros(())

    def add(self, adjoint: Affine, number: Affine | None) -> None:
        """adjoint^T number, or the sum of the adjoint where there is no number (a bias)."""
        a, count = adjoint.settled(), adjoint.center.shape[:-1].numel()
        size = a.center.abs() + a.radius
        if number is None:
            new = (_over(a.center), _over(a.radius), _over(size))
        else:
            n = number.settled()
            reach = n.center.abs() + n.radius
            new = (
                _outer(a.center, n.center),
                _outer(a.radius, reach) + _outer(a.center.abs(), n.radius),
                _outer(size, reach),
            )
        self.center, self.reach, self.mass = (
            old + more for old, more in zip((self.center, self.reach, self.mass), new, strict=True)
        )
        self.terms += count
        self.pieces += a.center.shape[0] if a.center.ndim == 3 else 1

    def radius(self, unit: Rounding) -> Tensor:
        """The most that rounding may have moved each element."""
        lost = unit.accumulated(self.terms, self.mass) + unit.stored(self.mass, self.pieces)
        return self.reach + lost + unit.factors.relative * self.mass


def _over(part: Tensor) -> Tensor:
    return part.reshape(-1, part.shape[-1]).sum(0)


def _outer(left: Tensor, right: Tensor) -> Tensor:
    return left.reshape(-1, left.shape[-1]).T @ right.reshape(-1, right.shape[-1])


class Tape:
    """The operations in the order in which they were done, and the gradients of the weights."""

    def __init__(self, unit: Rounding, noise: Noise) -> None:
        self.unit, self.noise = unit, noise
        self.numbers: list[Traced] = []
        self.totals: defaultdict[str, Total] = defaultdict(Total)

    def exact(self, value: Tensor) -> Traced:
        return Traced(self, Affine.exact(value, self.unit))

    def backward(self, ends: Mapping[Traced, Tensor]) -> None:
        """From the adjoint of each end to the adjoints of everything before it."""
        for end, adjoint in ends.items():
            end.receive(Affine.exact(adjoint, self.unit))
        for number in reversed(self.numbers):
            number.pass_on()


class Traced:
    """A number that knows how it was made, and gathers its adjoint from all that was made of it."""

    def __init__(self, tape: Tape, value: Affine, rule: Rule = lambda adjoint: None) -> None:
        self.tape, self.value, self.rule = tape, value, rule
        self.adjoint: Affine | None = None
        self.parts: dict[int, Affine] = {}
        self.joined: Callable[[Sequence[Affine]], Affine] = Affine.stack
        tape.numbers.append(self)

    def receive(self, adjoint: Affine) -> None:
        self.adjoint = adjoint if self.adjoint is None else self.adjoint + adjoint

    def receive_part(self, index: int, adjoint: Affine) -> None:
        self.parts[index] = self.parts[index] + adjoint if index in self.parts else adjoint

    def pass_on(self) -> None:
        """Apply the rule, once all that was made of this number has been read."""
        if self.parts:
            none = nothing(next(iter(self.parts.values())))
            self.receive(self.joined([self.parts.get(k, none) for k in range(self.pieces)]))
        if self.adjoint is not None:
            self.rule(self.adjoint)

    @property
    def gradient(self) -> tuple[Tensor, Tensor]:
        """The derivative with respect to this number, and its bound."""
        found = nothing(self.value) if self.adjoint is None else self.adjoint
        return found.center, found.radius

    def _made(self, value: Affine, rule: Rule) -> Traced:
        return Traced(self.tape, value, rule)

    def carried(self) -> Traced:
        """Between steps, forwards and backwards."""
        noise = self.tape.noise
        return self._made(noise(self.value), lambda adjoint: self.receive(noise(adjoint)))

    # The operations of the equations.

    def __matmul__(self, W: Weight) -> Traced:
        def rule(adjoint: Affine) -> None:
            self.receive(adjoint @ W.value)
            self.tape.totals[W.name].add(adjoint, self.value)

        return self._made(self.value @ W.value.T, rule)

    def __add__(self, other: Traced | Weight) -> Traced:
        if isinstance(other, Weight):

            def rule(adjoint: Affine) -> None:
                self.receive(adjoint)
                self.tape.totals[other.name].add(adjoint, None)

            return self._made(self.value + other.value, rule)
        return self._made(self.value + other.value, _each(self.receive, other.receive))

    def __mul__(self, other: Traced) -> Traced:
        x, y = self.value, other.value
        return self._made(x * y, _each(lambda a: self.receive(a * y), lambda a: other.receive(a * x)))

    def lerp(self, end: Traced, weight: Traced) -> Traced:
        n, h, z = self.value, end.value, weight.value

        def rule(adjoint: Affine) -> None:
            self.receive(adjoint * complement(z))
            end.receive(adjoint * z)
            weight.receive(adjoint * (h + negative(n)))

        return self._made(n.lerp(h, z), rule)

    def tanh(self) -> Traced:
        y = self.value.tanh()
        return self._made(y, lambda adjoint: self.receive(adjoint * tanh_slope(y)))

    def sigmoid(self) -> Traced:
        s = self.value.sigmoid()
        return self._made(s, lambda adjoint: self.receive(adjoint * sigmoid_slope(s)))

    def relu(self) -> Traced:
        a = self.value
        return self._made(a.relu(), lambda adjoint: self.receive(adjoint * relu_slope(a)))

    # Shape.

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, index: int) -> Traced:
        self.joined, self.pieces = Affine.stack, len(self)
        return self._made(self.value[index], lambda adjoint: self.receive_part(index, adjoint))

    def chunk(self, blocks: int, axis: int) -> list[Traced]:
        self.joined, self.pieces = Affine.concatenate, blocks

        def part(number: int, value: Affine) -> Traced:
            return self._made(value, lambda adjoint: self.receive_part(number, adjoint))

        return [part(number, value) for number, value in enumerate(self.value.chunk(blocks, axis))]

    @staticmethod
    def stack(parts: Sequence[Traced]) -> Traced:
        rules = [_indexed(part, k) for k, part in enumerate(parts)]
        return parts[0]._made(Affine.stack([part.value for part in parts]), _each(*rules))

    @staticmethod
    def concatenate(parts: Sequence[Traced]) -> Traced:
        def rule(adjoint: Affine) -> None:
            for part, mine in zip(parts, adjoint.chunk(len(parts), -1), strict=True):
                part.receive(mine)

        return parts[0]._made(Affine.concatenate([part.value for part in parts]), rule)


def _each(*rules: Rule) -> Rule:
    def all_of(adjoint: Affine) -> None:
        for rule in rules:
            rule(adjoint)

    return all_of


def _indexed(part: Traced, k: int) -> Rule:
    return lambda adjoint: part.receive(adjoint[k])


# What the rules multiply by.


def nothing(like: Affine) -> Affine:
    """0."""
    zero = torch.zeros_like(like.center)
    return Affine(zero, zero, like.unit)


def negative(x: Affine) -> Affine:
    """-x."""
    now = x.settled()
    spread = None if now.spread is None else -now.spread
    return replace(now, center=-now.center, spread=spread)


def complement(z: Affine) -> Affine:
    """1 - z."""
    now = negative(z)
    center = 1 + now.center
    return replace(now, center=center, slack=now.slack + z.unit.stored(1 + z.center.abs(), 1))


def _slope(of: Affine, slope: Tensor, change: Tensor, curvature: float, lost: Tensor) -> Affine:
    """A function of a number to first order, `curvature` radius² and its own rounding in slack."""
    now = of.settled()
    slack = change.abs() * now.slack + curvature * now.radius**2 + lost
    spread = None if now.spread is None else now.spread * change
    return Affine(slope, slack, now.unit, spread)


def tanh_slope(y: Affine) -> Affine:
    """1 - y², where y is the tanh."""
    lost = y.unit.stored(torch.ones_like(y.center), SLOPE)
    return _slope(y, 1 - y.center**2, -2 * y.center, 1.0, lost)


def sigmoid_slope(s: Affine) -> Affine:
    """s (1 - s), where s is the sigmoid."""
    lost = s.unit.stored(s.center, SLOPE)
    return _slope(s, s.center * (1 - s.center), 1 - 2 * s.center, 1.0, lost)


def relu_slope(a: Affine) -> Affine:
    """0 or 1; where rounding may have moved a across 0, either."""
    now = a.settled()
    unsure = (now.center.abs() <= now.radius).double()
    return Affine((now.center > 0).double(), unsure, now.unit)
