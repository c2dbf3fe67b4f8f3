"""One contest: who is right in which ways, and then how long each of these takes, all in turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch

from ..bound import threads
from ..check import Failed, NotClaimed
from ..implementation import Implementation
from ..report.standing import first_line
from . import roofline
from .checking import checked
from .figures import APART, Entry, Measured
from .grid import Contest
from .race import WHOLE, YARDSTICK, Times, network_of, raced, started
from .ways import WAYS


def measured(
    implementations: Sequence[Implementation],
    contest: Contest,
    device: torch.device,
    rounds: int = 15,
    threaded: int = 1,
) -> list[Measured]:
    """Each entry of the contest, in order: its times, or why it has none."""
    every = [*entries(implementations, contest)]
    with threads(threaded):
        starts, refused = _tried(every, device)
        able = [entry for entry in every if entry not in refused]
        makings = raced(able, device, rounds, contest.most, starts) if able else []
    peak = roofline.peak(makings) if makings else None

    def told(entry: Entry) -> Measured:
        if entry in refused:
            return _refused(entry, refused[entry], device, threaded)
        if entry.way in APART:
            return Measured(entry, str(device), threaded, starts[entry])
        own, base = ([s for found in makings for s in found[key]] for key in (entry, _base(entry)))
        quickest = [(min(found[entry]), min(found[YARDSTICK])) for found in makings]
        costs, best = [mine / yard for mine, yard in quickest], min(own) / min(yard for _, yard in quickest)
        return Measured(entry, str(device), threaded, own, _divided(own, base), costs, best, peak)

    return [told(entry) for entry in every]


def refusals(
    implementations: Sequence[Implementation], contest: Contest, device: torch.device, threaded: int = 1
) -> list[Measured]:
    """The same without the times."""
    every = [*entries(implementations, contest)]
    with threads(threaded):
        _, refused = _tried(every, device)
    return [_refused(entry, refused.get(entry, Refusal("")), device, threaded) for entry in every]


def _divided(numbers: Sequence[float], by: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(numbers, by, strict=True)]


def entries(implementations: Sequence[Implementation], contest: Contest) -> Iterator[Entry]:
    """All that there is to measure, of those that can be called in that way."""
    for implementation in implementations:
        for case in contest.cases:
            fitted = implementation.fitted(case)
            ways = [way for way in contest.ways if WAYS[way].fits(case)]
            yield from (Entry(implementation, fitted, way, grad) for grad in contest.grads for way in ways)
            yield from (Entry(implementation, fitted, way) for way in APART)


class Refusal(NamedTuple):
    """Why an entry gets no time."""

    why: str
    wrong: bool = False


def _refused(entry: Entry, refused: Refusal, device: torch.device, threaded: int) -> Measured:
    return Measured(entry, str(device), threaded, refused=refused.why, wrong=refused.wrong)


def _tried(every: Sequence[Entry], device: torch.device) -> tuple[Times, dict[Entry, Refusal]]:
    """The times of the first building and call, and who is refused why: the wrong in all that they do."""
    starts: Times = {}
    refused: dict[Entry, Refusal] = {}
    for entry in every:
        if entry in refused or entry.way in APART:
            continue
        try:
            _try(entry, device, starts)
        except (NotClaimed, NotImplementedError) as error:
            mine = [e for e in every if entry in (e, _base(e)) and e not in starts]
            refused |= dict.fromkeys(mine, Refusal(first_line(str(error))))
        except Exception as error:  # whatever it does, the others get their times
            said = "" if isinstance(error, Failed) else f"raised {type(error).__name__}: "
            mine = [e for e in every if e.implementation is entry.implementation]
            refused |= dict.fromkeys(
                mine, Refusal(f"{entry.way}: {said}{first_line(str(error))}", wrong=True)
            )
    return starts, refused


def _try(entry: Entry, device: torch.device, starts: Times) -> None:
    network = network_of(entry, device)
    if _apart(entry) not in starts:
        started(entry, network, starts)
    checked(network, WAYS[entry.way], entry.grad)


def _apart(entry: Entry) -> Entry:
    """The first of those of this network whose times are apart."""
    return entry._replace(way=APART[0], grad=False)


def _base(entry: Entry) -> Entry:
    """That to which its ratio is."""
    return entry._replace(way=WHOLE)
