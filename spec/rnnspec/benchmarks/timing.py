"""Times of calls that are to be compared: in turns, in blocks that the clock can tell apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from statistics import median, quantiles
from typing import Any, NamedTuple, TypeVar

import torch

Key = TypeVar("Key", bound=Hashable)

BLOCK = 0.005
"""Seconds that a block of calls takes at least: some thousands of ticks of any clock."""

WARM = 0.02
"""Seconds of calls before any is timed; the first of them compiles what is to be compiled."""


class Timed(NamedTuple):
    """What is called, and whether autograd records it."""

    call: Callable[[], Any]
    grad: bool = False


def interleaved(
    calls: Mapping[Key, Timed], device: torch.device, rounds: int, most: float = 60.0
) -> dict[Key, list[float]]:
    """Seconds of each call, one number a round: the mean over a block.

    In every round each has its turn, and another begins. There are fewer rounds, but two, where they would
    take more than `most` seconds.
    """
    sizes = {key: _size(timed, device) for key, timed in calls.items()}
    rounds = max(2, min(rounds, int(most / max(1e-9, sum(took for _, took in sizes.values())))))
    found: dict[Key, list[float]] = {key: [] for key in calls}
    order = list(calls)
    for _ in range(rounds):
        for key in order:
            times, _ = sizes[key]
            found[key].append(block(calls[key], times, device) / times)
        order = order[1:] + order[:1]
    return found


def block(timed: Timed, times: int, device: torch.device) -> float:
    """Seconds of so many calls, until the device has done them."""
    turns, call = range(times), timed.call
    with torch.set_grad_enabled(timed.grad):
        watch = _watch(device)
        for _ in turns:
            call()
        return watch()


def _watch(device: torch.device) -> Callable[[], float]:
    """Started once the device is idle; called, it says how many seconds the device took."""
    settle(device)
    if events := _events(device):
        return events
    start = time.perf_counter()

    def seconds() -> float:
        settle(device)
        return time.perf_counter() - start

    return seconds


def _events(device: torch.device) -> Callable[[], float] | None:
    """The device's own clock, where it has one."""
    kind = getattr(getattr(torch, device.type), "Event", None)
    if device.type == "cpu" or kind is None:
        return None
    start, end = (kind(enable_timing=True) for _ in range(2))
    start.record()

    def seconds() -> float:
        end.record()
        end.synchronize()
        milliseconds: float = start.elapsed_time(end)
        return milliseconds / 1000

    return seconds


def settle(device: torch.device) -> None:
    """Waits until an accelerator has done what it was given."""
    if device.type != "cpu":
        numbered = [] if device.index is None else [device.index]
        getattr(torch, device.type).synchronize(*numbered)


def _size(timed: Timed, device: torch.device) -> tuple[int, float]:
    """How many calls make a block once they are warm, and its seconds."""
    warm, took = 0.0, block(timed, 1, device)
    while warm < WARM:
        took = block(timed, 1, device)
        warm += took
    times = 1
    while took < BLOCK:
        times = max(times + 1, min(10 * times, int(1.2 * times * BLOCK / max(took, 1e-9))))
        took = block(timed, times, device)
    return times, took


class Quartiles(NamedTuple):
    """Of some numbers the median, with what the middle half of them lies between."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Quartiles:
        low, _, high = quantiles(numbers, n=4, method="inclusive")
        return cls(low, median(numbers), high)

    @property
    def spread(self) -> float:
        """How far the middle half is apart, as a share of the median."""
        return (self.high - self.low) / self.median
