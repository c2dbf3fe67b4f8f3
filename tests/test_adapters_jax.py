"""The adapters of libraries in JAX: what they claim holds for a case of each kind, and mistakes are seen."""

from __future__ import annotations

import importlib
from dataclasses import replace
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
from rnnspec.reference import Result

pytestmark = pytest.mark.skipif(
    not all(find_spec(name) for name in ("jax", "flax", "haiku")), reason="needs the extra jax"
)

FLAX = ("flax.linen", "flax.nnx")
BOTH: dict[str, Any] = {"L": 2, "bidirectional": True}
CASES = [
    *[(name, Case(mode, hx=hx)) for name in FLAX for mode, hx in (("RNN", False), ("GRUCell", True))],
    *[(name, Case(mode, **BOTH)) for name in FLAX for mode in ("GRU", "LSTM")],
    *[(name, Case("RNNCell", nonlinearity="relu", hx=False)) for name in (*FLAX, "haiku")],
    *[(name, Case("LSTMCell", dtype=torch.float64)) for name in (*FLAX, "haiku")],
    ("haiku", Case("GRU", hx=False, **BOTH)),
    ("haiku", Case("LSTM", bidirectional=True)),
    ("jax.experimental.rnn", Case("LSTM", hx=False, **BOTH)),
    ("jax.experimental.rnn", Case("LSTM", dtype=torch.float64)),
]


def _network(adapter: Any, case: Case) -> Network:
    return Network(adapter, adapter.fitted(case), torch.device("cpu"))


@pytest.mark.parametrize(("name", "case"), CASES, ids=str)
def test_results(name: str, case: Case) -> None:
    rnn = _network(adapters.load(name), case)
    rnn.needs()
    agrees(rnn(rnn.case.input, rnn.case.state), *propagated(rnn.case))


@pytest.mark.parametrize("name", [*FLAX, "jax.experimental.rnn"])
def test_lengths(name: str) -> None:
    case = Case("LSTM", B=6, bidirectional=True)
    rnn, ends = _network(adapters.load(name), case), lengths(case)
    got = rnn.with_lengths(beyond(case.input, ends, 1.0), ends)
    assert rnn.claims("padded")
    agrees(Result(beyond(got.output, ends, 0.0), *got.state), *alone(case, ends))


WRONG = [("flax.linen", "flax_linen"), ("flax.nnx", "flax_nnx"), ("haiku", "haiku")]


@pytest.mark.parametrize(("name", "module"), WRONG)
@pytest.mark.parametrize("mode", ["GRU", "LSTM"])
def test_exchanged_gates_are_seen(name: str, module: str, mode: str) -> None:
    class Wrong(type(adapters.load(name))):  # type: ignore[misc]
        def model(self, case: Case, weights: Any) -> Any:
            return super().model(case, {name: _exchanged(w, case.G) for name, w in weights.items()})

    rnn = _network(Wrong(), Case(mode))
    with pytest.raises(Failed, match="output is not what it must be"):
        agrees(rnn(rnn.case.input, rnn.case.state), *propagated(rnn.case))


def _exchanged(w: Any, blocks: int) -> Any:
    """The first two blocks exchanged."""
    jnp = importlib.import_module("jax.numpy")
    first, second, *rest = jnp.split(w, blocks)
    return jnp.concatenate([second, first, *rest])


@pytest.mark.parametrize("name", ["flax.linen", "haiku"])
def test_a_state_that_is_not_given_is_the_librarys(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    jnp = importlib.import_module("jax.numpy")
    if name == "haiku":
        cls, method = importlib.import_module("haiku").GRU, "initial_state"
        monkeypatch.setattr(cls, method, lambda self, rows: jnp.ones((rows, self.hidden_size)))
    else:
        cls, method = importlib.import_module("flax.linen").GRUCell, "initialize_carry"
        monkeypatch.setattr(
            cls, method, lambda self, key, shape: jnp.ones((*shape[:-1], self.features), "float32")
        )
    rnn = _network(type(adapters.load(name))(), Case("GRU", hx=False))
    got = rnn(rnn.case.input)
    with pytest.raises(Failed):
        agrees(got, *propagated(rnn.case))


def test_nnx_has_no_b_hn() -> None:
    rnn = _network(adapters.load("flax.nnx"), Case("GRU"))
    assert rnn.claims("b_hn")
    assert not rnn.case.b_hn
    with pytest.raises(AttributeError, match="hn_bias"):
        replace(rnn, case=Case("GRU"))(rnn.case.input)


def test_claims() -> None:
    linen, haiku = (adapters.load(name) for name in ("flax.linen", "haiku"))
    assert {"padded", "relu", "tanh", "half"} <= linen.claimed("RNN")
    assert "padded" not in linen.claimed("RNNCell")
    assert "zero_padding" not in linen.claimed("LSTM")
    assert {"tanh", "padded"}.isdisjoint(haiku.claimed("RNN"))
    assert {"reset_before"} == {"reset_before", "reset_after"} & haiku.claimed("GRU")
    assert adapters.load("jax.experimental.rnn").modes == ("LSTM",)
