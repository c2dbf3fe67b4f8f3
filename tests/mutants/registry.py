"""The register of mutants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import nn

import plain

LAYERS = ("RNN", "LSTM", "GRU")
CELLS = ("RNNCell", "LSTMCell", "GRUCell")

ONLY = {
    "ELM": ("RNN",),
    "GRU": ("GRU", "GRUCell"),
    "LSTM": ("LSTM", "LSTMCell"),
    **dict.fromkeys(("SHP", "SEQ", "LAY", "STK", "BID"), LAYERS),
    **dict.fromkeys(("SEQ-6", "SEQ-11", "LAY-5"), (*LAYERS, *CELLS)),
    **dict.fromkeys(("GRD-2", "GRD-4", "GRD-5", "GRD-18"), LAYERS),
    **dict.fromkeys(("GRD-6", "GRD-17"), ("LSTM", "LSTMCell")),
    "PAR-4": ("GRU", "LSTM", "GRUCell", "LSTMCell"),
    "PRJ-1": ("LSTM",),
    **dict.fromkeys(("PAR-8", "INI-6", "SEQ-8", "LAY-6", "BAT-5"), ("RNN",)),
}
"""The modes of the clauses, and chapters, that are about some modes only."""

Part = TypeVar("Part", bound=type[nn.Module])


@dataclass(frozen=True)
class Mutant:
    mode: str
    cls: type[nn.Module]
    dies_of: tuple[str, ...]

    @property
    def fault(self) -> str:
        return (self.cls.__doc__ or "").partition("\n")[0]


MUTANTS: dict[str, Mutant] = {}


def mutant(*modes: str, dies_of: tuple[str, ...]) -> Callable[[Part], Part]:
    """Register the defect as a drop-in for each mode, named mode + defect.

    Of dies_of, a mode keeps the clauses that are about it.
    """

    def register(part: Part) -> Part:
        for mode in modes:
            name = mode + part.__name__
            if name in MUTANTS:
                raise ValueError(f"two mutants are called {name}")
            clauses = tuple(clause for clause in dies_of if about(clause, mode))
            MUTANTS[name] = Mutant(mode, drop_in(name, part, mode), clauses)
        return part

    return register


def about(clause: str, mode: str) -> bool:
    chapter = clause.partition("-")[0]
    return mode in ONLY.get(clause, ONLY.get(chapter, (mode,)))


def drop_in(name: str, part: type[nn.Module], mode: str) -> type[nn.Module]:
    base: type[nn.Module] = getattr(plain, mode)
    bases = (part,) if issubclass(part, base) else (part, base)
    body: dict[str, Any] = {"__doc__": part.__doc__, "__module__": "mutants"}
    return type(name, bases, body)
