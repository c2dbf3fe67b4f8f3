"""The adapters of Keras: one backend in a process, both resets, and masks for lengths."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest
import torch

from rnnspec import adapters
from rnnspec.bound import propagated
from rnnspec.case import Case
from rnnspec.check import Failed, agrees
from rnnspec.network import Network
from rnnspec.ragged import alone, beyond, lengths

pytestmark = pytest.mark.skipif(find_spec("keras") is None, reason="needs the extra keras")

CASES = [
    Case("RNN", hx=False),
    Case("RNN", nonlinearity="relu", bidirectional=True),
    Case("GRU", L=2, bidirectional=True),
    Case("GRU", reset="before", bidirectional=True),
    Case("LSTM", L=2, bidirectional=True),
    Case("LSTM", bias=False, dtype=torch.float64),
    Case("RNNCell", hx=False),
    Case("GRUCell"),
    Case("GRUCell", reset="before", bias=False),
    Case("LSTMCell"),
]


def _network(case: Case, adapter: Any = None) -> Network:
    return Network(adapter or adapters.load("keras-torch"), case, torch.device("cpu"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_results(case: Case) -> None:
    rnn = _network(case)
    rnn.needs()
    agrees(rnn(case.input, case.state), *propagated(case))


def test_masks() -> None:
    case = Case("LSTM", B=6, bidirectional=True)
    rnn, ends = _network(case), lengths(case)
    got = rnn.with_lengths(beyond(case.input, ends, 1.0), ends)
    assert rnn.claims("padded", "zero_padding")
    agrees(got, *alone(case, ends))


@pytest.mark.parametrize("mode", ["GRU", "LSTM"])
def test_exchanged_gates_are_seen(mode: str) -> None:
    class Wrong(type(adapters.load("keras-torch"))):  # type: ignore[misc]
        def model(self, case: Case, weights: Any) -> Any:
            return super().model(case, {name: w.roll(case.H, 0) for name, w in weights.items()})

    case = Case(mode)
    rnn = _network(case, Wrong())
    with pytest.raises(Failed, match="output is not what it must be"):
        agrees(rnn(case.input, case.state), *propagated(case))


def test_gradients_are_autograds() -> None:
    rnn = _network(Case("GRU"))
    rnn.attached(rnn.case.input).output.sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in rnn.learnable.values())


@pytest.mark.skipif(find_spec("jax") is None, reason="needs the extra jax")
def test_one_backend_in_a_process() -> None:
    body = "from rnnspec import adapters; adapters.load('keras-torch'); adapters.load('keras-jax')"
    ended = subprocess.run([sys.executable, "-c", body], capture_output=True, text=True)
    assert "Keras runs on torch in this process: keras-jax needs one of its own" in ended.stderr


def test_claims() -> None:
    keras = adapters.load("keras-torch")
    assert {"reset_after", "reset_before"} <= keras.claimed("GRU")
    assert "relu" in keras.claimed("RNNCell")
    assert "padded" not in keras.claimed("RNNCell")
