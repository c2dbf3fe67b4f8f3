"""Shards: every row is in one of them, the same everywhere; together they are the run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import balance
from rnnspec import recording, result, shards
from rnnspec.catalogue import every
from rnnspec.notation import dtype_name
from rnnspec.result import Row
from rnnspec.scopes import ISOLATED
from rnnspec.shards import Shard, place, shard
from rows_kit import row, run


def core() -> Iterator[Row]:
    """Of every clause and case, of which each takes an equal part of the recorded time."""
    recorded = json.loads(shards.RECORDED.read_text("utf-8"))
    for clause in every():
        cases = [case for dtype in (torch.float32, torch.float64) for case in clause.cases(dtype)]
        seconds = recorded.get(str(clause), 0) / max(1, len(cases)) / 1000
        for case in cases:
            yield row(str(clause), case=str(case), dtype=dtype_name(case.dtype), seconds=seconds)


def places(count: int) -> dict[str, int]:
    return {f"{r.clause} {r.case} {r.dtype}": place(r.clause, r.case, r.dtype, count) for r in core()}


class TestPlace:
    @pytest.mark.parametrize("count", [1, 2, 3, 8, 24])
    def test_every_row_is_in_one_and_none_is_empty(self, count: int) -> None:
        parts = [Shard(number, count) for number in range(1, count + 1)]
        found = Counter[Shard]()
        for each in core():
            (mine,) = [part for part in parts if part.has(each.clause, each.case, each.dtype)]
            found[mine] += 1
        assert found.keys() == set(parts)

    def test_the_same_in_every_process(self) -> None:
        """Which has its own hash(), and the order of its sets."""
        code = "import json, test_shards; print(json.dumps(test_shards.places(8)))"
        for seed in ("1", "2"):
            env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed}
            ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
            assert json.loads(ran.stdout) == places(8)

    @pytest.mark.parametrize("count", [2, 4, 8, 12])
    def test_balanced_by_recorded_seconds(self, count: int) -> None:
        loads = balance.loads([each for each in core() if each.seconds], count)
        assert max(loads) <= 1.25 * sum(loads) / count

    def test_a_clause_without_a_record_is_spread(self) -> None:
        found = Counter(place("NEW-1", f"GRU-T{number}", "float32", 8) for number in range(800))
        assert found.keys() == set(range(1, 9))
        assert max(found.values()) < 150

    def test_isolated_clauses_wait_for_their_workers_in_few_shards(self) -> None:
        """Starting them takes seconds."""
        found = {place(r.clause, r.case, r.dtype, 8) for r in core() if r.clause in ISOLATED}
        assert len(found) <= 3

    def test_the_records_are_those_of_a_file(self) -> None:
        rows = [row("SEQ-2", seconds=0.25), row("SHP-1", seconds=0.5), row("SEQ-2", "CRASH", seconds=0.0)]
        recorded = balance.recorded(rows)
        assert list(recorded.items()) == [("SHP-1", 500), ("SEQ-2", 250 + 1000 * balance.DEATH)]


@pytest.mark.parametrize(
    "text", ["", "x", "3", "0/8", "9/8", "1/0", "0/0", "-1/8", "1/8/2", "1.0/8", "٣/8", "1/1001"]
)
def test_what_is_no_shard(text: str) -> None:
    assert shard(text) is None


def test_what_is_one() -> None:
    assert shard("3/8") == Shard(3, 8)
    assert str(shard("08/08")) == "8/8"


CLAUSES = '''
import pytest
from rnnspec.axes import CELLS, LAYERS, LSTM, TANH, cases, each
from rnnspec.bound import propagated
from rnnspec.check import agrees, has_shape

@pytest.mark.clause(id="SEQ-1", level="MUST", source="the equations")
@cases([*TANH, *LSTM], LAYERS, each({}, {"H": 9}))
@cases(CELLS)
def test_all(rnn, case):
    """A network computes its equations."""
    agrees(rnn(case.input, case.state), *propagated(case))

@pytest.mark.isolated("it may")
@pytest.mark.clause(id="ERR-31", level="MUST", source="the documents")
@cases([*TANH, *LSTM], each({}, {"H": 9}))
def test_harm(rnn, case):
    """It ends no process."""
    agrees(rnn(case.input, case.state), *propagated(case))
'''

CONFTEST = """
from pathlib import Path
from rnnspec import recording
recording.CHAPTERS = Path(__file__).parent
"""


@pytest.fixture
def small(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A specification of two clauses, of which one runs apart."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
    monkeypatch.setattr(recording, "CHAPTERS", pytester.path)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_two=CLAUSES)
    return pytester


def tried(pytester: pytest.Pytester, name: str, *options: str, status: int = 0) -> pytest.RunResult:
    """Without a worker, which takes seconds to start, unless the options ask for one."""
    fixed = ("--rnn-device=cpu", "--rnn-isolate=never", f"--rnn-results={name}")
    found = pytester.runpytest_inprocess(*fixed, *options)
    assert found.ret == status, found.stdout.str()
    return found


def joined(pytester: pytest.Pytester, count: int, *options: str) -> tuple[dict[str, Any], list[Row]]:
    """The results of that many shards, merged."""
    names = [f"{number}.jsonl" for number in range(1, count + 1)]
    for number, name in enumerate(names, 1):
        tried(pytester, name, f"--rnn-shard={number}/{count}", *options)
    ran = run("merge", *(pytester.path / name for name in names), "-o", pytester.path / "joined.jsonl")
    assert (ran.exit_code, ran.output) == (0, "")
    return result.read(pytester.path / "joined.jsonl")


def timeless(rows: list[Row]) -> list[dict[str, Any]]:
    return [vars(each) | {"seconds": 0} for each in rows]


OF_ITS_OWN = {"arguments", "date", "merged", "seconds"}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Two headers, but for what each run has of its own."""
    return {k: v for k, v in one.items() if k not in OF_ITS_OWN} == {
        k: v for k, v in other.items() if k not in OF_ITS_OWN
    }


