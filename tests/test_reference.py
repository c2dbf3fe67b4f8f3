"""The oracle agrees with a second one, and owes nothing to torch.nn."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest
import torch

from loops import Arithmetic, run
from rnnspec import bound, reference
from rnnspec.axes import DIRECTION, LAYERS, built, cases, each
from rnnspec.case import Case
from ways import STEPS

NETWORKS = built(cases(STEPS, each({"B": 2}), LAYERS, DIRECTION["any"]).args, torch.float64)
OTHERWISE = built(
    cases(
        STEPS,
        each({"bias": False}, {"hx": False}, {"gain": 3.0, "span": 4.0}, {"T": 1, "H": 1, "I": 1}),
        each({"B": 2, "seed": 2}),
    ).args,
    torch.float64,
)
CLOSE = 1e-14
"""Some fifty float64 roundings of numbers of about 1."""

FUSED = ("rnn_tanh", "rnn_relu", "gru", "lstm")
FORBIDDEN = (*FUSED, *(f"{name}_cell" for name in FUSED))


@pytest.mark.parametrize("case", NETWORKS + OTHERWISE, ids=str)
def test_two_oracles_agree(case: Case) -> None:
    second = run(case, Arithmetic())
    for name, part in reference.expected(case).items():
        size = second[name].abs().clamp(min=1)
        assert part.shape == second[name].shape
        assert float(((part - second[name]).abs() / size).max()) < CLOSE, name


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_oracle_reads_the_rounded_numbers_of_the_case(dtype: torch.dtype) -> None:
    case = Case("LSTM", B=2, dtype=dtype)
    apart = reference.expected(case).output - run(case, Arithmetic())["output"]
    assert float(apart.abs().max()) < CLOSE


@pytest.mark.parametrize("case", NETWORKS, ids=str)
def test_centres_of_the_bounds_are_the_expected_values(case: Case) -> None:
    case = case.but(dtype=torch.float32)
    centres, _ = bound.propagated(case)
    for (name, part), (_, centre) in zip(reference.expected(case).items(), centres.items(), strict=True):
        assert float((part - centre).abs().max()) < CLOSE, name


@pytest.fixture
def without_torch_nn(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **words: Any) -> NoReturn:
        raise RuntimeError("the oracle leans on torch.nn")

    for name in FORBIDDEN:
        for place in (torch, torch._VF):
            monkeypatch.setattr(place, name, refuse)
    for name in ("linear", "tanh", "sigmoid", "relu"):
        monkeypatch.setattr(torch.nn.functional, name, refuse)
    monkeypatch.setattr(torch.nn.Module, "__init__", refuse)
    monkeypatch.setattr(torch.nn.Module, "__call__", refuse)


@pytest.mark.usefixtures("without_torch_nn")
@pytest.mark.parametrize("case", [c.but(seed=3) for c in NETWORKS if c.L == c.D == 2], ids=str)
def test_the_oracle_does_not_touch_torch_nn(case: Case) -> None:
    with pytest.raises(RuntimeError, match="leans on"):
        torch.nn.RNN(2, 3)
    reference.expected(case)
    bound.propagated(case)
