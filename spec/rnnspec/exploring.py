"""pytest: `--rnn-explore SECONDS`, for which clauses about all sizes go on looking for a network that fails.

The time is that of all their rows together, in equal shares; workers look at the same time.
"""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from .trial import Search, current

TOLD = "rnnspec_explore"
"""Under this name a worker of xdist's is told the option, with the seed."""

SEARCH = pytest.StashKey[Search]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("rnnspec").addoption(
        "--rnn-explore",
        metavar="SECONDS[:SEED]",
        help="so long look for sizes that fail, beyond those of every run; with a seed, for the same again",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The seed that nobody gave is drawn where the session is steered, which tells it its workers."""
    given = getattr(config, "workerinput", {}).get(TOLD) or config.getoption("rnn_explore")
    if given is None:
        return
    seconds, _, seed = given.partition(":")
    config.option.rnn_explore = f"{seconds}:{seed or random.randrange(10**6)}"
    config.stash[SEARCH] = Search(_seconds(seconds), config.option.rnn_explore)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput[TOLD] = node.config.getoption("rnn_explore")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise pytest.UsageError(f"--rnn-explore: {text!r} is not a number of seconds, such as 60")
    return seconds


def pytest_collection_finish(session: pytest.Session) -> None:
    """Every row gets its share of the time."""
    search = session.config.stash.get(SEARCH, None)
    rows = sum(1 for item in session.items if hasattr(getattr(item, "function", None), "explores"))
    if search and rows:
        session.config.stash[SEARCH] = Search(search.seconds / rows, search.seed)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    current().search = item.config.stash.get(SEARCH, Search())


def pytest_report_header(config: pytest.Config) -> list[str]:
    return [f"rnnspec: {line}" for line in _again(config)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _again(terminalreporter.config):
        terminalreporter.write_line(line)


def _again(config: pytest.Config) -> list[str]:
    given = config.getoption("rnn_explore")
    return [f"exploring; the same again: --rnn-explore {given}"] if given else []
