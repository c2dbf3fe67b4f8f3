"""Devices: the specification on a stand-in for an accelerator, and what is on the wrong device there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import rnnspec
from rnnspec import result
from rnnspec.result import Row

HERE = Path(__file__).parent
KIT = Path(rnnspec.__file__).parent
DEVIATIONS = KIT / "deviations" / "torch.toml"

MINE = """
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

class StateOnTheCpu(nn.LSTM):
    def forward(self, x, hx=None):
        if hx is None and torch.is_tensor(x):
            shape = self.num_layers * (1 + self.bidirectional), x.shape[0 if self.batch_first else 1]
            sizes = self.proj_size or self.hidden_size, self.hidden_size
            hx = tuple(torch.zeros(*shape, size, dtype=x.dtype, device="cpu") for size in sizes)
        return super().forward(x, hx)

class ResultOnTheCpu(nn.LSTM):
    def forward(self, x, hx=None):
        output, (h, c) = super().forward(x, hx)
        return output, (h, c.cpu())

class WeightsOnTheCpu(nn.LSTM):
    def _apply(self, change, *more):
        moved = super()._apply(change, *more)
        self.weight_hh_l0 = nn.Parameter(self.weight_hh_l0.detach().cpu())
        return moved

class Wide(nn.LSTM):
    def forward(self, x, hx=None):
        output, state = super().forward(x, hx)
        if not torch.is_tensor(output):
            return output, state
        return widened(output).to(output.dtype), state

def widened(output):
    return output.double()

class ReadInPython(nn.LSTM):
    def forward(self, x, hx=None):
        if torch.is_tensor(x):
            x = torch.from_numpy(x.detach().numpy().copy())
        return super().forward(x, hx)
"""


def run(place: Path, *arguments: str, device: str = "standin", lacks: str = "") -> tuple[str, list[Row]]:
    """What pytest says and the rows, on a device of another process."""
    (place / "mine.py").write_text(MINE, encoding="utf-8")
    paths = os.pathsep.join(map(str, (KIT.parent, HERE, place)))
    found = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "stand_in"),
            *(str(KIT / "clauses"), "--rnn-device", device, "--rnn-results", "rows.jsonl", *arguments),
        ],
        cwd=place,
        env={**os.environ, "PYTHONPATH": paths, "STAND_IN_LACKS": lacks, "OMP_NUM_THREADS": "1"},
        text=True,
        capture_output=True,
        timeout=300,
    )
    said = found.stdout + found.stderr
    assert (place / "rows.jsonl").exists(), said
    return said, result.read(place / "rows.jsonl")[1]


MEMORY = """
import torch
from torch import nn

class Torchs(nn.LSTM):
    def forward(self, x, hx=None):
        raise getattr(torch, "OutOfMemoryError", torch.cuda.OutOfMemoryError)(
            "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 8.00 GiB"
        )

class Jaxs(nn.LSTM):
    def forward(self, x, hx=None):
        raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 34359738368 bytes.")

class Pythons(nn.LSTM):
    def forward(self, x, hx=None):
        raise MemoryError

class Mine(nn.LSTM):
    def forward(self, x, hx=None):
        torch.empty(2**45)  # more than any machine has

class Built(nn.LSTM):
    def load_state_dict(self, *words):
        torch.empty(2**45)

class Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return torch.empty(2**45)

class Backward(nn.LSTM):
    def forward(self, x, hx=None):
        output, state = super().forward(x, hx)
        return Function.apply(output) if torch.is_tensor(output) else output, state

class Raising(nn.LSTM):
    def forward(self, x, hx=None):
        raise RuntimeError("there is no memory of this state")
"""


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is listed of the CPU's kernels is the stand-in's too."""
    file = tmp_path_factory.mktemp("listed") / "standin.toml"
    text = DEVIATIONS.read_text(encoding="utf-8")
    file.write_text(text.replace('device = "cpu"', 'device = "standin"'), encoding="utf-8")
    return file


def test_the_specification_holds_on_a_stand_in(tmp_path: Path, listed: Path) -> None:
    said, rows = run(tmp_path, "--rnn-scope", "smoke", "--rnn-deviations", str(listed))
    assert {row.device for row in rows} == {"standin"}
    assert {row.outcome for row in rows} <= {"PASS", "KNOWN", "NOT CLAIMED"}, said
    assert sum(row.outcome == "PASS" for row in rows) > 200


