"""Equinox: its LSTM and GRU cells. It has no Elman cell."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from .jax import JaxSteps, Weights


def _made(cell: Any, **values: Any) -> Any:
    """A cell with these values in place of its own."""
    return eqx.tree_at(lambda c: [getattr(c, name) for name in values], cell, list(values.values()))


def _sizes(w: Weights) -> tuple[int, int]:
    return w.W_ih.shape[1], w.W_hh.shape[1]


def lstm(w: Weights, x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
    """One bias, which is the sum of torch's two; the gates are i f g o."""
    cell = eqx.nn.LSTMCell(*_sizes(w), key=jax.random.key(0), dtype=x.dtype)
    cell = _made(cell, weight_ih=w.W_ih, weight_hh=w.W_hh, bias=w.b_ih + w.b_hh)
    found: tuple[Any, ...] = jax.vmap(cell)(x, state)
    return found


def gru(w: Weights, x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
    """r z n; the biases of r and z are sums, n has both of torch's."""
    H = w.W_hh.shape[1]
    cell = eqx.nn.GRUCell(*_sizes(w), key=jax.random.key(0), dtype=x.dtype)
    bias = w.b_ih + jnp.concatenate([w.b_hh[: 2 * H], jnp.zeros(H, x.dtype)])
    cell = _made(cell, weight_ih=w.W_ih, weight_hh=w.W_hh, bias=bias, bias_n=w.b_hh[2 * H :])
    return (jax.vmap(cell)(x, state[0]),)


EQUINOX = JaxSteps("equinox", {"LSTM": lstm, "GRU": gru})
