"""`rnnspec handshake`: all modes of an implementation."""

from __future__ import annotations

import os
import sys

from .. import loading
from ..bound import threads
from ..case import Case
from ..loading import Unusable
from ..network import Network
from ..notation import DTYPES
from . import Finding, diagnosed

__all__ = ["Unusable", "found"]


def found(name: str, device: str, dtype: str) -> list[Finding]:
    """What is found of each mode.

    Raises:
        Unusable: there is no such implementation, device, math mode or dtype.
    """
    sys.path.insert(0, os.getcwd())
    if dtype not in DTYPES:
        raise Unusable(f"{dtype!r} is no dtype; write one of {', '.join(DTYPES)}")
    implementation, place = loading.load(name), loading.place(device)
    cases = [Case(mode, dtype=DTYPES[dtype]) for mode in implementation.modes]
    with threads(1):
        networks = [Network(implementation, case, place.device, maths=place.maths) for case in cases]
        return [diagnosed(network, interrupted=lambda: True) for network in networks]
