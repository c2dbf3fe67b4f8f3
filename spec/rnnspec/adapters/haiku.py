"""Haiku: hk.LSTM, hk.GRU and hk.VanillaRNN, unrolled by hk.dynamic_unroll, also backwards.

The matrices are transposed. The LSTM has one matrix for x and h together and one bias, in the order i g f o,
and adds 1 to f itself. The GRU's reset gate comes before the product; its blocks are z r a, with one bias,
and its z is torch's 1 - z, so that the block of z is negated. The VanillaRNN is a relu network with both
biases.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp

from ..case import Case
from ..notation import MODES
from .jax import Weights
from .jax_layers import JaxLayers, State, gates

CORES = {"RNN": hk.VanillaRNN, "GRU": hk.GRU, "LSTM": hk.LSTM}


def parameters(kind: str, w: Weights) -> dict[str, dict[str, Any]]:
    """A core's parameters by its own names."""
    by = gates(w, kind)
    if kind == "RNN":
        rnn = by["h"]
        return {
            "vanilla_rnn/linear": {"w": rnn.W_ih, "b": rnn.b_ih},
            "vanilla_rnn/linear_1": {"w": rnn.W_hh, "b": rnn.b_hh},
        }
    if kind == "GRU":
        by["z"] = jax.tree.map(jnp.negative, by["z"])
        r, z, n = by.values()
        w_i, w_h, b_i, b_h = (jnp.concatenate(parts, -1) for parts in zip(z[:4], r[:4], n[:4], strict=True))
        return {"gru": {"w_i": w_i, "w_h": w_h, "b": b_i + b_h}}
    i, f, g, o = (gate[:4] for gate in by.values())
    f = (*f[:3], f[3] - 1)
    W_ih, W_hh, b_ih, b_hh = (jnp.concatenate(parts, -1) for parts in zip(i, g, f, o, strict=True))
    return {"lstm/linear": {"w": jnp.concatenate([W_ih, W_hh]), "b": b_ih + b_hh}}


def applied(case: Case, w: Weights, call: Any) -> Any:
    """What `call` makes of a core with these weights."""
    pure = hk.without_apply_rng(hk.transform(lambda: call(CORES[case.kind](case.H))))
    return pure.apply(parameters(case.kind, w))


def initial(case: Case, core: Any, x: Any, state: State | None) -> Any:
    """A core's own initial state, which does not know the dtype of x, or the one that is given."""
    if state is None:
        return jax.tree.map(lambda part: part.astype(x.dtype), core.initial_state(x.shape[-2]))
    return hk.LSTMState(*state) if case.kind == "LSTM" else state[0]


def final(state: Any) -> State:
    return tuple(state) if isinstance(state, hk.LSTMState) else (state,)


class Haiku(JaxLayers):
    name = "haiku"
    modes = MODES

    def claimed(self, mode: str) -> frozenset[str]:
        if mode.startswith("RNN"):
            return self.claims - {"tanh"} | {"relu"}
        return self.claims - {"reset_after"} | {"reset_before"}

    def layer(
        self, case: Case, ways: Sequence[Weights], x: Any, states: Sequence[State] | None, lengths: Any
    ) -> tuple[Any, Sequence[State]]:
        def unrolled(core: Any, d: int) -> Any:
            start = initial(case, core, x, None if states is None else states[d])
            return hk.dynamic_unroll(core, x, start, reverse=d == 1)

        found = [applied(case, w, lambda core, d=d: unrolled(core, d)) for d, w in enumerate(ways)]
        return jnp.concatenate([output for output, _ in found], -1), [final(state) for _, state in found]

    def cell(self, case: Case, w: Weights, x: Any, state: State | None) -> State:
        _, new = applied(case, w, lambda core: core(x, initial(case, core, x, state)))
        return final(new)


HAIKU = Haiku()
