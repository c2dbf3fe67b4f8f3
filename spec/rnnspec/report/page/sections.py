"""Sections through what was measured: one size is varied and the others stay, as the full grid has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...benchmarks.claims import span
from ...benchmarks.timing import Quartiles
from .figure import Figure, Line, Look, Point
from .plot import short
from .timings import SIZES, Key, Timing, percent

LEAST = 3
"""Sizes of which a line is worth drawing."""

ALONG = {"T": "T, steps", "B": "B, rows", "H": "H, columns of the state"}
"""The sizes that are varied, with their units."""

LINKED = "I = H"
"""The input has as many columns as the state, and both are varied together."""


class Measure(NamedTuple):
    """What is drawn against a size: of which way, what of it, how it is written, and beside what mark."""

    title: str
    up: str
    way: str
    pick: Callable[[Timing], Quartiles]
    unit: Callable[[float], str]
    mark: float | None = None


def times(ratio: float) -> str:
    return f"{short(ratio)} ×"


MEASURES = (
    Measure("Time of one call over everything", "time of the call", "whole", lambda each: each.seconds, span),
    Measure(
        "Speed-up of sequence over letter by letter",
        "times as fast",
        "letters",
        lambda each: each.ratio,
        times,
        mark=1.0,
    ),
    Measure(
        "Speed-up of batch over row by row", "times as fast", "rows", lambda each: each.ratio, times, mark=1.0
    ),
    Measure(
        "Share of the machine's best",
        "share of the best",
        "whole",
        lambda each: each.share,
        percent,
        mark=1.0,
    ),
)


@dataclass(frozen=True)
class Plotted:
    """The figures of one mode, forward or with gradients: for each measure, those along each size."""

    mode: str
    grad: bool
    figures: Sequence[Sequence[Figure]]

    @property
    def names(self) -> set[str]:
        """The implementations of which there is a line."""
        return {line.name for row in self.figures for figure in row for line in figure.lines}

    @property
    def title(self) -> str:
        return f"{self.mode}, {'with gradients' if self.grad else 'forward'}"


def plotted(found: Sequence[Timing], looks: dict[str, Look]) -> Iterator[Plotted]:
    """Of each mode of which there is enough for a line."""
    for mode in dict.fromkeys(each["mode"] for each in found):
        for grad in (False, True):
            own = [each for each in found if each.turns and (each["mode"], each["grad"]) == (mode, grad)]
            along = [(size, *section(own, size)) for size in ALONG]
            rows = [[*_figures(measure, along, looks)] for measure in MEASURES]
            if any(rows):
                yield Plotted(mode, grad, [row for row in rows if row])


def _figures(
    measure: Measure, along: Sequence[tuple[str, str, list[Timing]]], looks: dict[str, Look]
) -> Iterator[Figure]:
    for size, fixed, own in along:
        lines = [*_lines(measure, [each for each in own if each["way"] == measure.way], size, looks)]
        if len({point.at for line in lines for point in line.points}) >= LEAST:
            title = f"{measure.title}, against {size}"
            yield Figure(title, fixed, ALONG[size], measure.up, lines, measure.unit, measure.mark)


def _lines(measure: Measure, own: Sequence[Timing], size: str, looks: dict[str, Look]) -> Iterator[Line]:
    for name in dict.fromkeys(each.implementation for each in own):
        mine = [each for each in own if each.implementation == name]
        _, kept = _longest(mine, size, lambda each: _options(each, size))
        points = {
            each[size]: Point(each[size], *measure.pick(each)) for each in kept if measure.pick(each).low
        }
        if points:
            yield Line(name, looks[name], [points[at] for at in sorted(points)])


def section(found: Sequence[Timing], size: str) -> tuple[str, list[Timing]]:
    """The others' sizes in words, and what was measured there: where most sizes of this name were."""
    key, own = _longest(found, size, lambda each: _others(each, size))
    told = [LINKED if value == LINKED else f"{name} = {value}" for name, value in key if _tells(name, value)]
    return ", ".join(told), own


def _tells(name: str, value: Any) -> bool:
    """One layer and one direction go without saying."""
    return name not in "LD" or value != 1


def _longest(found: Sequence[Timing], size: str, of: Callable[[Timing], Key]) -> tuple[Key, list[Timing]]:
    """The group in which this size has most values; the first of several."""
    groups: dict[Key, list[Timing]] = {}
    for each in found:
        groups.setdefault(of(each), []).append(each)
    most = max(groups.items(), key=lambda group: len({each[size] for each in group[1]}), default=((), []))
    return most[0], most[1]


def _others(each: Timing, size: str) -> Key:
    """The sizes that stay."""
    linked = size == "H" and each["I"] == each["H"]
    kept = {name: each[name] for name in SIZES if name != size}
    return tuple((kept | ({"I": LINKED} if linked else {})).items())


def _options(each: Timing, size: str) -> Key:
    """The words of its case, but for what is varied."""
    varied = {f"{name}{each[name]}" for name in ("HI" if size == "H" else size)}
    return tuple(word for word in each["case"].split("-") if word not in varied)
