"""The conformance table says of every row of the results what it is, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rnnspec import result
from rnnspec.cli import app
from rnnspec.report import conformance


def row(clause: str, outcome: str, implementation: str = "mine", dtype: str = "float32") -> result.Row:
    return result.Row(clause, "MUST", "LSTM-T5", "LSTM", implementation, "cpu", dtype, outcome, None, "", 0.0)


ROWS = [
    row("LSTM-1", "PASS"),
    row("LSTM-1", "KNOWN", dtype="float64"),
    row("LSTM-2", "FAIL"),
    row("LSTM-3", "CRASH"),
    row("PCK-9", "NOT CLAIMED"),
    row("LSTM-1", "PASS", "other"),
]


def head(rows: list[result.Row], *names: str) -> dict[str, object]:
    entries = [{"name": name, "versions": {"lib": f"1.{len(name)}"}} for name in names]
    return result.header(len(rows), entries, scope="core")


def table() -> list[str]:
    return list(conformance.lines([(head(ROWS, "mine", "other"), ROWS)]))


def test_a_cell_counts_what_passes_what_is_known_and_what_is_bad() -> None:
    assert table()[0] == "| implementation | LSTM | PCK |"
    assert table()[2] == "| `mine` | 1, 1 known, 2 **bad** | – |"
    assert table()[3] == "| `other` | 1 |  |"


def test_the_run_of_each_is_told_with_versions_and_date() -> None:
    (mine,) = [line for line in table() if line.startswith("| `mine` | torch ")]
    assert ", lib 1.4 | core | float32, float64 | 5 | 1 | 1 | 2 | 1 | 20" in mine


def test_the_command_prints_the_table_of_files(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    result.write(path, head(ROWS, "mine", "other"), ROWS)
    run = CliRunner().invoke(app, ["conformance", str(path)])
    assert run.exit_code == 0
    assert run.output.splitlines()[:4] == table()[:4]


@pytest.mark.parametrize("text", ["", "no results", json.dumps({"header": {"rows": 1}})])
def test_what_is_no_file_of_results_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(text)
    run = CliRunner().invoke(app, ["conformance", str(path)])
    assert run.exit_code == 2
    assert run.output.startswith("rnnspec: ")
    assert len(run.output.splitlines()) == 1
