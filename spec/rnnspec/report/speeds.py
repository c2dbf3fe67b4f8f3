"""What became slower, or quicker, from one file of results to another.

No machine is as quick twice, so no times are compared, but costs: each time ÷ that of the equations, step by
step with torch's functions, measured in turns with it. A cost is taken several times, each of all that is
built anew. It has changed where all of the later ones are beyond all of the earlier ones, and the median by
more than a tenth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from ..timed import IDENTITY, identity

CHANGED = 1.1
"""So many times an earlier cost is worth a line."""

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
    before = _costs(old, {})
    found = [
        Change(entry, median(costs) / median(before[key][1]))
        for key, (entry, costs) in _costs(new, renamed).items()
        if key in before and _beyond(before[key][1], costs)
    ]
    return sorted(found, key=lambda change: -change.factor)


def _costs(head: Head, renamed: Mapping[str, str]) -> dict[tuple[Any, ...], tuple[Any, list[float]]]:
    found = {}
    for entry in head.get("benchmarks") or ():
        if entry.get("costs"):
            implementation, *rest = identity(entry)
            found[(renamed.get(implementation, implementation), *rest)] = (entry, entry["costs"])
    return found


def _beyond(old: list[float], new: list[float]) -> bool:
    low, high = sorted((old, new), key=median)
    return max(low) < min(high) and median(high) > CHANGED * median(low)


def lines(found: list[Change]) -> Iterator[str]:
    """Nothing, where nothing has changed."""
    for what, some in (
        ("slower", [c for c in found if c.slower]),
        ("quicker", [c for c in found if not c.slower]),
    ):
        if some:
            yield from ("", what)
            yield from (change.line() for change in some)
