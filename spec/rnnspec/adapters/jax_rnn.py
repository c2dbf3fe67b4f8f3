"""JAX's own LSTM, jax.experimental.rnn.lstm_ref: the reference of the one that runs on GPUs alone.

Layers, directions and both biases are its own, in torch's shapes and order of gates. It takes no call without
a state or without lengths, and puts zeros where a row has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jax.experimental.rnn import lstm_ref

from ..case import Case
from ..notation import BASIC
from .base import LENGTHS, STACKED
from .jax import JaxAdapter, weights_of


class JaxRnn(JaxAdapter):
    name = "jax.experimental.rnn"
    modes = ("LSTM",)
    covers = "network"
    claims = BASIC | STACKED | LENGTHS | {"zero_padding", "grad"}

    def network(
        self, case: Case, weights: Mapping[str, Any], x: Any, state: tuple[Any, ...] | None, lengths: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        T, B, _ = x.shape
        zeros = jnp.zeros((case.L * case.D, B, case.H), x.dtype)
        h_0, c_0 = state or (zeros, zeros)
        ends = jnp.full(B, T, "int32") if lengths is None else lengths.astype("int32")
        ways = [weights_of(weights, suffix)[:4] for suffix in case.suffixes()]
        W_ih, W_hh, b_ih, b_hh = (dict(enumerate(parts)) for parts in zip(*ways, strict=True))
        sizes = (case.I, case.H, case.L, 0.0, case.bidirectional)
        output, *final = lstm_ref(x.swapaxes(0, 1), h_0, c_0, W_ih, W_hh, b_ih, b_hh, ends, *sizes)
        return output.swapaxes(0, 1), tuple(final)


LSTM_REF = JaxRnn()
