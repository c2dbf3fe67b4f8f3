"""What a report of pytest's says of a clause: its row, its norm, and how pytest is to count it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .catalogue import first_sentence
from .network import Network
from .notation import dtype_name
from .session import NOTE


def begun(item: pytest.Item, network: Network) -> dict[str, Any]:
    """The note of a clause that is about to be tried: the row of one that does not come to an end."""
    marker = item.get_closest_marker("clause")
    assert marker is not None
    row = {
        "clause": marker.kwargs["id"],
        "level": marker.kwargs["level"],
        "case": str(network.case),
        "mode": network.case.mode,
        "implementation": network.implementation.name,
        "device": str(network.place),
        "dtype": dtype_name(network.case.dtype),
        "outcome": "CRASH",
        "headroom": None,
        "message": "",
        "seconds": 0.0,
        "reproducer": "",
        "kernels": "",
    }
    return {"row": row, "norm": norm(item), "source": marker.kwargs["source"], "profiles": [], "spent": {}}


def norm(item: pytest.Item) -> str:
    """The first sentence of a clause's docstring."""
    return first_sentence(getattr(item, "function", None).__doc__)


def concluded(
    report: pytest.TestReport,
    note: dict[str, Any],
    said: Callable[[], str],
    script: Callable[[], str] = str,
) -> None:
    """The report carries the note, and the outcome that pytest counts and shows.

    Of a row that is bad it shows what `said` says, or else the row's message, and then the script, which the
    row keeps.
    """
    row = note["row"]
    if row["outcome"] in ("NOT CLAIMED", "KNOWN"):
        report.outcome = "skipped"
        report.longrepr = (report.nodeid.partition("::")[0], 0, row["message"])
    elif row["outcome"] != "PASS":
        report.outcome = "failed"
        row["reproducer"] = script()
        report.longrepr = "\n".join([*title(note), "", said() or row["message"], *shown(row["reproducer"])])
    report.user_properties.append((NOTE, note))


def shown(script: str) -> list[str]:
    """A script below a message."""
    lines = ["    " + line for line in script.splitlines()]
    return ["", "The same in plain torch:", "", *lines] if lines else []


PRINTED = 2000
"""Characters that are kept of what a row that is bad has printed."""


def shortened(item: pytest.Item, report: pytest.TestReport) -> pytest.TestReport:
    """Of what has been printed, the end is kept where a row is bad, and else nothing: there are thousands."""
    ends = [(when, what, text[-PRINTED:]) for when, what, text in item._report_sections if report.failed]
    item._report_sections[:] = ends
    report.sections[:] = [(f"Captured {what} {when}", text) for when, what, text in ends]
    return report


def title(note: dict[str, Any]) -> list[str]:
    row = note["row"]
    return [
        f"{row['clause']} ({row['level']}): {note['norm']}",
        f"source: {note['source']}",
        f"tried:  {row['implementation']}, {row['case']}, {row['dtype']}, {row['device']}",
    ]
