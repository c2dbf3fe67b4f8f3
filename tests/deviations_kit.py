"""A list of deviations with one entry, and of what a row may have died."""

from __future__ import annotations

ENTRY = """
[[deviation]]
clause = "ELM-1"
implementation = "mine:Wrong"
check = "output is not what it must be"
reason = "an old bug"
link = "https://example.org/1"
seen = 2026-11-25
"""

DIED = "died of SIGSEGV in the middle of a clause\n  at mine.py"
LEFT = "exited with status 1 in the middle of a clause"


def but(key: str, value: str = "") -> str:
    """The entry, one key changed or, without a value, left out."""
    lines = [line for line in ENTRY.splitlines() if not line.startswith(f"{key} =")]
    return "\n".join([*lines, f"{key} = {value}", ""]) if value else "\n".join([*lines, ""])
