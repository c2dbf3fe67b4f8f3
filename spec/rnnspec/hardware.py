"""What a machine has not: dtypes that a device lacks, memory that is not enough. Nobody is blamed for it."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import torch

from .notation import DTYPES

CLAIM = {torch.float64: "float64", torch.float32: "float32"}
"""The claim that a dtype is; the half types are one."""

KIT = Path(__file__).parent
TORCH = Path(torch.__file__).parent


@lru_cache
def refusals(device: torch.device) -> Mapping[torch.dtype, str]:
    """The dtypes that a device lacks, and what it says: it is asked once for each. The CPU has all."""
    found = {}
    for dtype in DTYPES.values() if device.type not in ("cpu", "meta") else ():
        try:
            torch.zeros(1).to(device=device, dtype=dtype).add(1).cpu()
        except Exception as error:
            found[dtype] = _first(error)
    return found


def lacking(error: BaseException, device: torch.device) -> str:
    """What a device says of a dtype that it lacks, where a clause or torch itself has asked for it.

    Who asks for it in code of their own is to answer for it.
    """
    said = _first(error)
    if said not in refusals(device).values():
        return ""
    below = (TORCH, *_backend(device))
    frames = traceback.walk_tb(error.__traceback__)
    paths = [Path(frame.f_code.co_filename) for frame, _ in frames]
    asking = next((path for path in reversed(paths) if not _within(path, below)), None)
    return said if asking and _within(asking, (KIT,)) else ""


def _backend(device: torch.device) -> list[Path]:
    """Where a device's own code in Python is, where it is no part of torch."""
    found = getattr(torch, device.type, None)
    name = getattr(found, "__name__", type(found).__module__).partition(".")[0]
    file = Path(getattr(sys.modules.get(name), "__file__", None) or TORCH)
    return [file.parent if file.name == "__init__.py" else file]


def _within(path: Path, places: Iterable[Path]) -> bool:
    return any(place == path or place in path.parents for place in places)


class OutOfMemory(BaseException):
    """An implementation has had no memory for a call. No clause takes it for a refusal."""


SAID = re.compile(r"(?i)(can't allocate|not enough|out of) memory|_ALLOC_FAILED|bad_alloc|RESOURCE_EXHAUSTED")
ASKED = re.compile(r"allocat(?:e|ing) ([\d.]+ ?(?:bytes|[KMGT]i?B))")


def exhausted(error: BaseException) -> str:
    """How much was asked for, where there was no memory for it; nothing of other exceptions."""
    if isinstance(error, OutOfMemory):
        return str(error)
    short = isinstance(error, RuntimeError) and SAID.search(str(error))
    if not short and not isinstance(error, MemoryError):
        return ""
    asked = ASKED.search(str(error))
    return f"{asked[1]} asked for" if asked else "it is not said how much was asked for"


def _first(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
