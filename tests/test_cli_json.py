"""What the commands tell a machine by `--json` is what they tell a reader."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import typer.main

from rnnspec import catalogue
from rnnspec.adapters import SHIPPED
from rnnspec.catalogue import Clause
from rnnspec.cli import app
from rnnspec.deviations import load
from rnnspec.result import LEVELS
from rows_kit import kept, row, run

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def text(clause: Clause) -> str:
    return f"{clause} {clause.norm} {clause.says['source']}".lower()


def test_list() -> None:
    found = json.loads(run("list", "--json").stdout)
    assert [each["id"] for each in found] == [*map(str, [*catalogue.every(), *catalogue.speed()])]
    lines = run("list").stdout.splitlines()
    assert [line.split(maxsplit=2) for line in lines] == [[e["id"], e["level"], e["norm"]] for e in found]


@pytest.mark.parametrize("level", LEVELS)
def test_list_of_a_level(level: str) -> None:
    found = json.loads(run("list", "--level", level.lower(), "--json").stdout)
    assert {each["level"] for each in found} == {level}
    assert len(found) == len(run("list", "--level", level).stdout.splitlines())


def test_list_of_words() -> None:
    """All of which a clause has, in whatever case."""
    found = [each["id"] for each in json.loads(run("list", "lstm", "CELL", "--json").stdout)]
    both = [str(c) for c in catalogue.every() if "lstm" in text(c) and "cell" in text(c)]
    assert found == both
    assert 0 < len(found) < len(run("list", "lstm").stdout.splitlines())


def test_show(tmp_path: Path) -> None:
    results = kept(tmp_path / "rows", row("PAD-10", "KNOWN"), row("PAD-10", case="GRU-T1"), row("SEQ-1"))
    found = json.loads(run("show", "pad-10", "--results", results, "--json").stdout)
    said = run("show", "PAD-10", "--results", results).stdout
    assert said.startswith(f"{found['id']} ({found['level']}), {found['chapter']}\n  {found['norm']}\n")
    assert f"\nsource: {found['source']}\n" in said
    assert f"\nneeds:  {', '.join(found['needs'])}\n" in said
    assert found["deviations"]
    for each in found["deviations"]:
        assert f"deviates: {each['implementation']}, {each['condition']}: {each['reason']}\n" in said
    assert [each["outcomes"] for each in found["results"]] == [{"KNOWN": 1, "PASS": 1}]
    assert f"{results}: mine on cpu: 1 PASS, 1 KNOWN\n" in said


def test_show_of_every_clause() -> None:
    for clause in catalogue.every()[::9]:
        found = json.loads(run("show", clause, "--json").stdout)
        said = run("show", clause).stdout
        assert found["cases"] or ", any size" in said or "tried:  any size" in said
        assert ("nobody is known to deviate" in said) is (not found["deviations"])
        assert not re.search(r"\b1 cases|[ \t]\n", said)


def test_deviations() -> None:
    found = json.loads(run("deviations", "--json").stdout)
    lines = run("deviations").stdout.splitlines()
    assert len(found) == len(load().entries) == len(lines) / 3
    for each, head, reason, link in zip(found, lines[::3], lines[1::3], lines[2::3], strict=True):
        assert head.startswith(f"{each['clause']}  {each['implementation']}  {each['outcome'][0]}")
        assert (reason.strip(), link.strip()) == (each["reason"], f"{each['link']}  seen {each['seen']}")


def test_suggested_entries_are_toml_alone(tmp_path: Path) -> None:
    results = kept(tmp_path / "rows", row(outcome="FAIL", message="so"))
    assert tomllib.loads(run("deviations", "--suggest", results).stdout)["deviation"]
    ran = run("deviations", "--suggest", results, "--json")
    assert (ran.exit_code, ran.stdout) == (2, "")


def test_suspects(tmp_path: Path) -> None:
    rows = [row("SEQ-1", "FAIL", implementation=name) for name in ("a", "b")]
    path = kept(tmp_path / "rows", *rows, row("SEQ-2", implementation="a"))
    found = run("suspects", path, "--json")
    assert json.loads(found.stdout) == {"SEQ-1": {"a": {"FAIL": 1}, "b": {"FAIL": 1}}}
    assert found.exit_code == run("suspects", path).exit_code == 1


def test_handshake() -> None:
    found = json.loads(run("handshake", "torch.nn", "--json").stdout)
    assert run("handshake", "torch.nn").stdout.splitlines() == [f"{e['mode']}: {e['said']}" for e in found]
    assert not any(each["wrong"] for each in found)


def test_adapters() -> None:
    found = json.loads(run("adapters", "--json").stdout)
    assert [each["name"] for each in found] == [*SHIPPED]


def test_all_that_have_it_are_tried_here_or_with_the_command() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    with_it = {name for name in commands if any("--json" in each.opts for each in commands[name].params)}
    elsewhere = {"bench", "diff"}  # in tests/test_bench.py and tests/test_diff.py
    assert with_it == {"list", "show", "deviations", "suspects", "handshake", "adapters"} | elsewhere
