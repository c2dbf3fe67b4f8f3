"""The bounds are honest: no correct evaluation exceeds them, and they are not far above it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from loops import Adversary
from loops import run as loop
from mutants import MUTANTS, precision
from rnnspec import bound, reference
from rnnspec.affine import Affine, Rounding
from rnnspec.axes import built, cases, each
from rnnspec.case import Case
from rnnspec.implementation import DropIn
from rnnspec.network import Network
from rnnspec.notation import DTYPES, UNIT_ROUNDOFF, dtype_name
from rnnspec.reference import Result
from ways import HALF, STEPS, WAYS, by_torch
from ways import run as evaluate

SMALL = each({}, {"gain": 3.0, "span": 3.0}, {"bias": False, "hx": False}, {"seed": 2})
WIDE = each({"T": 2, "B": 2, "I": 135}, {"T": 2, "B": 2, "H": 131}, {"T": 9, "H": 17, "I": 19})
TINY = each({"T": 3, "B": 2, "I": 1, "H": 1}, {"T": 2, "B": 1, "I": 3, "H": 2, "gain": 4.0})
STACKED = each({"T": 3, "L": 2, "bidirectional": True}, {"T": 4, "L": 3, "H": 5, "I": 3})

LOOSE_SMALL = 32
"""gamma_n grows with n, true errors with its root; few units see every rounding at its worst."""
LOOSE_WIDE = 64
"""The same at n = 131, and of relu's rare elements near 0."""
LOOSE_STACKED = 64
"""Two or three layers of `LOOSE_SMALL`, whose worst cases do not meet."""


def headroom(got: Result, wanted: Result, within: Result) -> float:
    """The worst error ÷ bound; inf for a NaN."""
    worst = 0.0
    for (_, a), (_, b), (_, c) in zip(got.items(), wanted.items(), within.items(), strict=True):
        error = (a.double() - b).abs()
        share = torch.where(error == 0, 0.0, error / c).nan_to_num(nan=torch.inf)
        worst = max(worst, float(share.max()))
    return worst


def results(case: Case) -> Iterator[tuple[str, Result]]:
    """The case by torch.nn and in every correct way that its dtype allows."""
    if case.reset == "after":
        yield "torch.nn", by_torch(case)
    for way in WAYS + (HALF if case.dtype.itemsize == 2 else []):
        yield str(way), evaluate(case, way)


def worst_of(entries: Any, dtype: torch.dtype, check: Callable[[Case, Result], float]) -> float:
    """The largest headroom over cases and ways, none of which may exceed its bound."""
    worst = 0.0
    for case in built([e for e in entries.args if e.get("P", 0) < e.get("H", 7)], dtype):
        for way, result in results(case):
            share = check(case, result)
            assert share <= 1, f"{case} {dtype_name(dtype)} by {way}: {share:.2f} of the bound"
            worst = max(worst, share)
    return worst


def pinned(case: Case, got: Result) -> float:
    return headroom(got, *bound.pinned(case, case.input, case.state or case.zeros, got.output))


def propagated(case: Case, got: Result) -> float:
    return headroom(got, *bound.propagated(case))


GROUPS = [pytest.param([m], DTYPES[d], id=f"{'-'.join(map(str, m.values()))}-{d}")
          for m, d in product(STEPS, DTYPES)]  # fmt: skip


@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
@pytest.mark.parametrize(("mode", "dtype"), GROUPS)
class TestEveryCorrectWay:
    """Never more than the bound, and at its worst a stated part of it."""

    def test_one_step_at_small_sizes(self, mode: Any, dtype: torch.dtype) -> None:
        worst = worst_of(cases(mode, SMALL), dtype, pinned)
        assert worst >= 1 / LOOSE_SMALL

    def test_one_step_at_wide_sizes(self, mode: Any, dtype: torch.dtype) -> None:
        worst = worst_of(cases(mode, WIDE), dtype, pinned)
        assert worst >= 1 / LOOSE_WIDE

    def test_one_step_at_tiny_sizes(self, mode: Any, dtype: torch.dtype) -> None:
        worst_of(cases(mode, TINY), dtype, pinned)

    def test_whole_networks(self, mode: Any, dtype: torch.dtype) -> None:
        worst = worst_of(cases(mode, STACKED), dtype, propagated)
        assert worst >= 1 / LOOSE_STACKED


