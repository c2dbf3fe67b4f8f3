"""How many of a clause's cases are tried: the scopes smoke, core and full, and seeds of one's own.

*smoke* takes of each clause one case, the smallest that can tell anything, in the first dtype, and the
modes by turns, and leaves out what is slow: it says in seconds that nothing is badly wrong. *core* takes
all cases but those marked `scope="full"`: it is what conformance means. *full* takes those too, and
further seeds of the smallest case of each clause, mode and dtype.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from .case import Case

SCOPES = ("smoke", "core", "full")

FURTHER = (2, 3, 4, 5, 6)
"""The seeds that full tries beside a case's own, which is 1 unless the clause says otherwise."""


ISOLATED = frozenset({"CEL-10", "CEL-11", "ERR-38", "ERR-39", *(f"ERR-{n}" for n in range(31, 38))})
"""The clauses that are marked `isolated`: a row that ends its process costs seconds, whatever the seed."""

SLOW = frozenset({"ANY", "TRN", "DEV", "ERR-10", "PER-6"}) | ISOLATED
"""Chapters and clauses for which smoke has no time: Hypothesis, compilers, what makes torch import them
(the meta device, an optimiser), and what needs a process of its own.
"""


@dataclass(frozen=True)
class Scope:
    """A scope by its name, and the seeds that replace those of the cases; none: each case keeps its own."""

    name: str = "core"
    seeds: tuple[int, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.name, *(f"seed {seed}" for seed in self.seeds)])

    def has(self, clause: str) -> bool:
        """Whether it tries a clause at all."""
        return self.name != "smoke" or SLOW.isdisjoint({clause, clause.partition("-")[0]})

    def cases(self, clause: str, found: Sequence[Case], fixed: bool) -> list[Case]:
        """What is tried of the cases that a clause has in this scope, for one implementation's modes.

        The seeds of a fixed clause stay: it compares with a recording, which has no others.
        """
        if self.name == "smoke":
            found = in_turn(clause, list(smallest(found, by=("mode",))))
        if fixed:
            return list(found)
        if self.seeds:
            found = [case.but(seed=seed) for case in found for seed in self.seeds]
        elif self.name == "full" and clause not in ISOLATED:
            small = list(smallest(found, by=("mode", "dtype")))
            found = [*found, *(case.but(seed=seed) for case in small for seed in FURTHER)]
        return list(dict.fromkeys(found))


def chosen(markers: Iterable[pytest.Mark], scope: str) -> list[Mapping[str, Any]]:
    """The entries of the markers that belong to a scope: those for full alone only in full."""
    return [
        entry
        for marker in markers
        if scope == "full" or marker.kwargs.get("scope", "core") == "core"
        for entry in marker.args
    ]


def in_turn(clause: str, cases: list[Case]) -> list[Case]:
    """One of the cases, by the clause's number: a clause has the same in every run."""
    number = int(clause.rpartition("-")[2])
    return [cases[number % len(cases)]] if cases else []


def smallest(cases: Iterable[Case], by: Sequence[str]) -> Iterator[Case]:
    """The first of the smallest cases for each value of the fields `by`.

    A case of one step or one row is taken only where there is no other: it hides what is mixed up.
    """
    groups: dict[tuple[Any, ...], list[Case]] = {}
    for case in cases:
        groups.setdefault(tuple(getattr(case, name) for name in by), []).append(case)
    for group in groups.values():
        yield min(group, key=lambda case: (case.T < 3 or case.B < 2, work(case)))


def work(case: Case) -> tuple[int, int]:
    """What orders cases by size."""
    return case.T * case.B * case.H * case.L * case.D, case.I
