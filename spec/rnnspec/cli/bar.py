"""A bar in place of pytest's dots, and each clause that fails as it comes."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from typing import Any

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from ..clauses import CHAPTERS
from ..plain import plain
from ..report.standing import chapter, first_line
from ..result import BAD
from ..session import note_of

REFRESHED = 0.1
"""Seconds between two looks of the bar."""


class Bar:
    """A plugin of pytest's where it is steered: rows as they come in.

    On a terminal a bar tells the chapter under way, how much is done, and the time that is left.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            auto_refresh=False,
            disable=not console.is_terminal,
        )
        self.task = self.progress.add_task("collecting", total=None)
        self.failing: set[tuple[str, ...]] = set()
        self.seen: set[str] = set()
        self.looked = 0.0

    def pytest_sessionstart(self) -> None:
        self.progress.start()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._of(len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        """Each worker collects all; those that are run apart are a part of them."""
        self._of(len(ids))

    def _of(self, many: int) -> None:
        if many > (self.progress.tasks[0].total or 0):
            self.progress.update(self.task, total=many)

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self) -> Generator[None, Any, Any]:
        """How pytest counts a report stays; it prints nothing of it."""
        found = yield
        return (found[0], "", "") if found else found

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        note = note_of(report)
        if note is None:
            return
        row = note["row"]
        self.seen.add(report.nodeid)
        under_way = CHAPTERS.get(chapter(row["clause"]), row["clause"])
        self.progress.update(self.task, completed=len(self.seen), description=under_way)
        clause = (row["implementation"], row["device"], row["clause"])
        if row["outcome"] in BAD and clause not in self.failing:
            self.failing.add(clause)
            self._say(note)
        if time.monotonic() > self.looked + REFRESHED:
            self.looked = time.monotonic()
            self.progress.refresh()

    def _say(self, note: dict[str, Any]) -> None:
        """The first case of a clause that is bad."""
        row = note["row"]
        head = f"{row['outcome']} {row['clause']} ({row['level']})"
        where = f"{row['implementation']} on {row['device']}, {row['case']}, {row['dtype']}"
        for line in (
            Text.assemble((plain(head), "bold red"), f"  {plain(where)}"),
            Text(f"    {plain(note['norm'])}"),
            Text(f"    {plain(first_line(row['message']))}"),
        ):
            self.console.print(line, soft_wrap=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        self.progress.stop()
