"""What became slower, or quicker, from one file of results to another.

No machine is as quick twice, so no times are compared, but costs: each time ÷ that of the equations, step by
step with torch's functions, measured in turns with it. There are several, each of all that was built anew,
and the best of all rounds. What is named has changed however one looks at it: all of the later costs are
beyond all of the earlier ones, and the median and the best are others too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from ..timed import IDENTITY, identity

CHANGED = 1.1
"""So many times as much are the median and the best, at least."""

GAP = 1.05
"""So many times as much is the least of the larger costs as the largest of the others."""

Head = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """One entry, and how many times as much as before it costs now."""

    entry: Mapping[str, Any]
    factor: float

    @property
    def slower(self) -> bool:
        return self.factor > 1

    def json(self) -> dict[str, Any]:
        return {**{name: self.entry[name] for name in IDENTITY}, "factor": self.factor}

    def line(self) -> str:
        whose, where, dtype, _, case, way, grad = identity(self.entry)
        said = f"{way}{' with gradients' if grad else ''}"
        return f"  {self.factor:5.2f} ×  {whose} on {where}  {case} {dtype}, {said}"


def changes(old: Head, new: Head, renamed: Mapping[str, str]) -> list[Change]:
    """Entries whose cost has changed, the worst first; `renamed` says under which name they were before."""
    before = _entries(old, {})
    pairs = [(before[key], entry) for key, entry in _entries(new, renamed).items() if key in before]
    found = [Change(e, median(e["costs"]) / median(b["costs"])) for b, e in pairs if _changed(b, e)]
    return sorted(found, key=lambda change: -change.factor)


def _entries(head: Head, renamed: Mapping[str, str]) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    found = {}
    for entry in head.get("benchmarks") or ():
        if entry.get("costs"):
            implementation, *rest = identity(entry)
            found[(renamed.get(implementation, implementation), *rest)] = entry
    return found


def _changed(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    low, high = sorted((one, other), key=lambda entry: median(entry["costs"]))
    apart = min(high["costs"]) > GAP * max(low["costs"])
    return bool(
        apart
        and median(high["costs"]) > CHANGED * median(low["costs"])
        and high["best"] > CHANGED * low["best"]
    )


def lines(found: list[Change]) -> Iterator[str]:
    """Nothing, where nothing has changed."""
    for what, some in (
        ("slower", [c for c in found if c.slower]),
        ("quicker", [c for c in found if not c.slower]),
    ):
        if some:
            yield from ("", what)
            yield from (change.line() for change in some)
