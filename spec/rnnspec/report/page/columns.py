"""The columns of the matrix: an implementation on a device in a file, and within it a dtype."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from ...notation import DTYPES
from ...result import BAD, OUTCOMES, Row
from ..standing import STATES, Standing, standings
from .text import fragment

SHOWN = 8
"""Lines of the first message."""

Named = tuple[str, Mapping[str, Any], Sequence[Row]]
"""The name of a file, its header and its rows."""


@dataclass(frozen=True)
class File:
    """What is said of a file."""

    name: str
    head: Mapping[str, Any]
    rows: int

    def word(self, key: str) -> str:
        value = self.head.get(key)
        return value if isinstance(value, str) else ""

    @property
    def specification(self) -> str:
        return self.word("specification") or "an unknown one"

    @property
    def day(self) -> str:
        return Standing(self.head, "", "", []).day

    @property
    def whole(self) -> bool:
        return self.head.get("whole") is True


@dataclass(frozen=True)
class Group:
    """One implementation on one device in one file; `again` counts earlier ones of that name."""

    file: File
    standing: Standing
    again: int

    @property
    def name(self) -> str:
        return self.standing.implementation

    @property
    def device(self) -> str:
        return self.standing.device

    @property
    def day(self) -> str:
        return self.standing.day

    @cached_property
    def dtypes(self) -> list[str]:
        found = {row.dtype for row in self.standing.rows}
        return [dtype for dtype in DTYPES if dtype in found]

    @property
    def columns(self) -> list[Column]:
        return [Column(self, dtype) for dtype in self.dtypes]

    @cached_property
    def state(self) -> str:
        """As on the day of the run: a page does not know when it is read."""
        return self.standing.state(date.fromisoformat(self.day or "1970-01-01"))

    @property
    def verdict(self) -> str:
        return "it is not known when this was run" if self.state == "stale" else STATES[self.state]

    @property
    def noticed(self) -> list[str]:
        """What the handshake found to be mapped wrongly, which is what to mend first."""
        found = self.file.head.get("handshakes")
        each = [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
        mine = [h for h in each if (h.get("implementation"), h.get("device")) == (self.name, self.device)]
        return list(dict.fromkeys(f"{h.get('mode')}: {h.get('said')}" for h in mine if h.get("said")))

    @property
    def counts(self) -> list[tuple[str, int, str]]:
        """Outcomes that occur, how often, and the fragment that shows them alone."""
        only = f"&rnn={fragment(self.name)}"
        count = self.standing.count
        order = sorted(OUTCOMES, key=lambda outcome: outcome not in BAD)
        return [(o, count[o], f"?outcome={fragment(o)}{only}") for o in order if count[o]]

    @property
    def first(self) -> tuple[Row, str]:
        """The first bad row and how its message begins: what is to be seen without a click."""
        _, rows, _ = next(self.standing.failing())
        lines = rows[0].message.splitlines()
        return rows[0], "\n".join(lines[:SHOWN] + ["..."] * (len(lines) > SHOWN))

    @cached_property
    def failing(self) -> list[tuple[str, str, str]]:
        """Clauses with bad rows, the outcomes of those, and the fragment of the first cell with one."""
        return list(self._failing())

    def _failing(self) -> Iterator[tuple[str, str, str]]:
        for clause, rows, tried in self.standing.failing():
            first = min(rows, key=lambda row: self.dtypes.index(row.dtype))
            outcomes = Counter(row.outcome for row in rows)
            worst = min(outcomes, key=SEVERITY.index)
            column = Column(self, first.dtype)
            yield clause, f"{worst.lower()} {len(rows)}/{tried}", f"{fragment(clause)}/{column.key}"


@dataclass(frozen=True)
class Column:
    group: Group
    dtype: str

    @property
    def key(self) -> str:
        """Its part of a link."""
        words = [self.group.name, self.group.device, self.dtype]
        return fragment(*words, *([str(self.group.again + 1)] if self.group.again else []))

    @property
    def label(self) -> str:
        return f"{self.group.name} {self.group.device} {self.dtype}"


SEVERITY = ("CRASH", "TIMEOUT", "ERROR", "FAIL", "FIXED", "KNOWN", "PASS", "NOT CLAIMED")
"""Outcomes, the worst first."""


def groups(files: Sequence[Named]) -> list[Group]:
    """Those of one implementation beside each other, else in the order of the files."""
    found: list[Group] = []
    seen: Counter[tuple[str, str]] = Counter()
    for name, head, rows in files:
        for each in standings([(head, rows)]):
            key = each.implementation, each.device
            found.append(Group(File(name, head, len(rows)), each, seen[key]))
            seen[key] += 1
    first = list(dict.fromkeys(group.name for group in found))
    return sorted(found, key=lambda group: first.index(group.name))
