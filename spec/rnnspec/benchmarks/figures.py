"""What was measured of one entry of a contest, in figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ..case import Case
from ..implementation import Implementation
from ..notation import dtype_name
from . import roofline
from .roofline import Peak, Work
from .timing import Quartiles
from .ways import WAYS

UNSTEADY = 0.1
"""Where the middle half of a ratio's rounds is further apart, as a share of the median, it is said."""

APART = ("construction", "first call")
"""Times that are none of a call in its turn: in the first of each, what is to be compiled is compiled."""


class Entry(NamedTuple):
    """What has its turn: a way to call an implementation on a case, forward or with gradients too."""

    implementation: Implementation
    case: Case
    way: str
    grad: bool = False


@dataclass(frozen=True)
class Measured:
    """One entry: its seconds, by round; or why there are none, be it that the implementation is `wrong`.

    `ratios` are to one call over everything, with gradients where these are asked for too, by round. `costs`
    are what another run can be compared with: the best round ÷ that of the yardstick, the equations evaluated
    step by step with torch's functions, each time that all is built anew; `best` is that of all rounds.
    """

    entry: Entry
    device: str = "cpu"
    threads: int = 1
    seconds: Sequence[float] = ()
    ratios: Sequence[float] = ()
    costs: Sequence[float] = ()
    best: float = 0.0
    peak: Peak | None = None
    refused: str = ""
    wrong: bool = False

    @property
    def implementation(self) -> str:
        return self.entry.implementation.name

    @cached_property
    def time(self) -> Quartiles:
        return Quartiles.of(self.seconds)

    @cached_property
    def ratio(self) -> Quartiles:
        return Quartiles.of(self.ratios)

    @property
    def apart(self) -> bool:
        return self.entry.way in APART

    @property
    def steady(self) -> bool:
        return self.ratio.spread <= UNSTEADY

    @property
    def work(self) -> Work:
        case = self.entry.case
        return roofline.work(case, WAYS[self.entry.way].sizes(case), self.entry.grad)

    @property
    def share(self) -> float:
        """Of the machine's best: the least time that the work takes ÷ the time that it took."""
        return self.peak.seconds(self.work) / self.time.median if self.peak else 0.0

    def json(self) -> dict[str, Any]:
        """What was measured, and how long it takes."""
        return self.what() | self.figures()

    def what(self) -> dict[str, Any]:
        """Whose, where and of what."""
        case = self.entry.case
        return {
            "implementation": self.implementation,
            "device": self.device,
            "dtype": dtype_name(case.dtype),
            "threads": self.threads,
            "case": str(case),
            **{name: getattr(case, name) for name in ("mode", "T", "B", "I", "H", "L", "D")},
            "way": self.entry.way,
            "grad": self.entry.grad,
        }

    def figures(self) -> dict[str, Any]:
        """Times in seconds, quartiles as [low, median, high]; or why there are none."""
        if self.refused:
            return {"refused": self.refused}
        told = {"rounds": len(self.seconds), "seconds": list(self.time)}
        if self.apart:
            return told | {"first": self.seconds[0]}
        told |= {
            "ratio": list(self.ratio),
            "costs": list(self.costs),
            "best": self.best,
            "steady": self.steady,
        }
        return told | self.work._asdict() | {"share": self.share}
