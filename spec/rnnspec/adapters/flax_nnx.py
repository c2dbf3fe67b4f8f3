"""Flax NNX: nnx.RNN and nnx.Bidirectional over its cells.

A cell has one matrix for x and one for h, transposed, in torch's order of gates; the LSTMCell one for each
gate. The two biases meet in one: with h in the LSTM, with x elsewhere. The layer LSTM is made of
OptimizedLSTMCell. Rows may end before the padding does (`seq_lengths`); what the output has there is what the
cells computed.

By its docstring the GRU has a b_hn. There is no place for it, so that cases are tried with a b_hn of 0, and a
network that needs another cannot be built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
from flax import nnx

from ..case import Case
from ..notation import LAYERS, MODES
from .base import LENGTHS
from .jax import Weights, weights_of
from .jax_layers import JaxLayers, State, carried, gates, uncarried

CELLS = {"RNN": nnx.SimpleCell, "GRU": nnx.GRUCell, "LSTM": nnx.OptimizedLSTMCell}


def cell_of(case: Case, w: Weights) -> Any:
    """The library's cell with these weights."""
    made = nnx.LSTMCell if case.mode == "LSTMCell" else CELLS[case.kind]
    zeros, dtype = nnx.initializers.zeros_init(), w.W_ih.dtype
    inits = {"kernel_init": zeros, "recurrent_kernel_init": zeros}  # quick to trace
    more = {"activation_fn": getattr(jax.nn, case.nonlinearity)} if case.kind == "RNN" else {}
    cell = made(len(w.W_ih.T), case.H, dtype=dtype, param_dtype=dtype, rngs=nnx.Rngs(0), **inits, **more)
    if case.mode == "LSTMCell":
        for letter, gate in gates(w, "LSTM").items():
            put(getattr(cell, "if_" if letter == "f" else f"i{letter}"), kernel=gate.W_ih)
            put(getattr(cell, f"h{letter}"), kernel=gate.W_hh, bias=gate.b_ih + gate.b_hh)
        return cell
    put(cell.dense_i, kernel=w.W_ih.T)
    put(cell.dense_h, kernel=w.W_hh.T)
    b_hh = w.b_hh.at[2 * case.H :].set(0) if case.kind == "GRU" else w.b_hh
    put(cell.dense_h if case.kind == "LSTM" else cell.dense_i, bias=w.b_ih + b_hh)
    if hasattr(cell, "hn_bias"):
        put(cell, hn_bias=w.b_hh[2 * case.H :])
    return cell


def put(linear: Any, **values: Any) -> None:
    for name, value in values.items():
        getattr(linear, name)[...] = value


class FlaxNnx(JaxLayers):
    name = "flax.nnx"
    modes = MODES

    def claimed(self, mode: str) -> frozenset[str]:
        more = {"relu"} if mode.startswith("RNN") else set()
        return self.claims | more | (LENGTHS if mode in LAYERS else set())

    def fitted(self, case: Case) -> Case:
        return case.but(b_hn=False) if case.kind == "GRU" and case.bias else case

    def model(self, case: Case, weights: Mapping[str, Any]) -> Any:
        if case.kind == "GRU" and case.bias:
            for suffix in case.suffixes():
                w = weights_of(weights, suffix)
                if w.b_hh[2 * case.H :].any():
                    cell_of(case, w).hn_bias  # noqa: B018  # what the library would call it: flax's issue 5594
        return super().model(case, weights)

    def layer(
        self, case: Case, ways: Sequence[Weights], x: Any, states: Sequence[State] | None, lengths: Any
    ) -> tuple[Any, Sequence[State]]:
        rnns = [nnx.RNN(cell_of(case, w)) for w in ways]
        carries = None if states is None else tuple(map(carried, states))
        call = {"time_major": True, "return_carry": True, "seq_lengths": lengths}
        if case.D == 1:
            carry, output = rnns[0](x, initial_carry=None if carries is None else carries[0], **call)
            return output, [uncarried(carry)]
        final, output = nnx.Bidirectional(*rnns)(x, initial_carry=carries, **call)
        return output, [uncarried(carry) for carry in final]

    def cell(self, case: Case, w: Weights, x: Any, state: State | None) -> State:
        cell = cell_of(case, w)
        carry = cell.initialize_carry(x.shape, nnx.Rngs(0)) if state is None else carried(state)
        new, _ = cell(carry, x)
        return uncarried(new)


NNX = FlaxNnx()
