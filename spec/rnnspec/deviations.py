"""Known deviations: failures that are listed, with a reason, and are not to be forgotten.

A listed clause that fails is KNOWN; one that passes is FIXED, which fails the run until the entry is
taken out. A class derived from torch's inherits torch's entries, and may mend them. Another
implementation, dtype or case of the same clause is judged as ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch
from typing import NamedTuple

import pytest
import torch

from .implementation import DropIn, Network
from .notation import dtype_name


class Listing(NamedTuple):
    """Why a failure is expected, and whether the entry is the implementation's own."""

    reason: str
    own: bool

    def settles(self, outcome: str) -> str:
        """The outcome of a clause that is listed so."""
        if outcome == "FAIL":
            return "KNOWN"
        return "FIXED" if outcome == "PASS" and self.own else outcome


def listed(markers: Iterable[pytest.Mark], network: Network) -> Listing | None:
    """The entry for a clause with these markers on this network; None if there is none.

    The marker is `deviates(implementation, reason, dtype="*", case="*", device="*")`, the last three as
    patterns. A case that has no seed in its name stands for every seed.
    """
    seedless = network.case.but(seed=1)
    for marker in markers:
        entry = marker.kwargs
        own = entry["implementation"] == network.implementation.name
        if (
            (own or (entry["implementation"] == "torch.nn" and _derived(network)))
            and fnmatch(dtype_name(network.case.dtype), entry.get("dtype", "*"))
            and any(fnmatch(str(case), entry.get("case", "*")) for case in (network.case, seedless))
            and fnmatch(network.device.type, entry.get("device", "*"))
        ):
            return Listing(str(entry["reason"]), own)
    return None


def _derived(network: Network) -> bool:
    """Whether the class under test derives from torch's class of the same name."""
    inner = getattr(network.implementation, "inner", network.implementation)
    if not isinstance(inner, DropIn):
        return False
    cls = inner.classes[network.case.mode]
    return isinstance(cls, type) and issubclass(cls, getattr(torch.nn, network.case.mode))
