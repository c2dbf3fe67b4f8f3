"""`rnnspec bench`: times are those of the clock, in turns; and what is wrong in any way gets none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from typer.testing import CliRunner, Result

from rnnspec.benchmarks import Measured, measured, timing
from rnnspec.benchmarks.ways import WAYS, checked
from rnnspec.case import Case
from rnnspec.check import Failed
from rnnspec.cli import app
from rnnspec.implementation import DropIn, Network
from rnnspec.loading import load

CPU = torch.device("cpu")
CASE = Case("LSTM", T=4, B=3)


class Clock:
    """A clock that only calls move, by their seconds times how slow the machine is then."""

    def __init__(self, slower: float = 0.0) -> None:
        self.now, self.slower = 0.0, slower
        self.made: list[str] = []

    def __call__(self) -> float:
        return self.now

    def call(self, name: str, seconds: float) -> Callable[[], None]:
        def made() -> None:
            self.made.append(name)
            self.now += seconds * (1 + self.slower * self.now)

        return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr("rnnspec.benchmarks.timing.time.perf_counter", found)
    return found


def test_a_time_is_that_of_one_call(clock: Clock) -> None:
    calls = {"a": clock.call("a", 1e-4), "b": clock.call("b", 3.0)}
    found = timing.interleaved(calls, CPU, rounds=5)
    assert found["a"] == pytest.approx([1e-4] * 5, rel=1e-9)
    assert found["b"] == pytest.approx([3.0] * 5, rel=1e-9)


def test_a_block_is_as_long_as_the_clock_needs(clock: Clock) -> None:
    timing.interleaved({"a": clock.call("a", 1e-6)}, CPU, rounds=1)
    assert 1e-6 * len(clock.made) > timing.BLOCK
    timing.interleaved({"b": clock.call("b", 1.0)}, CPU, rounds=4)
    assert clock.made.count("b") <= 4 + 3  # warm after one, and a block of one each round


def test_the_first_calls_are_no_measure(clock: Clock) -> None:
    """They compile what is to be compiled: neither a time nor the size of a block is taken from them."""
    slow, quick = clock.call("a", timing.BLOCK), clock.call("a", 1e-5)
    found = timing.interleaved({"a": lambda: (slow if len(clock.made) < 3 else quick)()}, CPU, rounds=1)
    assert found["a"] == pytest.approx([1e-5], rel=1e-9)


def test_all_have_their_turn_in_every_round_and_another_begins(clock: Clock) -> None:
    calls = {name: clock.call(name, 1.0) for name in "abc"}
    timing.interleaved(calls, CPU, rounds=3)
    assert "".join(clock.made[-9:]) == "abcbcacab"


def test_a_machine_that_slows_down_slows_all_alike(clock: Clock) -> None:
    """It is three times as slow in the end, and the ratios of the rounds tell nothing of it."""
    clock.slower = 0.02
    calls = {"one": clock.call("one", 1.0), "two": clock.call("two", 2.0)}
    found = timing.interleaved(calls, CPU, rounds=20)
    assert found["one"][-1] > 3 * found["one"][0]
    ratios = [two / one for one, two in zip(found["one"], found["two"], strict=True)]
    assert sorted(ratios)[10] == pytest.approx(2.0, rel=0.05)


def test_spread_is_a_share_of_the_median() -> None:
    assert timing.spread([2.0] * 5) == 0
    assert timing.spread([1, 2, 3, 4, 5, 6, 7]) == pytest.approx(4 / 4)


def of(ratios: list[float]) -> Measured:
    return Measured("mine", CASE, "rows", [1.0] * len(ratios), ratios)


def test_what_is_not_steady_says_so() -> None:
    assert of([2.0, 2.05, 2.0, 1.95, 2.0]).steady
    assert not of([2.0, 3.0, 1.0, 2.5, 1.5]).steady


def wrong(at: Callable[[Any], bool]) -> Network:
    class Wrong(nn.LSTM):
        def forward(self, x: Any, hx: Any = None) -> Any:
            output, state = super().forward(x, hx)
            return (1.001 * output, state) if at(x) else (output, state)

    return Network(DropIn("wrong", {"LSTM": Wrong}), CASE, CPU)


@pytest.mark.parametrize(
    "at", [lambda x: True, lambda x: len(x) == 1, lambda x: x.shape[1] == 1], ids=["all", "steps", "rows"]
)
def test_what_is_wrong_in_any_way_is_refused(at: Callable[[Any], bool]) -> None:
    with pytest.raises(Failed, match="output is not what it must be"):
        checked(wrong(at))


@pytest.mark.parametrize("mode", ["RNN", "GRU", "LSTM"])
def test_what_is_right_is_not_refused(mode: str) -> None:
    checked(Network(load("torch.nn"), CASE.but(mode=mode, L=2), CPU))


def test_one_that_raises_takes_no_time_from_others() -> None:
    class Raises(nn.LSTM):
        def forward(self, x: Any, hx: Any = None) -> Any:
            raise ValueError("no")

    both = [DropIn("raises", {"LSTM": Raises}), load("torch.nn")]
    found = list(measured(both, CASE, CPU, rounds=4))
    assert [each.refused for each in found] == ["raised ValueError: no"] * 3 + [""] * 3
    assert [each.way for each in found] == [*WAYS] * 2
    assert all(len(each.seconds) == 4 and min(each.seconds) > 0 for each in found[3:])
    assert found[3].ratio == 1


def bench(*words: str) -> Result:
    return CliRunner().invoke(app, ["bench", *words])


SMALL = ("--mode", "LSTM", "--T", "4", "--B", "3", "--I", "4", "--H", "7", "--rounds", "4")


def test_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class in the folder that one is in is found there."""
    (tmp_path / "benched.py").write_text(
        "from torch import nn\nclass LSTM(nn.LSTM):\n"
        "    def forward(self, x, hx=None):\n        return super().forward(2 * x, hx)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    ran = bench("torch.nn", "benched:LSTM", *SMALL)
    assert ran.exit_code == 0, ran.output
    head, case, *lines = ran.stdout.splitlines()
    assert head.startswith("float32 on cpu, 1 thread, torch ")
    assert case == "LSTM-T4-B3-I4-H7"
    assert sum("no time: output is not what it must be" in line for line in lines) == 3
    assert sum(" µs " in line and " × " in f"{line} " for line in lines) == 3


def test_json() -> None:
    ran = bench("--json", *SMALL)
    found = json.loads(ran.stdout)
    assert [each["way"] for each in found] == [*WAYS]
    assert all(len(each["seconds"]) == 4 for each in found)
    assert found[0]["ratio"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--mode", "LSTMCell"], "--mode: 'LSTMCell' is not one of RNN, GRU, LSTM"),
        (["--dtype", "int8"], "--dtype: 'int8' is not one of"),
        (["--device", "abacus"], "abacus"),
        (["nowhere:Net"], "cannot import 'nowhere'"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(words: list[str], said: str) -> None:
    ran = bench(*words)
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1
