"""Known deviations in a run, as a command, and as a run suggests them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deviations_kit import DIED, ENTRY, LEFT, but
from rnnspec import result
from rnnspec.cli import app
from rnnspec.deviations import Refused, load
from rnnspec.deviations.reading import read

CLAUSES = '''
import pytest
from rnnspec.axes import LSTM, TANH, cases, each
from rnnspec.bound import propagated
from rnnspec.check import agrees

@pytest.mark.clause(id="ELM-1", level="MUST", source="the equation")
@cases(TANH, each({}, {"H": 9}, {"H": 9, "seed": 2}, {"L": 2}))
def test_step(rnn, case):
    """A step is the equation's, to the bound."""
    agrees(rnn(case.input, case.state), *propagated(case))

@pytest.mark.clause(id="LSTM-1", level="SHOULD", source="the equations")
@cases(LSTM)
def test_lstm(rnn, case):
    """An LSTM keeps a cell."""
    agrees(rnn(case.input, case.state), *propagated(case))
'''

MINE = """
import torch

class Wrong(torch.nn.RNN):
    def forward(self, x, hx=None):
        output, h_n = super().forward(x, hx)
        return output * 1.001, h_n

class Right(torch.nn.RNN):
    pass

class Odd(torch.nn.RNN):
    def forward(self, x, hx=None):
        if self.num_layers == 2:
            raise ValueError(f"no such luck in {object()}")
        output, h_n = super().forward(x, hx)
        if self.hidden_size == 9 and x.dtype == torch.float32 and x[0, 0, 0] < 0:
            return output + 0.5, h_n
        if self.hidden_size == 7 and x.dtype == torch.float32:
            return output, h_n[..., 1:]
        return output, h_n

class OddLSTM(torch.nn.LSTM):
    def forward(self, x, hx=None):
        raise TypeError
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
    pytester.makepyfile(test_two=CLAUSES, mine=MINE)
    return pytester


def run(project: pytest.Pytester, text: str, *options: str) -> tuple[pytest.RunResult, dict[Any, str]]:
    """A run with a list of its own; each row's outcome."""
    project.makefile(".toml", listed=text)
    found = project.runpytest_inprocess(
        "--rnn-deviations=listed.toml", "--rnn-results=out.jsonl", "--rnn-device=cpu", *options
    )
    return found, rows(project.path / "out.jsonl")


def rows(path: Path) -> dict[Any, str]:
    return {row.key: row.outcome for row in result.read(path)[1]}


class TestRuns:
    def test_known(self, project: pytest.Pytester) -> None:
        found, outcomes = run(project, ENTRY, "--rnn=mine:Wrong")
        assert found.ret == 0
        assert " 8 known deviations in " in found.outlines[-1]
        assert set(outcomes.values()) == {"KNOWN"}

    @pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
    def test_another_signature(self, workers: tuple[str, ...], project: pytest.Pytester) -> None:
        text = ENTRY.replace("reason", "differ = [1, 10]\nreason")
        found, outcomes = run(project, text, "--rnn=mine:Wrong", *workers)
        assert found.ret == 1
        assert set(outcomes.values()) == {"FAIL"}
        found.stdout.fnmatch_lines(["  listed   with another signature: an old bug (listed.toml:1)"])
        for row in result.read(project.path / "out.jsonl")[1]:
            assert row.message.endswith("  listed   with another signature: an old bug (listed.toml:1)")

    def test_gone(self, project: pytest.Pytester) -> None:
        found, outcomes = run(project, ENTRY.replace("Wrong", "Right"), "--rnn=mine:Right")
        assert found.ret == 1
        assert set(outcomes.values()) == {"FIXED"}
        found.stdout.fnmatch_lines(
            ["*FIXED ELM-1*", "*a listed deviation is gone*an old bug (listed.toml:1)"]
        )

    @pytest.mark.parametrize(("name", "outcome"), [("Wrong", "KNOWN"), ("Right", "PASS")])
    def test_derived_from_torch(self, name: str, outcome: str, project: pytest.Pytester) -> None:
        """It inherits torch's entries, and may mend them."""
        found, outcomes = run(project, ENTRY.replace("mine:Wrong", "torch.nn"), f"--rnn=mine:{name}")
        assert found.ret == 0
        assert set(outcomes.values()) == {outcome}

    def test_where_it_does_not_apply(self, project: pytest.Pytester) -> None:
        text = ENTRY + 'dtype = "float64"\ncase = "*-H9"\nversions = { pytest = ">=8" }\n'
        found, outcomes = run(project, text, "--rnn=mine:Wrong")
        assert found.ret == 1
        listed = {key for key, outcome in outcomes.items() if outcome == "KNOWN"}
        assert {key for key in outcomes if "H9" in key[3] and key[4] == "float64"} == listed
        assert len(listed) == 2

    @pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
    def test_a_file_that_is_none_is_one_clear_line(
        self, workers: tuple[str, ...], project: pytest.Pytester
    ) -> None:
        project.makefile(".toml", listed=but("link"))
        found = project.runpytest_inprocess("--rnn-deviations=listed.toml", *workers)
        assert found.ret == pytest.ExitCode.USAGE_ERROR
        (line,) = [line for line in found.errlines if line.strip()]
        assert line.startswith("ERROR: --rnn-deviations: listed.toml:1: link is missing")


class TestCommand:
    def test_lists_them(self, tmp_path: Path) -> None:
        (tmp_path / "mine.toml").write_text(ENTRY + 'mode = "RNN"\n')
        found = CliRunner().invoke(app, ["deviations", "--rnn-deviations", str(tmp_path / "mine.toml")])
        assert found.exit_code == 0
        for one in load().entries:
            for said in (one.clause, one.implementation, one.condition, one.reason, one.link, str(one.seen)):
                assert said in found.output
        assert found.output.splitlines()[-3:] == [
            "ELM-1  mine:Wrong  FAIL  RNN",
            "    an old bug",
            "    https://example.org/1  seen 2026-11-25",
        ]

    @pytest.mark.parametrize("option", ["--rnn-deviations", "--suggest"])
    def test_what_cannot_be_read_is_said_in_a_line(self, option: str, tmp_path: Path) -> None:
        found = CliRunner().invoke(app, ["deviations", option, str(tmp_path / "nothing")])
        assert found.exit_code == 2
        assert found.stdout == ""
        assert (
            found.stderr == f"rnnspec: {tmp_path / 'nothing'}:1: cannot be read: No such file or directory\n"
        )


def suggest(path: Path) -> str:
    found = CliRunner().invoke(app, ["deviations", "--suggest", str(path)])
    assert found.exit_code == 0, found.output
    return found.stdout


def filled(text: str) -> str:
    return text.replace('reason = ""', 'reason = "odd"').replace('link = ""', 'link = "https://a.b/c"')


class TestSuggestions:
    def test_make_just_what_failed_known(self, project: pytest.Pytester) -> None:
        """Of four kinds, one of them in one dtype and with one of two seeds."""
        odd = ("--rnn=mine:Odd", "--rnn=mine:OddLSTM")
        _, before = run(project, "", *odd)
        assert set(before.values()) == {"PASS", "FAIL"}
        text = suggest(project.path / "out.jsonl")
        project.makefile(".toml", bare=text)
        with pytest.raises(Refused, match="reason = '' is not"):
            read(project.path / "bare.toml")
        found, after = run(project, filled(text), *odd)
        assert found.ret == 0, found.stdout.str()
        wanted = {key: {"FAIL": "KNOWN"}.get(outcome, outcome) for key, outcome in before.items()}
        assert after == wanted
        assert suggest(project.path / "out.jsonl") == "# nothing failed\n"

    def test_are_as_narrow_as_can_be(self, project: pytest.Pytester) -> None:
        run(project, "", "--rnn=mine:Odd", "--rnn=mine:OddLSTM")
        head, _ = result.read(project.path / "out.jsonl")
        (project.path / "x.toml").write_text(filled(suggest(project.path / "out.jsonl")))
        found = {(e.clause, e.check or e.raises): e for e in read(project.path / "x.toml")}
        raising = found["ELM-1", ("ValueError: no such luck in <object object at",)]
        assert (raising.dtype, raising.case) == (("*",), ("RNN-T5-B3-I4-H7-L2",))
        assert raising.seen.isoformat() == head["date"][:10]
        assert found["LSTM-1", ("TypeError",)].mode == ("LSTM",)
        assert found["ELM-1", ("h_n has another shape",)].case == ("RNN-T5-B3-I4-H7",)
        off = found["ELM-1", ("output is not what it must be",)]
        assert (off.device, off.dtype) == (("cpu",), ("float32",))
        assert off.case == ("RNN-T5-B3-I4-H9-seed1",)
        assert off.differ == (0.167, 1.5)

    def test_of_deaths(self, tmp_path: Path) -> None:
        """What a case died of is in its message."""
        died = {"LSTM": ("CRASH", DIED), "GRU": ("CRASH", LEFT), "RNN": ("TIMEOUT", "took longer than 3 s")}
        made = [
            result.Row("ERR-7", "MUST", f"{mode}-{n}", mode, "mine", "cpu", "float32", *told, 0.0)
            for mode, (outcome, message) in died.items()
            for n, told in enumerate([(outcome, None, message), ("PASS", 0.5, "")])
        ]
        result.write(tmp_path / "out.jsonl", result.header(len(made), []), made)
        (tmp_path / "x.toml").write_text(filled(suggest(tmp_path / "out.jsonl")))
        entries = read(tmp_path / "x.toml")
        assert [(e.outcome, e.signal, e.case) for e in entries] == [
            (("CRASH",), ("status 1",), ("GRU-0",)),
            (("CRASH",), ("SIGSEGV",), ("LSTM-0",)),
            (("TIMEOUT",), (), ("RNN-0",)),
        ]
        for one, row in zip(entries, [row for row in made if row.outcome != "PASS"][1::-1], strict=False):
            assert one.matches(row.outcome, row.message)
