"""The search for the reading under which a wrong result is right: one, or two at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import combinations
from math import inf
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..bound import propagated
from ..case import Case
from ..reference import Result
from .manner import Manner, run
from .probes import Answer
from .reading import LOCATED, Reading

NEAR = 2.0
"""So many bounds a result may be from what a reading gives: the bound is that of the right result."""

FAR = 10.0
"""So many times nearer it is to that than what is right, and than what any other reading gives."""

NOT_CAUSAL = frozenset({"layout", "returned", "rows"})
"""Topics of readings that change more of the first step than what is computed in it."""

SAME = 1e-9
"""What differs by less is the same result: the oracle's own rounding."""


class Fit(NamedTuple):
    """Readings under which every answer is near, what they give for each, and how far off it is."""

    readings: tuple[Reading, ...]
    given: list[Result]
    distance: float


class Search:
    """For the answers to one stage, beyond the manner that is known from earlier ones.

    `unit` is the dtype in whose precision they are.
    """

    def __init__(self, answers: Sequence[Answer], known: Manner, unit: torch.dtype, until: float) -> None:
        self.answers = sorted(answers, key=lambda answer: answer.right)  # the wrong ones first
        self.known, self.until = known, until
        self.scales = [_scales(answer.case, unit) for answer in self.answers]
        self.now = [predicted(known, answer.case) for answer in self.answers]

    @property
    def explained(self) -> bool:
        """Nothing beyond what is known is needed."""
        return all(now is not None and self._apart(n, now) <= NEAR for n, now in enumerate(self.now))

    def found(self, readings: Sequence[Reading]) -> tuple[Reading, ...]:
        """The readings that explain every answer; none where none do, or where others do as well."""
        if near := [fit for reading in readings if self._may_fit(reading) and (fit := self._fit(reading))]:
            return self._best(near)
        for pair in combinations(self._effective(readings), 2):
            if time.perf_counter() > self.until:
                break
            if pair[0].topic != pair[1].topic and self._may_fit(*pair) and self._fit(*pair):
                return pair
        return ()

    def _manner(self, *readings: Reading) -> Manner | None:
        manner: Manner | None = self.known
        for reading in readings:
            manner = manner and manner.but(reading.manner)
        return manner

    def _fit(self, *readings: Reading) -> Fit | None:
        """How near the readings are; None where they are not, or change too little to tell."""
        manner, given, worst, moved = self._manner(*readings), [], 0.0, 0.0
        for number, answer in enumerate(self.answers):
            result = predicted(manner, answer.case)
            if result is None or (distance := self._apart(number, result)) > NEAR:
                return None
            given.append(result)
            worst, moved = max(worst, distance), max(moved, self._moved(number, result))
        return Fit(readings, given, worst) if FAR * worst <= moved else None

    def _may_fit(self, *readings: Reading) -> bool:
        """Whether the first step is near: to look at it alone takes less."""
        case, got = self.answers[0].case, self.answers[0].got
        if case.D == 2 or not {reading.topic for reading in readings}.isdisjoint(NOT_CAUSAL):
            return True
        manner = self._manner(*readings)
        first = predicted(manner, case, 1)
        return (
            first is not None
            and got is not None
            and _off(got.output[:1], first.output) <= NEAR * self.scales[0][0]
        )

    def _best(self, near: Sequence[Fit]) -> tuple[Reading, ...]:
        """The nearest, and of those that give the same the first."""
        best = min(near, key=lambda fit: fit.distance)
        others = [fit for fit in near if not _same(fit.given, best.given)]
        if any(fit.distance < FAR * best.distance for fit in others):
            return ()
        return next(fit.readings for fit in near if _same(fit.given, best.given))

    def _effective(self, readings: Sequence[Reading]) -> list[Reading]:
        """Those that change the first answer, each change once; not those of a part of the network."""
        seen: dict[tuple[Any, ...], Reading] = {}
        for reading in readings:
            manner = None if reading.topic.startswith(LOCATED) else self._manner(reading)
            result = predicted(manner, self.answers[0].case)
            if result is None or self._moved(0, result) <= 1:
                continue
            seen.setdefault(_key(result), reading)
        return list(seen.values())

    def _apart(self, number: int, result: Result) -> float:
        """The largest distance of a result from an answer, in bounds."""
        got = self.answers[number].got
        assert got is not None
        return apart(got, result, self.scales[number])

    def _moved(self, number: int, result: Result) -> float:
        """How far a result is from what was known before."""
        now = self.now[number]
        return inf if now is None else apart(now, result, self.scales[number])


def predicted(manner: Manner | None, case: Case, steps: int | None = None) -> Result | None:
    """What a manner gives for a case; None where there is none, or the sizes do not let it."""
    if manner is None:
        return None
    try:
        return run(manner, case, steps)
    except (RuntimeError, ValueError, IndexError):
        return None


def apart(one: Result, other: Result, scales: Sequence[float]) -> float:
    """The largest distance of two results, each part by its own scale."""
    return max(_off(a, b) / s for (_, a), (_, b), s in zip(one.items(), other.items(), scales, strict=True))


def _off(a: Tensor, b: Tensor) -> float:
    if a.shape != b.shape:
        return inf
    most = float((a.double() - b.double()).abs().max())
    return most if most == most else inf


def _same(one: Sequence[Result], other: Sequence[Result]) -> bool:
    return all(apart(a, b, [SAME for _ in a.items()]) <= 1 for a, b in zip(one, other, strict=True))


def _key(result: Result) -> tuple[Any, ...]:
    """Equal for results that are the same."""
    return tuple(tuple((part / SAME / 10).round().flatten().tolist()) for _, part in result.items())


def _scales(case: Case, unit: torch.dtype) -> list[float]:
    """The largest bound of each part, in the precision in which the answer is."""
    within = propagated(case.but(dtype=unit))[1]
    coarser = FAR if unit != case.dtype else 1.0  # the weights are rounded too
    return [coarser * float(bound.max()) for _, bound in within.items()]


def precision(answers: Sequence[Answer]) -> torch.dtype | None:
    """The coarser dtype whose numbers all of the answers are; None where they are of their own."""
    found = None
    for unit in (torch.float32, torch.float16, torch.bfloat16):
        case = answers[0].case
        if torch.finfo(unit).bits < torch.finfo(case.dtype).bits and all(_is_of(a, unit) for a in answers):
            found = unit
    return found


def _is_of(answer: Answer, unit: torch.dtype) -> bool:
    """Its numbers are a dtype's, and are no few simple ones."""
    assert answer.got is not None
    parts = [part.double() for _, part in answer.got.items()]
    return all(
        bool((part == part.to(unit).double()).all()) and 2 * len(part.unique()) > part.numel()
        for part in parts
    )
