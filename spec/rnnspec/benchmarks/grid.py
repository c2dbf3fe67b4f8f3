"""What is measured: contests, each of which has its turns together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..case import Case
from .ways import WAYS

Sizes = Mapping[str, Any]

CENTRE: Sizes = {"T": 32, "B": 16, "I": 128, "H": 128}
"""Of the full grid: through it one size at a time is varied."""

SECTIONS: Mapping[str, Sequence[int]] = {
    "T": (1, 8, 32, 128, 512),
    "B": (1, 4, 16, 64, 256),
    "H": (8, 32, 128, 512, 1024),
    "L": (1, 2, 4),
}

SMALL: Sizes = {"T": 16, "B": 8, "I": 32, "H": 32}

GROWTH: Sequence[int] = (100, 400)
"""Steps of one network, to see how its time grows with them."""


@dataclass(frozen=True)
class Contest:
    """Cases, the ways in which each is called, and whether with gradients: all of it in turns.

    It takes about `most` seconds for each implementation, be the machine ever so slow.
    """

    cases: tuple[Case, ...]
    ways: tuple[str, ...] = tuple(WAYS)
    grads: tuple[bool, ...] = (False, True)
    most: float = 2.0

    @property
    def mode(self) -> str:
        return self.cases[0].mode

    def __str__(self) -> str:
        return ", ".join(map(str, self.cases))


def quick(mode: str, dtype: torch.dtype) -> Iterator[Contest]:
    """A few, in less than 20 seconds."""
    small = Case(mode, **SMALL, dtype=dtype)
    yield Contest((small,))
    yield Contest((small.but(L=2, bidirectional=True),), ("whole", "rows", "batch first"), (False,), 1.0)
    yield Contest((Case(mode, T=64, B=32, I=128, H=128, dtype=dtype),), most=4.0)
    yield growth(small)


def full(mode: str, dtype: torch.dtype) -> Iterator[Contest]:
    """The quick ones, and every section through the centre."""
    yield from quick(mode, dtype)
    for case in sections(Case(mode, **CENTRE, dtype=dtype)):
        yield Contest((case,), most=20.0)
    yield growth(Case(mode, **CENTRE, dtype=dtype))


def sections(centre: Case) -> list[Case]:
    """The centre with one size changed, each once; the input has as many columns as the state."""
    found = [
        centre.but(**{name: size}, **({"I": size} if name == "H" else {}))
        for name, sizes in SECTIONS.items()
        for size in sizes
    ]
    return list(dict.fromkeys([*found, centre.but(bidirectional=True)]))


def growth(case: Case) -> Contest:
    """One network on a short sequence and on a long one."""
    return Contest(tuple(case.but(T=T, B=4) for T in GROWTH), ("whole",), (False,))


GRIDS = {"quick": quick, "full": full}
