"""Clauses about all sizes: the same examples in every run, failures as fixed cases, and `--rnn-explore`."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

import wrong
from rnnspec import draws, explore, result
from rnnspec.blame import judged
from rnnspec.case import Case
from rnnspec.check import Failed, NotClaimed, has_shape
from rnnspec.clauses import test_54_any_size
from rnnspec.explore import fixed, for_all
from rnnspec.implementation import DropIn
from rnnspec.network import Network
from rnnspec.trial import Search, Trial, trying

RNN = Case("RNN")

Seen = list[tuple[Case, Mapping[str, Any]]]
Body = Callable[..., None]


def network(case: Case = RNN) -> Network:
    return Network(DropIn("torch.nn", {case.mode: getattr(torch.nn, case.mode)}), case, torch.device("cpu"))


def tried(case: Case = RNN, search: Search = Search(), **drawn: Any) -> Seen:  # noqa: B008 - frozen
    """The networks on which a row is tried."""
    seen: Seen = []

    @for_all(**drawn)
    def clause(rnn: Network, case: Case, **values: Any) -> None:
        seen.append((case, values))

    with trying(search):
        clause(network(case))
    return seen


def failing(body: Body, case: Case = RNN, *decorators: Callable[[Body], Body]) -> tuple[BaseException, Trial]:
    """What a row raises, and the trial."""
    for decorator in decorators:
        body = decorator(body)
    clause = for_all(lengths=draws.pieces)(body)
    with trying() as trial, pytest.raises(BaseException) as raised:  # noqa: PT011 - any will do
        clause(network(case))
    return raised.value, trial


def test_when_its_time_is_over_a_row_tries_no_more() -> None:
    """Whoever searches for a smaller network that fails would hang again, with nobody to interrupt."""
    tries = []

    def hangs(rnn: Network, case: Case, lengths: list[int]) -> None:
        tries.append(case)
        pytest.fail("Timeout (>3.0s) from pytest-timeout.")

    error, trial = failing(hangs)
    assert len(tries) == 1
    raised = pytest.ExceptionInfo.from_exception(error)
    outcome, message, *_ = judged(raised, trial, network())
    assert outcome == "TIMEOUT"
    assert message.startswith("took longer than 3 s\n  at       test_explore.py:")


def cut_wide(rnn: Network, case: Case, lengths: list[int]) -> None:
    """Is false of cut sequences and more than 3 units."""
    got = rnn(case.input, case.state)
    has_shape(got.output, (case.T, case.B, 0 if case.H > 3 and len(lengths) > 1 else case.H))


class TestExamples:
    def test_are_the_same_in_every_run(self) -> None:
        seen = tried(lengths=draws.lengths)
        assert seen == tried(lengths=draws.lengths)
        assert len(seen) == explore.EXAMPLES
        assert len({case for case, _ in seen}) > explore.EXAMPLES // 2

    def test_are_the_same_whatever_is_imported(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = tried(search=Search(0.3, "7"))
        (tmp_path / "full_of_numbers.py").write_text(f"NUMBERS = {[*range(300)]}")
        monkeypatch.syspath_prepend(tmp_path)
        importlib.import_module("full_of_numbers")
        after = tried(search=Search(0.3, "7"))
        least = min(len(before), len(after))
        assert least > 2 * explore.EXAMPLES
        assert before[:least] == after[:least]

    def test_differ_from_row_to_row(self) -> None:
        assert tried() != [
            (case.but(dtype=torch.float32), more) for case, more in tried(Case("RNN", dtype=torch.float64))
        ]
        assert tried() != [(case.but(seed=1), more) for case, more in tried(Case("RNN", seed=2))]

    def test_begin_with_the_smallest(self) -> None:
        assert tried(lengths=draws.lengths)[0] == (Case("RNN", T=1, B=1, I=1, H=1), {"lengths": [1]})

    def test_are_small(self) -> None:
        for case, _ in tried():
            assert all(1 <= getattr(case, letter) <= most for letter, most in explore.SMALL.items())

    def test_keep_the_options(self) -> None:
        row = Case("LSTM", L=2, P=3, bidirectional=True, bias=False)
        for case, _ in tried(row):
            assert (case.L, case.bidirectional, case.bias) == (2, True, False)
            assert 0 < case.P < case.H

    def test_draws(self) -> None:
        drawn: dict[str, Any] = {
            "pieces": draws.pieces,
            "rows": draws.rows,
            "units": draws.units,
            "lengths": draws.lengths,
        }
        for case, values in tried(**drawn):
            assert sum(values["pieces"]) == case.T
            assert min(values["pieces"]) > 0
            assert set(values["rows"]) <= set(range(case.B))
            assert sorted(values["units"]) == list(range(case.H))
            assert len(values["lengths"]) == case.B
            assert set(values["lengths"]) <= set(range(1, case.T + 1))


class TestFailures:
    LINE = '@fixed(mode="RNN", T=2, B=1, I=1, H=4, lengths=[1, 1])'

    def test_shrink_to_a_fixed_case(self) -> None:
        error, trial = failing(cut_wide)
        assert isinstance(error, Failed)
        assert trial.example.splitlines()[-1].strip() == self.LINE
        assert [call.network.case for call in trial.calls] == [Case("RNN", T=2, B=1, I=1, H=4)]

    def test_the_fixed_case_fails_when_it_is_pasted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(explore, "EXAMPLES", 1)
        pasted = eval(self.LINE[1:], {"fixed": fixed})
        error, trial = failing(lambda *args, **drawn: cut_wide(*args, **drawn), RNN, pasted)
        assert isinstance(error, Failed)
        assert self.LINE in trial.example

    @pytest.mark.parametrize(
        "other", [Case("GRU"), Case("RNN", L=2), Case("RNN", bias=False), Case("LSTM", P=3)], ids=str
    )
    def test_a_fixed_case_belongs_to_its_row(self, other: Case) -> None:
        seen = []
        body = fixed(mode=other.mode, T=9, L=other.L, P=min(other.P, 2), bias=other.bias)(
            lambda rnn, case: seen.append(case)
        )
        for case in (RNN, Case("LSTM"), other):
            seen.clear()
            with trying():
                for_all()(body)(network(case))
            assert (seen[0].T == 9) == (case == other)

    def test_of_the_implementation_are_its_own(self) -> None:
        """An exception is blamed as in any clause; one of a draw is the kit's."""
        broken = Network(DropIn("wrong:Breaks", {"RNN": wrong.Breaks}), RNN, torch.device("cpu"))
        with trying() as trial, pytest.raises(ValueError, match="no") as raised:
            test_54_any_size.test_equations(broken)
        verdict = judged(raised, trial, broken)
        assert verdict.outcome == "FAIL"
        assert '@fixed(mode="RNN", T=1, B=1, I=1, H=1)' in verdict.message
        assert "rnn = Breaks(1, 1)" in verdict.script()

        with trying() as trial, pytest.raises(ZeroDivisionError) as bad:
            for_all(half=lambda case, below: below(1) // 0)(cut_wide)(network())
        assert judged(bad, trial, network()).outcome == "ERROR"

    def test_that_come_and_go_are_failures(self) -> None:
        calls = []

        def flaky(rnn: Network, case: Case, lengths: list[int]) -> None:
            calls.append(case)
            if len(calls) == 3:
                raise Failed("once")

        error, _ = failing(flaky)
        assert isinstance(error, Failed)

    def test_not_claimed_is_no_failure(self) -> None:
        def refuses(rnn: Network, case: Case, lengths: list[int]) -> None:
            if case.B > 1:
                raise NotClaimed("one row only")

        error, _ = failing(refuses)
        assert isinstance(error, NotClaimed)

    @pytest.mark.parametrize(
        "refused", [lambda case: case.B > 1, lambda case: case.H < 3], ids=["most", "some"]
    )
    def test_not_claimed_hides_no_failure(self, refused: Callable[[Case], bool]) -> None:
        def refuses(rnn: Network, case: Case, lengths: list[int]) -> None:
            if refused(case):
                raise NotClaimed("only some sizes")
            if case.H > 1:
                raise Failed("wrong")

        error, _ = failing(refuses)
        assert isinstance(error, Failed)


class TestExploring:
    def test_the_same_seed_looks_at_the_same(self) -> None:
        one, two = (tried(search=Search(0.3, "7"), rows=draws.rows) for _ in range(2))
        other = tried(search=Search(0.3, "8"), rows=draws.rows)
        least = min(map(len, (one, two, other)))
        assert least > 2 * explore.EXAMPLES
        assert one[:least] == two[:least]
        assert one[: explore.EXAMPLES] == other[: explore.EXAMPLES] == tried(rows=draws.rows)
        assert one[:least] != other[:least]

    def test_it_goes_farther(self) -> None:
        seen = [case for case, _ in tried(search=Search(0.5, "7"))]
        assert max(case.T for case in seen) > 2 * explore.SMALL["T"]
        assert max(case.H for case in seen) > 2 * explore.SMALL["H"]
        half = [case for case, _ in tried(Case("RNN", dtype=torch.bfloat16), Search(0.3, "7"))]
        assert max(case.T for case in half) <= explore.SMALL["T"] < max(case.H for case in half)


CLAUSE = '''
import pytest
from rnnspec.axes import GRU, cases
from rnnspec.bound import pinned
from rnnspec.check import agrees
from rnnspec.explore import fixed, for_all

@pytest.mark.clause(id="GRU-1", level="MUST", source="the equations")
@cases(GRU)
@for_all()
def test_step(rnn, case):
    """A step is the equation's, for all sizes."""
    got = rnn(case.input, case.state)
    agrees(got, *pinned(case, case.input, case.state, got.output))
'''

LATE = """
import torch

class Late(torch.nn.GRU):
    def forward(self, x, hx=None):
        output, h_n = super().forward(x, hx)
        late = len(x) >= 13 and h_n.shape[-1] >= 19
        return (1.001 * output if late else output), h_n
"""


class TestOption:
    @pytest.fixture(autouse=True)
    def project(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
        pytester.makepyfile(test_late=CLAUSE, mine=LATE)

    def test_without_it_large_sizes_pass(self, pytester: pytest.Pytester) -> None:
        run = pytester.runpytest_inprocess("--rnn=mine:Late")
        assert run.ret == 0
        run.stdout.no_fnmatch_line("*exploring*")

    @pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
    def test_it_finds_what_is_wrong_with_large_sizes(
        self, workers: tuple[str, ...], pytester: pytest.Pytester
    ) -> None:
        run = pytester.runpytest_inprocess("--rnn=mine:Late", "--rnn-explore=20", *workers)
        assert run.ret == 1
        run.assert_outcomes(failed=2)
        run.stdout.fnmatch_lines(["*exploring; the same again: --rnn-explore 20:*"])
        run.stdout.fnmatch_lines(['*@fixed(mode="GRU", T=13, B=1, I=1, H=19*)'])

    def test_workers_explore_with_the_seed_that_is_printed(self, pytester: pytest.Pytester) -> None:
        """A clause that fails says with which."""
        text = """
            import pytest
            from rnnspec.axes import TANH, cases
            from rnnspec.check import Failed
            from rnnspec.trial import current

            @pytest.mark.clause(id="ANY-1", level="MUST", source="the equations")
            @cases(TANH)
            def test_seed(rnn, case):
                \"\"\"A search has no seed.\"\"\"
                raise Failed(f"searching with {current().search.seed}")

            test_seed.explores = True
        """
        pytester.makepyfile(test_late=text)
        run = pytester.runpytest_inprocess("--rnn=torch.nn", "--rnn-explore=5", "-n", "2")
        (seed,) = set(re.findall(r"the same again: --rnn-explore (5:\d+)", run.stdout.str()))
        run.stdout.fnmatch_lines([f"searching with {seed}"] * 2)

    def test_what_it_prints_fails_when_it_is_pasted(self, pytester: pytest.Pytester) -> None:
        arguments = (
            "--rnn=mine:Late",
            "--rnn-explore=20:1",
            "--rnn-dtype=float32",
            "--rnn-results=out.jsonl",
        )
        assert pytester.runpytest_inprocess(*arguments).ret == 1
        (row,) = result.read(pytester.path / "out.jsonl")[1]
        (line,) = re.findall(r"@fixed\(.*\)", row.message)
        pytester.makepyfile(test_late=CLAUSE.replace("@for_all()", f"{line}\n@for_all()"))
        assert pytester.runpytest_inprocess("--rnn=torch.nn").ret == 0
        run = pytester.runpytest_inprocess("--rnn=mine:Late")
        assert run.ret == 1
        run.stdout.fnmatch_lines([f"*{line.replace('[', '?')}"])

    @pytest.mark.parametrize("given", ["", "soon", "-1", "0", ":7", "inf"])
    def test_a_wrong_time_is_one_clear_line(self, given: str, pytester: pytest.Pytester) -> None:
        run = pytester.runpytest_inprocess(f"--rnn-explore={given}")
        assert run.ret == pytest.ExitCode.USAGE_ERROR
        (line,) = (line for line in run.errlines if line.strip())
        assert line.startswith("ERROR: --rnn-explore")
