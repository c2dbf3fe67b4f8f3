"""What `rnnspec bench` measured, as the page has it: an entry of a header, and the words of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...benchmarks.claims import NOTE, span
from ...benchmarks.figures import APART
from ...benchmarks.timing import Quartiles
from .plot import short

SIZES = ("T", "B", "I", "H", "L", "D")

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Timing:
    """An entry of `benchmarks`, which `result.read` has checked."""

    said: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.said[name]

    @property
    def implementation(self) -> str:
        return str(self["implementation"])

    @property
    def refused(self) -> str:
        return str(self.said.get("refused", ""))

    @property
    def apart(self) -> bool:
        """Of construction, or of the first call."""
        return "first" in self.said

    @property
    def turns(self) -> bool:
        """It was called in its turn, which is what is compared."""
        return not self.refused and not self.apart

    @property
    def seconds(self) -> Quartiles:
        return Quartiles(*self["seconds"])

    @property
    def ratio(self) -> Quartiles:
        """To one call over everything."""
        return Quartiles(*self["ratio"])

    @property
    def share(self) -> Quartiles:
        """Of the machine's best: the least time of the work ÷ the time it took."""
        low, middle, high = self.seconds
        return Quartiles(self["share"] * middle / high, self["share"], self["share"] * middle / low)

    @property
    def kind(self) -> Key:
        """What it has in common with those of other implementations that it is compared with."""
        return (self["case"], self["way"], self["grad"])


@dataclass(frozen=True)
class Line:
    """A line of a table of times. `base` is the same of the first implementation, `most` the longest time."""

    timing: Timing
    base: Timing | None
    most: float

    @property
    def way(self) -> str:
        return str(self.timing["way"])

    @property
    def what(self) -> str:
        told = "with gradients" if self.timing["grad"] else "forward"
        return "" if self.timing.apart or self.way in APART else told

    @property
    def time(self) -> str:
        return span(self.timing.seconds.median)

    @property
    def bar(self) -> float:
        """Of 60 pixels: as long as the time, beside the longest of the case."""
        return max(0.5, round(60 * self.timing.seconds.median / self.most, 1))

    @property
    def spread(self) -> str:
        return f"{self.timing.seconds.spread:.0%}"

    @property
    def whole(self) -> str:
        return f"{self.timing.ratio.median:.2f}"

    @property
    def baseline(self) -> str:
        """To the first implementation; of what is refused there is none."""
        if self.base is None:
            return ""
        return f"{self.timing.seconds.median / self.base.seconds.median:.2f}"

    @property
    def share(self) -> str:
        return percent(self.timing["share"]) if self.timing["share"] else ""

    @property
    def note(self) -> str:
        if self.timing.apart:
            return f"the first: {span(self.timing['first'])}"
        return "" if self.timing["steady"] else NOTE


@dataclass(frozen=True)
class Table:
    """All that was measured of one case."""

    case: str
    lines: Sequence[Line]


def tables(found: Sequence[Timing], baseline: str) -> Iterator[Table]:
    """One for each case, in their order."""
    base = {each.kind: each for each in found if each.implementation == baseline and each.turns}
    cases: dict[str, list[Timing]] = {}
    for each in found:
        cases.setdefault(each["case"], []).append(each)
    for case, mine in cases.items():
        most = max((each.seconds.median for each in mine if each.turns), default=0.0)
        yield Table(case, [Line(each, base.get(each.kind) if each.turns else None, most) for each in mine])


def percent(share: float) -> str:
    return f"{short(100 * share)} %"
