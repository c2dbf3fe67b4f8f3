"""The sensitivity certificate: every number of every case is seen, far beyond the bound.

Each gate block of each weight, each input step and each state is redrawn, one at a time; the
expected result must move by ten times the bound somewhere. A case that cannot notice is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.func import vmap

from rnnspec import bound, reference
from rnnspec.axes import MODES, built
from rnnspec.case import Case
from rnnspec.catalogue import Clause, every
from rnnspec.notation import GATES, SMALLEST, UNIT_ROUNDOFF, dtype_name
from rnnspec.reference import Result

ENOUGH = {torch.float64: 10.0, torch.float32: 10.0, torch.float16: 5.0, torch.bfloat16: 1.0}
"""How many times the bound each change must be seen: at least once by two digits of bfloat16."""

ENDS = 3
"""Of a long sequence only so many steps are changed at each end, and one in the middle."""

ROWS = 3
"""Rows of a batch do not touch: so many of them tell."""

Numbers = Mapping[str, Tensor]


class Change(NamedTuple):
    """One part of the numbers: which tensor, where in it, and what a reader calls it."""

    tensor: str
    where: slice
    name: str


def changes(case: Case) -> Iterator[Change]:
    """Every part that must be seen."""
    for draw in case.parameters():
        if draw.name.startswith("weight_hr"):
            yield Change(draw.name, slice(None), draw.name)
            continue
        for number, gate in enumerate(GATES[case.kind]):
            block = slice(number * case.H, (number + 1) * case.H)
            if not unseen_by_nature(case, draw.name, gate):
                yield Change(draw.name, block, f"gate {gate} of {draw.name}")
    steps = range(case.T)
    middle = {*steps[:ENDS], case.T // 2, *steps[-ENDS:]}
    yield from (Change("input", slice(t, t + 1), f"input step {t}") for t in sorted(middle))
    if case.hx:
        for name in ("h_0", "c_0")[: len(case.zeros)]:
            for number in range(case.L * case.D):
                yield Change(name, slice(number, number + 1), f"{name}[{number}]")


def unseen_by_nature(case: Case, tensor: str, gate: str) -> bool:
    """One step from zeros: the equations multiply W_hh and the LSTM's f by 0."""
    return case.T == 1 and not case.hx and (tensor.startswith("weight_hh") or gate == "f")


def numbers(case: Case) -> Numbers:
    """Everything that a change may touch, by name, in float64."""
    named = dict(zip(("h_0", "c_0"), case.state or case.zeros, strict=False))
    named["input"] = case.input
    named = {name: value[:, :ROWS] for name, value in named.items()} | dict(case.weights)
    return {name: value.double() for name, value in named.items()}


def taken_apart(case: Case, named: Numbers) -> tuple[Numbers, Tensor, tuple[Tensor, ...]]:
    """Weights, input and state."""
    state = tuple(named[name] for name in ("h_0", "c_0") if name in named)
    return {name: named[name] for name in case.weights}, named["input"], state


def moves(case: Case) -> tuple[list[str], list[Tensor]]:
    """The names of the changes, and how far each moves every element of each part of the result."""
    named, listed = numbers(case), list(changes(case))
    fresh = numbers(case.but(seed=case.seed + 7919))

    def run(changed: Numbers) -> tuple[Tensor, ...]:
        result = reference.run(case, *taken_apart(case, changed))
        return tuple(part for _, part in result.items())

    stacked = {k: v.repeat(len(listed), *[1] * v.ndim) for k, v in named.items()}
    for number, change in enumerate(listed):
        stacked[change.tensor][number, change.where] = fresh[change.tensor][change.where]
    apart = [(new - old).abs() for new, old in zip(vmap(run)(stacked), run(named), strict=True)]
    return [change.name for change in listed], apart


def allowed(case: Case, how: str) -> Result:
    """The bound as the clause derives it; one rounding where it asks for the same bits."""
    weights, x, state = taken_apart(case, numbers(case))
    if how == "propagated":
        return bound.predicted(case, weights, x, state)[1]
    wanted = reference.run(case, weights, x, state)
    if how == "pinned" and case.L * case.D == 1:
        return bound.pinned(case, x, state, wanted.output)[1]
    u, least = UNIT_ROUNDOFF[case.dtype], SMALLEST[case.dtype]
    return wanted.map(lambda part: u * part.abs() + least)


@lru_cache(maxsize=4096)
def blind(case: Case, how: str, dtypes: tuple[torch.dtype, ...]) -> list[str]:
    """What could change by a whole redraw and not be noticed, and in which dtype.

    The moves are those of the case's own dtype: rounding the numbers once more hardly changes them.
    """
    names, apart = moves(case)
    missed = []
    for dtype in dtypes:
        seen = torch.zeros(len(names))
        within = allowed(case.but(dtype=dtype), how)
        for moved, (_, most) in zip(apart, within.items(), strict=True):
            share = torch.where(moved == 0, 0.0, moved / most).nan_to_num(nan=0.0)
            seen = torch.maximum(seen, share.flatten(1).amax(1))
        short = [n for n, s in zip(names, seen.tolist(), strict=True) if not s >= ENOUGH[dtype]]
        missed += [f"{name} in {dtype_name(dtype)}" for name in short]
    return missed


def how(clause: Clause) -> str:
    """The kind of bound that a clause uses."""
    return next((n for n in ("propagated", "pinned") if clause.mentions(n)), "exact")


def tried(clause: Clause) -> Iterator[tuple[Case, tuple[torch.dtype, ...]]]:
    """The cases that have something to notice, and the dtypes in which they are to notice it.

    float64 follows from float32; a one-step bound is good in half types too. Chapter 70 asks how near
    results in half types are, in deep networks too, not that every number is seen through their bound.
    """
    step = str(clause).partition("-")[0] in ("ELM", "GRU", "LSTM") and how(clause) == "pinned"
    for entry in clause.entries():
        own = (entry["dtype"],) if "dtype" in entry else (torch.float32, *(HALF if step else ()))
        if own[0] in HALF and str(clause).startswith("DTY"):
            own = (torch.float32,)
        case = Case(**{**entry, "dtype": own[0]})
        if case.T and case.B:
            yield case, own


HALF = (torch.float16, torch.bfloat16)


@pytest.mark.parametrize("clause", [c for c in every() if not c.mentions("lies_between")], ids=str)
def test_every_case_sees_every_number(clause: Clause) -> None:
    """A clause about a range, not about values, has nothing to be sensitive to."""
    refused = []
    for case, dtypes in tried(clause):
        missed = blind(case, how(clause), dtypes)
        refused += [f"{case} does not notice {', '.join(missed)}"] if missed else []
    assert not refused


@pytest.mark.parametrize("kind", ["propagated", "pinned", "exact"])
@pytest.mark.parametrize("case", built(MODES, torch.float32), ids=str)
def test_what_float32_notices_float64_notices(case: Case, kind: str) -> None:
    wide = allowed(case.but(dtype=torch.float64), kind)
    for (_, narrow), (_, part) in zip(allowed(case, kind).items(), wide.items(), strict=True):
        assert bool((part <= narrow).all())


def test_a_case_that_cannot_notice_is_refused() -> None:
    """Saturated gates hide what comes in: the certificate says so."""
    case = Case("GRU", gain=1e6)
    assert "gate r of bias_ih_l0 in float32" in blind(case, "propagated", (torch.float32,))