def test_eight_shards_of_the_specification_are_the_whole_of_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:cacheprovider")
    options = ("--pyargs", "rnnspec", "--rnn-scope=smoke")
    tried(pytester, "all.jsonl", *options)
    head, rows = result.read(pytester.path / "all.jsonl")
    found, theirs = joined(pytester, 8, *options)
    assert timeless(theirs) == timeless(rows)
    assert same(found, head)
    assert found["whole"] is True


class TestSession:
    @pytest.mark.parametrize("how", [(), ("-n2",)], ids=["alone", "xdist"])
    def test_the_isolated_and_the_distributed(self, how: tuple[str, ...], small: pytest.Pytester) -> None:
        tried(small, "all.jsonl")
        head, rows = result.read(small.path / "all.jsonl")
        found, theirs = joined(small, 2, "--rnn-isolate=marked", *how)
        assert timeless(theirs) == timeless(rows)
        assert same(found, head)
        assert {row.clause for row in rows} == {"SEQ-1", "ERR-31"}

    def test_what_a_shard_says(self, small: pytest.Pytester) -> None:
        said = tried(small, "1.jsonl", "--rnn-shard=1/2")
        head, rows = result.read(small.path / "1.jsonl")
        said.stdout.fnmatch_lines(
            ["rnnspec: *; shard 1/2", f"shard 1/2, {len(rows)} of 32 rows: no verdict*"]
        )
        assert 0 < len(rows) < 32
        assert head["shard"] == "1/2"
        assert head["of"]["rows"] == 32
        assert head["of"]["whole"] is True
        assert head["whole"] is False

    @pytest.mark.parametrize("part", ["1/1", "1/2", "2/2"])
    def test_no_shard_is_whole_and_none_conforms(self, part: str, small: pytest.Pytester) -> None:
        """Not even one that has all rows, before it is merged."""
        said = tried(small, "1.jsonl", f"--rnn-shard={part}", "--rnn-profile=sequence")
        said.stdout.fnmatch_lines(["torch.nn on cpu no verdict on profile sequence: tried in part"])
        head, _ = result.read(small.path / "1.jsonl")
        assert head["whole"] is False
        assert head["of"]["whole"] is True

    @pytest.mark.parametrize(
        "options",
        [
            ("--rnn-profile=sequence", "--rnn-profile=cell"),
            ("--rnn-profile=cell", "--rnn-without=hx"),
            ("--rnn-profile=sequence", "--rnn-scope=full"),
            ("--rnn-profile=sequence", "-k", "LSTM"),
        ],
        ids=" ".join,
    )
    def test_the_whole_has_the_verdict_of_one_run(
        self, options: tuple[str, ...], small: pytest.Pytester
    ) -> None:
        ran = small.runpytest_inprocess("--rnn-results=all.jsonl", "--rnn-device=cpu", *options)
        one = result.read(small.path / "all.jsonl")[0]
        for number in (1, 2):
            small.runpytest_inprocess(
                f"--rnn-results={number}.jsonl", "--rnn-device=cpu", f"--rnn-shard={number}/2", *options
            )
        found = run("merge", *(small.path / f"{n}.jsonl" for n in (1, 2)), "-o", small.path / "merged")
        assert found.stdout.splitlines() == one["profiles"]
        assert result.read(small.path / "merged")[0]["profiles"] == one["profiles"]
        assert found.exit_code == ("does not conform" in ran.stdout.str())

    def test_a_selection_is_sharded_and_is_a_part(self, small: pytest.Pytester) -> None:
        found, rows = joined(small, 2, "-k", "LSTM")
        assert found["whole"] is False
        assert {row.mode for row in rows} == {"LSTM", "LSTMCell"}
        tried(small, "all.jsonl", "-k", "LSTM")
        assert timeless(rows) == timeless(result.read(small.path / "all.jsonl")[1])

    def test_a_row_is_in_the_same_shard_whatever_else_is_there(self, small: pytest.Pytester) -> None:
        tried(small, "1.jsonl", "--rnn-shard=1/2")
        tried(small, "some.jsonl", "--rnn-shard=1/2", "-k", "LSTM", "--rnn-dtype=float64")
        rows, some = (
            {each.key for each in result.read(small.path / name)[1]} for name in ("1.jsonl", "some.jsonl")
        )
        assert some == {key for key in rows if "LSTM" in key[3] and key[4] == "float64"}

    def test_an_empty_shard_is_written_and_is_no_pass(self, small: pytest.Pytester) -> None:
        names = [f"{number}.jsonl" for number in range(1, 101)]
        empty = next(n for n in range(1, 101) if n not in {place(*key, 100) for key in self.keys(small)})
        said = tried(small, names[0], f"--rnn-shard={empty}/100", status=1)
        said.stdout.fnmatch_lines(["no clause ran: this is not a pass"])
        head, rows = result.read(small.path / names[0])
        assert (rows, head["of"]["rows"]) == ([], 32)

    def keys(self, small: pytest.Pytester) -> list[tuple[str, str, str]]:
        tried(small, "all.jsonl")
        rows = result.read(small.path / "all.jsonl")[1]
        return [(each.clause, each.case, each.dtype) for each in rows]
