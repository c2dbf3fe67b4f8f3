"""No other order of the gate blocks passes: every one is far outside the bounds of the clauses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import permutations

import pytest
import torch
from torch import Tensor

from rnnspec import reference
from rnnspec.bound import predicted
from rnnspec.case import Case
from rnnspec.catalogue import Clause, every
from rnnspec.exact import rows
from rnnspec.notation import GATES
from rnnspec.reference import Result

FAR = 10.0
"""Bounds between an implementation of another order and what a clause expects of it."""

SEEN = 2.0
"""The same in half types where there is a layer above, which inherits the errors of the first.

It is enough: the rounding of the wrong one itself takes at most one bound of the two."""

CLAUSES: Mapping[str, Clause] = {str(clause): clause for clause in every()}


def cases(clause: str, *dtypes: torch.dtype) -> list[Case]:
    return [case for dtype in dtypes for case in CLAUSES[clause].cases(dtype)]


def orders(case: Case) -> Iterator[tuple[int, ...]]:
    """Every order of the blocks but the documented one: 23 of the LSTM, 5 of the GRU."""
    yield from list(permutations(range(case.G)))[1:]


def misread(
    case: Case, weights: Mapping[str, Tensor], names: list[str], order: tuple[int, ...]
) -> dict[str, Tensor]:
    """The weights as they are read by one who takes the blocks of the named tensors in an order."""
    wrong = dict(weights)
    for name in names:
        blocks = weights[name].chunk(case.G)
        wrong[name] = torch.cat([blocks[k] for k in order])
    return wrong


def apart(got: Result, wanted: Result, within: Result) -> float:
    """The largest distance, in bounds, of any element of any part."""
    parts = zip(got.items(), wanted.items(), within.items(), strict=True)
    return max(float(((g - w).abs() / b).max()) for (_, g), (_, w), (_, b) in parts)


def blocked(case: Case) -> list[str]:
    return [name for name in case.weights if "_hr" not in name]


Misreading = tuple[str, tuple[int, ...]]


def distances(
    case: Case, weights: Mapping[str, Tensor], state: tuple[Tensor, ...], names: list[str]
) -> dict[Misreading, float]:
    """For each order, of each named tensor alone and of all, how far off the first step is."""
    x = case.input[:1]
    wanted, within = predicted(case, weights, x, state)
    wide = tuple(part.double() for part in state)
    found = {}
    for order in orders(case):
        for which, read in [(name, [name]) for name in names] + [("all", blocked(case))]:
            wrong = reference.run(case, misread(case, weights, read, order), x.double(), wide)
            found[which, order] = apart(wrong, wanted, within)
    return found


@pytest.mark.parametrize("case", cases("LSTM-1", torch.float32), ids=str)
def test_lstm_step(case: Case) -> None:
    found = distances(case, case.weights, (case.h_0, 2 * case.c_0), blocked(case))
    assert len(found) == 23 * (len(blocked(case)) + 1)
    assert min(found.values()) > FAR


@pytest.mark.parametrize("case", cases("GRU-1", torch.float32), ids=str)
def test_gru_step(case: Case) -> None:
    found = distances(case, case.weights, (case.h_0,), blocked(case))
    assert len(found) == 5 * (len(blocked(case)) + 1)
    assert min(found.values()) > FAR


@pytest.mark.parametrize(
    "case",
    cases("PAR-4", torch.float32, torch.bfloat16),
    ids=lambda case: f"{str(case.dtype).removeprefix('torch.')}-{case}",
)
def test_gate_blocks(case: Case) -> None:
    """The clause replaces a block at a time: an order is found out by one of them at least."""
    assert case.state
    worst: dict[Misreading, float] = {}
    other = case.but(seed=case.seed + 1).weights
    for name in blocked(case):
        for gate in GATES[case.kind]:
            block = rows(case, gate)
            replaced = case.weights[name].clone()
            replaced[block] = 16 * other[name][block]
            found = distances(case, {**case.weights, name: replaced}, case.state, [name])
            worst |= {key: max(far, worst.get(key, 0.0)) for key, far in found.items()}
    assert len(worst) == len([*orders(case)]) * (len(blocked(case)) + 1)
    deep_and_half = case.L > 1 and case.dtype == torch.bfloat16
    assert min(worst.values()) > (SEEN if deep_and_half else FAR)
