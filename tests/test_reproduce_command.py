"""`rnnspec reproduce`: a script that was tried, or one line that says why there is none."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from rnnspec import catalogue
from rnnspec.case import Case
from rnnspec.cli import app
from rnnspec.deviations import FOLDER
from rnnspec.reproduce import command
from rnnspec.reproduce.child import packed, unpacked

CLASSES = """\
import ctypes, os, time
from torch import nn

class Segfaults(nn.GRU):
    def forward(self, x, state=None):
        ctypes.string_at(0)

class SegfaultsWhereItMustRefuse(nn.RNN):
    def forward(self, x, state=None):
        if x.shape[-1] != self.input_size:
            ctypes.string_at(0)
        return super().forward(x, state)

class Leaves(nn.LSTM):
    def forward(self, x, state=None):
        os._exit(0)

class Sleeps(nn.LSTM):
    def forward(self, x, state=None):
        time.sleep(1000)

class CannotLoad(nn.LSTM):
    def load_state_dict(self, *args, **words):
        raise KeyError("weight_ih_l0")

class Raises(nn.GRU):
    def forward(self, x, state=None):
        raise ValueError("no")

class ResetAfter(nn.GRU):
    claims = {"reset_before"}

class Doubles(nn.GRU):
    def forward(self, x, state=None):
        output, h = super().forward(x, state)
        return 2 * output, h

class Shifts(nn.GRU):
    def forward(self, x, state=None):
        output, h = super().forward(x, state)
        return output[1:], h

class Renames(nn.RNN):
    def extra_repr(self):
        return "?"
"""


@pytest.fixture(autouse=True)
def classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "classes_at_fault.py").write_text(CLASSES)
    monkeypatch.chdir(tmp_path)


def reproduce(*words: str) -> Result:
    return CliRunner().invoke(app, ["reproduce", *words])


def status(script: str, cls: str = "", torchs: str = "") -> int:
    """With which status the script exits; with torch's class in place of the one that is wrong."""
    text = script
    if torchs:
        text = text.replace(f"from classes_at_fault import {cls}", f"from torch.nn import {torchs} as {cls}")
    Path("script.py").write_text(text)
    ran = subprocess.run([sys.executable, "script.py"], capture_output=True, check=False)
    return ran.returncode


SHOWN = [
    ("GRU-1", "Doubles", "GRU", "FAIL, output is not what it must be"),
    ("SEQ-1", "Shifts", "GRU", "FAIL, output has another shape"),
    ("SEQ-1", "Raises", "GRU", "FAIL, raised ValueError: no"),
    ("SEQ-1", "CannotLoad", "LSTM", "FAIL, raised KeyError: 'weight_ih_l0'"),
    ("SEQ-1", "Segfaults", "GRU", "CRASH, died of SIGSEGV in the middle of a clause"),
    ("ERR-2", "SegfaultsWhereItMustRefuse", "RNN", "CRASH, died of SIGSEGV in the middle of a clause"),
    ("SEQ-1", "Leaves", "LSTM", "CRASH, exited with status 0 in the middle of a clause"),
]


@pytest.mark.parametrize(("clause", "cls", "mode", "said"), SHOWN, ids=[cls for _, cls, _, _ in SHOWN])
def test_the_script_exits_with_1_where_the_class_is_wrong(
    clause: str, cls: str, mode: str, said: str
) -> None:
    """With torch's class in its place it exits with 0."""
    ran = reproduce(clause, "--rnn", f"classes_at_fault:{cls}")
    assert ran.exit_code == 0, ran.stderr
    assert f"{clause} on {mode}-T5-B3-I4-H7, float32: {said}" in ran.stderr
    assert not re.search(r"import (?!torch|subprocess|sys|Doubles)(?!" + cls + r")", ran.stdout)
    assert status(ran.stdout, cls, mode) == 0


def test_the_script_runs_by_itself() -> None:
    ran = reproduce("GRU-1", "--rnn", "classes_at_fault:Doubles")
    assert status(ran.stdout) == 1


