"""Clauses that no implementation passes: either everybody is wrong, or the clause is.

A clause is cleared by one row of one implementation that passes, in any mode and case. One that everybody
leaves unclaimed is as suspect as one that everybody fails. Claims about speed are made of one machine, and
are suspect nowhere.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .clauses import CHAPTERS
from .report.standing import of_speed
from .result import OUTCOMES, Row

CLEARING = ("PASS", "FIXED")
"""What a row is in which the implementation does what the clause says."""

Outcomes = Mapping[str, Counter[str]]
"""How often each outcome is there, by implementation."""


@dataclass(frozen=True)
class Suspect:
    """A clause without a row that passes, and what its rows are, by implementation."""

    clause: str
    outcomes: Outcomes

    def lines(self, implementations: Iterable[str]) -> Iterator[str]:
        yield self.clause
        for name in implementations:
            yield f"  {name}: {_said(self.outcomes.get(name, Counter()))}"


def implementations(files: Iterable[tuple[Mapping[str, Any], Iterable[Row]]]) -> list[str]:
    """The names of all implementations, those without a row included."""
    names = [entry for head, rows in files for entry in (*_of(head), *(row.implementation for row in rows))]
    return list(dict.fromkeys(names))


def suspects(rows: Sequence[Row]) -> list[Suspect]:
    """The clauses that no row passes, in reading order."""
    found: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for row in rows:
        if of_speed(row):
            continue
        found[row.clause][row.implementation][row.outcome] += 1
    cleared = {row.clause for row in rows if row.outcome in CLEARING}
    return [Suspect(clause, found[clause]) for clause in sorted(found.keys() - cleared, key=_place)]


def _of(head: Mapping[str, Any]) -> list[str]:
    """The implementations that a header names; a header is somebody else's, and may name none."""
    entries = head.get("implementations")
    named = (
        [entry.get("name") for entry in entries if isinstance(entry, dict)]
        if isinstance(entries, list)
        else []
    )
    return [name for name in named if isinstance(name, str)]


def _place(clause: str) -> tuple[int, int, str]:
    """By chapter and number; what is no clause of this version comes last."""
    letters, _, number = clause.partition("-")
    chapter = list(CHAPTERS).index(letters) if letters in CHAPTERS else len(CHAPTERS)
    return chapter, int(number) if number.isascii() and number.isdigit() else 0, clause


def _said(count: Counter[str]) -> str:
    words = [f"{count[outcome]} {outcome}" for outcome in OUTCOMES if count[outcome]]
    return ", ".join(words) or "no row"
