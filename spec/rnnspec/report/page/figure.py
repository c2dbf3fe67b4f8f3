"""A figure: lines with markers on two logarithmic axes, as paths of a small SVG, and the same in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from .plot import short

WIDTH, HEIGHT = 320, 210
"""In pixels."""

LEFT, RIGHT, TOP, BOTTOM = 70, 12, 8, 38
"""Margins."""

NEAR = 20
"""Labels of one axis are so far apart, in pixels."""

MARKERS = (
    "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
    "m-3-3h6v6h-6z",
    "m0-4l4 7h-8z",
    "m-3-3l6 6m-6 0l6-6",
    "m0-4.5l4.5 4.5l-4.5 4.5l-4.5-4.5z",
    "m-4 0h8m-4-4v8",
    "m0 4l4-7h-8z",
)
"""Circle, square, triangle, cross, diamond, plus, triangle upside down: from the place of the point."""

HUES, DASHES = 6, 4
"""Colours and dashes of the style."""


@dataclass(frozen=True)
class Look:
    """How a line is told from others: by colour, marker and dash together."""

    number: int

    @property
    def names(self) -> str:
        """Classes of the style."""
        return f"hue-{self.number % HUES} dash-{self.number % DASHES}"

    @property
    def marker(self) -> str:
        return MARKERS[self.number % len(MARKERS)]


class Point(NamedTuple):
    """A size; and of what was measured there the median, with what the middle half lies between."""

    at: int
    low: float
    median: float
    high: float


@dataclass(frozen=True)
class Scale:
    """A logarithmic axis between two values, from one pixel to another."""

    least: float
    most: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        low, high = math.log10(self.least), math.log10(self.most)
        return round(self.start + (math.log10(value) - low) / (high - low) * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[float]:
        """1, 2 and 5 times powers of ten; the powers alone, or fewer of them, where these are too many."""
        powers = range(math.floor(math.log10(self.least)), math.ceil(math.log10(self.most)) + 1)
        every = max(1, math.ceil(len(powers) / 6))
        fine, coarse = ([by * 10.0**p for p in powers for by in (1, 2, 5)], [10.0**p for p in powers])
        within = [t for t in fine if self._has(t)]
        return within if len(within) <= 6 else [t for t in coarse if self._has(t)][::every]

    def _has(self, value: float) -> bool:
        return self.least * (1 - 1e-9) <= value <= self.most * (1 + 1e-9)


def around(values: Sequence[float]) -> tuple[float, float]:
    """The nearest of 1, 2 and 5 times powers of ten below the values and above them."""
    least, most = min(values), max(values)
    below = max(t for t in _near(least) if t <= least * (1 + 1e-9))
    above = min(t for t in _near(most) if t >= most * (1 - 1e-9))
    return (below, above) if below < above else (below / 2, above * 2)


def _near(value: float) -> list[float]:
    power = math.floor(math.log10(value))
    return [by * 10.0**p for p in range(power - 1, power + 3) for by in (1, 2, 5)]


@dataclass(frozen=True)
class Line:
    """What is drawn of one implementation."""

    name: str
    look: Look
    points: Sequence[Point]


@dataclass(frozen=True)
class Figure:
    """Lines against a size, while others are `fixed`; `mark` is a value that a reader compares with."""

    title: str
    fixed: str
    along: str
    up: str
    lines: Sequence[Line]
    unit: Callable[[float], str] = short
    mark: float | None = None

    @cached_property
    def x(self) -> Scale:
        sizes = self.sizes
        return Scale(sizes[0], sizes[-1], LEFT + 10, WIDTH - RIGHT - 10)

    @cached_property
    def y(self) -> Scale:
        marked = [] if self.mark is None else [self.mark]
        values = [v for line in self.lines for point in line.points for v in point[1:]]
        return Scale(*around(values + marked), HEIGHT - BOTTOM, TOP)

    @cached_property
    def sizes(self) -> list[int]:
        return sorted({point.at for line in self.lines for point in line.points})

    @property
    def frame(self) -> str:
        """The lines on which the labels of the upright axis are."""
        ticks = [t for t in self.y.ticks if t != self.mark]
        return "".join(f"M{LEFT} {self.y(t):g}H{WIDTH - RIGHT}" for t in ticks)

    @property
    def marked(self) -> str:
        return "" if self.mark is None else f"M{LEFT} {self.y(self.mark):g}H{WIDTH - RIGHT}"

    @property
    def across(self) -> Iterator[tuple[float, str]]:
        """Labels of the sizes and where they are, but for those that would touch another."""
        last = -math.inf
        for size in self.sizes:
            if self.x(size) - last >= NEAR:
                last = self.x(size)
                yield last, f"{size}" if size < 10**6 else f"{size:.0e}"

    @property
    def upward(self) -> Iterator[tuple[float, str]]:
        yield from ((self.y(t), self.unit(t)) for t in self.y.ticks)

    def path(self, line: Line) -> str:
        return "M" + "L".join(f"{self.x(p.at):g} {self.y(p.median):g}" for p in line.points)

    def bars(self, line: Line) -> str:
        """From the first quartile to the third."""
        spans = [(self.x(p.at), self.y(p.low), self.y(p.high)) for p in line.points]
        return "".join(f"M{x:g} {low:g}V{high:g}" for x, low, high in spans)

    def markers(self, line: Line) -> str:
        places = [f"M{self.x(p.at):g} {self.y(p.median):g}" for p in line.points]
        return "".join(place + line.look.marker for place in places)

    @property
    def said(self) -> str:
        """The same in words."""
        return f"{self.title}, {self.fixed}. {'; '.join(map(self._said, self.lines))}."

    def _said(self, line: Line) -> str:
        each = [f"{self.unit(p.median)} at {p.at}" for p in line.points]
        return f"{line.name}: {', '.join(each)}"
