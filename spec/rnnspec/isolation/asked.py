"""What was asked for, and what a worker is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from . import limits

HOW = ("never", "marked", "all")
PLACE = "rnnspec_diary"
ONLY_MARKED = "rnnspec_only_marked"
ELSEWHERE = "rnnspec_elsewhere"
MARKED = "rnnspec_marked"
"""What a worker is told: where its diary is, whether it is for the marked clauses, whether it is on another
machine; and what it says: how many of the marked clauses it has left out."""

LEFT_OUT = pytest.StashKey[int]()


def add(parser: pytest.Parser) -> None:
    """The two options."""
    group = parser.getgroup("rnnspec")
    group.addoption(
        "--rnn-isolate",
        default="marked",
        metavar="HOW",
        help=f"what runs in a worker that may die: {', '.join(HOW)}; default: marked",
    )
    group.addoption(
        "--rnn-timeout",
        default=limits.DEFAULT,
        metavar="SECONDS",
        help=f"so long a row may take; default: {limits.DEFAULT:g}",
    )


def how(config: pytest.Config) -> str:
    """What is isolated.

    Raises:
        pytest.UsageError: not one of `HOW`, or without xdist.
    """
    given: str = config.getoption("rnn_isolate")
    if given not in HOW:
        raise pytest.UsageError(f"--rnn-isolate: {given!r} is not one of {', '.join(HOW)}")
    if given == "all" and not config.pluginmanager.hasplugin("xdist"):
        raise pytest.UsageError("--rnn-isolate: all needs pytest-xdist, which is switched off")
    return given


def limit(config: pytest.Config) -> float:
    """The seconds that a row may take.

    Raises:
        pytest.UsageError: not a positive number.
    """
    given = config.getoption("rnn_timeout")
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise pytest.UsageError(f"--rnn-timeout: {given!r} is not a number of seconds, such as 60")
    return seconds


def worker(config: pytest.Config) -> dict[str, Any] | None:
    """What a worker of xdist's is told; None in a process that is none."""
    return getattr(config, "workerinput", None)


def only_marked(config: pytest.Config) -> bool:
    """Whether this process is a worker for the marked clauses alone."""
    return bool((worker(config) or {}).get(ONLY_MARKED))


def left_out(config: pytest.Config) -> int:
    """How many marked clauses this process leaves to another."""
    return config.stash.get(LEFT_OUT, 0)
