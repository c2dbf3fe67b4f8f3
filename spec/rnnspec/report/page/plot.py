"""Headroom as a small plot: a dot for the worst row of each column, error ÷ bound on a logarithmic axis."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HEIGHT, MARGIN = 30, 4
"""In pixels."""

LEAST, MOST = -6, 2
"""The powers of ten at both ends of the axis; what lies beyond is drawn at the end."""


def height(headroom: float) -> float:
    """Where a value lies, from the top."""
    power = min(max(math.log10(headroom) if headroom else LEAST, LEAST), MOST)
    return round(MARGIN + (MOST - power) / (MOST - LEAST) * (HEIGHT - 2 * MARGIN), 1)


BOUND = height(1)


@dataclass(frozen=True)
class Plot:
    """`worst` of each column, None where nothing was measured."""

    worst: Sequence[float | None]
    labels: Sequence[str]

    @property
    def step(self) -> int:
        """Pixels from one column to the next."""
        return max(3, min(12, 240 // max(1, len(self.worst))))

    @property
    def width(self) -> int:
        return self.step * len(self.worst) + 4

    @property
    def points(self) -> list[tuple[float, float]]:
        return [(i, value) for i, value in enumerate(self.worst) if value is not None]

    @property
    def within(self) -> str:
        """The path of the dots that are within the bound: lines of no length with round ends."""
        return "".join(f"M{self._x(i)} {height(v)}h0" for i, v in self.points if v <= 1)

    @property
    def beyond(self) -> str:
        """The path of those that are not: crosses, to be told apart without colour."""
        return "".join(self._crosses())

    def _crosses(self) -> Iterator[str]:
        for i, value in self.points:
            if value > 1:
                yield f"M{self._x(i) - 2:g} {height(value) - 2:g}l4 4m-4 0l4-4"

    def _x(self, i: float) -> float:
        return 2 + self.step * i + self.step / 2

    @property
    def said(self) -> str:
        """The same in words."""
        values = sorted(value for _, value in self.points)
        where = self.labels[self.worst.index(values[-1])]
        span = f"{short(values[0])} to {short(values[-1])}" if len(values) > 1 else short(values[0])
        beyond = sum(value > 1 for value in values)
        more = f"; beyond the bound in {beyond}" if beyond else ""
        many = f"{len(values)} column{'s' if len(values) > 1 else ''}"
        return f"error ÷ bound of {many}: {span}, the most in {where}{more}"

    @property
    def most(self) -> str:
        return short(max(value for _, value in self.points))


def short(value: float) -> str:
    """Two digits, rounded up where that tells what is beyond the bound."""
    rounded = float(f"{min(value, 1e308):.1e}")
    if value > 1 and rounded <= 1:
        return ">1"
    if rounded >= 1e4 or 0 < rounded < 1e-3:
        return re.sub(r"\.0(?=e)|(?<=e)\+?0*|(?<=e-)0*", "", f"{rounded:.1e}")
    return f"{rounded:g}"
