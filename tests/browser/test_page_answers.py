"""The questions that a page is for, on a real run of a wrong class; and how soon a large page can be used."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from page_kit import ENVIRONMENT, Named, Visit, file, many
from rnnspec.report.page import page
from rnnspec.result import Row

Pictured = Callable[[Any, str], None]


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def copied(tab: Any, name: str) -> str:
    """What a button puts on the clipboard."""
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.get_by_role("button", name=name).first.click()
    tab.get_by_role("button", name="Copied").wait_for()
    return str(tab.evaluate("navigator.clipboard.readText()"))


def test_the_failing_input_is_a_script_that_fails(
    visit: Visit, wrong_class: Named, pictured: Pictured, tmp_path: Path
) -> None:
    tab = visit([wrong_class])
    wrong = tab.locator("article", has_text="wrong:IgnoresH")
    said = wrong.inner_text()
    assert "LSTM: h_0 is ignored" in said
    assert "LSTM-1 on LSTM-T" in said  # the first failure, without a click
    assert all(word in said for word in ("where", "got", "wanted"))
    pictured(tab, "what-fails")
    wrong.get_by_role("link", name="LSTM-1", exact=True).click()
    pictured(tab, "the-failing-input")
    (tmp_path / "shown.py").write_text(copied(tab, "Copy the script"), encoding="utf-8")
    done = run(["shown.py"], tmp_path)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("got ")


def test_the_command_writes_a_script_that_fails(visit: Visit, wrong_class: Named, tmp_path: Path) -> None:
    tab = visit([wrong_class])
    tab.locator("article ul.bad a", has_text="LSTM-1").first.click()
    program, *words = shlex.split(copied(tab, "Copy the command"))
    assert program == "rnnspec"
    written = run(["-m", "rnnspec", *words, "-o", "written.py"], tmp_path)
    assert written.returncode == 0, written.stderr
    assert run(["written.py"], tmp_path).returncode == 1


def test_what_broke_between_two_versions(visit: Visit, wrong_class: Named, pictured: Pictured) -> None:
    """As if torch's module had been well before it was that class."""
    _, head, rows = wrong_class
    named = {"wrong:IgnoresH": ("fast.jsonl 2.0", "2.0"), "torch.nn": ("fast.jsonl 1.0", "1.0")}
    both = [
        file(
            [_as(r, "mypkg:FastLSTM") for r in rows if r.implementation == name],
            label,
            **_head(head, version),
        )
        for name, (label, version) in reversed(named.items())
    ]
    tab = visit(both)
    tab.get_by_label("only where columns differ").check()
    ids = tab.locator("tr[data-level]").evaluate_all("rows => rows.filter(r => !r.hidden).map(r => r.id)")
    assert {"LSTM-1", "SEQ-1"} <= set(ids)
    assert tab.get_by_role("button", name="fail").count() >= 2
    tab.locator("#page\\:clauses").evaluate("(head) => head.scrollIntoView()")
    pictured(tab, "what-broke")


def _as(row: Row, name: str) -> Row:
    return Row(**{**vars(row), "implementation": name})


def _head(head: Any, version: str) -> dict[str, Any]:
    return {
        "implementations": [{"name": "mypkg:FastLSTM", "versions": {"mypkg": version}}],
        "date": head["date"],
    }


def test_what_is_missing(visit: Visit, wrong_class: Named, pictured: Pictured) -> None:
    tab = visit([wrong_class])
    tab.locator("article", has_text="wrong:IgnoresH").get_by_role("link", name="not claimed").click()
    tab.get_by_text(" clauses", exact=False).first.wait_for()
    shown = "rows => rows.filter((row) => row.checkVisibility()).map((row) => row.id)"
    wanted = {
        r.clause for r in wrong_class[2] if r.outcome == "NOT CLAIMED" and r.implementation != "torch.nn"
    }
    assert set(tab.locator("tr[data-level]").evaluate_all(shown)) == wanted != set()
    pictured(tab, "what-is-missing")


READY = """new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"""


def test_a_hundred_thousand_rows_open_in_under_a_second(visit: Visit) -> None:
    """From the start of the navigation to a frame that has been drawn with everything in its place."""
    text = page(many(20, 5000))
    times = []
    for _ in range(3):
        tab = visit(text)
        times.append(tab.evaluate(READY) / 1000)
        assert tab.evaluate("document.documentElement.dataset.ready") is not None
        tab.context.close()
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    assert min(times) < (3 if busy else 1), times


def test_a_large_page_answers_soon(visit: Visit) -> None:
    tab = visit(many(20, 5000))
    acts = (
        "state.q = 'claim7', changed()",
        "state = {...NONE, outcome: ['FAIL']}, changed()",
        "open('LSTM-1')",
    )
    for act in acts:
        tab.evaluate(f"window.from = performance.now(); {act}; document.body.offsetHeight")
        assert tab.evaluate("performance.now() - from") < 2000
