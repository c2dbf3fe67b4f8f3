"""`rnnspec suspects`: the clauses that nobody passes, from files of results."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rnnspec import result
from rnnspec.cli import app
from rnnspec.result import Row
from rnnspec.suspects import suspects

BY = {
    "one": {"SEQ-1": "PASS", "SEQ-2": "FAIL", "SEQ-10": "NOT CLAIMED", "BAT-1": "CRASH", "ERR-1": "KNOWN"},
    "two": {"SEQ-1": "FAIL", "SEQ-2": "FAIL", "SEQ-10": "NOT CLAIMED", "BAT-1": "PASS", "ERR-1": "FAIL"},
}
"""The outcomes of two implementations."""


def row(clause: str, implementation: str, outcome: str, dtype: str = "float32") -> Row:
    words = (clause, "MUST", "GRU-T5-B3-I4-H7", "GRU", implementation, "cpu", dtype, outcome)
    return Row(*words, headroom=None, message="" if outcome == "PASS" else "so", seconds=0.1)


def rows(implementation: str) -> list[Row]:
    return [row(clause, implementation, outcome) for clause, outcome in BY[implementation].items()]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A file of each implementation, and one that holds both."""
    kept = {**{name: rows(name) for name in BY}, "both": [each for name in BY for each in rows(name)]}
    for name, mine in kept.items():
        head = result.header(len(mine), [{"name": each} for each in BY if each == name or name == "both"])
        result.write(tmp_path / f"{name}.jsonl", head, mine)
    return [str(tmp_path / f"{name}.jsonl") for name in kept]


def run(*names: str) -> Result:
    return CliRunner().invoke(app, ["suspects", *names])


def test_what_nobody_passes_in_reading_order() -> None:
    found = suspects([each for name in BY for each in rows(name)])
    assert [suspect.clause for suspect in found] == ["SEQ-2", "SEQ-10", "ERR-1"]


def test_one_row_that_passes_clears_a_clause() -> None:
    every = [each for name in BY for each in rows(name)]
    cleared = [*every, row("SEQ-2", "two", "PASS", "float64")]
    assert [suspect.clause for suspect in suspects(cleared)] == ["SEQ-10", "ERR-1"]


def test_a_claim_of_speed_is_no_suspect() -> None:
    both = [row(clause, name, "NOT CLAIMED") for clause in ("SPD-3", "SEQ-10") for name in BY]
    assert [each.clause for each in suspects(both)] == ["SEQ-10"]


def test_a_listed_deviation_that_is_gone_clears_a_clause() -> None:
    assert suspects([row("ERR-1", "one", "FAIL"), row("ERR-1", "two", "FIXED")]) == []


def test_files_are_read_together_or_one_for_all(files: list[str]) -> None:
    one, two, both = files
    for names in ([one, two], [both]):
        ran = run(*names)
        assert ran.exit_code == 1
        assert (
            ran.stdout
            == """\
SEQ-2
  one: 1 FAIL
  two: 1 FAIL
SEQ-10
  one: 1 NOT CLAIMED
  two: 1 NOT CLAIMED
ERR-1
  one: 1 KNOWN
  two: 1 FAIL
3 suspect clauses, for one, two
"""
        )


def test_an_implementation_without_rows_of_a_clause_is_no_witness(tmp_path: Path, files: list[str]) -> None:
    mine = [row("SEQ-2", "three", "FAIL")]
    result.write(tmp_path / "three.jsonl", result.header(1, []), mine)
    ran = run(*files[:1], str(tmp_path / "three.jsonl"))
    assert "BAT-1\n  one: 1 CRASH\n  three: no row\n" in ran.stdout


def test_none(tmp_path: Path) -> None:
    mine = [row("SEQ-1", "one", "FAIL"), row("SEQ-1", "two", "PASS")]
    result.write(tmp_path / "mine.jsonl", result.header(2, []), mine)
    ran = run(str(tmp_path / "mine.jsonl"))
    assert (ran.exit_code, ran.stdout) == (0, "no suspect clauses, for one, two\n")


def test_one_alone_is_too_little(files: list[str]) -> None:
    ran = run(files[0], files[0])
    assert (ran.exit_code, ran.stdout) == (0, "one alone is too little to suspect a clause\n")


def test_what_cannot_be_read_is_said_in_a_line(tmp_path: Path, files: list[str]) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text(Path(files[0]).read_text().replace("MUST", "MUSTARD", 1))
    for name, place in ((str(broken), f"{broken}:2: level"), ("none.jsonl", "none.jsonl:1: cannot be read")):
        ran = run(files[0], name)
        assert (ran.exit_code, ran.stdout) == (2, "")
        assert ran.stderr.startswith(f"rnnspec: {place}")
        assert ran.stderr.count("\n") == 1
