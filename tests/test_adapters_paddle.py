"""PaddlePaddle: the weights are mapped as its documentation has them, and a wrong mapping is found."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

import pytest
import torch

from rnnspec.bound import propagated
from rnnspec.case import Case
from rnnspec.check import agrees
from rnnspec.loading import load
from rnnspec.network import Network
from rnnspec.notation import LAYERS, MODES, is_cell

if importlib.util.find_spec("paddle") is None:
    pytest.skip("needs the extra paddle", allow_module_level=True)

CPU = torch.device("cpu")
EVERY: dict[str, Any] = {"L": 2, "bidirectional": True}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("mode", MODES)
def test_results(mode: str, dtype: torch.dtype) -> None:
    for options in [{}, {"hx": False}] + [EVERY, {"batch_first": True}] * (mode in LAYERS):
        case = Case(mode, T=3, dtype=dtype, **options)
        agrees(Network(load("paddle"), case, CPU)(case.input, case.state), *propagated(case))


@pytest.mark.parametrize(
    "case", [Case("LSTM", P=3, **EVERY), Case("RNN", nonlinearity="relu"), Case("LSTMCell", T=1)], ids=str
)
def test_further_results(case: Case) -> None:
    agrees(Network(load("paddle"), case, CPU)(case.input, case.state), *propagated(case))


@pytest.mark.parametrize("case", [Case("GRU", **EVERY), Case("LSTM", P=3, **EVERY), Case("RNNCell")], ids=str)
def test_gradients_are_of_everything(case: Case) -> None:
    network, x = Network(load("paddle"), case, CPU), case.input.requires_grad_()
    state = tuple(part.requires_grad_() for part in case.state or ())
    network.attached(x, state).output.sum().backward()
    assert all(part.grad is not None and part.grad.any() for part in (x, *state, *network.learnable.values()))


def test_wrong_order_of_the_gates() -> None:
    from rnnspec.adapters.paddle import Paddle

    class Swapped(Paddle):
        def model(self, case: Case, weights: Mapping[str, Any]) -> Any:
            swapped = weights["weight_ih_l0"].reshape(3, case.H, case.I)[[1, 0, 2]].reshape(-1, case.I)
            return super().model(case, {**weights, "weight_ih_l0": swapped})

    case = Case("GRU")
    with pytest.raises(AssertionError, match="output is not what it must be"):
        agrees(Network(Swapped(), case, CPU)(case.input, case.state), *propagated(case))


@pytest.mark.parametrize("mode", ["GRU", "GRUCell"])
def test_an_omitted_state_is_omitted(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import paddle

    seen = []
    own = getattr(paddle.nn, mode)
    call = own.forward

    def noted(self: Any, *given: Any) -> Any:
        seen.append(len(given))
        return call(self, *given)

    monkeypatch.setattr(own, "forward", noted)
    case = Case(mode, T=1, hx=False)
    Network(load("paddle"), case, CPU)(case.input)
    assert seen == [1]


def test_the_default_dtype_is_left_as_it_is() -> None:
    import paddle

    case = Case("GRUCell", dtype=torch.float64, hx=False)
    Network(load("paddle"), case, CPU)(case.input)
    assert paddle.get_default_dtype() == "float32"


def test_claims() -> None:
    claimed = {mode: load("paddle").claimed(mode) for mode in MODES}
    assert [mode for mode in MODES if "proj" in claimed[mode]] == ["LSTM"]
    assert [mode for mode in MODES if "relu" in claimed[mode]] == ["RNN", "RNNCell"]
    assert all(("lengths" in claimed[mode]) != is_cell(mode) for mode in MODES)
    assert not any({"half", "unbatched", "zero_padding"} & claims for claims in claimed.values())
