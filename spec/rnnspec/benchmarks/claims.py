"""What the notebook claims of speed, and what follows from the equations: clauses that nobody fails.

Each is measured: its headroom is the ratio, and where that is above 1 the claim is not made for the case.
What is wrong fails here too, since it gets no time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest

from ..catalogue import Clause
from ..notation import dtype_name
from ..result import Row
from .figures import UNSTEADY, Measured
from .grid import GROWTH
from .timing import Quartiles
from .ways import WAYS, Packed

LOAF = "notebook: heck, let's feed in an entire loaf of bread"


def speed(number: int, source: str) -> pytest.MarkDecorator:
    return pytest.mark.clause(id=f"SPD-{number}", level="MAY", source=source)


class Pair(NamedTuple):
    """What a claim compares: the one that takes no longer than `times` the other."""

    one: Measured
    other: Measured
    at: str = ""
    times: float = 1.0

    @property
    def case(self) -> str:
        """The name of the case, with what else tells this pair from others."""
        return f"{self.one.entry.case}{self.at}{'-grad' if self.one.entry.grad else ''}"

    @property
    def ratio(self) -> Quartiles:
        pairs = zip(self.one.seconds, self.other.seconds, strict=True)
        return Quartiles.of([a / (self.times * b) for a, b in pairs])

    def message(self) -> str:
        times = [
            f"{m.entry.way}, T = {m.entry.case.T}: {span(m.time.median)}" for m in (self.one, self.other)
        ]
        low, middle, high = self.ratio
        unsteady = self.ratio.spread > UNSTEADY
        return (
            f"{times[0]}; {times[1]}\n  ratio    {middle:.3g}, {low:.3g} to {high:.3g} in the middle half of "
            f"{len(self.one.seconds)} rounds{f'; {NOTE}' if unsteady else ''}"
        )


NOTE = "unsteady: measure again on a quiet machine"


def span(seconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{1e6 * seconds:.3g} µs"


@speed(1, "notebook: let's feed the whole slice of bread in")
def sequence(found: Sequence[Measured]) -> Iterator[Pair]:
    """One call over T steps takes no longer than T calls of one step that carry the state."""
    yield from _beside_whole(found, "letters")


@speed(2, LOAF)
def batch(found: Sequence[Measured]) -> Iterator[Pair]:
    """One call over a batch takes no longer than a call for each of its rows."""
    yield from _beside_whole(found, "rows")


@speed(3, "torch.nn.utils.rnn")
def packing(found: Sequence[Measured]) -> Iterator[Pair]:
    """A packed batch takes no longer than the padded one; the case's name says how much of that is filled."""
    for way in WAYS.values():
        if isinstance(way, Packed):
            for pair in _beside_whole(found, way.name):
                yield Pair(pair.other, pair.one, f"-fill{way.fill:g}")


@speed(4, "the equations: each step is computed from the one before")
def growth(found: Sequence[Measured]) -> Iterator[Pair]:
    """A sequence that is four times as long takes at most five times as long."""
    short, long = ([m for m in found if m.entry.way == "whole" and m.entry.case.T == T] for T in GROWTH)
    for one in long:
        for other in short:
            if one.entry == other.entry._replace(case=other.entry.case.but(T=one.entry.case.T)):
                yield Pair(one, other, times=5)


def _beside_whole(found: Sequence[Measured], way: str) -> Iterator[Pair]:
    """One call over everything, beside the calls of another way."""
    whole = {m.entry: m for m in found if m.entry.way == "whole"}
    for other in found:
        if other.entry.way == way:
            yield Pair(whole[other.entry._replace(way="whole")], other)


CLAUSES = [Clause(sys.modules[__name__], claim) for claim in (sequence, batch, packing, growth)]


def rows(found: Sequence[Measured]) -> Iterator[Row]:
    """A row of each claim for each pair that it is about."""
    for clause in CLAUSES:
        for pair in clause.function(found):
            yield _row(clause, pair)


def _row(clause: Clause, pair: Pair) -> Row:
    one = pair.one
    refused = next((m for m in (one, pair.other) if m.refused), None)
    ratio = None if refused else pair.ratio.median
    if refused:
        message = f"no time: {refused.refused}"
        outcome = "FAIL" if refused.wrong else "NOT CLAIMED"
    else:
        message = pair.message()
        outcome = "PASS" if ratio is not None and ratio <= 1 else "NOT CLAIMED"
    return Row(
        clause=str(clause),
        level=clause.says["level"],
        case=pair.case,
        mode=one.entry.case.mode,
        implementation=one.implementation,
        device=one.device,
        dtype=dtype_name(one.entry.case.dtype),
        outcome=outcome,
        headroom=ratio,
        message=message,
        seconds=round(sum(one.seconds) + sum(pair.other.seconds), 6),
    )