def test_a_call_that_does_not_return_is_stopped() -> None:
    ran = reproduce("SEQ-1", "--rnn", "classes_at_fault:Sleeps", "--timeout", "1")
    assert ran.exit_code == 0, ran.stderr
    assert "TIMEOUT, took longer than 1 s" in ran.stderr
    assert "timeout=11)" in ran.stdout
    assert status(ran.stdout, "Sleeps", "LSTM") == 0


def test_what_is_seen_in_no_call_shows_the_calls_only() -> None:
    ran = reproduce("PAR-7", "--rnn", "classes_at_fault:Renames")
    assert ran.exit_code == 3, ran.stderr
    assert "the script shows the calls only" in ran.stderr
    assert "# The clause looks at more" in ran.stdout
    assert status(ran.stdout) == 0


def test_a_case_and_a_dtype_and_a_seed(tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    words = ["GRU-1", "--rnn", "classes_at_fault:Doubles", "--case", "GRU-T5-B3-I4-H7-seed3"]
    ran = reproduce(*words, "--dtype", "float64", "-o", str(file))
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert "GRU-T5-B3-I4-H7-seed3, float64" in ran.stderr
    assert "manual_seed(3)" in file.read_text()


@pytest.mark.parametrize("case", ["GRU-T5-B3-I4-H7-L2-before-nobias", "GRU-T5-B3-I4-H7-L3-before"])
def test_a_case_is_as_the_implementation_has_it(case: str) -> None:
    """With the reset before the product, where it is claimed so."""
    words = [] if "nobias" in case else ["--case", case]
    ran = reproduce("STK-1", "--rnn", "classes_at_fault:ResetAfter", *words)
    assert ran.exit_code == 0, ran.stderr
    assert f"STK-1 on {case}, float32: FAIL, output is not what it must be" in ran.stderr
    assert status(ran.stdout) == 1


def test_torchs_scripts_are_those_written_by_hand() -> None:
    ran = reproduce("ERR-25", "--case", "LSTMCell-T5-B3-I4-H7")
    assert ran.exit_code == 0
    assert ran.stdout == (FOLDER / "torch" / "err_25_cell.py").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["SEQ-1", "--case", "GRU-T5-B3-I4-H7"], "nothing to reproduce: SEQ-1 passes on GRU-T5-B3-I4-H7\n"),
        (
            ["PRJ-2", "--rnn", "classes_at_fault:Raises"],
            "classes_at_fault:Raises has none of the modes of PRJ-2",
        ),
        (
            ["SEQ-1", "--case", "GRU-T5-B3-I4-H7-before"],
            "torch.nn has no case GRU-T5-B3-I4-H7-before of SEQ-1",
        ),
        (
            ["TRN-20", "--case", "GRU-T5-B3-I4-H7", "--rnn", "classes_at_fault:Raises"],
            "TRN-20 is not claimed: ",
        ),
    ],
)
def test_nothing_to_reproduce(words: list[str], said: str) -> None:
    ran = reproduce(*words)
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert said in ran.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["SEQ-100"], "there is no clause SEQ-100; near it: SEQ-10"),
        (["SEQ-1", "--case", "LSTM-T5"], "SEQ-1 has no case LSTM-T5; near it: LSTM-T5-B3-I4-H7"),
        (["SEQ-1", "--dtype", "float8"], "--dtype: 'float8' is not one of float64, "),
        (["SEQ-1", "--device", "abacus"], "--device: 'abacus' cannot be used here ("),
        (["SEQ-1", "--rnn", "classes_at_fault:None"], "--rnn: 'classes_at_fault' has no attribute 'None'"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(words: list[str], said: str) -> None:
    ran = reproduce(*words)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_cases_travel() -> None:
    for case in (Case("LSTM", P=3, grid=6, dtype=torch.bfloat16), Case("RNNCell", nonlinearity="relu")):
        assert unpacked(packed(case)) == case


def test_cases_begin_with_the_most_readable() -> None:
    clause = next(each for each in catalogue.every() if str(each) == "GRU-1")
    assert str(command.cases(clause, None, None)[0]) == "GRU-T5-B3-I4-H7"


def test_warnings_and_the_path_are_those_of_the_caller() -> None:
    assert command._environment()["PYTHONPATH"].split(os.pathsep)[0] == os.getcwd()
