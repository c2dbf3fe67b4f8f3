"""What changed from one file of results to another, row by row; what broke comes first.

A row is the same row by implementation, device, clause, case and dtype. Two files that are each about one
implementation are compared though its name be another. A clause is the same by its id, whatever the version
of the specification; what only one of the files has is said apart.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple

from ..result import BAD, Row
from . import speeds
from .standing import File, first_line, place, standings

KINDS = {
    "regression": "broke",
    "new and bad": "is new, and bad",
    "otherwise": "fails otherwise than before",
    "listed": "deviates now as is listed",
    "lost": "is no longer claimed",
    "mended": "passes now",
    "gained": "is claimed now, and passes",
    "added": "is new",
    "removed": "is gone",
    "unchanged": "is as it was",
}
"""What may have become of a row, in the order of the report."""

ITEMISED = ("regression", "new and bad", "otherwise", "listed", "lost", "mended", "gained")
"""Of these each clause is named."""

Key = tuple[str, ...]

NUMBER = re.compile(r"0x[0-9a-f]+|[-+]?[0-9][0-9.]*(e[-+]?[0-9]+)?")
"""In a message: addresses, sizes, errors."""


class Change(NamedTuple):
    """One row before and after; None where a file has none."""

    kind: str
    old: Row | None
    new: Row | None

    @property
    def row(self) -> Row:
        """The newer one, or the one there is."""
        row = self.new or self.old
        assert row is not None
        return row

    def json(self) -> dict[str, Any]:
        row = self.row
        names = ("clause", "level", "implementation", "device", "case", "dtype")
        told = {name: getattr(row, name) for name in names}
        both = {"old": self.old, "new": self.new}
        return {
            "kind": self.kind,
            **told,
            **{at: each and {"outcome": each.outcome, "message": each.message} for at, each in both.items()},
        }


@dataclass(frozen=True)
class Diff:
    """Two files of results, the older first."""

    old: File
    new: File

    @cached_property
    def renamed(self) -> Mapping[str, str]:
        """The older name of the one implementation of the newer file, where it is another."""
        before, after = (sorted({row.implementation for row in rows}) for _, rows in (self.old, self.new))
        return {after[0]: before[0]} if len(before) == len(after) == 1 and before != after else {}

    @cached_property
    def changes(self) -> list[Change]:
        """Of every row of either file: broken ones first, then in reading order."""
        before = {row.key: row for row in self.old[1]}
        after = {self._key(row): row for row in self.new[1]}
        pairs = ((before.get(key), after.get(key)) for key in {**before, **after})
        found = [Change(kind(*pair), *pair) for pair in pairs]
        return sorted(found, key=lambda c: ([*KINDS].index(c.kind), place(c.row.clause), c.row.key))

    def _key(self, row: Row) -> Key:
        return (self.renamed.get(row.implementation, row.implementation), *row.key[1:])

    @cached_property
    def speeds(self) -> list[speeds.Change]:
        """What takes longer, or less long; it is no regression."""
        return speeds.changes(self.old[0], self.new[0], self.renamed)

    @property
    def count(self) -> Counter[str]:
        """Rows by what became of them."""
        return Counter(change.kind for change in self.changes)

    @property
    def regressed(self) -> bool:
        return "regression" in self.count

    def only(self) -> tuple[list[str], list[str]]:
        """The clauses that only the older file has, and those that only the newer one has."""
        before, after = ({row.clause for row in rows} for _, rows in (self.old, self.new))
        return sorted(before - after, key=place), sorted(after - before, key=place)

    def json(self) -> dict[str, Any]:
        """All but what is unchanged, which is only counted."""
        gone, come = self.only()
        return {
            "old": dict(self.old[0]),
            "new": dict(self.new[0]),
            "renamed": dict(self.renamed),
            "count": {name: self.count[name] for name in KINDS},
            "clauses_only_in_old": gone,
            "clauses_only_in_new": come,
            "changes": [change.json() for change in self.changes if change.kind != "unchanged"],
            "speeds": [change.json() for change in self.speeds],
        }

    def lines(self) -> Iterator[str]:
        """What a reader wants to know, the worst first."""
        for name, file in (("old", self.old), ("new", self.new)):
            yield from _heading(name, file)
        for new, old in self.renamed.items():
            yield f"compared though the name is another: {old}, {new}"
        gone, come = self.only()
        yield from (
            f"clauses only in the {name} file: {', '.join(only)}"
            for name, only in (("old", gone), ("new", come))
            if only
        )
        yield from self._itemised()
        yield from speeds.lines(self.speeds)
        yield ", ".join(f"{self.count[name]} {name}" for name in KINDS if self.count[name]) or "no rows"

    def _itemised(self) -> Iterator[str]:
        named = [change for change in self.changes if change.kind in ITEMISED]
        for what, group in groupby(named, key=lambda c: c.kind):
            yield from ("", f"{what}: {KINDS[what]}")
            for (_, said), rows in _grouped(group).items():
                yield from _clause(said, rows)
        yield ""


def kind(old: Row | None, new: Row | None) -> str:
    """A key of `KINDS`: what became of a row."""
    if old is None or new is None:
        return "removed" if new is None else "new and bad" if _state(new) == "bad" else "added"
    before, after = _state(old), _state(new)
    if before == after:
        return "otherwise" if before == "bad" and signature(old) != signature(new) else "unchanged"
    return {"bad": "regression", "known": "listed", "none": "lost"}.get(
        after, "gained" if before == "none" else "mended"
    )


def _state(row: Row) -> str:
    """What an implementation does; a listed deviation that is gone passes."""
    if row.outcome in ("PASS", "FIXED"):
        return "good"
    return "bad" if row.outcome in BAD else {"KNOWN": "known"}.get(row.outcome, "none")


def signature(row: Row) -> str:
    """How a row fails, whatever the numbers are."""
    return f"{row.outcome} {NUMBER.sub('#', first_line(row.message))}"


def told(change: Change) -> str:
    """The outcomes before and after."""
    before, after = (each.outcome if each else "" for each in (change.old, change.new))
    return " → ".join(filter(None, (before, after)))


def _grouped(changes: Iterable[Change]) -> dict[tuple[Key, str], list[Change]]:
    """By clause, implementation, device, and the outcomes before and after."""
    found: dict[tuple[Key, str], list[Change]] = {}
    for each in changes:
        key = (each.row.clause, each.row.implementation, each.row.device)
        found.setdefault((key, told(each)), []).append(each)
    return found


def _clause(said: str, changes: Sequence[Change]) -> Iterator[str]:
    first = changes[0].row
    cases = f"{len(changes)} case{'' if len(changes) == 1 else 's'}"
    yield f"  {first.clause} ({first.level})  {first.implementation} on {first.device}  {said}, {cases}"
    yield f"    first: {first.case} {first.dtype}{_why(changes[0])}"


def _why(change: Change) -> str:
    """What is said of the row now, or, where that is nothing, what was said of it before."""
    for row, before in ((change.new, ""), (change.old, ", before")):
        if row and row.message:
            return f"{before}: {first_line(row.message)}"
    return ""


def _heading(name: str, file: File) -> Iterator[str]:
    head, rows = file
    many = f"{len(rows)} row{'' if len(rows) == 1 else 's'}"
    yield f"{name}: {many}, specification {head.get('specification')}, {head.get('date')}"
    for each in standings([file]):
        part = "" if head.get("whole") is True else ", a part of it"
        yield f"     {each.implementation} on {each.device}, {each.versions}, {each.scope}{part}"
