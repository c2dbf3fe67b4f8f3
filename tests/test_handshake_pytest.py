"""The handshake in pytest, at the first failure of a mode, and as a command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rnnspec import result
from rnnspec.cli import app
from rnnspec.notation import MODES

MINE = """
import torch
from torch import nn

class LSTM(nn.LSTM):
    def load_state_dict(self, weights, *args, **kwargs):
        def read(value):
            i, f, g, o = value.chunk(4)
            return torch.cat([i, f, o, g])
        return super().load_state_dict({n: w if "hr" in n else read(w) for n, w in weights.items()})

class GRU(nn.GRU):
    def forward(self, x, hx=None):
        output, h_n = super().forward(x, hx)
        return output.transpose(0, 1), h_n

class RNN(nn.RNN):
    calls = 0
    def forward(self, x, hx=None):
        assert len(x) < 6
        return super().forward(x, hx)
"""

ROWS = """
import pytest
from rnnspec.axes import GRU, LSTM, TANH, cases, each
from rnnspec.bound import propagated
from rnnspec.check import agrees

@pytest.mark.clause(id="SEQ-1", level="MUST", source="the equations")
@cases([*LSTM, *GRU, *TANH], each({}, {"T": 6}))
def test_all(rnn, case):
    \"\"\"The result is the equations'.\"\"\"
    agrees(rnn(case.input, case.state), *propagated(case))
"""

HEAD = [
    "mine on cpu",
    "  handshake  RNN: weights, states and layouts are read as torch reads them: the failures are of *",
    "  handshake  GRU: the output is batch first: (B, T, H) where torch has (T, B, H)",
    "  handshake  LSTM: the gate blocks look permuted: it reads i f o g where torch writes i f g o",
    "  chapter * fail*",
]


class TestInPytest:
    @pytest.fixture(autouse=True)
    def project(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
        pytester.makepyfile(test_rows=ROWS, mine=MINE, other=MINE.replace("i, f, o, g", "f, i, g, o"))

    @pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
    def test_the_summary_begins_with_it(self, pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
        run = pytester.runpytest_inprocess(
            "--rnn=mine", "--rnn=torch.nn", "--rnn-results=out.jsonl", *workers
        )
        run.assert_outcomes(passed=14, failed=10)
        run.stdout.fnmatch_lines(HEAD, consecutive=True)
        assert sum("handshake" in line for line in run.outlines) == 3
        head, _ = result.read(pytester.path / "out.jsonl")
        said = {(found["mode"], found["dtype"]): found["said"] for found in head["handshakes"]}
        assert len(said) == len(head["handshakes"]) == 6
        assert said["GRU", "float64"].startswith("the output is batch first")

    def test_each_of_several_gets_its_own(self, pytester: pytest.Pytester) -> None:
        run = pytester.runpytest_inprocess("--rnn=mine", "--rnn=other", "-k", "LSTM")
        lines = [line for line in run.outlines if "handshake" in line]
        assert [line.rpartition("reads ")[2] for line in lines] == [
            "i f o g where torch writes i f g o",
            "f i g o where torch writes i f g o",
        ]

    def test_nothing_is_called_where_nothing_fails(
        self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(*args: Any, **kwargs: Any) -> None:
            raise AssertionError("called")

        monkeypatch.setattr("rnnspec.handshake.noticed.diagnosed", refused)
        run = pytester.runpytest_inprocess("--rnn=torch.nn", "-p", "no:cacheprovider")
        run.assert_outcomes(passed=12)

    def test_the_reproducer_is_the_rows(
        self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The calls of a handshake are none of the clause's, and nothing that they change stays."""
        monkeypatch.delenv("CI", raising=False)  # where it is set, pytest's summary repeats the message whole
        run = pytester.runpytest_inprocess("--rnn=mine", "-k", "GRU and not T6", "--rnn-dtype=float32")
        assert sum("GRU(4, 7)" in line for line in run.outlines) == 1
        run.assert_outcomes(failed=1)

    def test_what_a_handshake_raises_fails_no_other_row(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(
            leaving="""
            import os, torch
            class RNN(torch.nn.RNN):
                def forward(self, x, hx=None):
                    torch.set_default_dtype(torch.float64)
                    if self.num_layers == 2:
                        os._exit(5)
                    if self.bidirectional:
                        raise SystemExit("enough")
                    if len(x) == 6:
                        return super().forward(x, hx)[0] * 1.5, hx
                    return super().forward(x, hx)
            """
        )
        run = pytester.runpytest_inprocess("--rnn=leaving", "--rnn-dtype=float32")
        run.assert_outcomes(passed=1, failed=1)
        said = "two layers: it exited with status 5; bidirectional: it raises SystemExit: enough"
        assert f"  handshake  RNN: {said}" in run.outlines

    @pytest.mark.parametrize(("rows", "said"), [("RNN and not T6", 0), ("RNN", 1)])
    def test_a_row_that_took_long_leaves_it_to_another(
        self, rows: str, said: int, pytester: pytest.Pytester
    ) -> None:
        """Both have one limit, far beyond which the process ends."""
        pytester.makepyfile(
            tarrying="""
            import time, torch
            class RNN(torch.nn.RNN):
                late = [2.3]
                def forward(self, x, hx=None):
                    time.sleep(self.late.pop() if self.late else 0)
                    output, h_n = super().forward(x, hx)
                    return output * 1.5, h_n
            """
        )
        options = ("--rnn=tarrying", "--rnn-dtype=float32", "--rnn-timeout=8")
        run = pytester.runpytest_inprocess(*options, "-k", rows)
        run.assert_outcomes(failed=1 + said)
        assert sum("handshake" in line for line in run.outlines) == said


class TestCommand:
    @pytest.fixture(autouse=True)
    def here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "shaken.py").write_text(MINE)
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(os.fspath(tmp_path))

    def test_right(self) -> None:
        told = CliRunner().invoke(app, ["handshake", "torch.nn", "--dtype", "float64"])
        assert told.exit_code == 0
        assert [line.partition(":")[0] for line in told.output.splitlines()] == list(MODES)
        assert all(": agrees with the equations (" in line for line in told.output.splitlines())

    def test_wrong(self) -> None:
        told = CliRunner().invoke(app, ["handshake", "shaken"])
        assert told.exit_code == 1
        rnn, gru, lstm = told.output.splitlines()
        assert rnn.startswith("RNN: agrees with the equations")
        assert gru == "GRU: the output is batch first: (B, T, H) where torch has (T, B, H)"
        assert lstm == "LSTM: the gate blocks look permuted: it reads i f o g where torch writes i f g o"

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["nowhere"], "rnnspec: cannot import 'nowhere'"),
            (["torch.nn", "--dtype", "float8"], "rnnspec: 'float8' is no dtype; write one of float64"),
            (["torch.nn", "--device", "abacus"], "rnnspec: 'abacus' cannot be used here"),
        ],
    )
    def test_unusable(self, arguments: list[str], said: str) -> None:
        told = CliRunner().invoke(app, ["handshake", *arguments])
        assert told.exit_code == 2
        assert told.output.startswith(said)
