"""The C++ example of vectors for other languages, compiled; what it says of a file; and cases as recorded."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rnnspec.case import Case
from rnnspec.notation import dtype_name
from rnnspec.recording import Entry

EXAMPLE = Path(__file__).parent / "examples" / "vectors"
SNAPSHOTS = Path(__file__).parents[1] / "snapshots"
RECORDED = SNAPSHOTS / "SEQ-9-LSTM.json"

LINE = re.compile(r"(ok   |WRONG) (\S+) \((\w+), (\d+) numbers\): (.*)")
OFF = re.compile(r"off by (\S+), allowed (\S+)$")


@dataclass(frozen=True)
class Line:
    """What the program said of one case."""

    right: bool
    dtype: str
    numbers: int
    words: str

    @property
    def off_and_allowed(self) -> tuple[float, float]:
        found = OFF.search(self.words)
        assert found, self.words
        return float(found[1]), float(found[2])

    @property
    def bounds(self) -> float:
        """How far off the farthest number is."""
        off, allowed = self.off_and_allowed
        return off / allowed


@dataclass(frozen=True)
class Verdict:
    """What the program said of a file."""

    status: int
    cases: Mapping[str, Line]
    errors: str


class Program:
    """The compiled example."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, *words: str) -> Verdict:
        done = subprocess.run(
            [str(self.path), *words], capture_output=True, text=True, timeout=60, check=False
        )
        found = [LINE.fullmatch(line) for line in done.stdout.splitlines()]
        lines = {m[2]: Line(m[1] != "WRONG", m[3], int(m[4]), m[5]) for m in found if m}
        if done.returncode < 2:
            wrong = sum(not line.right for line in lines.values())
            assert done.stdout.splitlines()[-1] == f"{len(lines)} cases, {wrong} wrong"
            assert len(found) == len(lines) + 1
            assert done.returncode == min(wrong, 1)
        return Verdict(done.returncode, lines, done.stderr)

    def text(self, text: str) -> Verdict:
        path = self.path.with_name("file.json")
        path.write_text(text, encoding="utf-8")
        return self(str(path))

    def json(self, content: Any) -> Verdict:
        return self.text(json.dumps(content))

    def of(self, cases: Mapping[str, Any]) -> Verdict:
        """What it says of a file of these cases, all of which it must have tried."""
        verdict = self.json({**recorded(), "cases": cases})
        assert verdict.status < 2, verdict.errors
        assert [*verdict.cases] == [*cases]
        return verdict


def command() -> list[str]:
    """The line of the README that compiles the example, with the compiler that is there."""
    (line,) = re.findall(
        r"^    (g\+\+ .*)$", (EXAMPLE / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    words = shlex.split(line)
    compiler = shutil.which(words[0]) or shutil.which("c++")
    if compiler is None:
        pytest.fail("there is no C++ compiler, neither g++ nor c++: install one (on Debian: apt install g++)")
    return [compiler, *words[1:]]


def compiled(folder: Path, file: str = "", old: str = "", new: str = "") -> Program:
    """The example, compiled in a folder of its own after one replacement in one of its files."""
    for path in (*EXAMPLE.glob("*.hpp"), *EXAMPLE.glob("*.cpp")):
        shutil.copy(path, folder)
    if file:
        text = (folder / file).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (folder / file).write_text(text.replace(old, new), encoding="utf-8")
    done = subprocess.run(command(), cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return Program(folder / "check")


@cache
def unchanged(folder: Path) -> Program:
    folder.mkdir()
    return compiled(folder)


@pytest.fixture
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The example as it is, compiled once."""
    return unchanged(tmp_path_factory.getbasetemp() / "vectors")


def recorded() -> Any:
    return json.loads(RECORDED.read_text(encoding="utf-8"))


def entry(case: Case, x: Tensor | None = None) -> Any:
    """The case as it would be recorded."""
    x = case.input if x is None else x
    net = torch.nn.LSTM(case.I, case.H, **case.options, dtype=case.dtype)
    net.load_state_dict(dict(case.weights))
    with torch.no_grad():
        output, (h_n, c_n) = net(x.transpose(0, 1) if case.batch_first else x, case.state)
    output = output.transpose(0, 1) if case.batch_first else output
    states = dict(zip(("h_0", "c_0"), case.state or (), strict=False))
    return Entry(
        {"implementation": "torch.nn", "torch": "2", "device": "cpu", "dtype": dtype_name(case.dtype)},
        {"input_size": case.I, "hidden_size": case.H, **case.options, "seed": case.seed},
        {"input": x, **states, **case.weights},
        {"output": output, "h_n": h_n, "c_n": c_n},
    ).json()


def numbers_of(tensor: Any) -> Tensor:
    return torch.tensor(tensor["values"], dtype=torch.float64)


def innermost(values: Any, place: int) -> Any:
    """The list that holds the first number (0) or the last (-1)."""
    while isinstance(values[place], list):
        values = values[place]
    return values
