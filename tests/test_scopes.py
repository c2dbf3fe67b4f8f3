"""The scopes and seeds: which cases are tried, what a file of results says of it, and what goes with what."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
import torch

from rnnspec import axes, result, scopes
from rnnspec.case import Case
from rnnspec.catalogue import Clause, every
from rnnspec.deviations import Entry
from rnnspec.loading import load
from rnnspec.network import Network
from rnnspec.notation import MODES
from rnnspec.scopes import FURTHER, ISOLATED, SLOW, Scope

CLAUSES = '''
import pytest
from rnnspec.axes import GRU, LSTM, TANH, cases, each
from rnnspec.bound import propagated
from rnnspec.check import agrees

@pytest.mark.clause(id="ELM-1", level="MUST", source="the equation")
@cases(TANH, each({"T": 1}, {"H": 9}, {"H": 5}))
@cases(TANH, each({"T": 131}, {"H": 131}), scope="full")
def test_step(rnn, case):
    """A step is the equation's, to the bound."""
    agrees(rnn(case.input, case.state), *propagated(case))

@pytest.mark.clause(id="SEQ-2", level="MUST", source="the equations")
@cases([*TANH, *GRU, *LSTM])
def test_all(rnn, case):
    """A network computes its equations."""
    agrees(rnn(case.input, case.state), *propagated(case))

@pytest.mark.clause(id="SEQ-9", level="MUST", source="a recording")
@cases(GRU, each({"grid": 6}))
def test_recorded(rnn, case, recorded):
    """A recording has the numbers of one seed."""
    recorded.read("SEQ-9", case.mode, "GRU-T5-B3-I4-H7-grid6")
    agrees(rnn(case.input, case.state), *propagated(case))
