"""tinygrad: its cell is stepped, differentiated, and given a state only where there is one."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

import pytest
import torch

from rnnspec.bound import propagated
from rnnspec.case import Case
from rnnspec.check import agrees
from rnnspec.gradients import expected, weighed, weighing
from rnnspec.loading import load
from rnnspec.network import Network

if importlib.util.find_spec("tinygrad") is None:
    pytest.skip("needs the extra tinygrad", allow_module_level=True)

CPU = torch.device("cpu")
SMALL: dict[str, Any] = {"T": 2, "B": 2, "I": 3, "H": 4}


@pytest.mark.parametrize("options", [{}, {"hx": False}, {"bias": False}, {"mode": "LSTMCell"}])
def test_results(options: Mapping[str, Any]) -> None:
    case = Case(**{"mode": "LSTM", **SMALL, **options})
    agrees(Network(load("tinygrad"), case, CPU)(case.input, case.state), *propagated(case))


@pytest.mark.parametrize("options", [{}, {"hx": False}])
def test_gradients(options: Mapping[str, Any]) -> None:
    case = Case("LSTM", **SMALL, **options)
    network, x = Network(load("tinygrad"), case, CPU), case.input.requires_grad_()
    state = case.state and tuple(part.requires_grad_() for part in case.state)
    weighed(network.attached(x, state), weighing(case)).backward()  # type: ignore[no-untyped-call]
    got = {"input": x, **dict(zip(("h_0", "c_0"), state or (), strict=False)), **network.learnable}
    wanted, within = expected(case)
    for name, leaf in got.items():
        assert leaf.grad is not None
        agrees(leaf.grad, wanted[name].float(), within[name], name)


def test_wrong_order_of_the_gates() -> None:
    from rnnspec.adapters.tinygrad import Tinygrad

    class Swapped(Tinygrad):
        def model(self, case: Case, weights: Mapping[str, Any]) -> Any:
            H, swapped = case.H, dict(weights)
            swapped["weight_ih_l0"] = weights["weight_ih_l0"][
                [*range(H, 2 * H), *range(H), *range(2 * H, 4 * H)]
            ]
            return super().model(case, swapped)

    case = Case("LSTM", **SMALL)
    with pytest.raises(AssertionError, match="output is not what it must be"):
        agrees(Network(Swapped(), case, CPU)(case.input, case.state), *propagated(case))


def test_an_omitted_state_is_omitted(monkeypatch: pytest.MonkeyPatch) -> None:
    from tinygrad import nn

    seen = []
    call = nn.LSTMCell.__call__

    def noted(self: Any, x: Any, hc: Any = None) -> Any:
        seen.append(hc is None)
        return call(self, x, hc)

    monkeypatch.setattr(nn.LSTMCell, "__call__", noted)
    case = Case("LSTM", T=2, B=2, I=5, H=3, hx=False)
    Network(load("tinygrad"), case, CPU)(case.input)
    assert seen == [True, False]


def test_what_is_captured_for_one_size_is_not_called_for_another() -> None:
    """Without a state it is the weights alone that tell how many units there are."""
    for H in (3, 6, 3):
        case = Case("LSTM", T=3, B=2, I=5, H=H, hx=False)
        agrees(Network(load("tinygrad"), case, CPU)(case.input), *propagated(case))
