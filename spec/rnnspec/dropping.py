"""Dropout seen from outside: networks that show which values were dropped, and seeded calls in training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import log, sqrt

import torch
from torch import Tensor

from .bound import predicted, roundings
from .case import Case
from .check import agrees, lies_between
from .exact import rows
from .network import Network
from .reference import Result, run

READS = {"RNN": "h", "GRU": "n", "LSTM": "g"}
HELD = {"RNN": {}, "GRU": {"z": -1}, "LSTM": {"i": 1, "f": -1, "o": 1}}
"""Of a probe: the gate that reads, and those held open (1) or shut (-1)."""

FALSE_ALARM = 1e-12
"""For each interval: there are fewer than a thousand in a run, below 1e-9 for all of them."""


def probes(case: Case) -> dict[str, Tensor]:
    """Weights with which each layer above the first shows what it reads: a unit is an increasing function of
    one feature, whatever was before, and 0 where the feature is 0.
    """
    weights = {name: value.clone() for name, value in case.weights.items()}
    wide = 2.0 ** (10 if case.dtype == torch.float64 else 7)  # sigmoid(-wide) is 0
    for number, suffix in list(enumerate(case.suffixes()))[case.D :]:
        for name in weights:
            if name.endswith(suffix):
                weights[name].zero_()
        first = number % case.D * case.width
        reads = weights[f"weight_ih{suffix}"][rows(case, READS[case.kind])]
        reads[: case.width, first : first + case.width] = torch.eye(case.width)
        for gate, sign in HELD[case.kind].items():
            weights[f"bias_ih{suffix}"][rows(case, gate)] = sign * wide
        if case.P:
            weights[f"weight_hr{suffix}"].copy_(torch.eye(case.P, case.H))
    return weights


def scaled(case: Case, weights: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    """The weights where each layer above the first reads its input times `scale`."""
    upper = [f"weight_ih{suffix}" for suffix in list(case.suffixes())[case.D :]]
    return {name: value.double() * (scale if name in upper else 1) for name, value in weights.items()}


def undropped(case: Case, p: float) -> tuple[Tensor, Tensor]:
    """What probes put out where every value is kept, and the bound.

    Beside the network's roundings: those of p, 1 - p, the scale and the product. A power of 2 is exact.
    """
    scale, depth, state = 1 / (1 - p), case.L - 1, case.state or case.zeros
    wanted, within = predicted(case, scaled(case, probes(case), scale), case.input, state)
    if p == 0.5:
        return wanted.output, within.output
    below = tuple(part[: case.D].double() for part in state)
    largest = run(case.but(L=1), case.weights, case.input.double(), below).output.abs().max()
    times = (4 + p * scale) * depth * scale**depth
    return wanted.output, within.output + times * roundings(case.dtype, 1, largest)


def keeps_or_drops(got: Tensor, wanted: Tensor, within: Tensor) -> None:
    """Each element is 0 or what it is without dropout."""
    __tracebackhide__ = True
    kept = got != 0
    agrees(got, wanted * kept, within * kept, "output of the probes", "tbh")


def share(events: Tensor, wanted: float, what: str) -> None:
    """The share of independent events that happen is near their probability (Hoeffding's inequality)."""
    __tracebackhide__ = True
    width = sqrt(log(2 / FALSE_ALARM) / (2 * events.numel()))
    lies_between(events.double().mean(), wanted, wanted, width, what)


@contextmanager
def seeded(rnn: Network, seed: int = 1) -> Iterator[None]:
    """Draws repeatable, and the caller's generators as they were."""
    accelerator = rnn.device.type != "cpu"
    where = {"devices": [rnn.device], "device_type": rnn.device.type} if accelerator else {"devices": []}
    with torch.random.fork_rng(**where):
        torch.manual_seed(seed)
        yield


def trained(rnn: Network, p: float, weights: Mapping[str, Tensor] | None = None, seed: int = 1) -> Result:
    """The result of a call in training, on the CPU."""
    with seeded(rnn, seed):
        got = rnn.but(weights=weights).in_training(dropout=p)(rnn.case.input, rnn.case.state)
    return got.map(torch.Tensor.cpu)
