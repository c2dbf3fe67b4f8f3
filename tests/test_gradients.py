"""The oracle's gradients are right, and their bounds are honest: never exceeded, and not far above."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

import ways
from rnnspec import gradients, reference
from rnnspec.axes import CELLS, DIRECTION, LAYERS, built, cases, each
from rnnspec.backward import Traced
from rnnspec.case import Case
from rnnspec.catalogue import every
from rnnspec.gradients import Gradients, Wanted, expected, weighing
from rnnspec.notation import DTYPES, dtype_name
from ways import HALF, STEPS, WAYS

CLOSE = 1e-13
"""Some hundred float64 roundings of sums of numbers of about 1."""

LOOSE = 64
"""Worst cases of every rounding on both ways, summed over steps and rows, do not meet."""

LOOSE_BEFORE = 96
"""The same with another product within each step, whose worst case meets the others as rarely."""

NETWORKS = built(cases(STEPS, each({"B": 2}), LAYERS, DIRECTION["any"]).args, torch.float64)
OTHERWISE = built(
    cases([*STEPS, *CELLS], each({"bias": False}, {"hx": False}, {"T": 1, "H": 4, "I": 1})).args,
    torch.float64,
)
MODE = pytest.mark.parametrize("mode", STEPS, ids=lambda m: "-".join(map(str, m.values())))


def leaves(case: Case, dtype: torch.dtype) -> dict[str, Tensor]:
    return {name: part.to(dtype).requires_grad_() for name, part in ways.numbers(case).items()}


def by_autograd(result: reference.Result, loss: reference.Result, asked: dict[str, Tensor]) -> Gradients:
    found = torch.autograd.grad(gradients.weighed(result, loss), [*asked.values()], allow_unused=True)
    return {n: torch.zeros_like(asked[n]) if g is None else g for n, g in zip(asked, found, strict=True)}


def of_the_equations(case: Case, loss: reference.Result, carry: Any = lambda part: part) -> Gradients:
    """By torch's autograd through the oracle's forward equations."""
    asked = leaves(case, torch.float64)
    weights = {name: gradients.Attached(asked[name]) for name in case.weights}
    start = tuple(asked[name] for name in ("h_0", "c_0") if name in asked)
    return by_autograd(reference.run(case, weights, asked["input"], start, carry), loss, asked)


def headroom(got: Gradients, wanted: Wanted) -> float:
    """The worst error ÷ bound; inf for a NaN."""
    worst = 0.0
    for name, part in got.items():
        error = (part.double() - wanted.gradients[name]).abs()
        share = torch.where(error == 0, 0.0, error / wanted.within[name]).nan_to_num(nan=torch.inf)
        worst = max(worst, float(share.max()))
    return worst


@pytest.mark.parametrize("case", NETWORKS + OTHERWISE, ids=str)
def test_backpropagation_by_the_tape_and_by_autograd_agree(case: Case) -> None:
    wanted = of_the_equations(case, weighing(case))
    for name, part in expected(case).gradients.items():
        size = wanted[name].abs().clamp(min=1)
        assert float(((part - wanted[name]).abs() / size).max()) < CLOSE, name


@pytest.mark.parametrize("heads", [("output",), ("h_n",), ("c_n",), ("output", "c_n")])
def test_a_loss_on_some_heads(heads: tuple[str, ...]) -> None:
    case = Case("LSTM", L=2, P=3, bidirectional=True, B=2, dtype=torch.float64)
    wanted = of_the_equations(case, weighing(case, heads))
    for name, part in expected(case, heads).gradients.items():
        assert float((part - wanted[name]).abs().max()) < CLOSE, name


ENOUGH = {torch.float64: 10.0, torch.float32: 10.0, torch.float16: 5.0, torch.bfloat16: 1.0}
"""How many times its bound each gradient must be, somewhere: bfloat16 has two digits."""


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=dtype_name)
def test_every_gradient_of_every_case_is_seen(dtype: torch.dtype) -> None:
    """Of every gate of every weight, every step and every state: were it 0, it would be noticed."""
    (clause,) = [clause for clause in every() if str(clause) == "GRD-1"]
    for case in clause.cases(dtype):
        found, within = expected(case)
        for name, part in found.items():
            blocks = case.G if name.startswith(("weight_ih", "weight_hh", "bias")) else len(part)
            shares = (part.abs() / within[name]).nan_to_num(nan=0.0).chunk(blocks)
            for number, share in enumerate(shares):
                assert float(share.max()) >= ENOUGH[dtype], f"{case}: {name}, block {number} of {blocks}"


@MODE
def test_rows_of_different_lengths_are_sequences_alone(mode: Any) -> None:
    case, lengths = Case(**mode, L=2, bidirectional=True, dtype=torch.float64), [2, 5, 2]
    loss, state = weighing(case), case.state
    assert state is not None
    got, _ = gradients.predicted(case, case.weights, case.input, state, loss, lengths)
    rest = {name: got[name] for name in case.weights}
    for row, length in enumerate(lengths):
        one = slice(row, row + 1)
        alone = tuple(part[:, one] for part in state)
        part, _ = gradients.predicted(
            case, case.weights, case.input[:length, one], alone, loss.rows(one).steps(slice(length))
        )
        assert torch.allclose(got["input"][:length, one], part["input"], rtol=0, atol=CLOSE)
        assert not got["input"][length:, one].any()
        rest = {name: rest[name] - part[name] for name in case.weights}
    assert all(float(left.abs().max()) < CLOSE for left in rest.values())


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=dtype_name)
@MODE
def test_every_correct_way_stays_within(mode: Any, dtype: torch.dtype) -> None:
    """Autograd through each of the ways to evaluate the equations."""
    worst = 0.0
    half = dtype.itemsize == 2
    sizes = each({"T": 3, "B": 2, "H": 5, "gain": 0.5}, {"T": 3, "B": 2, "H": 5, "gain": 0.5, "seed": 2})
    more = each({}, {"L": 2, "bidirectional": True}, {"T": 19, "B": 2, "H": 5}, {"T": 3, "B": 35})
    for case in built(cases([mode], sizes if half else [*sizes, *more]).args, dtype):
        wanted = expected(case)
        for way in WAYS + (HALF if half else []):
            asked = leaves(case, dtype)
            share = headroom(by_autograd(ways.run(case, way, asked), weighing(case), asked), wanted)
            assert share <= 1, f"{case} by {way}: {share:.2f} of the bound"
            worst = max(worst, share)
    assert worst >= 1 / (LOOSE_BEFORE if "reset" in mode else LOOSE)


@pytest.mark.parametrize("reach", [1e-6, 1e-3])
@pytest.mark.parametrize("options", [{}, {"L": 2, "bidirectional": True}])
@MODE
def test_errors_of_the_states_reach_the_gradients_within(mode: Any, options: Any, reach: float) -> None:
    """Each state of each step off by as much as rounding may have moved it, up or down."""
    case = Case(**mode, **options, T=4, B=2, I=2, H=4, gain=0.5, dtype=torch.float64)
    state = case.state
    assert state is not None

    def carried(number: Traced) -> Traced:
        noise, value = number.tape.noise, number.value.settled()
        wider = noise(replace(value, slack=value.slack + reach))
        return Traced(number.tape, wider, lambda adjoint: number.receive(noise(adjoint)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Traced, "carried", carried)
        wanted = gradients.predicted(case, case.weights, case.input, state, weighing(case))
    for seed in range(8):
        dice = torch.Generator().manual_seed(seed)

        def off(part: Tensor, dice: torch.Generator = dice) -> Tensor:
            return part + reach * (2 * torch.randint(0, 2, part.shape, generator=dice) - 1)

        assert headroom(of_the_equations(case, weighing(case), off), wanted) <= 1 + 1e-6  # relu attains it
