"""The hooks of isolation: who runs what, what workers write down, and what is said of those that died."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from ..blame import KIT, MEMORY
from ..items import network_of, profiles
from ..network import Network
from ..reporting import begun
from ..result import BAD
from ..session import RUN
from ..trial import Search
from . import asked, diary, limits
from .asked import ELSEWHERE, MARKED, PLACE, how, left_out, limit, only_marked
from .controller import AGAIN, Controller

RESTARTS = "1000"
"""So many workers may die, unless another number is asked for."""

HARMED = "the process was harmed"
"""The message of a CRASH that is none of the system's."""

STDERR = pytest.StashKey[int]()
LOST = pytest.StashKey[dict[str, str]]()
INTERRUPTS = pytest.StashKey[limits.Interrupts]()


def pytest_addoption(parser: pytest.Parser) -> None:
    asked.add(parser)


@pytest.hookimpl
def pytest_cmdline_main(config: pytest.Config) -> None:
    """After xdist has made workers of -n: the one for all, and enough of them where clauses are tried."""
    if asked.worker(config) is not None or config.option.collectonly:
        return
    if how(config) == "all" and not config.option.tx:
        config.option.dist, config.option.tx = "load", ["popen"]
    if getattr(config.option, "maxworkerrestart", "") is None and _about_clauses(config):
        config.option.maxworkerrestart = RESTARTS


def _about_clauses(config: pytest.Config) -> bool:
    """Whether the specification is named on the command line, by a path, as a package or by an option."""
    options = ("rnn", "rnn_results", "rnn_profile")
    named = [Path(arg.partition("::")[0]).absolute() for arg in config.args]
    within = any(KIT.is_relative_to(path) or path.is_relative_to(KIT) for path in named)
    return within or any(config.getoption(o) for o in options) or "rnnspec" in str(config.args)


def pytest_configure(config: pytest.Config) -> None:
    how(config), limit(config)
    config.stash[INTERRUPTS] = limits.Interrupts()
    told = asked.worker(config)
    if told is None:
        config.stash[STDERR] = os.dup(2)  # before pytest captures it
        if not config.option.collectonly:
            config.pluginmanager.register(Controller(config), "rnnspec.controller")
        return
    if only_marked(config):
        config.option.update_snapshots = False
    if PLACE in told:
        worker = Worker(diary.Diary(Path(told[PLACE])), told[ELSEWHERE])
        config.pluginmanager.register(worker, "rnnspec.worker")


def pytest_unconfigure(config: pytest.Config) -> None:
    if (file := config.stash.get(STDERR, None)) is not None:
        os.close(file)


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[INTERRUPTS].listen()


def pytest_sessionfinish(session: pytest.Session) -> None:
    session.config.stash[INTERRUPTS].leave()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, object, object]:
    """Each clause gets its time; the marked ones are left out here, or are all that there is."""
    result = yield
    if config.pluginmanager.hasplugin("timeout"):
        for item in items:
            if network_of(item) and not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(_seconds(item), func_only=True))
    if only_marked(config):
        items[:] = [item for item in items if marked(item)]
    elif how(config) != "never" and not config.option.collectonly:
        config.stash[asked.LEFT_OUT] = sum(map(marked, items))
        items[:] = [item for item in items if not marked(item)]
    return result


def pytest_collection_finish(session: pytest.Session) -> None:
    getattr(session.config, "workeroutput", {})[MARKED] = left_out(session.config)


def marked(item: pytest.Item) -> bool:
    """Whether it is a clause that may end the process, or an implementation may on such a case."""
    network = network_of(item)
    if network is None:
        return False
    may_die = network.implementation.may_die(network.case)
    return may_die or item.get_closest_marker("isolated") is not None


def _seconds(item: pytest.Item) -> float:
    """Its time, and that of what it searches for."""
    from ..exploring import SEARCH

    explores = hasattr(getattr(item, "function", None), "explores")
    search = item.config.stash.get(SEARCH, Search()).seconds if explores else 0.0
    return limit(item.config) + search


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A process that hangs is ended; in a worker the diary says what it was about."""
    network, worker = network_of(item), item.config.pluginmanager.getplugin("rnnspec.worker")
    if network is None:
        return (yield)
    file = worker.diary.file if worker else item.config.stash[STDERR]
    if worker:
        worker.diary.begins(item.nodeid, _under_way(item, network))
    with limits.hard(_seconds(item), file):
        result = yield
    if worker:
        worker.diary.ends()
    return result


def _under_way(item: pytest.Item, network: Network) -> dict[str, Any]:
    """The note of a row that is tried, with the listed deviations that apply, by number."""
    note, deviations = begun(item, network), item.config.stash[RUN].deviations
    listed = deviations.of(note["row"]["clause"], network)
    return note | {"profiles": profiles(item), "listed": [deviations.entries.index(e) for e in listed]}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    network = network_of(pyfuncitem)
    if network is None:
        return (yield)
    interrupts = pyfuncitem.config.stash[INTERRUPTS]
    if why := pyfuncitem.config.stash.setdefault(LOST, {}).get(str(network.device)):
        raise limits.Lost(why)
    with limits.contained(lambda: interrupts.came):
        return (yield)


def see_to_harm(item: pytest.Item, network: Network, note: dict[str, Any]) -> None:
    """A device that no longer works ends its worker, or else all its further rows.

    So does what breaks the kit in a clause that may write where it must not: no more can be said.
    """
    row, worker = note["row"], item.config.pluginmanager.getplugin("rnnspec.worker")
    what = row["message"].partition("\n")[0]
    failed = row["outcome"] in {*BAD, "KNOWN"}
    device = network.device
    why = limits.fault(device) if failed else ""
    if why and worker:
        worker.gives_up(f"{device} no longer works: {why}; {what}")
    elif why:
        since = f"{device} no longer works since {row['clause']} on {row['case']}: {why}"
        item.config.stash.setdefault(LOST, {})[str(device)] = since
    elif worker and marked(item) and row["outcome"] == "ERROR" and not what.startswith(MEMORY):
        worker.gives_up(f"{HARMED}: {what}")


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    return ("", "", "") if report.outcome == AGAIN else None


class Worker:
    """A worker of xdist's: it keeps a diary."""

    def __init__(self, book: diary.Diary, elsewhere: bool) -> None:
        self.diary, self.elsewhere = book, elsewhere

    def pytest_sessionstart(self) -> None:
        self.diary.opens()

    def gives_up(self, why: str) -> None:
        self.diary.gives_up(why)
        os._exit(1)

    def pytest_unconfigure(self) -> None:
        self.diary.close()
        if self.elsewhere:
            self.diary.is_removed()
