"""Who claims gradients of the input alone: what is asked, what is not, and that it is no gradient profile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import rnnspec
from rnnspec import gradients, result
from rnnspec.case import Case
from rnnspec.check import Failed
from rnnspec.gradients import expected, weighing
from rnnspec.implementation import Amended, Implementation, Run
from rnnspec.loading import load
from rnnspec.network import Network
from rnnspec.notation import BASIC

CHAPTER = Path(rnnspec.__file__).parent / "clauses" / "test_60_gradients.py"
CPU = torch.device("cpu")

MINE = """
from test_input_gradients import Frozen, Scaled
frozen, scaled = Frozen(), Scaled()
"""


class Frozen(Implementation):
    """torch's GRU, whose weights are numbers and no more."""

    name, modes, claims = "frozen", ("GRU",), BASIC | {"grad_input"}
    factor = 1.0

    def build(self, case: Case, weights: Mapping[str, Tensor], device: torch.device) -> Run:
        module = nn.GRU(case.I, case.H, dtype=case.dtype).requires_grad_(False)
        module.load_state_dict({name: w.detach() for name, w in weights.items()})

        def run(x: Tensor, *state: Any) -> Any:
            if x.requires_grad:
                x.register_hook(lambda grad: self.factor * grad)  # type: ignore[no-untyped-call]
            return module(x, *state)

        return run


class Scaled(Frozen):
    """The same, with 1.001 times the gradient of the input."""

    name, factor = "scaled", 1.001


def given(subject: Implementation) -> gradients.Gradients:
    case = Case("GRU", dtype=torch.float64)
    return gradients.given(Network(subject, case, CPU), weighing(case))


def test_weights_are_not_asked() -> None:
    got = given(Frozen())
    assert set(got) == {"input", "h_0"}
    gradients.agree(got, expected(Case("GRU", dtype=torch.float64)))


def test_a_wrong_gradient_of_the_input_fails() -> None:
    with pytest.raises(Failed, match="gradient of input is not what it must be"):
        gradients.agree(given(Scaled()), expected(Case("GRU", dtype=torch.float64)))


def test_who_claims_all_gradients_is_asked_for_all() -> None:
    class Claiming(Frozen):
        claims = BASIC | {"grad"}

    class Attached(Claiming):
        def build(self, case: Case, weights: Mapping[str, Tensor], device: torch.device) -> Run:
            module = nn.GRU(case.I, case.H, dtype=case.dtype)
            module.load_state_dict(dict(weights))
            return module

    assert set(given(Attached())) >= {"input", "h_0", "weight_hh_l0", "bias_ih_l0"}
    got = given(Claiming())
    with pytest.raises(Failed, match="gradient of weight_ih_l0 is not what it must be"):
        gradients.agree(got, expected(Case("GRU", dtype=torch.float64)))


@pytest.mark.parametrize("name", ["torch.jit", "torch.compile", "quantizable", "dynamic-quantised-qint8"])
def test_no_tool_of_torchs_has_gradients_of_the_input_alone(name: str) -> None:
    subject = load(name)
    for mode in subject.modes:
        assert subject.claimed(mode) & {"grad", "grad_input"} in (set(), {"grad", "grad_input"})


@pytest.mark.parametrize(
    ("more", "without", "claimed"),
    [
        ((), ("grad",), []),
        (("grad_input",), ("grad",), ["grad_input"]),
        ((), ("grad_input",), []),
        ((), ("dropout",), ["grad_input", "grad"]),
    ],
    ids=str,
)
def test_what_is_given_up(more: tuple[str, ...], without: tuple[str, ...], claimed: list[str]) -> None:
    subject = Amended(load("torch.nn"), frozenset(more), frozenset(without))
    network = Network(subject, Case("GRU"), CPU)
    assert [name for name in ("grad_input", "grad") if network.claims(name)] == claimed


def outcomes(pytester: pytest.Pytester, *words: str) -> dict[str, set[str]]:
    options = "--rnn-dtype=float64", "--rnn-device=cpu", "--rnn-results=out.jsonl"
    pytester.runpytest_inprocess(str(CHAPTER), *options, *words)
    found: dict[str, set[str]] = {}
    for row in result.read(pytester.path / "out.jsonl")[1]:
        found.setdefault(row.clause, set()).add(row.outcome)
    return found


@pytest.mark.parametrize(
    ("words", "claims"),
    [(["--rnn=mine:frozen"], 1), (["--rnn=torch.nn:GRU", "--rnn-without=grad", "--rnn-with=grad_input"], 2)],
    ids=str,
)
def test_rows(pytester: pytest.Pytester, words: list[str], claims: int) -> None:
    pytester.makepyfile(mine=MINE)
    found = outcomes(pytester, *words)
    assert all("PASS" in found[clause] for clause in ("GRD-1", "GRD-4"))
    assert ("PASS" in found["GRD-2"]) == (claims == 2)
    assert {outcome for each in found.values() for outcome in each} == {"PASS", "NOT CLAIMED"}
    assert found["GRD-16"] == {"NOT CLAIMED"}


def test_rows_of_a_wrong_one(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(mine=MINE)
    found = outcomes(pytester, "--rnn=mine:scaled")
    assert "FAIL" in found["GRD-1"]


def test_it_is_no_gradient_profile(pytester: pytest.Pytester) -> None:
    words = "--rnn=torch.nn:GRU", "--rnn-without=grad", "--rnn-with=grad_input", "--rnn-profile=gradient"
    ran = pytester.runpytest_inprocess(str(CHAPTER.parent), "-k", "test_60", *words, "--rnn-device=cpu")
    ran.stdout.fnmatch_lines(["torch.nn:GRU on cpu does not conform to profile gradient: * not claimed"])
