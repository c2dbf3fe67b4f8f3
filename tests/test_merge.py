"""`rnnspec merge`: one file of several, or a refusal, and then nothing is written."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from rnnspec import result
from rnnspec.report.standing import standings
from rows_kit import kept, row, run

OLDER, NEWER = "2026-11-20T10:00:00+00:00", "2026-11-26T10:00:00+00:00"


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    """Another implementation, another device, and another clause."""
    return [
        kept(tmp_path / "a.jsonl", row(), row("SEQ-2", "FAIL"), date=NEWER),
        kept(tmp_path / "b.jsonl", row(implementation="other"), date=OLDER),
        kept(tmp_path / "c.jsonl", row(device="cuda"), date=NEWER),
    ]


def merged(*paths: Path, to: Path) -> tuple[dict[str, Any], list[result.Row]]:
    ran = run("merge", *paths, "-o", to)
    assert (ran.exit_code, ran.output) == (0, "")
    return result.read(to)


def test_every_row_is_in_it_once(parts: list[Path], tmp_path: Path) -> None:
    head, rows = merged(*parts, to=tmp_path / "all")
    wanted = [each for path in parts for each in result.read(path)[1]]
    assert sorted(rows, key=lambda r: r.key) == sorted(wanted, key=lambda r: r.key)
    assert head["rows"] == len(rows) == 4
    assert [entry["name"] for entry in head["implementations"]] == ["mine", "other"]
    assert head["devices"] == ["cpu", "cuda"]
    assert head["merged"] == [result.read(path)[0] for path in parts]


def test_the_order_of_the_files_is_no_matter_to_the_rows(parts: list[Path], tmp_path: Path) -> None:
    texts = set()
    for number, order in enumerate(itertools.permutations(parts)):
        merged(*order, to=tmp_path / f"all{number}")
        texts.add((tmp_path / f"all{number}").read_text().partition("\n")[2])
    assert len(texts) == 1


def test_the_same_files_make_the_same_file(parts: list[Path], tmp_path: Path) -> None:
    for name in ("one", "two"):
        merged(*parts, to=tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_it_is_as_old_as_the_oldest(parts: list[Path], tmp_path: Path) -> None:
    assert merged(*parts, to=tmp_path / "all")[0]["date"] == OLDER


def test_of_no_date_where_one_has_none(parts: list[Path], tmp_path: Path) -> None:
    first, *lines = parts[0].read_text().split("\n")
    head = json.loads(first)
    del head["header"]["date"]
    parts[0].write_text("\n".join([json.dumps(head), *lines]))
    found = merged(*parts, to=tmp_path / "all")
    assert {each.day for each in standings([found])} == {""}


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        ({}, True),
        ({"whole": False}, False),
        ({"whole": "true"}, False),
        ({"dtypes": ["float64"]}, False),
        ({"profiles": ["mine on cpu conforms to rnnspec 1.0, profile cell, scope core"]}, False),
    ],
)
def test_whole_where_nothing_was_left_out_of_any(words: dict[str, Any], whole: bool, tmp_path: Path) -> None:
    paths = [kept(tmp_path / "a", row()), kept(tmp_path / "b", row(implementation="other"), **words)]
    for order in (paths, paths[::-1]):
        found = merged(*order, to=tmp_path / "all")
        assert found[0]["whole"] is whole
        assert all(each.whole is whole for each in standings([found]))


def test_what_is_merged_can_be_merged(parts: list[Path], tmp_path: Path) -> None:
    first = tmp_path / "two"
    merged(*parts[:2], to=first)
    _, rows = merged(first, parts[2], to=tmp_path / "three")
    assert len(rows) == 4


def test_one_file(parts: list[Path], tmp_path: Path) -> None:
    assert merged(parts[0], to=tmp_path / "one")[1] == result.read(parts[0])[1]


def test_the_output_may_be_one_of_the_files(parts: list[Path]) -> None:
    assert len(merged(*parts, to=parts[0])[1]) == 4


REFUSED: dict[str, tuple[list[dict[str, Any]], str]] = {
    "the same row": ([{}, {}], "b:2: SEQ-1 of mine on GRU-T5-B3-I4-H7, float32, cpu is in {a} too"),
    "another specification": (
        [{}, {"name": "other", "specification": "0.9"}],
        "b:1: specification is '0.9' where {a} has '1",
    ),
    "another torch": ([{}, {"name": "other", "torch": "2.0"}], "b:1: torch is '2.0' where {a} has "),
    "another scope": ([{}, {"name": "other", "scope": "full"}], "b:1: scope is 'full' where {a} has 'core'"),
    "other seeds": ([{}, {"name": "other", "seed": [7]}], "b:1: seed is [7] where {a} has 'of each case'"),
    "another version": (
        [{}, {"clause": "SEQ-2", "implementations": [{"name": "mine", "versions": {"lib": "2.0"}}]}],
        "b:1: the versions of mine are not those in {a}",
    ),
    "other claims": (
        [{}, {"clause": "SEQ-2", "implementations": [{"name": "mine", "versions": {"lib": "1.0"}}]}],
        "b:1: the claims of mine are not those in {a}",
    ),
}


@pytest.mark.parametrize("why", REFUSED)
@pytest.mark.parametrize("onto", ["all", "a"])
def test_what_is_refused_is_not_written(why: str, onto: str, tmp_path: Path) -> None:
    """Nor is what was there changed."""
    words, said = REFUSED[why]
    paths = []
    for name, each in zip("ab", words, strict=True):
        told = dict(each)
        mine = row(told.pop("clause", "SEQ-1"), implementation=told.pop("name", "mine"))
        paths.append(kept(tmp_path / name, mine, **told))
    before = paths[0].read_bytes()
    ran = run("merge", *paths, "-o", tmp_path / onto)
    assert ran.exit_code == 2
    assert f"rnnspec: {tmp_path}/{said.format(a=paths[0])}" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert paths[0].read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


def test_one_file_given_twice_is_refused(parts: list[Path], tmp_path: Path) -> None:
    ran = run("merge", parts[0], parts[0], "-o", tmp_path / "all")
    assert ran.exit_code == 2
    assert not (tmp_path / "all").exists()


SPOILT: dict[str, list[Any]] = {
    "implementations": [5, "mine", [1], [{"name": []}], [{}], [{"name": "a", "versions": [1]}], {"a": 1}],
    "date": [None, 5, ["2026"]],
    "scope": [None, {}],
    "dtypes": ["float32", [[]], None],
    "handshakes": [5],
    "benchmarks": [5, [5], [{}]],
    "torch": [2.13],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, every in SPOILT.items() for value in every])
@pytest.mark.parametrize("command", ["merge", "report", "conformance", "suspects", "diff"])
def test_a_header_of_other_things_is_refused(key: str, value: Any, command: str, tmp_path: Path) -> None:
    good = kept(tmp_path / "good", row())
    bad = kept(tmp_path / "bad", row(implementation="other"), **{key: value})
    more: dict[str, list[Any]] = {"merge": ["-o", tmp_path / "all"], "report": ["--markdown"]}
    ran = run(command, good, bad, *more.get(command, []))
    assert ran.exit_code == 2
    assert ran.stderr.startswith(f"rnnspec: {bad}:1: {key} = ")
    assert ran.stderr.count("\n") == 1


def test_a_number_that_cannot_be_written_again_is_refused(tmp_path: Path) -> None:
    path = kept(tmp_path / "a", row())
    path.write_text(path.read_text().replace('"whole": true', '"whole": true, "x": 1e999', 1))
    ran = run("merge", path, "-o", tmp_path / "all")
    assert ran.exit_code == 2
    assert ran.stderr == f"rnnspec: {path}:1: this is not JSON: 1e999 is no number\n"


def test_a_place_that_cannot_be_written(parts: list[Path], tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    ran = run("merge", *parts, "-o", tmp_path / "folder")
    assert ran.exit_code == 2
    assert ran.stderr.count("\n") == 1
    assert not [path for path in tmp_path.iterdir() if "part" in path.name]
