"""The race: every entry is built and called in turns, beside the yardstick and the machine's best."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import cycle
from math import ceil
from typing import Any

import torch

from .. import reference
from ..case import Case
from ..gradients import Attached
from ..maths import left_alone
from ..network import Network
from . import roofline, timing
from .calls import Prepared
from .figures import APART, Entry
from .timing import Timed, settle
from .ways import WAYS

MAKINGS = 5
"""So often everything is built anew, since where it lies in memory tells too."""

LARGE, FRESH = 2**20, 2**26
"""Inputs of so many bytes are copied: copies of so many bytes together take turns, which no cache holds."""

WHOLE = "whole"
"""To this way of the same implementation are the ratios."""

YARDSTICK = "yardstick"
"""The equations, step by step with torch's functions: what a machine is compared with at another time."""

Times = dict[Hashable, list[float]]


def network_of(entry: Entry, device: torch.device) -> Network:
    """Built anew; refused, as not claimed, where the way or the case is."""
    case, maths = WAYS[entry.way].case(entry.case), left_alone(device)
    network = Network(entry.implementation, case, device, maths=maths)
    network.needs("hx", *WAYS[entry.way].needs, *(["grad"] if entry.grad else []))
    return network


def started(entry: Entry, network: Network, starts: Times) -> None:
    """Notes how long it takes to build a network, and the first call of it."""
    watch = time.perf_counter()
    network.module  # noqa: B018 - builds it
    settle(network.device)
    built = time.perf_counter()
    call = Prepared(network, WAYS[entry.way], entry.grad)
    with torch.set_grad_enabled(entry.grad):
        start = time.perf_counter()
        call.forward()
        settle(network.device)
    for name, seconds in zip(APART, (built - watch, time.perf_counter() - start), strict=True):
        starts.setdefault(entry._replace(way=name, grad=False), []).append(seconds)


def raced(
    able: Sequence[Entry], device: torch.device, rounds: int, most: float, starts: Times
) -> list[Times]:
    """By making: seconds of each entry, of the yardstick and of what shows the machine's best, by round.

    Where a network is built anew, its times that are apart are added to `starts`. All of it takes about
    `most` seconds for each implementation.
    """
    found = []
    most *= len({entry.implementation for entry in able}) / MAKINGS
    for _ in range(MAKINGS):
        calls: dict[Hashable, Timed] = {}
        calls |= roofline.competitors(able[0].case.dtype, device)
        calls[YARDSTICK] = _yardstick(able[0].case, device)
        for entry in able:
            if entry.way in APART:
                continue
            network = network_of(entry, device)
            if entry.way == WHOLE and not entry.grad:
                started(entry, network, starts)
            calls[entry] = Timed(fresh(network, entry), entry.grad)
        found.append(timing.interleaved(calls, device, ceil(rounds / MAKINGS), most))
    return found


def fresh(network: Network, entry: Entry) -> Callable[[], Any]:
    """The calls of a way, with other copies of a large input each time."""
    size = network.case.input.numel() * network.case.input.element_size()
    many = ceil(FRESH / size) if size >= LARGE else 1
    prepared = [Prepared(network, WAYS[entry.way], entry.grad) for _ in range(many)]
    calls = [each.both if entry.grad else each.forward for each in prepared]
    ring = cycle(calls)
    return calls[0] if many == 1 else lambda: next(ring)()


def _yardstick(case: Case, device: torch.device) -> Timed:
    """The equations, step by step with torch's functions, in the case's dtype."""
    weights: Mapping[str, Any] = {name: Attached(w.to(device)) for name, w in case.weights.items()}
    x, state = case.input.to(device), tuple(part.to(device) for part in case.state or case.zeros)
    return Timed(lambda: reference.run(case, weights, x, state))
