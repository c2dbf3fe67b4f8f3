"""Times are those of the clock, in turns, and say how far they can be trusted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from rnnspec.benchmarks import Measured, timing
from rnnspec.benchmarks.figures import Entry
from rnnspec.benchmarks.timing import Quartiles, Timed
from rnnspec.case import Case
from rnnspec.loading import load

CPU = torch.device("cpu")


class Clock:
    """A clock that only calls move, by their seconds times how slow the machine is then."""

    def __init__(self, slower: float = 0.0) -> None:
        self.now, self.slower = 0.0, slower
        self.made: list[str] = []

    def __call__(self) -> float:
        return self.now

    def call(self, name: str, seconds: float) -> Timed:
        def made() -> None:
            self.made.append(name)
            self.now += seconds * (1 + self.slower * self.now)

        return Timed(made)


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
    found = timing.interleaved(
        {"a": Timed(lambda: (slow if len(clock.made) < 3 else quick).call())}, CPU, rounds=2
    )
    assert found["a"] == pytest.approx([1e-5] * 2, rel=1e-9)


def test_all_have_their_turn_in_every_round_and_another_begins(clock: Clock) -> None:
    calls = {name: clock.call(name, 1.0) for name in "abc"}
    timing.interleaved(calls, CPU, rounds=3)
    assert "".join(clock.made[-9:]) == "abcbcacab"


def test_a_machine_that_slows_down_slows_all_alike(clock: Clock) -> None:
    """It is three times as slow in the end, and the ratios of the rounds tell nothing of it."""
    clock.slower = 0.02
    calls = {"one": clock.call("one", 1.0), "two": clock.call("two", 2.0)}
    found = timing.interleaved(calls, CPU, rounds=20, most=3600)
    assert found["one"][-1] > 3 * found["one"][0]
    ratios = [two / one for one, two in zip(found["one"], found["two"], strict=True)]
    assert sorted(ratios)[10] == pytest.approx(2.0, rel=0.05)


def test_spread_is_a_share_of_the_median() -> None:
    assert Quartiles.of([2.0] * 5).spread == 0
    assert Quartiles.of([1, 2, 3, 4, 5, 6, 7]) == (2.5, 4, 5.5)
    assert Quartiles.of([1, 2, 3, 4, 5, 6, 7]).spread == pytest.approx(3 / 4)


def test_rounds_are_fewer_where_they_take_too_long(clock: Clock) -> None:
    calls = {name: clock.call(name, 1.0) for name in "ab"}
    assert len(timing.interleaved(calls, CPU, rounds=9, most=7.0)["a"]) == 3
    assert len(timing.interleaved(calls, CPU, rounds=9, most=0.1)["a"]) == 2


@pytest.mark.parametrize("grad", [False, True])
def test_autograd_records_only_where_it_is_asked_to(grad: bool) -> None:
    seen: set[bool] = set()
    timing.block(Timed(lambda: seen.add(torch.is_grad_enabled()), grad), 3, CPU)
    assert seen == {grad}
    assert torch.is_grad_enabled()


class Device:
    """An accelerator's module: calls are queued, and its clock moves only where it does them."""

    def __init__(self) -> None:
        self.queue: list[Callable[[], None]] = []
        self.now = 0.0  # in milliseconds

    def submit(self, milliseconds: float) -> None:
        def done() -> None:
            self.now += milliseconds

        self.queue.append(done)

    def synchronize(self, *_: object) -> None:
        while self.queue:
            self.queue.pop(0)()

    def Event(self, enable_timing: bool) -> Event:
        assert enable_timing
        return Event(self)


class Event:
    def __init__(self, device: Device) -> None:
        self.device, self.at = device, -1.0

    def record(self) -> None:
        def done() -> None:
            self.at = self.device.now

        self.device.queue.append(done)

    def synchronize(self) -> None:
        self.device.synchronize()

    def elapsed_time(self, end: Event) -> float:
        assert min(self.at, end.at) >= 0
        return end.at - self.at


def test_an_accelerator_is_timed_by_its_own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was queued before is not counted, and what is queued is waited for."""
    device = Device()
    monkeypatch.setattr(torch, "cuda", device)
    device.submit(1000.0)
    took = timing.block(Timed(lambda: device.submit(3.0)), 5, torch.device("cuda"))
    assert took == pytest.approx(0.015)
    assert not device.queue


def test_where_it_has_none_the_host_waits_for_it(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    queue: list[float] = []

    class Module:
        @staticmethod
        def synchronize() -> None:
            clock.now += sum(queue)
            queue.clear()

    monkeypatch.setattr(torch, "mps", Module)
    queue.append(7.0)
    took = timing.block(Timed(lambda: queue.append(2.0)), 3, torch.device("mps"))
    assert took == pytest.approx(6.0)


def of(ratios: list[float]) -> Measured:
    return Measured(Entry(load("torch.nn"), Case("LSTM"), "rows"), seconds=[1.0] * len(ratios), ratios=ratios)


def test_what_is_not_steady_says_so() -> None:
    assert of([2.0, 2.05, 2.0, 1.95, 2.0]).steady
    assert not of([2.0, 3.0, 1.0, 2.5, 1.5]).steady