@pytest.mark.parametrize(("mode", "dtype"), GROUPS)
def test_roundings_at_their_worst_stay_within(mode: Any, dtype: torch.dtype) -> None:
    """Every operation of a 50-digit evaluation off by ±u."""
    u = UNIT_ROUNDOFF[dtype]
    sizes = each({"T": 3, "B": 1, "I": 2, "H": 3, "seed": 4}, {"T": 2, "B": 1, "H": 2, "L": 2})
    for case in built(cases(mode, sizes, each({}, {"bidirectional": True})).args, dtype):
        for seed in range(3):
            found = loop(case, Adversary(u, min(u, UNIT_ROUNDOFF[torch.float32]), seed))
            assert propagated(case, Result(*found.values())) <= 1, f"{case}, dice {seed}"


@pytest.mark.parametrize("mode", STEPS, ids=lambda m: "-".join(map(str, m.values())))
@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"L": 2, "bidirectional": True}])
def test_errors_of_different_steps_cannot_cancel(mode: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """The bound is no less than |derivative| x error, summed over every state of every step.

    Each state of each step, layer and direction errs by itself: no two may share a noise term.
    """
    case = Case(**mode, **options, T=4, B=2, I=2, H=3)
    within, slacks = slack_between_steps(case)
    errors = [torch.zeros_like(slack, requires_grad=True) for slack in slacks]
    turn = iter(errors)
    state = tuple(part.double() for part in case.state or case.zeros)
    got = reference.run(case, case.weights, case.input.double(), state, carry=lambda part: part + next(turn))
    for (name, part), (_, radius) in zip(got.items(), within.items(), strict=True):
        for element, allowed in zip(part.flatten(), radius.flatten(), strict=True):
            grads = torch.autograd.grad(element, errors, retain_graph=True, allow_unused=True)
            pairs = zip(grads, slacks, strict=True)
            most = sum(float((g.abs() * s).sum()) for g, s in pairs if g is not None)
            assert most <= (1 + 1e-9) * float(allowed), name


def slack_between_steps(case: Case) -> tuple[Result, list[Tensor]]:
    """The bound, and the error that each state has made by itself when it is carried."""
    slacks: list[Tensor] = []
    run = reference.run

    def noting(case: Case, weights: Any, x: Any, state: Any, carry: Callable[[Affine], Affine]) -> Result:
        def noted(part: Affine) -> Affine:
            slacks.append(part.settled().slack)
            return carry(part)

        return run(case, weights, x, state, carry=noted)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "run", noting)
        _, within = bound.predicted(case, case.weights, case.input, case.state or case.zeros)
    return within, slacks


UNARY: list[Callable[[Any], Any]] = [
    lambda a: a.tanh(),
    lambda a: a.sigmoid(),
    lambda a: a.relu(),
    lambda a: a * a,
    lambda a: a.lerp(a.tanh(), a.sigmoid()),
    lambda a: a @ torch.tensor([[1.0, 2.0], [-3.0, 0.5]]).double(),
    lambda a: a.tanh() * a.sigmoid() + a.relu(),
]


@pytest.mark.parametrize("function", UNARY)
@pytest.mark.parametrize("spread", [False, True], ids=["slack", "spread"])
@pytest.mark.parametrize("reach", [1e-9, 1e-3, 0.1, 1.0, 30.0])
def test_a_function_of_all_that_a_number_may_be(
    function: Callable[[Any], Any], spread: bool, reach: float
) -> None:
    centre = torch.linspace(-4, 4, 34, dtype=torch.float64).view(17, 2)
    number = Affine(centre, torch.full_like(centre, reach), Rounding.of(torch.float64))
    answer = function(number.carry() if spread else number)
    for left, right in product(torch.linspace(-1, 1, 9, dtype=torch.float64), repeat=2):
        there = function(centre + reach * torch.stack([left, right]))
        allowed = answer.radius + 1e-14 * (1 + there.abs())  # this test's own rounding
        assert bool(((there - answer.center).abs() <= allowed).all())


@pytest.mark.parametrize("mode", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("digits", [precision.to_tf32, precision.cut_to_tf32])
def test_products_of_tf32(mode: str, digits: Callable[[Tensor], Tensor]) -> None:
    """With 10 digits of the factors results are within the bound of TF32, and beyond float32's."""
    case = Case(mode, L=2, bidirectional=True)
    cls = type("Tf32", (MUTANTS[f"{mode}Tf32Products"].cls,), {"factor": staticmethod(digits)})
    found = Network(DropIn("tf32", {mode: cls}), case, torch.device("cpu"))(case.input, case.state)
    bounds = [
        bound.predicted(case, case.weights, case.input, case.state or case.zeros, unit)
        for unit in (Rounding.of_tf32(), Rounding.of(torch.float32))
    ]
    assert headroom(found, *bounds[0]) <= 1 < headroom(found, *bounds[1])
