"""The bar of `rnnspec verify`, by itself: what it shows of reports as they come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from rnnspec.clauses import CHAPTERS
from rnnspec.cli import bar
from rnnspec.cli.bar import Bar
from rnnspec.result import OUTCOMES, Row
from rnnspec.session import NOTE
from rows_kit import HOSTILE, row


class Terminal:
    """A bar, and what it has written."""

    def __init__(self, terminal: bool = True) -> None:
        self.file = StringIO()
        self.bar = Bar(Console(file=self.file, force_terminal=terminal, width=100, highlight=False))
        self.number = 0

    def collected(self, many: int) -> None:
        self.bar.pytest_collection_finish(SimpleNamespace(items=[None] * many))  # type: ignore[arg-type]

    def reports(self, *rows: Row, nodeid: str = "") -> None:
        for each in rows:
            self.number += 1
            note = {"row": asdict(each), "norm": f"The norm of {each.clause}."}
            self.bar.pytest_runtest_logreport(report(nodeid or f"test[{self.number}]", [(NOTE, note)]))

    def frames(self) -> list[str]:
        """What a reader has seen of the bar, one look after the other, and lines above it."""
        text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "\n", self.file.getvalue())
        return [line.strip() for line in re.split(r"[\r\n]", text) if line.strip()]

    def above(self) -> str:
        """What stays."""
        kept = [line for line in self.file.getvalue().replace("\r", "\n").split("\n") if "━" not in line]
        return "\n".join(filter(None, (Text.from_ansi(line).plain.rstrip() for line in kept)))


def report(nodeid: str, said: list[tuple[str, Any]]) -> pytest.TestReport:
    return pytest.TestReport(nodeid, ("", 0, ""), {}, "passed", None, "call", user_properties=said)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal whose bar looks anew at every report."""
    monkeypatch.setattr(bar, "REFRESHED", -1.0)
    terminal = Terminal()
    terminal.bar.pytest_sessionstart()
    yield terminal
    terminal.bar.pytest_sessionfinish()


def test_the_chapter_under_way_and_how_much_is_done(seen: Terminal) -> None:
    seen.collected(4)
    for number, clause in enumerate(("SHP-1", "SEQ-1", "PAD-10", "ODD-1"), 1):
        seen.reports(row(clause))
        frame = "".join(seen.frames()[-8:])
        assert CHAPTERS.get(clause[:3], "ODD-1") in frame
        assert f"{number}/4" in frame
        assert re.search(r"-:--:--|\d:\d\d:\d\d", frame)


def test_a_row_that_is_told_twice_is_done_once(seen: Terminal) -> None:
    """As of an item that passes, and whose process then ends."""
    seen.collected(2)
    seen.reports(row(), row(outcome="CRASH"), nodeid="test[1]")
    assert "1/2" in "".join(seen.frames()[-8:])


def test_workers_each_collect_all(seen: Terminal) -> None:
    for ids in (["a", "b"], ["a", "b", "c"], ["c"]):
        seen.bar.pytest_xdist_node_collection_finished(None, ids)
    seen.reports(row())
    assert "1/3" in "".join(seen.frames()[-8:])


@pytest.mark.parametrize("terminal", [True, False])
def test_a_clause_that_fails_is_told_once(terminal: bool) -> None:
    """Of each implementation on each device; then its other cases are not told."""
    on = Terminal(terminal)
    on.collected(9)
    cases = [row("SEQ-1", "FAIL", "by 1\nmore", case=f"GRU-T{n}") for n in range(3)]
    on.reports(row("SEQ-1"), *cases, row("SEQ-1", "CRASH", "died"), row("SEQ-1", "FAIL", device="cuda"))
    on.reports(row("SEQ-1", "FAIL", implementation="other"), row("SEQ-2", "TIMEOUT", "over"))
    lines = on.above().splitlines()
    assert lines[:3] == [
        "FAIL SEQ-1 (MUST)  mine on cpu, GRU-T0, float32",
        "    The norm of SEQ-1.",
        "    by 1",
    ]
    assert [line.partition("  ")[::2] for line in lines[3::3]] == [
        ("FAIL SEQ-1 (MUST)", "mine on cuda, GRU-T5-B3-I4-H7, float32"),
        ("FAIL SEQ-1 (MUST)", "other on cpu, GRU-T5-B3-I4-H7, float32"),
        ("TIMEOUT SEQ-2 (MUST)", "mine on cpu, GRU-T5-B3-I4-H7, float32"),
    ]
    assert len(lines) == 12


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_only_what_is_bad_is_told(outcome: str) -> None:
    on = Terminal(terminal=False)
    on.bar.pytest_sessionstart()
    on.reports(row(outcome=outcome))
    on.bar.pytest_sessionfinish()
    assert (outcome in on.file.getvalue()) is (outcome not in ("PASS", "KNOWN", "NOT CLAIMED"))
    assert not (outcome == "PASS" and on.file.getvalue())


@pytest.mark.parametrize("text", HOSTILE)
def test_names_and_messages_are_text(text: str) -> None:
    on = Terminal(terminal=False)
    on.reports(row("SEQ-1" + text, "FAIL", text, implementation=text, case=text))
    lines = on.file.getvalue().split("\n")
    assert len(lines) == 4
    assert not {*map(chr, range(32)), "\x9b", "\u202e"} & {*"".join(lines)}
    assert "[red]" not in text or "[red]x[/red]" in lines[2]


def test_reports_of_others_are_none_of_its_business(seen: Terminal) -> None:
    seen.collected(2)
    seen.bar.pytest_runtest_logreport(report("other", []))
    assert "1/2" not in seen.file.getvalue()


def test_nothing_is_left_of_the_bar() -> None:
    """At the end its line is cleared, and the cursor is there again."""
    on = Terminal()
    on.bar.pytest_sessionstart()
    on.collected(1)
    on.reports(row())
    on.bar.pytest_sessionfinish()
    assert on.file.getvalue().rstrip("\r").endswith("\x1b[2K")
    assert on.file.getvalue().rindex("\x1b[?25h") > on.file.getvalue().rindex("\x1b[?25l")
