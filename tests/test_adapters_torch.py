"""The adapters of torch's own tools: what is compiled really is; what is quantised has its own bound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from rnnspec import adapters
from rnnspec.adapters import torch_compile
from rnnspec.bound import predicted, propagated
from rnnspec.case import Case
from rnnspec.check import Failed, NotClaimed, agrees
from rnnspec.deviations import load
from rnnspec.factors import Factors, Held
from rnnspec.gradients import agree, expected, given, weighing
from rnnspec.implementation import Amended, Implementation
from rnnspec.network import Network

CASES = {
    "torch.jit": [Case("RNN"), Case("GRU", hx=False), Case("LSTM", L=2, bidirectional=True), Case("GRUCell")],
    "torch.export": [Case("RNN", hx=False), Case("GRU"), Case("LSTM", P=3, hx=False), Case("LSTMCell")],
    "torch.compile-aot_eager": [Case("GRU", T=3), Case("RNNCell", hx=False)],
    "quantizable": [Case("LSTM", L=2), Case("LSTM", bidirectional=True, hx=False), Case("LSTMCell")],
    "dynamic-quantised-qint8": [Case("GRU", L=2), Case("LSTM", hx=False), Case("LSTMCell"), Case("RNNCell")],
    "dynamic-quantised-float16": [Case("GRU", bidirectional=True), Case("LSTM"), Case("GRUCell")],
}

ROWS = [(name, case) for name, cases in CASES.items() for case in cases]


def _network(adapter: Implementation | str, case: Case) -> Network:
    found = adapters.load(adapter) if isinstance(adapter, str) else adapter
    return Network(found, case, torch.device("cpu"))


def _changed(name: str, change: Any) -> Implementation:
    """An adapter that reads the weights otherwise."""

    found = Amended(adapters.load(name))
    build = found.build

    def changed(case: Case, weights: Mapping[str, Tensor], device: torch.device) -> Any:
        return build(case, {n: change(case, w.detach()) for n, w in weights.items()}, device)

    found.build = changed  # type: ignore[method-assign]
    return found


@pytest.mark.parametrize(("name", "case"), ROWS, ids=str)
def test_results(name: str, case: Case) -> None:
    rnn = _network(name, case)
    rnn.needs()
    agrees(rnn(case.input, case.state), *propagated(rnn.case))


@pytest.mark.parametrize("name", CASES)
def test_exchanged_gates_are_seen(name: str) -> None:
    case = Case("LSTM" if "LSTM" in adapters.load(name).modes and "compile" not in name else "GRU", T=3)
    rnn = _network(_changed(name, lambda case, w: w.roll(case.H, 0)), case)
    with pytest.raises(Failed, match="output is not what it must be"):
        agrees(rnn(case.input, case.state), *propagated(rnn.case))


@pytest.mark.parametrize("name", ["torch.jit", "torch.export", "torch.compile-aot_eager", "quantizable"])
def test_gradients_are_those_of_the_weights(name: str) -> None:
    case = Case("LSTM" if name == "quantizable" else "GRU", T=3)
    agree(given(_network(name, case), weighing(case)), expected(case))


def test_what_is_not_compiled_is_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(torch_compile.SETTINGS, "allow_rnn", False)
    case = Case("GRU", T=2, B=2)
    with pytest.raises(NotClaimed, match="no graph of it was made"):
        _network("torch.compile-aot_eager", case)(case.input, case.state)


def test_what_quantisation_leaves_as_it_is_is_not_claimed() -> None:
    case = Case("RNN")
    with pytest.raises(NotClaimed, match=r"leaves torch\.nn\.RNN as it is, in silence"):
        _network("dynamic-quantised-qint8", case)(case.input)


@pytest.mark.parametrize("mode", ["GRU", "LSTM", "RNNCell"])
def test_coarser_weights_than_those_of_8_bits_are_seen(mode: str) -> None:
    """Held in steps of a quarter of the largest they are; in half of the steps of 8 bits they pass."""
    case, seen = Case(mode, B=17), []
    for steps in (4, 255):
        rounded = _changed(
            "dynamic-quantised-qint8", lambda _, w, n=steps: (w * n / _most(w)).round() * _most(w) / n
        )
        rnn = _network(rounded, case)
        wanted, within = propagated(rnn.case)
        seen.append(((rnn(case.input, case.state).output - wanted.output).abs() > within.output).any().item())
    assert seen == [True, False]


def _most(weight: Tensor) -> Tensor:
    return weight.abs().max()


@pytest.mark.parametrize("mode", ["RNN", "GRU", "LSTM"])
def test_the_bound_of_held_factors_holds(mode: str) -> None:
    """Weights that are off by as much as is allowed are within the bound, whatever their signs."""
    held = Held(share=2.0**-8)
    case = Case(mode, L=2, bidirectional=True, dtype=torch.float64, factors=Factors(weights=held))
    wanted, within = propagated(case)
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        moved = {
            name: w + held.share * _most(w) * (torch.rand(w.shape, generator=generator).round() * 2 - 1)
            if "weight" in name
            else w
            for name, w in case.weights.items()
        }
        got, _ = predicted(case, moved, case.input, case.state or case.zeros)
        agrees(got, wanted, within)


def test_what_is_listed_of_torch_is_listed_of_what_its_tools_make() -> None:
    listed, case = load(), Case("LSTM")
    applies = {
        name: bool(listed.of("PRJ-5", _network(name, Case("GRU")))) for name in ("torch.jit", "torch.export")
    }
    assert all(applies.values())
    assert not listed.of("PCK-17", _network("quantizable", case))
