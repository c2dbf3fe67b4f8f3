"""Where the session is steered: workers get diaries, those of the dead are read, and the marked come last."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from .. import workers
from ..deviations import settled
from ..reporting import concluded
from ..result import BAD
from ..session import RUN, note_of
from . import apart, deaths, diary
from .asked import ELSEWHERE, MARKED, ONLY_MARKED, PLACE, left_out, limit

USELESS = 4
"""So many in a row that die before they can try anything are enough."""

AGAIN = "again"
"""The outcome of a report that is of no row: it is tried again."""


class Controller:
    """The hooks of a process that is no worker."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.left_out = 0
        self.only_marked = False
        self.again: set[str] = set()
        self.spoilt: set[str] = set()
        self.useless = 0
        self.folder = Path(tempfile.mkdtemp(prefix="rnnspec-"))

    def pytest_unconfigure(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def place(self, node: Any) -> Path:
        part = "marked" if self.only_marked else "rest"
        return self.folder / f"{node.gateway.id}-{part}"

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        told = {
            PLACE: str(self.place(node)),
            ONLY_MARKED: self.only_marked,
            ELSEWHERE: workers.elsewhere(node),
        }
        node.workerinput |= told

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

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Remembers the workers in which a clause has failed that may spoil memory."""
        note, node = note_of(report), getattr(report, "node", None)
        if self.only_marked and note and node and note["row"]["outcome"] in {*BAD, "KNOWN"}:
            self.spoilt.add(node.gateway.id)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any, sched: Any) -> None:
        """The report that xdist makes of a dead worker becomes that of a row, or of none.

        A worker that dies between two rows dies of the first; xdist suspects the second: it is tried again.
        So is, once, the row in which a worker dies whose memory may have been spoilt by an earlier row, which
        has failed. A row that has failed itself before that stays what it is.
        """
        place = self.place(report.node)
        entry = diary.read(place) or diary.entry(workers.fetched(report.node, place))
        if entry is None:
            return
        told = crashitem in self.config.stash[RUN].notes
        spoilt, again = report.node.gateway.id in self.spoilt, crashitem in self.again
        if not again and not told and (spoilt or entry.item != crashitem):
            self.again.add(crashitem)
            sched.mark_test_pending(crashitem)
        if spoilt and (told or not again):
            report.outcome = AGAIN
        elif not (again and entry.item != crashitem):
            self.conclude(report, entry)

    def conclude(self, report: Any, entry: diary.Entry) -> None:
        """The row of an item in, or after, which its worker died."""
        report.nodeid = entry.item
        row, entries = entry.note["row"], self.config.stash[RUN].deviations.entries
        outcome, message = deaths.said(entry, deaths.status(report.node), limit(self.config))
        listed = [entries[number] for number in entry.note["listed"]]
        row["outcome"], row["message"] = settled(outcome, message, listed, row["implementation"])
        concluded(report, entry.note, lambda: f"{row['message']}\n\n{_script(row)}")


def _script(row: dict[str, Any]) -> str:
    """How to have what cannot be had from a dead process."""
    words = ("case", "rnn", "dtype", "device")
    given = row | {"rnn": row["implementation"]}
    options = " ".join(f"--{word} {given[word]}" for word in words)
    return f"As a script: rnnspec reproduce {row['clause']} {options}"
