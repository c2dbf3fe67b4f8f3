"""What became of a worker that died: the row to blame, and what is said of it."""

from __future__ import annotations

import signal
import subprocess
from typing import Any

from .diary import Entry
from .limits import over

PATIENCE = 10
"""Seconds to wait for the status of a process whose pipes are closed."""


def said(entry: Entry, status: int | None, limit: float) -> tuple[str, str]:
    """The outcome of a row whose process died in it, and the message."""
    if entry.timed_out:
        return "TIMEOUT", _with(over(limit), entry.place)
    if entry.lost:
        return "CRASH", entry.lost
    when = "after" if entry.ended else "in the middle of"
    return "CRASH", _with(f"{cause(status)} {when} a clause", entry.place)


def cause(status: int | None) -> str:
    """died of SIGSEGV, exited with status 0"""
    if status is None:
        return "lost its process"
    if status >= 0:
        return f"exited with status {status}"
    try:
        return f"died of {signal.Signals(-status).name}"
    except ValueError:
        return f"died of signal {-status}"


def status(node: Any) -> int | None:
    """The exit status of a worker's process; minus the signal that it died of. None: it cannot be known."""
    process = getattr(getattr(node.gateway, "_io", None), "popen", None)
    if process is None or not node.gateway.spec.popen:  # that is ssh's own
        return None
    try:
        found: int = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        return None
    return found


def _with(message: str, place: str) -> str:
    return f"{message}\n{place}" if place else message