def test_a_dtype_that_a_device_lacks_is_not_claimed(tmp_path: Path, listed: Path) -> None:
    asked = "--rnn-scope", "smoke", "--rnn-deviations", str(listed)
    said, rows = run(tmp_path, *asked, lacks="float64 float16")
    assert {row.outcome for row in rows} <= {"PASS", "KNOWN", "NOT CLAIMED"}, said
    why = {(row.clause, row.message) for row in rows if "The stand-in has no" in row.message}
    lacked = "TypeError: The stand-in has no torch.float64"
    assert ("GRD-9", f"standin has no float64: {lacked}") in why
    assert ("ERR-8", f"standin lacks a dtype of the clause: {lacked}") in why
    assert {row.outcome for row in rows if row.dtype == "float64"} == {"NOT CLAIMED"}
    assert sum(row.outcome == "PASS" for row in rows) > 200


def test_who_uses_a_dtype_that_a_device_lacks_fails(tmp_path: Path) -> None:
    asked = "--rnn", "LSTM=mine:Wide", "--rnn-dtype", "float32", "-m", "clause(id='LSTM-1')"
    _, rows = run(tmp_path, *asked, lacks="float64")
    assert {row.outcome for row in rows} == {"FAIL"}


def test_chapter_90_holds_on_a_stand_in(tmp_path: Path) -> None:
    said, rows = run(tmp_path, "-k", "test_90_devices", "--rnn-dtype", "float32")
    assert {row.outcome for row in rows} == {"PASS"}, said
    assert {row.clause for row in rows} == {f"DEV-{number}" for number in range(1, 14)}


WRONG = {
    "StateOnTheCpu": {"DEV-1"},
    "ResultOnTheCpu": {"DEV-1"},
    "WeightsOnTheCpu": {"DEV-1", "DEV-2", "LSTM-1"},
    "ReadInPython": {"DEV-1", "DEV-2", "LSTM-1"},
}


@pytest.mark.parametrize("device", ["standin", "cpu"])
def test_what_is_on_the_wrong_device_fails(tmp_path: Path, device: str) -> None:
    asked = [word for name in WRONG for word in ("--rnn", f"LSTM=mine:{name}")]
    clauses = " or ".join(f"clause(id='{clause}')" for clause in ("DEV-1", "DEV-2", "LSTM-1"))
    said, rows = run(tmp_path, *asked, "--rnn-dtype", "float32", "-m", clauses, device=device)
    failed = {(row.implementation, row.clause) for row in rows if row.outcome == "FAIL"}
    wrong = {(f"LSTM=mine:{name}", clause) for name, clauses in WRONG.items() for clause in clauses}
    assert failed == (wrong if device == "standin" else set()), said


def test_out_of_memory_is_an_error_with_the_size(tmp_path: Path) -> None:
    (tmp_path / "memory.py").write_text(MEMORY, encoding="utf-8")
    names = ("Torchs", "Jaxs", "Pythons", "Mine", "Built", "Backward", "Raising")
    asked = [word for name in names for word in ("--rnn", f"LSTM=memory:{name}")]
    clauses = " or ".join(f"clause(id='{clause}')" for clause in ("LSTM-1", "ERR-5", "ERR-31", "GRD-1"))
    said, rows = run(tmp_path, *asked, "--rnn-dtype", "float32", "-m", clauses, device="cpu")
    by = {(row.implementation.rpartition(":")[2], row.clause): row for row in rows}
    everywhere = ("LSTM-1", "ERR-5", "ERR-31", "GRD-1")
    short = [(name, clause) for name in names[:5] for clause in everywhere] + [("Backward", "GRD-1")]
    assert {key for key, row in by.items() if row.outcome == "ERROR"} == set(short), said
    assert {by["Raising", clause].outcome for clause in ("LSTM-1", "GRD-1")} == {"FAIL"}
    sizes = {name: by[name, "LSTM-1"].message.partition("\n")[0] for name in names[:5]}
    case = by["Mine", "LSTM-1"].case
    assert sizes["Torchs"] == f"out of memory: {case} (float32) on cpu, 20.00 GiB asked for"
    assert sizes["Jaxs"].endswith("34359738368 bytes asked for")
    assert sizes["Mine"] == f"out of memory: {case} (float32) on cpu, {4 * 2**45} bytes asked for"
    assert sizes["Pythons"].endswith("it is not said how much was asked for")
    assert not any(row.reproducer for key, row in by.items() if key in short)
