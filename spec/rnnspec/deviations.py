"""Known deviations: failures that are listed, with a reason, and are not to be forgotten.

A listed clause that fails is KNOWN; one that passes is FIXED, which fails the run until the entry is
taken out. Another implementation, dtype or case of the same clause is judged as ever.
"""

from __future__ import annotations

from fnmatch import fnmatch

import pytest

from .case import Case
from .notation import dtype_name


def listed(item: pytest.Item, implementation: str, case: Case) -> str | None:
    """The reason for which this clause, implementation and case are listed; None if they are not.

    The marker is `deviates(implementation, reason, dtype="*", case="*")`, the last two as patterns.
    """
    for marker in item.iter_markers("deviates"):
        entry = marker.kwargs
        if (
            entry["implementation"] == implementation
            and fnmatch(dtype_name(case.dtype), entry.get("dtype", "*"))
            and fnmatch(str(case), entry.get("case", "*"))
        ):
            return str(entry["reason"])
    return None


def settled(outcome: str, reason: str | None) -> str:
    """The outcome of a clause, its listing considered."""
    if reason is None:
        return outcome
    return {"FAIL": "KNOWN", "PASS": "FIXED"}.get(outcome, outcome)
