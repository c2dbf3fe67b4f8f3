"""The matrix: chapters and clauses down, columns across, and in each cell what its rows come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

from markupsafe import Markup

from ...catalogue import Clause, every
from ...clauses import CHAPTERS
from ...document.prose import as_html
from ...result import BAD, Row
from ..standing import chapter, place
from .columns import SEVERITY, Column, Group
from .plot import Plot
from .text import fragment


class Cell(NamedTuple):
    """The worst outcome in a word with a count, and its name as a class of the style."""

    kind: str
    word: str


@dataclass(frozen=True)
class Line:
    """A clause: what the specification says of it, if it does, and its rows in each column."""

    clause: str
    rows: Sequence[Sequence[Row]]
    columns: Sequence[Column]
    known: Clause | None

    @property
    def id(self) -> str:
        return fragment(self.clause)

    @property
    def level(self) -> str:
        return (
            str(self.known.says["level"]) if self.known else " ".join(sorted({r.level for r in self.every}))
        )

    @property
    def every(self) -> Iterator[Row]:
        return (row for rows in self.rows for row in rows)

    @property
    def norm(self) -> Markup | None:
        return Markup(as_html(self.known.norm, ())) if self.known else None

    @property
    def source(self) -> Markup:
        return Markup(as_html(str(self.known.says["source"]), ()) if self.known else "")

    @cached_property
    def cells(self) -> list[Cell | None]:
        return [cell(rows) for rows in self.rows]

    @property
    def plot(self) -> Plot:
        worst = [
            max((r.headroom for r in rows if r.headroom is not None), default=None) for rows in self.rows
        ]
        return Plot(worst, [column.label for column in self.columns])


@dataclass(frozen=True)
class Chapter:
    """The clauses of one chapter."""

    letters: str
    title: str
    lines: Sequence[Line]

    @cached_property
    def cells(self) -> list[Cell | None]:
        """All rows of a column together."""
        columns = zip(*(line.rows for line in self.lines), strict=True)
        return [cell([row for rows in column for row in rows]) for column in columns]


def cell(rows: Sequence[Row]) -> Cell | None:
    """None where there is no row."""
    if not rows:
        return None
    count = Counter(row.outcome for row in rows)
    worst = min(count, key=SEVERITY.index)
    claimed = len(rows) - count["NOT CLAIMED"]
    kind = "none" if worst == "NOT CLAIMED" else worst.lower()
    if not claimed:
        return Cell(kind, "–")
    if worst == "PASS":
        return Cell(kind, str(claimed) if claimed == len(rows) else f"{claimed} of {len(rows)}")
    many = sum(count[o] for o in BAD) if worst in BAD else count[worst]
    return Cell(kind, f"{kind} {many}/{claimed}")


def chapters(found: Sequence[Group]) -> list[Chapter]:
    """Those of which there is a row, in reading order; what is not of the specification comes last."""
    columns = [column for group in found for column in group.columns]
    known = {str(clause): clause for clause in every()}
    rows = _by_clause(found, {column.key: i for i, column in enumerate(columns)})
    lines = [
        Line(clause, rows[clause], columns, known.get(clause))
        for clause in sorted(rows, key=lambda clause: (clause not in known, *place(clause)))
    ]
    split = groupby(lines, key=lambda line: chapter(line.clause) if line.known else "")
    return [Chapter(letters, CHAPTERS.get(letters, ELSEWHERE), list(own)) for letters, own in split]


ELSEWHERE = "not in this specification"


def _by_clause(found: Iterable[Group], places: Mapping[str, int]) -> dict[str, list[list[Row]]]:
    rows: dict[str, list[list[Row]]] = {}
    for group in found:
        own = {column.dtype: places[column.key] for column in group.columns}
        for row in group.standing.rows:
            if row.clause not in rows:
                rows[row.clause] = [[] for _ in places]
            rows[row.clause][own[row.dtype]].append(row)
    return rows


def untried(found: Sequence[Chapter]) -> list[str]:
    """Clauses of the specification of which there is no row."""
    seen = {line.clause for chapter in found for line in chapter.lines}
    return [str(clause) for clause in every() if str(clause) not in seen]
