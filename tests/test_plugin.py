"""The plugin: options, outcomes, exit statuses, and files of results, also on several workers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from rnnspec import result
from rnnspec.notation import BEYOND, CLAIMS

CLAUSES = '''
import pytest
from rnnspec.axes import LSTM, TANH, cases, each
from rnnspec.bound import propagated
from rnnspec.check import agrees, has_shape

@pytest.mark.clause(id="ELM-1", level="MUST", source="the equation")
@cases(TANH, each({}, {"H": 9}))
def test_step(rnn, case):
    """A step is the equation's, to the bound. The rest of the docstring is no norm."""
    agrees(rnn(case.input, case.state), *propagated(case))

@pytest.mark.clause(id="ELM-12", level="MAY", source="the documents")
@pytest.mark.needs("packed")
@cases(TANH)
def test_shape(rnn, case):
    """The output has as many columns as the state."""
    has_shape(rnn(case.input, case.state).output, (case.T, case.B, case.H))

@pytest.mark.clause(id="LSTM-1", level="SHOULD", source="the equations")
@cases(LSTM)
def test_lstm(rnn, case):
    """An LSTM keeps a cell."""
    agrees(rnn(case.input, case.state), *propagated(case))
'''
ITEMS = 8
"""Four networks in two dtypes."""

MINE = """
import torch
from rnnspec.check import Failed

class Wrong(torch.nn.RNN):
    def forward(self, x, hx=None):
        output, h_n = super().forward(x, hx)
        return output * 1.001, h_n

class Raising(torch.nn.RNN):
    def forward(self, x, hx=None):
        raise ValueError("no such luck")

class Misusing(torch.nn.RNN):
    def forward(self, x, hx=None):
        return torch.nn.functional.multi_margin_loss(x, hx, p=[])  # a mistake

class Asserting(torch.nn.RNN):
    def forward(self, x, hx=None):
        assert hx is None

class Listing(torch.nn.RNN):
    def forward(self, x, hx=None):
        output, h_n = super().forward(x, hx)
        return output.tolist(), h_n

class Refusing(torch.nn.RNN):
    def forward(self, x, hx=None):
        raise NotImplementedError("not yet")
"""


@pytest.fixture(autouse=True)
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with three clauses and a few implementations; without a slow summary of others'."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
    pytester.makepyfile(test_three=CLAUSES, mine=MINE)


def outcomes(path: Path) -> list[tuple[str, str]]:
    return [(row.clause, row.outcome) for row in result.read(path)[1]]


BAD_OPTIONS = {
    "--rnn=nowhere:RNN": "--rnn: cannot import 'nowhere'",
    "--rnn=mine:Nothing": "--rnn: 'mine' has no attribute 'Nothing'; it has Asserting",
    "--rnn-device=abacus": "--rnn-device: 'abacus' cannot be used here",
    "--rnn-device=meta:x": "write one of ['cpu'",
    "--rnn-dtype=float8": "--rnn-dtype: 'float8' is not one of float64, float32",
    "--rnn-with=vmaps": "--rnn-with: 'vmaps' is not one of float32, float64",
    "--rnn-shard=9/8": "--rnn-shard: '9/8' is no shard, from 1/1 to 1000/1000, such as 3/8",
    "--rnn-without=pack": "--rnn-without: 'pack' is not one of float32, float64",
}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
@pytest.mark.parametrize(("option", "said"), BAD_OPTIONS.items())
def test_a_wrong_option_is_one_clear_line(
    option: str, said: str, workers: tuple[str, ...], pytester: pytest.Pytester
) -> None:
    run = pytester.runpytest_inprocess(option, *workers)
    assert run.ret == pytest.ExitCode.USAGE_ERROR
    lines = [line for line in run.errlines if line.strip()]
    assert len(lines) == 1
    assert lines[0].startswith("ERROR: --rnn")
    assert said in lines[0]


class TestOutcomes:
    def test_pass(self, pytester: pytest.Pytester) -> None:
        run = pytester.runpytest_inprocess("--rnn-results=out.jsonl")
        run.assert_outcomes(passed=ITEMS)
        assert run.ret == 0
        run.stdout.fnmatch_lines(
            [
                "rnnspec: torch.nn on cpu; float32, float64; torch *",
                *("*= rnnspec =*", "torch.nn on cpu", "*chapter * pass", "*ELM *6", "*LSTM *2"),
                "results: *out.jsonl",
            ]
        )
        assert {outcome for _, outcome in outcomes(pytester.path / "out.jsonl")} == {"PASS"}

    def test_fail(self, pytester: pytest.Pytester) -> None:
        run = pytester.runpytest_inprocess("--rnn=mine:Wrong", "--rnn-results=out.jsonl")
        run.assert_outcomes(passed=2, failed=4)
        assert run.ret == 1
        run.stdout.fnmatch_lines(
            [
                "ELM-1 (MUST): A step is the equation's, to the bound.",
                "source: the equation",
                "tried:  mine:Wrong, RNN-T5-B3-I4-H7, float32, cpu",
                "output is not what it must be",
                "  where    output[[]t=*, b=*, h=*[]]",
                "  FAIL ELM-1 (MUST), 4 of 4 cases",
                "    A step is the equation's, to the bound.",
                "    first: RNN-T5-B3-I4-H7 float32: output is not what it must be",
            ]
        )
        rows = result.read(pytester.path / "out.jsonl")[1]
        assert [row.outcome for row in rows] == ["FAIL"] * 4 + ["PASS"] * 2
        assert all((row.headroom or 0) > 1 for row in rows[:4])
        assert rows[0].message.splitlines()[0] == "output is not what it must be"

    def test_what_an_implementation_raises_is_its_failure(self, pytester: pytest.Pytester) -> None:
        run = pytester.runpytest_inprocess("--rnn=mine:Raising", "--rnn-results=out.jsonl")
        assert run.ret == 1
        run.stdout.fnmatch_lines(["raised ValueError: no such luck", "  at *mine.py:*"])
        assert {outcome for _, outcome in outcomes(pytester.path / "out.jsonl")} == {"FAIL"}

    def test_the_line_that_is_named_is_the_implementations(self, pytester: pytest.Pytester) -> None:
        """Not that of a function of torch's which it calls."""
        run = pytester.runpytest_inprocess("--rnn=mine:Misusing")
        run.stdout.fnmatch_lines(["raised *", "  at *mine.py:*  *p=[[]])  # a mistake"])

    @pytest.mark.parametrize("name", ["Asserting", "Listing"])
    def test_whatever_an_implementation_does(self, name: str, pytester: pytest.Pytester) -> None:
        run = pytester.runpytest_inprocess(f"--rnn=mine:{name}", "--rnn-results=out.jsonl")
        assert run.ret == 1
        assert {outcome for _, outcome in outcomes(pytester.path / "out.jsonl")} == {"FAIL"}

    def test_a_broken_kit_is_an_error(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(test_three=CLAUSES.replace("propagated(case)", "propagated(7)"))
        run = pytester.runpytest_inprocess("--rnn-results=out.jsonl", "-m clause(id='ELM-1')")
        assert run.ret == 1
        run.stdout.fnmatch_lines(["*Traceback*", "*AttributeError*", "  ERROR ELM-1 (MUST), *"])
        assert {outcome for _, outcome in outcomes(pytester.path / "out.jsonl")} == {"ERROR"}

    def test_not_claimed_is_neither_pass_nor_failure(self, pytester: pytest.Pytester) -> None:
        run = pytester.runpytest_inprocess("--rnn-without=packed", "--rnn-results=out.jsonl", "-v")
        assert run.ret == 0
        assert " 6 passed, 2 not claimed in " in run.outlines[-1]
        run.stdout.fnmatch_lines(["*test_shape*NOT CLAIMED*", "*pass  not claimed"])
        rows = [row for row in result.read(pytester.path / "out.jsonl")[1] if row.clause == "ELM-12"]
        assert {row.outcome for row in rows} == {"NOT CLAIMED"}
        assert rows[0].message == (f"packed ({CLAIMS['packed']}) is not claimed: given up by --rnn-without")


class TestRunsThatTellNothing:
    @pytest.mark.parametrize(
        "options",
        [("--rnn=mine:Refusing",), ("--rnn-without=hx,packed",)],
        ids=["refused", "given-up"],
    )
    def test_nothing_claimed(self, options: tuple[str, ...], pytester: pytest.Pytester) -> None:
        run = pytester.runpytest_inprocess(*options)
        assert run.ret == 1
        assert re.search(r"= \d not claimed in", run.outlines[-1])
        run.stdout.fnmatch_lines(["no clause ran: this is not a pass"])

    def test_all_deselected(self, pytester: pytest.Pytester) -> None:
        run = pytester.runpytest_inprocess("--rnn=torch.nn", "-m", "clause(id='ELM-2')")
        assert run.ret == 1
        run.stdout.fnmatch_lines(["no clause ran: this is not a pass"])
        assert pytester.runpytest_inprocess("-m", "clause(id='ELM-2')").ret != 0

    def test_only_collecting_promises_nothing(self, pytester: pytest.Pytester) -> None:
        run = pytester.runpytest_inprocess("--collect-only", "-q")
        assert run.ret == 0
        run.stdout.no_fnmatch_line("*not a pass*")

    def test_no_mode_in_common(self, pytester: pytest.Pytester) -> None:
        run = pytester.runpytest_inprocess("--rnn=torch.nn:GRU")
        assert run.ret == 1
        run.stdout.fnmatch_lines(["no clause ran: this is not a pass"])


class TestSelection:
    def test_one_clause(self, pytester: pytest.Pytester) -> None:
        """ELM-12 begins like ELM-1."""
        run = pytester.runpytest_inprocess("-m", "clause(id='ELM-1')", "--rnn-results=out.jsonl")
        run.assert_outcomes(passed=4, deselected=4)
        assert {clause for clause, _ in outcomes(pytester.path / "out.jsonl")} == {"ELM-1"}

    def test_from_the_configuration(self, pytester: pytest.Pytester) -> None:
        pytester.makepyprojecttoml('[tool.pytest.ini_options]\nrnn = ["mine:Raising", "torch.nn"]')
        run = pytester.runpytest_inprocess("-k", "test_step")
        run.assert_outcomes(passed=4, failed=4, deselected=6)
        run = pytester.runpytest_inprocess("-k", "test_step", "--rnn=torch.nn")
        run.assert_outcomes(passed=4, deselected=4)

    def test_dtypes(self, pytester: pytest.Pytester) -> None:
        run = pytester.runpytest_inprocess("--rnn-dtype=bfloat16", "--rnn-device=cpu")
        run.assert_outcomes(passed=4)
        run.stdout.fnmatch_lines(["rnnspec: torch.nn on cpu; bfloat16; torch *"])

    def test_a_dtype_that_a_case_names(self, pytester: pytest.Pytester) -> None:
        """Once by default, whatever the default dtypes; else only where that dtype is asked for."""
        named = CLAUSES.replace("@cases(LSTM)", '@cases(LSTM, each({"dtype": torch.float16}))')
        pytester.makepyfile(test_three=f"import torch\n{named}")
        for arguments, items in (((), 1), (("--rnn-dtype=float64",), 0), (("--rnn-dtype=float16",), 1)):
            run = pytester.runpytest_inprocess("-k", "test_lstm", *arguments)
            assert run.parseoutcomes().get("passed", 0) == items

    def test_a_clause_needs_what_its_chapter_needs(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(test_three=CLAUSES + '\npytestmark = [pytest.mark.needs("half")]\n')
        run = pytester.runpytest_inprocess("--rnn-without=half", "--rnn=mine:Wrong")
        assert run.parseoutcomes().get("passed", 0) == 0
        assert run.parseoutcomes().get("failed", 0) == 0

    def test_threads(self, pytester: pytest.Pytester) -> None:
        """One by default, another number for as long as a clause is tried."""
        for given, count in (([], 1), (["--rnn-threads=3"], 3)):
            pytester.runpytest_inprocess("--rnn=torch.nn", "--rnn-results=out.jsonl", *given)
            head, _ = result.read(pytester.path / "out.jsonl")
            assert head["threads"] == count
        assert torch.get_num_threads() == 1

    def test_with(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(test_three=CLAUSES.replace('needs("packed")', 'needs("vmap")'))
        for arguments, items in (((), 0), (("--rnn-with=trace,vmap",), 2)):
            run = pytester.runpytest_inprocess("-k", "test_shape", "--rnn=mine:Wrong", *arguments)
            assert run.parseoutcomes().get("passed", 0) == items


class TestAnotherProject:
    """With rnnspec installed, nobody else's tests notice."""

    def test_its_tests(self, pytester: pytest.Pytester) -> None:
        (pytester.path / "test_three.py").unlink()
        assert pytester.runpytest_inprocess().ret == pytest.ExitCode.NO_TESTS_COLLECTED
        pytester.makepyfile(test_other="def test_a(): pass\n\ndef test_b(tmp_path): assert tmp_path")
        run = pytester.runpytest_inprocess()
        assert run.ret == 0
        run.assert_outcomes(passed=2)
        run.stdout.no_fnmatch_line("*= rnnspec =*")
        run.stdout.no_fnmatch_line("*not a pass*")

    def test_its_skips_are_skips(self, pytester: pytest.Pytester) -> None:
        (pytester.path / "test_three.py").unlink()
        pytester.makepyfile(test_other="import pytest\ndef test_a(): pytest.skip('later')")
        run = pytester.runpytest_inprocess()
        assert run.ret == 0
        run.assert_outcomes(skipped=1)


class TestResults:
    def test_header_and_rows(self, pytester: pytest.Pytester) -> None:
        arguments = ["--rnn=torch.nn", "--rnn-results=deep/out.jsonl", "--rnn-without=packed"]
        pytester.runpytest_inprocess(*arguments)
        head, rows = result.read(pytester.path / "deep" / "out.jsonl")
        assert head["rows"] == len(rows) == ITEMS
        assert head["arguments"] == arguments
        assert (head["devices"], head["dtypes"]) == (["cpu"], ["float32", "float64"])
        (subject,) = head["implementations"]
        assert subject["name"] == "torch.nn"
        given_up = {"packed", "lengths"}  # of torch's modules the second depends on the first
        assert subject["claims"]["RNN"] == sorted(CLAIMS.keys() - given_up - BEYOND.keys())
        assert {c: why for c, why in subject["unclaimed"]["RNN"].items() if c not in BEYOND} == dict.fromkeys(
            given_up, "given up by --rnn-without"
        )
        wanted = {"rnnspec", "specification", "torch", "python", "platform", "threads", "date"}
        assert wanted <= set(head)
        assert [field.name for field in fields(result.Row)] == [
            *("clause", "level", "case", "mode", "implementation", "device", "dtype"),
            *("outcome", "headroom", "message", "seconds", "reproducer", "kernels"),
        ]
        assert rows == sorted(rows, key=lambda row: row.key)
        assert len({row.key for row in rows}) == ITEMS
        assert {row.level for row in rows} == {"MUST", "SHOULD", "MAY"}
        assert all(row.outcome in result.OUTCOMES and row.outcome.isupper() for row in rows)
        assert all(0 <= row.headroom <= 1 for row in rows if row.headroom is not None)

    def test_a_failure_keeps_its_script(self, pytester: pytest.Pytester) -> None:
        run = pytester.runpytest_inprocess("--rnn=mine:Wrong", "--rnn-results=out.jsonl")
        _, rows = result.read(pytester.path / "out.jsonl")
        scripts = [row.reproducer for row in rows if row.outcome == "FAIL"]
        assert scripts
        assert all("from mine import Wrong" in script for script in scripts)
        assert all(f"    {line}" in run.outlines for line in scripts[0].splitlines())
        assert not any(row.reproducer for row in rows if row.outcome != "FAIL")

    def test_the_header_tells_that_a_part_was_left_out(self, pytester: pytest.Pytester) -> None:
        """Here all chapters but one; tests/test_scopes.py has a run that is whole."""
        pytester.runpytest_inprocess("--rnn=torch.nn", "--rnn-results=out.jsonl")
        assert result.read(pytester.path / "out.jsonl")[0]["whole"] is False

    def test_an_incomplete_run_leaves_no_file(self, pytester: pytest.Pytester) -> None:
        """Not even that of an earlier run."""
        path = pytester.path / "out.jsonl"
        path.write_text("of an earlier run")
        run = pytester.runpytest_inprocess("-x", "--rnn=mine:Wrong", "--rnn-results=out.jsonl")
        assert run.ret == 1
        assert not path.exists()
        run.stdout.fnmatch_lines(
            ["1 of 6 rows: this is not a pass", "no results written to *: the run is not complete"]
        )


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, str, Path]]:
    place = tmp_path_factory.mktemp("elsewhere")
    (place / "mine.py").write_text(MINE)
    found = []
    chapters = [f"rnnspec.clauses.{name}" for name in ("test_30_elman", "test_40_sequence")]
    for name, more in (("alone", ["rnnspec"]), ("xdist", [*chapters, "-n", "2"])):
        file = place / f"{name}.jsonl"
        command = [sys.executable, "-m", "pytest", "--pyargs", *more]
        command += ["-m", "clause(id='ELM-1') or clause(id='SEQ-10')", "-k", "RNN"]
        command += ["--rnn=torch.nn", "--rnn=mine:Wrong", "--rnn-without=packed"]
        command += [f"--rnn-results={file.name}", "--rnn-dtype=float32"]
        command += ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
        env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        run = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, check=False)
        found.append((run.returncode, run.stdout, file))
    return found


class TestInProcesses:
    """Once in a process of its own from another directory, once on two workers."""

    def test_status(self, pair: list[tuple[int, str, Path]]) -> None:
        for status, out, _ in pair:
            assert status == 1, out
            assert "FAIL ELM-1 (MUST)" in out
            assert "h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)." in out

    def test_rows_are_the_same(self, pair: list[tuple[int, str, Path]]) -> None:
        (head, rows), (other_head, others) = (result.read(file) for *_, file in pair)
        varies = {"date", "arguments", "seconds"}
        assert {k: v for k, v in head.items() if k not in varies} == {
            k: v for k, v in other_head.items() if k not in varies
        }
        assert [vars(r) | {"seconds": 0} for r in rows] == [vars(r) | {"seconds": 0} for r in others]

    def test_clauses_come_from_the_package(self, pair: list[tuple[int, str, Path]]) -> None:
        _, rows = result.read(pair[0][2])
        seen = {(row.clause, row.implementation, row.outcome) for row in rows}
        assert seen == {
            ("ELM-1", "torch.nn", "PASS"),
            ("ELM-1", "mine:Wrong", "FAIL"),
            ("SEQ-10", "torch.nn", "NOT CLAIMED"),
            ("SEQ-10", "mine:Wrong", "NOT CLAIMED"),
        }
