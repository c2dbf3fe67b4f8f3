"""The handshake of the mutants: which are given a name, and that no other is."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import mutants
from handshake_kit import Call, calling, found, of
from mutants.registry import MUTANTS
from rnnspec.implementation import DropIn

NAMED = {
    "LSTMGivenStatesExchanged": "the initial state is read as (c, h), where torch's is (h, c)",
    "LSTMCellGivenStatesExchanged": "the initial state is read as (c, h), where torch's is (h, c)",
    "LSTMReturnedStatesExchanged": "the final state is returned as (c, h), where torch's is (h, c)",
    "LSTMGivenHIgnored": "h_0 is ignored",
    "LSTMCellGivenCIgnored": "c_0 is ignored",
    "LSTMGivenCReadFromH": "h_0 is used for c_0 too",
    "LSTMHReturnedAsC": "h_n is returned for c_n too",
    "GRUInitialStateReturned": "the initial state is returned as the final one",
    "RNNStateOfTheFirstLayerOnly": "two layers: h_0 is used in the first layer only",
    "GRUOnlyTheLastLayersState": "two layers: only the last layer's final state is returned",
    "LSTMStatesFromTheTop": "two layers: the states are in the order of the layers from the top",
    "GRUStatesByDirection": "two bidirectional layers: the states are direction by direction, row d·L + k",
    "RNNFinalReverseFromTheEnd": "bidirectional: the reverse half of h_n is that of the last step",
    "RNNFinalStatesReverseFirst": "bidirectional: the final states are returned with the reverse direction's",
    "RNNNotFlippedBack": "bidirectional: the reverse half of the output is not flipped back",
    "GRUHalvesExchanged": "bidirectional: the reverse half of the output comes first",
    "LSTMHalvesInterleaved": "bidirectional: forward and reverse units take turns in the output",
    "RNNForwardWeightsTwice": "bidirectional: both directions have the forward direction's weights",
    "GRUGatesSwappedInReverse": "bidirectional: in the reverse direction the gate blocks look permuted",
    "LSTMGatesSwappedAboveLayer0": "two layers: above the first layer the gate blocks look permuted",
    "LSTMUpperLayersWithoutRecurrentBias": "two layers: above the first layer bias_hh is not added",
    "LSTMGatesInterleaved": "the gate blocks look interleaved: row 4j + k is gate k of unit j",
    "RNNBatchFirstIgnored": "batch_first: batch_first=True has no effect",
    "GRUOutputNotTransposed": "batch_first: batch_first=True is ignored in the output",
    "GRUInputReshaped": "batch_first: the input for batch_first is reshaped, where it must be transposed",
    "RNNOutputReshaped": "batch_first: the output for batch_first is reshaped, where it must be transposed",
    "LSTMLayerAxisMissing": "the final state lacks the axis of the layers",
    "LSTMOutputInFloat64": "output has the dtype float64 where float32 must be",
}
"""Mutants that are mistakes of mapping, and the beginning of what is to be said of them."""


@pytest.mark.parametrize("name", NAMED)
def test_mutants_that_have_a_name(name: str) -> None:
    mutant = MUTANTS[name]
    finding = of(DropIn(name, {mutant.mode: mutant.cls}), mutant.mode)
    assert finding.wrong
    assert finding.wrong[0].startswith(NAMED[name]), finding.said


class TestWhatHasNoName:
    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (ValueError("no\nsuch luck"), "it raises ValueError: no such luck"),
            (SystemExit(3), "it raises SystemExit: 3"),
            (KeyboardInterrupt(), "it raises KeyboardInterrupt:"),
        ],
    )
    def test_an_exception(self, error: BaseException, said: str) -> None:
        def change(call: Call, x: Tensor, hx: Any) -> Any:
            raise error

        assert found(calling("GRU", change), "GRU").wrong == [said]

    def test_an_exception_with_a_state_only(self) -> None:
        def change(call: Call, x: Tensor, hx: Any) -> Any:
            if hx is not None:
                raise ValueError("no state, please")
            return call(x)

        said = "it raises ValueError: no state, please, only with a state and where T = B and I = H"
        assert found(calling("GRU", change), "GRU").wrong[0] == said

    def test_a_shape(self) -> None:
        def change(call: Call, x: Tensor, hx: Any) -> Any:
            output, h_n = call(x, hx)
            return output[..., 1:], h_n

        said = "output has the shape (5, 3, 6) where (5, 3, 7) must be (T = 5, B = 3, I = 4, H = 7)"
        assert found(calling("GRU", change), "GRU").wrong == [said]

    def test_no_pair(self) -> None:
        finding = found(calling("GRU", lambda call, x, hx: call(x, hx)[0]), "GRU")
        assert finding.wrong[0].startswith("a call does not return a pair")

    @pytest.mark.parametrize(
        ("name", "said"),
        {
            "RNNLastOfSeveralSteps": "from t = 4 on",
            "RNNRowsBeyondThree": "in row 3 of the batch only, only where T = B and I = H",
            "RNNCellCellStartsFromOnes": "only without a state",
            "RNNFinalStateRounded": "h_n is off by at most 0.0017, where 8e-06 is allowed, while the output",
            "GRUTopStateOfTheFirstLayer": "two layers: no usual mistake: h_n is off",
            "GRUReverseStartsLate": "in the reverse half only",
            "RNNTanhOff1em4": "no usual mistake: output and h_n are off by at most 0.0001",
            "GRUUpperReverseOfSeveralSteps": "two bidirectional layers: no usual mistake",
            "RNNLastOfOddUnits": "at first in unit 6 only",
        }.items(),
    )
    def test_what_is_off_is_described(self, name: str, said: str) -> None:
        mutant = MUTANTS[name]
        finding = of(DropIn(name, {mutant.mode: mutant.cls}), mutant.mode)
        assert said in finding.said
        assert not finding.named

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
    @pytest.mark.parametrize("name", ["RNNBatchAndTimeMixed", "RNNInputStridesIgnored", "RNNTanhOff1em3"])
    def test_half_types_give_no_wrong_names(self, name: str, dtype: torch.dtype) -> None:
        mutant = MUTANTS[name]
        assert not of(DropIn(name, {mutant.mode: mutant.cls}), mutant.mode, dtype).named

    @pytest.mark.parametrize("chapter", ["algebra", "batch", "sizes", "precision"])
    def test_no_other_mutant_is_given_a_name(self, chapter: str) -> None:
        """Those whose defect is no mistake of mapping; of the RNN, where it takes no time."""
        parts = [
            m for m in MUTANTS.values() if m.mode in ("RNN", "RNNCell") and chapter_of(m.fault) == chapter
        ]
        assert parts
        for mutant in parts:
            finding = of(DropIn("mutant", {mutant.mode: mutant.cls}), mutant.mode)
            named = [said for said in finding.named if "computed in" not in said]
            assert not named or "transposed in a relu network" in mutant.fault, (mutant.fault, named)


@cache
def texts() -> dict[str, str]:
    folder = Path(mutants.__file__).parent
    return {path.stem: path.read_text() for path in sorted(folder.glob("*.py"))}


def chapter_of(fault: str) -> str:
    """The file in which a mutant with this fault is."""
    return next((stem for stem, text in texts().items() if fault and f'"""{fault}' in text), "")
