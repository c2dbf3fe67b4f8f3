"""How fast an implementation is, as the notebook claims it: letter by letter, as one slice, as a loaf.

Nothing here passes or fails on a time. What is measured is checked first: a wrong result gets no time. All
that is compared is measured in turns, so that a machine that slows down slows all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import torch

from ..bound import threads
from ..case import Case
from ..check import Failed, NotClaimed
from ..implementation import Implementation, Network
from . import timing
from .ways import WAYS, checked, whole

UNSTEADY = 0.1
"""Where the middle half of the rounds' ratios is further apart, as a share of the median, it is said."""


@dataclass(frozen=True)
class Measured:
    """One way of one implementation: seconds for all of the case, by round; or why there are none.

    `ratio` is the median, over the rounds, of this time ÷ that of one call over everything.
    """

    implementation: str
    case: Case
    way: str
    seconds: Sequence[float] = ()
    ratios: Sequence[float] = ()
    refused: str = ""

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def steady(self) -> bool:
        return timing.spread(self.ratios) <= UNSTEADY


def measured(
    implementations: Sequence[Implementation],
    case: Case,
    device: torch.device,
    rounds: int = 15,
    threaded: int = 1,
) -> Iterator[Measured]:
    """Each way of each implementation on a case of a layer, forward, without gradients."""
    usable: dict[Implementation, Network] = {}
    for implementation in implementations:
        network = Network(implementation, implementation.fitted(case), device)
        try:
            network.needs("hx")
            checked(network)
            usable[implementation] = network
        except Exception as error:  # whatever it does, the others get their times
            said = str(error).partition("\n")[0]
            if not isinstance(error, Failed | NotClaimed):
                said = f"raised {type(error).__name__}: {said}"
            yield from (Measured(implementation.name, network.case, way, refused=said) for way in WAYS)
    calls = {(i, way): make(network) for i, network in usable.items() for way, make in WAYS.items()}
    with threads(threaded), torch.no_grad():
        seconds = timing.interleaved(calls, device, rounds)
    for (implementation, way), own in seconds.items():
        base = seconds[implementation, whole.__name__]
        ratios = [mine / one for mine, one in zip(own, base, strict=True)]
        yield Measured(implementation.name, usable[implementation].case, way, own, ratios)
