"""What was counted of the rows of a profile: the tallies of the shards of a run make that of the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .result import Row


@dataclass(frozen=True)
class Tally:
    """Of a profile, an implementation and a device: how many rows have which outcome, and which clauses are
    KNOWN. Rows that do not apply are not counted.
    """

    profile: str
    implementation: str
    device: str
    outcomes: Mapping[str, int] = field(default_factory=dict)
    known: tuple[str, ...] = ()

    def of(self, rows: Iterable[Row]) -> Tally:
        """That of these rows."""
        rows = list(rows)
        known = sorted({row.clause for row in rows if row.outcome == "KNOWN"})
        return self._with(Counter(row.outcome for row in rows), known)

    def and_(self, other: Tally) -> Tally:
        """That of the rows of both."""
        both = Counter(self.outcomes) + Counter(other.outcomes)
        return self._with(both, sorted({*self.known, *other.known}))

    @property
    def subject(self) -> tuple[str, str, str]:
        """What it is about."""
        return self.profile, self.implementation, self.device

    def count(self, *outcomes: str) -> int:
        return sum(self.outcomes.get(outcome, 0) for outcome in outcomes)

    def _with(self, outcomes: Mapping[str, int], known: Iterable[str]) -> Tally:
        return Tally(*self.subject, dict(sorted(outcomes.items())), tuple(known))


def read(head: Mapping[str, Any]) -> list[Tally]:
    """Those of a header."""
    return [Tally(**{**each, "known": tuple(each["known"])}) for each in head.get("tallies") or ()]


def are_tallies(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_tally, value))


def _is_tally(value: Any) -> bool:
    kinds = {"profile": str, "implementation": str, "device": str, "outcomes": dict, "known": list}
    if not isinstance(value, dict) or {key: type(each) for key, each in value.items()} != kinds:
        return False
    counts = all(type(count) is int and count > 0 for count in value["outcomes"].values())
    return counts and all(isinstance(clause, str) for clause in value["known"])
