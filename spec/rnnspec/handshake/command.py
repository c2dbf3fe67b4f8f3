"""`rnnspec handshake`: all modes of an implementation."""

from __future__ import annotations

import os
import sys

import torch

from .. import loading
from ..bound import threads
from ..case import Case
from ..implementation import Network
from ..loading import Unusable
from ..notation import DTYPES
from . import Finding, diagnosed

__all__ = ["Unusable", "found"]


def found(name: str, device: str, dtype: str) -> list[Finding]:
    """What is found of each mode.

    Raises:
        Unusable: there is no such implementation, device or dtype.
    """
    sys.path.insert(0, os.getcwd())
    if dtype not in DTYPES:
        raise Unusable(f"{dtype!r} is no dtype; write one of {', '.join(DTYPES)}")
    implementation, place = loading.load(name), _device(device)
    cases = [Case(mode, dtype=DTYPES[dtype]) for mode in implementation.modes]
    with threads(1):
        return [diagnosed(Network(implementation, case, place), interrupted=lambda: True) for case in cases]


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).add(1).cpu()
    except Exception as error:
        raise Unusable(
            f"{name!r} cannot be used here; write cpu, or an accelerator such as cuda:0"
        ) from error
    return device