'''

FIRST = {"RNN-T5-B3-I4-H5": 1, "LSTM-T5-B3-I4-H7": 1, "GRU-T5-B3-I4-H7-grid6": 1}
CORE = {
    **dict.fromkeys(("RNN-T1-B3-I4-H7", "RNN-T5-B3-I4-H9", "RNN-T5-B3-I4-H5"), 2),
    **dict.fromkeys(("RNN-T5-B3-I4-H7", "GRU-T5-B3-I4-H7", "LSTM-T5-B3-I4-H7", "GRU-T5-B3-I4-H7-grid6"), 2),
}
BEYOND = dict.fromkeys(("RNN-T131-B3-I4-H7", "RNN-T5-B3-I4-H131"), 2)
SMALLEST = ("RNN-T5-B3-I4-H5", "RNN-T5-B3-I4-H7", "GRU-T5-B3-I4-H7", "LSTM-T5-B3-I4-H7")


@pytest.fixture(autouse=True)
def project(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with three clauses, for the tests that ask for one."""
    if "pytester" in request.fixturenames:
        monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
        request.getfixturevalue("pytester").makepyfile(test_three=CLAUSES)


def tried(pytester: pytest.Pytester, *options: str) -> tuple[dict[str, object], Counter[str]]:
    """The header of a run that passes, and how often each case is in it."""
    run = pytester.runpytest_inprocess("--rnn-results=out.jsonl", *options)
    assert run.ret == 0, run.stdout.str()
    head, rows = result.read(Path(pytester.path, "out.jsonl"))
    assert {row.outcome for row in rows} == {"PASS"}
    assert len({row.key for row in rows}) == len(rows)
    return head, Counter(row.case for row in rows)


class TestScopes:
    def test_smoke(self, pytester: pytest.Pytester) -> None:
        """Of each clause one case, in one dtype: not that of one step, and the third mode for clause 2."""
        head, cases = tried(pytester, "--rnn-scope=smoke")
        assert cases == FIRST
        assert (head["scope"], head["seed"], head["rows"]) == ("smoke", "of each case", 3)

    def test_core_is_the_default(self, pytester: pytest.Pytester) -> None:
        head, cases = tried(pytester)
        assert cases == CORE
        assert (head["scope"], head["seed"]) == ("core", "of each case")
        assert tried(pytester, "--rnn-scope=core")[1] == CORE

    def test_full(self, pytester: pytest.Pytester) -> None:
        """All of core, what is marked, and further seeds of the smallest, but not of a recording."""
        head, cases = tried(pytester, "--rnn-scope=full")
        seeded = {f"{name}-seed{seed}": 2 for name in SMALLEST for seed in FURTHER}
        assert cases == CORE | BEYOND | seeded
        assert head["scope"] == "full"

    def test_the_terminal_says_which(self, pytester: pytest.Pytester) -> None:
        run = pytester.runpytest_inprocess("--rnn-scope=smoke", "--rnn-seed=7")
        run.stdout.fnmatch_lines(["rnnspec: torch.nn on cpu; *; scope smoke seed 7"])

    def test_smoke_of_one_mode(self, pytester: pytest.Pytester) -> None:
        """Turns are taken among the modes that an implementation has."""
        assert tried(pytester, "--rnn-scope=smoke", "--rnn=torch.nn:LSTM")[1] == {"LSTM-T5-B3-I4-H7": 1}

    def test_workers_try_the_same(self, pytester: pytest.Pytester) -> None:
        assert tried(pytester, "--rnn-scope=smoke", "-n2")[1] == FIRST


class TestSeeds:
    def test_replace_those_of_the_cases(self, pytester: pytest.Pytester) -> None:
        """Of every case but the recorded; 1 has no word in a name."""
        head, cases = tried(pytester, "--rnn-seed=1", "--rnn-seed=23", "--rnn-seed=23")
        assert cases == CORE | {f"{name}-seed23": 2 for name in CORE if "grid" not in name}
        assert head["seed"] == [1, 23]

    def test_in_full_there_are_no_others(self, pytester: pytest.Pytester) -> None:
        _, cases = tried(pytester, "--rnn-scope=full", "--rnn-seed=23")
        kept = "GRU-T5-B3-I4-H7-grid6"
        assert cases == {kept: 2} | {f"{name}-seed23": 2 for name in CORE | BEYOND if name != kept}

    def test_cases_that_differ_by_their_seed_are_tried_once(self) -> None:
        pair = [Case("GRU"), Case("GRU", seed=6)]
        assert Scope("core", (3,)).cases("SEQ-1", pair, fixed=False) == [Case("GRU", seed=3)]
        assert Scope("core", (3,)).cases("SEQ-1", pair, fixed=True) == pair

    def test_a_listed_deviation_is_one_with_every_seed(self) -> None:
        seen, case = date(2026, 11, 25), ("GRU-T5-B3-I4-H7",)
        entry = Entry("SEQ-1", "torch.nn", "a bug", "https://a.b/c", seen, case=case)
        for tried, known in ((Case("GRU"), True), (Case("GRU", seed=9), True), (Case("GRU", H=9), False)):
            network = Network(load("torch.nn"), tried, torch.device("cpu"))
            assert entry.applies("SEQ-1", network) == known

    def test_a_seed_of_full_that_is_in_core_is_tried_once(self) -> None:
        pair = [Case("GRU"), Case("GRU", seed=FURTHER[0])]
        cases = Scope("full").cases("SEQ-1", pair, fixed=False)
        assert [case.seed for case in cases] == [1, *FURTHER]


BAD = {
    ("--rnn-scope=tiny",): "--rnn-scope: 'tiny' is not one of smoke, core, full",
    ("--rnn-seed=-1",): "--rnn-seed: '-1' is not a whole number from 0 to 2**32 - 1",
    ("--rnn-seed=4294967296",): "--rnn-seed: '4294967296' is not a whole number",
    ("--rnn-seed=1.5",): "--rnn-seed: '1.5' is not a whole number",
    ("--snapshot-update", "--rnn-device=cpu", "--rnn-scope=smoke"): "leave out --rnn-scope and --rnn-seed",
    ("--snapshot-update", "--rnn-device=cpu", "--rnn-scope=full"): "leave out --rnn-scope and --rnn-seed",
    ("--snapshot-update", "--rnn-device=cpu", "--rnn-seed=1"): "leave out --rnn-scope and --rnn-seed",
}


@pytest.mark.parametrize(("options", "said"), BAD.items(), ids=" ".join)
def test_a_wrong_option_is_one_clear_line(
    options: tuple[str, ...], said: str, pytester: pytest.Pytester
) -> None:
    run = pytester.runpytest_inprocess(*options)
    assert run.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in run.errlines if line.strip()]
    assert line.startswith("ERROR: --")
    assert said in line


def test_cases_know_two_scopes() -> None:
    with pytest.raises(ValueError, match="core or full, not 'smoke'"):
        axes.cases(axes.GRU, scope="smoke")


class TestTheSpecification:
    """What must hold of the clauses that there are."""

    def test_smoke_tries_every_clause_and_mode(self) -> None:
        """But the slow ones; a clause about half types alone is in no scope of float32 and float64."""
        taken = Counter(case.mode for clause in every() for case in smoke(clause))
        assert set(taken) == set(MODES)
        left = {str(clause) for clause in every() if not Scope("smoke").has(str(clause))}
        assert sum(taken.values()) == sum(bool(core(c)) and str(c) not in left for c in every())
        assert {name for name in SLOW if "-" in name} <= left
        assert {name.partition("-")[0] for name in left} == {name.partition("-")[0] for name in SLOW}

    def test_smoke_is_part_of_core(self) -> None:
        for clause in every():
            assert set(smoke(clause)) <= set(core(clause)), clause

    def test_smoke_isolates_nothing(self) -> None:
        """A worker for it would take longer than all of smoke."""
        assert {str(clause) for clause in every() if clause.markers("isolated")} == ISOLATED

    def test_a_recording_belongs_to_core(self) -> None:
        """In core a recording of a case that only full tries would be nobody's."""
        for clause in every():
            if "recorded" in clause.fixtures:
                assert clause.entries("full") == clause.entries("core"), clause

    def test_smoke_claims_no_recordings(self, tmp_path: Path) -> None:
        """Those that it does not read are neither unused nor in the way, and it is whole without them."""
        command = [sys.executable, "-m", "pytest", "--pyargs", "rnnspec", "-q", "--rnn-scope=smoke"]
        command.append(f"--rnn-results={tmp_path / 'smoke.jsonl'}")
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout
        assert "snapshots passed" in run.stdout
        assert "unused" not in run.stdout
        assert result.read(tmp_path / "smoke.jsonl")[0]["whole"] is True


def core(clause: Clause) -> list[Case]:
    return [case for dtype in (torch.float32, torch.float64) for case in clause.cases(dtype)]


def smoke(clause: Clause) -> list[Case]:
    scope = Scope("smoke")
    return scope.cases(str(clause), core(clause), fixed=False) if scope.has(str(clause)) else []


def test_a_case_of_one_step_is_taken_only_where_there_is_no_other() -> None:
    tiny, small, large = Case("GRU", T=1), Case("GRU"), Case("GRU", H=9)
    assert list(scopes.smallest([large, tiny, small], by=("mode",))) == [small]
    assert list(scopes.smallest([tiny], by=("mode",))) == [tiny]
