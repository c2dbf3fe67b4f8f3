"""Where an implementation stands: what a file of results allows to be said of it, and no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import groupby
from typing import Any

from ..clauses import CHAPTERS
from ..options import DEFAULT
from ..result import BAD, Row

File = tuple[Mapping[str, Any], Sequence[Row]]
"""A header and its rows, as `result.read` gives them."""

STALE = 30
"""After so many days a result says nothing about today."""

SPEED = "SPD"
"""Letters of the clauses about speed."""

EACH = "of each case"
"""The seed where nothing else was asked for."""

STATES = {
    "bad": "does not conform",
    "speed": "only its speed was measured: this is not a verdict",
    "nothing": "nothing passes",
    "partial": "a part was left out, or it was smoke: this is not a verdict",
    "stale": "the results are old",
    "listed": "passes all that it claims, but for listed deviations",
    "passes": "passes all that it claims",
}
"""What can be said, the first that is true."""


@dataclass(frozen=True)
class Standing:
    """One implementation on one device in one file."""

    head: Mapping[str, Any]
    implementation: str
    device: str
    rows: Sequence[Row]

    @cached_property
    def count(self) -> Counter[str]:
        """Rows by outcome."""
        return Counter(row.outcome for row in self.rows)

    @property
    def bad(self) -> int:
        return sum(self.count[outcome] for outcome in BAD)

    @property
    def claimed(self) -> int:
        """Rows that were tried."""
        return len(self.rows) - self.count["NOT CLAIMED"]

    @property
    def scope(self) -> str:
        return _word(self.head.get("scope"))

    @property
    def day(self) -> str:
        """The date of the run, as 2026-11-26; empty where the header has none."""
        word = _word(self.head.get("date")).partition("T")[0]
        try:
            return date.fromisoformat(word).isoformat()
        except ValueError:
            return ""

    @property
    def whole(self) -> bool:
        """Nothing was left out of what conformance means."""
        return everything(self.head) and self.scope in ("core", "full")

    def state(self, today: date, stale: int = STALE) -> str:
        """A key of `STATES`."""
        if self.bad:
            return "bad"
        if self.rows and all(map(of_speed, self.rows)):
            return "speed"
        if not self.count["PASS"]:
            return "nothing"
        if not self.whole:
            return "partial"
        if self._old(today, stale):
            return "stale"
        return "listed" if self.count["KNOWN"] else "passes"

    def _old(self, today: date, stale: int) -> bool:
        """No date is as good as an old one; a day that has not come has come elsewhere."""
        return not (self.day and -1 <= (today - date.fromisoformat(self.day)).days <= stale)

    @property
    def versions(self) -> str:
        """Of torch, and of what else the header names for this implementation."""
        entries = self.head.get("implementations")
        own = {
            library: version
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, dict) and entry.get("name") == self.implementation
            for library, version in (entry.get("versions") or {}).items()
        }
        named = {"torch": self.head.get("torch"), **own}
        return ", ".join(f"{library} {version}" for library, version in named.items())

    def failing(self) -> Iterator[tuple[str, list[Row], int]]:
        """The clauses with bad rows in reading order, those rows, and how many rows were tried."""
        tried = Counter(row.clause for row in self.rows if row.outcome != "NOT CLAIMED")
        bad = sorted((row for row in self.rows if row.outcome in BAD), key=lambda row: place(row.clause))
        for clause, rows in groupby(bad, key=lambda row: row.clause):
            yield clause, list(rows), tried[clause]


def everything(head: Mapping[str, Any]) -> bool:
    """No row of its scope was left out, by whatever option: of a profile, a dtype, a seed, a shard."""
    chosen = head.get("profiles") or head.get("seed", EACH) != EACH or "shard" in head
    dtypes = head.get("dtypes", DEFAULT)
    return head.get("whole") is True and not chosen and {*DEFAULT} <= {*dtypes}


def standings(files: Iterable[File]) -> list[Standing]:
    """Each implementation on each device of each file, in their order."""
    found = []
    for head, rows in files:
        by: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            by.setdefault((row.implementation, row.device), []).append(row)
        found += [Standing(head, *key, own) for key, own in by.items()]
    return found


def of_speed(row: Row) -> bool:
    """Whether it is about a claim of speed, which says nothing of conformance."""
    return chapter(row.clause) == SPEED


def chapter(clause: str) -> str:
    return clause.partition("-")[0]


def place(clause: str) -> tuple[int, int, str]:
    """Where a clause stands in the specification; what is not of it comes last."""
    letters, _, number = clause.partition("-")
    order = list(CHAPTERS)
    known = letters in CHAPTERS and number.isdecimal() and len(number) < 10
    return (order.index(letters), int(number), "") if known else (len(order), 0, clause)


def first_line(message: str) -> str:
    return message.partition("\n")[0]


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
