"""The hooks of isolation: who runs what, what workers write down, and what is said of those that died."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import torch

from ..blame import KIT
from ..deviations import settled
from ..implementation import Network
from ..items import network_of, profiles
from ..reporting import begun, concluded
from ..result import BAD
from ..session import RUN
from ..trial import Search
from . import apart, deaths, diary, limits

HOW = ("never", "marked", "all")
RESTARTS = "1000"
"""So many workers may die, unless another number is asked for."""

USELESS = 4
"""So many in a row that die before they can try anything are enough."""

PLACE = "rnnspec_diary"
ONLY_MARKED = "rnnspec_only_marked"
MARKED = "rnnspec_marked"
"""What a worker is told: where its diary is, and whether it is for the marked clauses; and what it says: how
many of these it has left out."""

LEFT_OUT = pytest.StashKey[int]()
STDERR = pytest.StashKey[int]()
LOST = pytest.StashKey[dict[str, str]]()
INTERRUPTS = pytest.StashKey[limits.Interrupts]()


def pytest_addoption(parser: pytest.Parser) -> None:
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


def _worker(config: pytest.Config) -> dict[str, Any] | None:
    """What a worker of xdist's is told; None in a process that is none."""
    return getattr(config, "workerinput", None)


def only_marked(config: pytest.Config) -> bool:
    """Whether this process is a worker for the marked clauses alone."""
    return bool((_worker(config) or {}).get(ONLY_MARKED))


def left_out(config: pytest.Config) -> int:
    """How many marked clauses this process leaves to another."""
    return config.stash.get(LEFT_OUT, 0)


@pytest.hookimpl
def pytest_cmdline_main(config: pytest.Config) -> None:
    """After xdist has made workers of -n: the one for all, and enough of them where clauses are tried."""
    if _worker(config) is not None or config.option.collectonly:
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
    told = _worker(config)
    if told is None:
        config.stash[STDERR] = os.dup(2)  # before pytest captures it
        if not config.option.collectonly:
            config.pluginmanager.register(Controller(config), "rnnspec.controller")
        return
    if only_marked(config):
        config.option.update_snapshots = False
    if PLACE in told:
        config.pluginmanager.register(Worker(diary.Diary(Path(told[PLACE]))), "rnnspec.worker")


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
        config.stash[LEFT_OUT] = sum(map(marked, items))
        items[:] = [item for item in items if not marked(item)]
    return result


def pytest_collection_finish(session: pytest.Session) -> None:
    getattr(session.config, "workeroutput", {})[MARKED] = left_out(session.config)


def marked(item: pytest.Item) -> bool:
    """Whether it is a clause that may end the process."""
    return network_of(item) is not None and item.get_closest_marker("isolated") is not None


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


def see_to_device(item: pytest.Item, note: dict[str, Any]) -> None:
    """After a failure: a device that no longer works ends its worker, or else all its further rows."""
    row, worker = note["row"], item.config.pluginmanager.getplugin("rnnspec.worker")
    why = limits.fault(torch.device(row["device"])) if row["outcome"] in BAD else ""
    if why and worker:
        worker.diary.gives_up(f"{row['device']} no longer works: {why}; {row['message'].splitlines()[0]}")
        os._exit(1)
    elif why:
        since = f"{row['device']} no longer works since {row['clause']} on {row['case']}: {why}"
        item.config.stash.setdefault(LOST, {})[row["device"]] = since


class Worker:
    """A worker of xdist's: it keeps a diary."""

    def __init__(self, book: diary.Diary) -> None:
        self.diary = book

    def pytest_sessionstart(self) -> None:
        self.diary.opens()

    def pytest_unconfigure(self) -> None:
        self.diary.close()


class Controller:
    """Where the session is steered: it hands out diaries, reads those of the dead, and sees to the marked."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.left_out = 0
        self.only_marked = False
        self.again: set[str] = set()
        self.useless = 0
        self.folder = Path(tempfile.mkdtemp(prefix="rnnspec-"))

    def pytest_unconfigure(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def place(self, node: Any) -> Path:
        part = "marked" if self.only_marked else "rest"
        return self.folder / f"{node.gateway.id}-{part}"

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput |= {PLACE: str(self.place(node)), ONLY_MARKED: self.only_marked}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self) -> None:
        self.useless = 0

    @pytest.hookimpl(optionalhook=True, trylast=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Workers that die before they can try anything are not replaced for ever."""
        output = getattr(node, "workeroutput", {})
        self.left_out = max(self.left_out, output.get(MARKED, 0))
        self.useless += bool(error)
        if self.useless == USELESS:
            pytest.exit(f"{USELESS} workers one after the other died before they could try a clause", 1)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Behind all others the marked clauses, in a worker of their own."""
        result = yield
        count = self.left_out or left_out(self.config)
        if count and not self.config.option.collectonly:
            if not self.config.pluginmanager.hasplugin("xdist"):
                raise pytest.UsageError(
                    "--rnn-isolate: marked needs pytest-xdist, which is switched off; write never"
                )
            self.only_marked = True
            apart.run(session, count)
        return result

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any, sched: Any) -> None:
        """The report that xdist makes of a dead worker becomes that of a row.

        A worker that dies between two rows dies of the first; xdist suspects the second: it is tried again.
        """
        entry = diary.read(self.place(report.node))
        if entry is None or (entry.ended and crashitem in self.again):
            return
        if entry.item != crashitem:
            self.again.add(crashitem)
            sched.mark_test_pending(crashitem)
        report.nodeid = entry.item
        row, entries = entry.note["row"], self.config.stash[RUN].deviations.entries
        outcome, message = deaths.said(entry, deaths.status(report.node), limit(self.config))
        listed = [entries[number] for number in entry.note["listed"]]
        row["outcome"], row["message"] = settled(outcome, message, listed, row["implementation"])
        concluded(report, entry.note, lambda: row["message"])
