"""`rnnspec merge` of shards: the whole run, proved, or a refusal that names what is missing."""

from __future__ import annotations

import json
from datetime import date
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from rnnspec import SPECIFICATION, result
from rnnspec.report.badge import badge
from rnnspec.report.standing import everything, standings
from rnnspec.result import Row
from rnnspec.shards import digest
from rows_kit import kept, row, run

ROWS = [row(f"SEQ-{number}") for number in range(1, 9)]
COUNT = 4


def of(rows: list[Row], whole: bool = True) -> dict[str, Any]:
    return {"rows": len(rows), "digest": digest(each.key for each in rows), "whole": whole}


def part(path: Path, number: int, rows: list[Row] | None = None, **words: Any) -> Path:
    """A shard with two of the rows."""
    mine = ROWS[2 * number - 2 : 2 * number] if rows is None else rows
    told = {"shard": f"{number}/{COUNT}", "of": of(ROWS), "whole": False, "devices": ["cpu"]}
    return kept(path, *mine, **told | {"seconds": {"calling": 0.25}} | words)


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    return [part(tmp_path / f"{number}", number) for number in range(1, COUNT + 1)]


def refusal(tmp_path: Path, *paths: Path) -> str:
    """In a line, with status 2, and nothing is written."""
    ran = run("merge", *paths, "-o", tmp_path / "all")
    assert ran.exit_code == 2
    assert ran.stderr.count("\n") == 1
    assert not (tmp_path / "all").exists()
    return ran.stderr.removeprefix("rnnspec: ").removesuffix("\n")


@pytest.mark.parametrize("order", [1, -1])
def test_all_shards_are_the_whole(parts: list[Path], order: int, tmp_path: Path) -> None:
    ran = run("merge", *parts[::order], "-o", tmp_path / "all")
    assert (ran.exit_code, ran.output) == (0, "")
    head, rows = result.read(tmp_path / "all")
    assert rows == ROWS
    assert head["rows"] == len(ROWS)
    assert head["whole"] is True
    assert head["seconds"] == {"calling": 1.0}
    assert not {"shard", "of"} & head.keys()
    assert [each["shard"] for each in head["merged"]] == [f"{n}/{COUNT}" for n in range(1, 5)][::order]
    assert everything(head)


def test_what_is_joined_merges_with_others(parts: list[Path], tmp_path: Path) -> None:
    other = kept(tmp_path / "other", row(implementation="other"))
    assert run("merge", *parts, "-o", tmp_path / "mine").exit_code == 0
    assert run("merge", tmp_path / "mine", other, "-o", tmp_path / "all").exit_code == 0
    head, rows = result.read(tmp_path / "all")
    assert len(rows) == len(ROWS) + 1
    assert everything(head)


def test_shards_of_a_part_are_a_part(tmp_path: Path) -> None:
    """As of a run with -k."""
    paths = [part(tmp_path / str(n), n, of=of(ROWS, whole=False)) for n in range(1, COUNT + 1)]
    assert run("merge", *paths, "-o", tmp_path / "all").exit_code == 0
    assert result.read(tmp_path / "all")[0]["whole"] is False


def tally(profile: str = "cell", known: tuple[str, ...] = (), **outcomes: int) -> dict[str, Any]:
    told = {"profile": profile, "implementation": "mine", "device": "cpu"}
    return {**told, "outcomes": outcomes, "known": list(known)}


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (tally(PASS=2), "mine on cpu conforms to rnnspec {}, profile cell, scope core"),
        (tally(PASS=2, FAIL=1), "mine on cpu does not conform to profile cell: 1 row failed"),
        (tally(known=("SEQ-8",), KNOWN=1), "mine on cpu conforms *, scope core but for * SEQ-2, SEQ-8"),
    ],
)
def test_the_whole_has_a_verdict(last: dict[str, Any], said: str, tmp_path: Path) -> None:
    counts = [tally(PASS=1), tally(), tally(known=("SEQ-2",), KNOWN=1) if last["known"] else tally(), last]
    paths = [part(tmp_path / str(n), n, tallies=[each]) for n, each in enumerate(counts, 1)]
    ran = run("merge", *paths, "-o", tmp_path / "all")
    head = result.read(tmp_path / "all")[0]
    assert fnmatch(head["profiles"][0], said.format(SPECIFICATION))
    assert ran.stdout.splitlines() == head["profiles"]
    assert ran.exit_code == ("does not" in said)
    assert "tallies" not in head


def test_shards_of_other_profiles(parts: list[Path], tmp_path: Path) -> None:
    other = part(tmp_path / "other", 4, tallies=[tally()])
    assert refusal(tmp_path, *parts[:3], other) == f"{other}:1: the profiles are not those of {parts[0]}"


@pytest.mark.parametrize(
    "wrong",
    [{"profile": 1}, {"outcomes": {"PASS": -1}}, {"outcomes": {"PASS": True}}, {"known": [1]}, {"more": 1}],
    ids=str,
)
def test_what_is_no_tally(wrong: dict[str, Any], parts: list[Path], tmp_path: Path) -> None:
    other = part(tmp_path / "other", 4, tallies=[tally() | wrong])
    assert refusal(tmp_path, *parts[:3], other).endswith("is not a list of tallies")


def test_a_shard_may_be_empty(tmp_path: Path) -> None:
    cut = [ROWS[:3], ROWS[3:8], [], []]
    paths = [part(tmp_path / str(n), n, rows) for n, rows in enumerate(cut, 1)]
    assert "shard 4 of 4 is missing" in refusal(tmp_path, *paths[:3])
    assert run("merge", *paths, "-o", tmp_path / "all").exit_code == 0
    assert result.read(tmp_path / "all")[1] == ROWS


