"""The end of a run in the terminal: chapters by outcomes, and the clauses that failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from ..clauses import CHAPTERS
from ..result import OUTCOMES, Row
from . import handshakes
from .handshakes import Handshake
from .standing import Standing, chapter, first_line


def lines(rows: Sequence[Row], norms: Mapping[str, str], found: Sequence[Handshake] = ()) -> Iterator[str]:
    """The summary of each implementation and device, one after the other, and first what handshakes found."""
    by = sorted(rows, key=lambda row: row.key)
    for (name, device), group in groupby(by, key=lambda row: (row.implementation, row.device)):
        mine = list(group)
        yield f"{name} on {device}"
        yield from handshakes.lines(
            h for h in found if (h.row.implementation, h.row.device) == (name, device)
        )
        yield from table(mine)
        yield from failing(Standing({}, name, device, mine), norms)


def table(rows: Iterable[Row]) -> Iterator[str]:
    """Chapters × outcomes; outcomes that did not occur have no column."""
    count = Counter((chapter(row.clause), row.outcome) for row in rows)
    seen = [outcome for outcome in OUTCOMES if any(count[c, outcome] for c in CHAPTERS)]
    wide = max(len(title) for title in CHAPTERS.values()) + 6
    yield "  " + "chapter".ljust(wide) + "".join(o.lower().rjust(13) for o in seen)
    for letters, title in CHAPTERS.items():
        numbers = [count[letters, outcome] for outcome in seen]
        if any(numbers):
            cells = "".join((str(n) if n else "·").rjust(13) for n in numbers)
            yield "  " + f"{letters}  {title}".ljust(wide) + cells


def failing(standing: Standing, norms: Mapping[str, str]) -> Iterator[str]:
    """Each failing clause with its norm, how many of its cases fail, and the first of them."""
    for clause, rows, tried in standing.failing():
        first = rows[0]
        yield f"  {first.outcome} {clause} ({first.level}), {len(rows)} of {tried} cases"
        yield f"    {norms.get(clause, '')}"
        yield f"    first: {first.case} {first.dtype}: {first_line(first.message)}"
