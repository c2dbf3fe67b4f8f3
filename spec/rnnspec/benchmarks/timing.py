"""Times of calls that are to be compared: in turns, in blocks that the clock can tell apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from statistics import quantiles
from typing import Any, TypeVar

import torch

Key = TypeVar("Key", bound=Hashable)

BLOCK = 0.005
"""Seconds that a block of calls takes at least: some thousands of ticks of any clock."""

WARM = 0.02
"""Seconds of calls before any is timed; the first of them compiles what is to be compiled."""


def interleaved(
    calls: Mapping[Key, Callable[[], Any]], device: torch.device, rounds: int
) -> dict[Key, list[float]]:
    """Seconds of each call, one number a round: the mean over a block.

    In every round each has its turn, and another begins.
    """
    sizes = {key: _size(call, device) for key, call in calls.items()}
    found: dict[Key, list[float]] = {key: [] for key in calls}
    order = list(calls)
    for _ in range(rounds):
        for key in order:
            found[key].append(block(calls[key], sizes[key], device) / sizes[key])
        order = order[1:] + order[:1]
    return found


def block(call: Callable[[], Any], times: int, device: torch.device) -> float:
    """Seconds of so many calls, until the device has done them."""
    turns = range(times)
    settle(device)
    start = time.perf_counter()
    for _ in turns:
        call()
    settle(device)
    return time.perf_counter() - start


def settle(device: torch.device) -> None:
    """Waits until an accelerator has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type != "cpu" and hasattr(torch, "accelerator"):
        torch.accelerator.synchronize(device)


def _size(call: Callable[[], Any], device: torch.device) -> int:
    """How many calls make a block, once they are warm."""
    warm, once = 0.0, block(call, 1, device)
    while warm < WARM:
        once = block(call, 1, device)
        warm += once
    times = 1
    while (took := block(call, times, device)) < BLOCK:
        times = max(times + 1, min(10 * times, int(1.2 * times * BLOCK / max(took, 1e-9))))
    return times


def spread(numbers: list[float] | tuple[float, ...] | Any) -> float:
    """How far the middle half of some numbers is apart, as a share of their median."""
    low, middle, high = quantiles(numbers, n=4)
    return float((high - low) / middle)