def test_one_of_one(tmp_path: Path) -> None:
    alone = part(tmp_path / "1", 1, ROWS, shard="1/1")
    assert not everything(result.read(alone)[0])
    assert run("merge", alone, "-o", tmp_path / "all").exit_code == 0
    assert everything(result.read(tmp_path / "all")[0])


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ([1, 2, 3], "shard 4 of 4 is missing"),
        ([4, 2], "shards 1 and 3 of 4 are missing"),
        ([2], "shards 1, 3 and 4 of 4 are missing"),
    ],
)
def test_what_is_missing_is_named(there: list[int], said: str, parts: list[Path], tmp_path: Path) -> None:
    assert refusal(tmp_path, *(parts[number - 1] for number in there)) == said


def test_a_shard_twice(parts: list[Path], tmp_path: Path) -> None:
    """Also in the place of another, and if it is of another time."""
    again = part(tmp_path / "again", 3, date="2026-11-20T10:00:00+00:00")
    said = f"{again}:1: shard 3/4 is {parts[2]} too"
    assert refusal(tmp_path, *parts, again) == said
    assert refusal(tmp_path, *parts[:3], again) == said


def subject(version: str, claims: list[str]) -> dict[str, Any]:
    return {"name": "mine", "versions": {"lib": version}, "claims": {"GRU": claims}}


OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"shard": "4/5"}, "shard 4/5 where {first} is 1/4"),
    ({"of": of([*ROWS[1:], row("SEQ-99")])}, "a shard of 8 rows with sha256:"),
    ({"of": of(ROWS, whole=False)}, "which are not all where {first} is of 8 rows"),
    ({"specification": "0.9"}, "specification is '0.9' where {first} has '1"),
    ({"torch": "2.0"}, "torch is '2.0' where {first} has "),
    ({"scope": "full"}, "scope is 'full' where {first} has 'core'"),
    ({"seed": [7]}, "seed is [7] where {first} has 'of each case'"),
    ({"dtypes": ["float64"]}, "dtypes is ['float64'] where {first} has ['float32', 'float64']"),
    ({"devices": ["cuda"]}, "devices is ['cuda'] where {first} has ['cpu']"),
    ({"threads": 2}, "threads is 2 where {first} has "),
    ({"rnnspec": "9.9"}, "rnnspec is '9.9' where {first} has "),
    ({"implementations": [subject("2.0", ["hx"])]}, "the versions of mine are not those in {first}"),
    ({"implementations": [subject("1.0", [])]}, "the claims of mine are not those in {first}"),
]
"""What is otherwise in the last shard."""


@pytest.mark.parametrize(("words", "said"), OTHERS)
def test_a_shard_of_another_run(words: dict[str, Any], said: str, parts: list[Path], tmp_path: Path) -> None:
    other = part(tmp_path / "other", COUNT, **words)
    found = refusal(tmp_path, *parts[:-1], other)
    assert found.startswith(f"{other}:1: ")
    assert said.format(first=parts[0]) in found


@pytest.mark.parametrize(
    "rows", [ROWS[6:7], [*ROWS[6:], row("SEQ-99")], [ROWS[6], row("SEQ-8", case="GRU-T5-B3-I4-H8")]]
)
def test_other_rows_than_those_of_the_run(rows: list[Row], parts: list[Path], tmp_path: Path) -> None:
    """One is missing, one is too many, one is another."""
    last = part(tmp_path / "last", COUNT, rows)
    assert "the run is of 8 rows with sha256:" in refusal(tmp_path, *parts[:-1], last)


def test_a_row_of_another_shard(parts: list[Path], tmp_path: Path) -> None:
    last = part(tmp_path / "last", COUNT, [ROWS[0], *ROWS[6:]])
    assert f"SEQ-1 of mine on GRU-T5-B3-I4-H7, float32, cpu is in {parts[0]} too" in refusal(
        tmp_path, *parts[:-1], last
    )


def test_a_shard_and_what_is_none(parts: list[Path], tmp_path: Path) -> None:
    other = kept(tmp_path / "other", row(implementation="other"))
    said = f"{parts[0]}:1: a shard, and {other} is none: merge shards by themselves first"
    assert refusal(tmp_path, *parts, other) == said
    assert refusal(tmp_path, other, *parts) == said


def test_a_lone_shard_is_no_verdict(tmp_path: Path) -> None:
    """Not even where the file says that it is whole."""
    head, rows = result.read(part(tmp_path / "1", 1, whole=True))
    (found,) = standings([(head, rows)])
    assert not found.whole
    assert found.state(date.today()) == "partial"
    assert badge([found], date.today()).colour == "lightgrey"


SPOILT: list[tuple[str, Any]] = [
    *(("shard", value) for value in ("0/4", "5/4", "x", 3, None, "1/4/2")),
    *(("of", value) for value in (8, {}, {"rows": 8}, {**of(ROWS), "rows": "8"}, {**of(ROWS), "more": 1})),
]


@pytest.mark.parametrize(("key", "value"), SPOILT)
def test_a_header_of_other_things(key: str, value: Any, parts: list[Path], tmp_path: Path) -> None:
    bad = part(tmp_path / "bad", COUNT, **{key: value})
    assert refusal(tmp_path, *parts[:-1], bad).startswith(f"{bad}:1: {key} = ")


@pytest.mark.parametrize("key", ["shard", "of"])
def test_half_of_what_a_shard_says(key: str, parts: list[Path], tmp_path: Path) -> None:
    first, *lines = parts[0].read_text().split("\n")
    head = json.loads(first)
    del head["header"][key]
    parts[0].write_text("\n".join([json.dumps(head), *lines]))
    assert refusal(tmp_path, *parts) == f"{parts[0]}:1: of shard and of, one is missing"
