"""One clause tried on one case: what the seam and the verbs note about it on the way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Call:
    """One call of a network: what built it, what went in, what came out."""

    network: Any
    x: Any
    state: Any
    result: Any = None


@dataclass(frozen=True)
class Search:
    """How a clause about all sizes goes on after the examples of every run (see `explore`)."""

    seconds: float = 0.0
    seed: str = ""
    shrinks: bool = True


@dataclass
class Trial:
    """`headroom` is the worst error ÷ bound so far, `spent` the seconds inside the implementation.

    Where networks are drawn, `drawn` is the last of them, and `example` says which has failed.
    """

    search: Search = Search()
    headroom: float | None = None
    spent: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    calls: list[Call] = field(default_factory=list)
    drawn: Any = None
    example: str = ""

    def note(self, headroom: float) -> None:
        self.headroom = max(headroom, self.headroom or 0.0)


_current: ContextVar[Trial | None] = ContextVar("trial", default=None)


def current() -> Trial:
    """The trial under way; outside of one, a trial that nobody reads."""
    return _current.get() or Trial()


@contextmanager
def trying(search: Search = Search()) -> Iterator[Trial]:
    """While a clause runs."""
    trial = Trial(search)
    token = _current.set(trial)
    try:
        yield trial
    finally:
        _current.reset(token)
