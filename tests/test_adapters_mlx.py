"""MLX: the weights are mapped as its documentation has them, and a wrong mapping is found."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

import pytest
import torch

from rnnspec.bound import propagated
from rnnspec.case import Case
from rnnspec.check import agrees
from rnnspec.gradients import expected
from rnnspec.loading import load
from rnnspec.network import Network
from rnnspec.notation import LAYERS

if importlib.util.find_spec("mlx") is None:
    pytest.skip("needs the extra mlx", allow_module_level=True)

CPU = torch.device("cpu")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("options", [{}, {"L": 2, "bidirectional": True}, {"hx": False}, {"bias": False}])
@pytest.mark.parametrize("mode", LAYERS)
def test_results(mode: str, options: Mapping[str, Any], dtype: torch.dtype) -> None:
    case = Case(mode, T=3, dtype=dtype, **options)
    agrees(Network(load("mlx"), case, CPU)(case.input, case.state), *propagated(case))


@pytest.mark.parametrize("mode", LAYERS)
def test_gradients(mode: str) -> None:
    case = Case(mode, T=3, B=2, H=5)
    network, x = Network(load("mlx"), case, CPU), case.input.requires_grad_()
    network.attached(x, case.state).output.sum().backward()
    assert x.grad is not None
    got = {"input": x.grad, **{name: w.grad for name, w in network.learnable.items()}}
    assert all(part is not None and part.isfinite().all() and part.any() for part in got.values())
    assert got.keys() <= expected(case).gradients.keys()


def test_wrong_order_of_the_gates() -> None:
    from rnnspec.adapters.mlx import Mlx

    class Swapped(Mlx):
        def model(self, case: Case, weights: Mapping[str, Any]) -> Any:
            import mlx.core as mx

            r, z, n = mx.split(weights["weight_ih_l0"], 3)
            return case, {**weights, "weight_ih_l0": mx.concatenate([z, r, n])}

    case = Case("GRU")
    with pytest.raises(AssertionError, match="output is not what it must be"):
        agrees(Network(Swapped(), case, CPU)(case.input, case.state), *propagated(case))


def test_an_omitted_state_is_omitted(monkeypatch: pytest.MonkeyPatch) -> None:
    import mlx.nn as nn

    seen = []
    call = nn.GRU.__call__

    def noted(self: Any, *given: Any) -> Any:
        seen.append(len(given))
        return call(self, *given)

    monkeypatch.setattr(nn.GRU, "__call__", noted)
    case = Case("GRU", hx=False)
    Network(load("mlx"), case, CPU)(case.input)
    assert seen == [1]
