"""The adapters of the ONNX family: one operator a layer, in both directions, with both resets and lengths."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import pytest
import torch

from rnnspec import adapters
from rnnspec.bound import propagated
from rnnspec.case import Case
from rnnspec.check import Failed, agrees
from rnnspec.implementation import Implementation
from rnnspec.network import Network
from rnnspec.ragged import alone, beyond, lengths

EVERY = ("onnxruntime", "onnx.reference", "openvino", "torch.onnx")
MISSING = {name for name in EVERY if adapters.SHIPPED[name].missing}

pytestmark = [
    pytest.mark.skipif(find_spec("onnx") is None, reason="needs the extra onnx"),
    pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning"),  # of JAX, where its tests came before
]

BOTH: dict[str, Any] = {"L": 2, "bidirectional": True}
CASES = [
    Case("RNN", hx=False),
    Case("RNN", nonlinearity="relu", bidirectional=True),
    Case("GRU", **BOTH),
    Case("GRU", reset="before", bidirectional=True),
    Case("GRU", reset="before", bias=False),
    Case("LSTM", **BOTH),
    Case("LSTM", bias=False),
]


def needs(name: str) -> Any:
    install = adapters.SHIPPED[name].install
    return pytest.param(name, marks=pytest.mark.skipif(name in MISSING, reason=f"needs {install}"))


def network(adapter: str | Implementation, case: Case) -> Network:
    subject = adapters.load(adapter) if isinstance(adapter, str) else adapter
    return Network(subject, case, torch.device("cpu"))


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("name", [needs(name) for name in EVERY[:3]])
def test_results(name: str, case: Case) -> None:
    if name == "onnx.reference" and case.nonlinearity == "relu":
        pytest.skip("a known deviation: it has no relu")
    rnn = network(name, case)
    rnn.needs()
    agrees(rnn(case.input, case.state), *propagated(case))


def test_results_in_float64() -> None:
    case = Case("LSTM", bidirectional=True, dtype=torch.float64)
    agrees(network("onnx.reference", case)(case.input, case.state), *propagated(case))


@pytest.mark.parametrize("name", [needs("torch.onnx")])
def test_one_export_serves_other_weights(name: str) -> None:
    from rnnspec.adapters.torch_onnx import exported

    exported.cache_clear()
    for seed in (1, 2):
        case = Case("GRU", seed=seed, batch_first=True)
        agrees(network(name, case)(case.input, case.state), *propagated(case))
    assert exported.cache_info().misses == 1
    cell = Case("LSTMCell", T=2)
    agrees(network(name, cell)(cell.input, cell.state), *propagated(cell))


@pytest.mark.parametrize("mode", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("name", [needs("onnxruntime"), needs("openvino")])
def test_lengths(name: str, mode: str) -> None:
    case = Case(mode, B=6, bidirectional=True)
    rnn, ends = network(name, case), lengths(case)
    got = rnn.with_lengths(beyond(case.input, ends, 1.0), ends)
    assert rnn.claims("padded", "zero_padding")
    agrees(got, *alone(case, ends))


@pytest.mark.parametrize("mode", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("name", [needs("openvino")])
def test_openvino_with_open_shapes_ignores_lengths(name: str, mode: str) -> None:
    """For that reason the adapter fixes them."""
    adapter = type(adapters.load(name))()
    vars(adapter)["fixed"] = False
    case = Case(mode, B=6)
    rnn, ends = network(adapter, case), lengths(case)
    wanted, within = alone(case, ends)
    with pytest.raises(Failed, match="h_n is not what it must be"):
        agrees(rnn.with_lengths(case.input, ends).h_n, wanted.h_n, within.h_n, "h_n", "lbh")
    everywhere = rnn.with_lengths(case.input, [case.T] * case.B)
    agrees(everywhere, *propagated(case))


@pytest.mark.parametrize("mode", ["GRU", "LSTM"])
@pytest.mark.parametrize("name", [needs("onnxruntime"), "onnx.reference", needs("openvino")])
def test_exchanged_gates_are_seen(name: str, mode: str) -> None:
    class Wrong(type(adapters.load(name))):  # type: ignore[misc]
        def model(self, case: Case, weights: Mapping[str, Any]) -> Any:
            return super().model(case, {name: exchanged(w, case.H) for name, w in weights.items()})

    def exchanged(array: Any, H: int) -> Any:
        new = array.copy()
        new[:H], new[H : 2 * H] = array[H : 2 * H], array[:H]
        return new

    case = Case(mode)
    with pytest.raises(Failed, match="output is not what it must be"):
        agrees(network(Wrong(), case)(case.input, case.state), *propagated(case))


@pytest.mark.parametrize("reset", ["before", "after"])
def test_the_other_reset_is_seen(reset: str) -> None:
    class Wrong(type(adapters.load("onnx.reference"))):  # type: ignore[misc]
        def model(self, case: Case, weights: Mapping[str, Any]) -> Any:
            return super().model(case.but(reset={"before": "after", "after": "before"}[reset]), weights)

    case = Case("GRU", reset=reset)
    with pytest.raises(Failed, match="output is not what it must be"):
        agrees(network(Wrong(), case)(case.input, case.state), *propagated(case))


def test_what_is_not_given_is_left_out() -> None:
    from rnnspec.adapters.onnx_graphs import proto

    case = Case("LSTM", bias=False)
    arrays = {"W": case.input.numpy(), "R": case.input.numpy()}
    (node,) = proto(case, arrays, (False, False, None)).graph.node
    assert list(node.input) == ["X", "W", "R", "", "", "", ""]
    (node,) = proto(case, arrays, (True, True, (5, 3))).graph.node
    assert list(node.input) == ["X", "W", "R", "", "sequence_lens", "initial_h", "initial_c"]


def test_claims() -> None:
    claimed = adapters.load("onnx.reference").claimed("GRU")
    assert {"reset_after", "reset_before", "float64", "padded", "empty", "nobias"} <= claimed
    assert not {"proj", "grad", "packed", "half", "batch_first", "unbatched", "messages"} & claimed


@pytest.mark.parametrize("name", [needs("onnxruntime"), needs("openvino")])
def test_what_may_die(name: str) -> None:
    adapter = adapters.load(name)
    assert adapter.may_die(Case("GRU", B=0))
    assert not adapter.may_die(Case("GRU"))
