"""Flax Linen: nn.RNN and nn.Bidirectional over its cells.

A gate's matrices are transposed, and each has a name: `ii` and `hi` for i's. Its two biases meet in one, at
`hi` in the LSTM and at `ir` in the GRU, whose n has both of torch's; the Elman cell's is at `i`. The layer
LSTM is made of OptimizedLSTMCell, which joins the matrices at the call, the cell is LSTMCell itself. Rows may
end before the padding does (`seq_lengths`); what the output has there is what the cells computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax

from ..case import Case
from ..notation import LAYERS, MODES
from .base import LENGTHS
from .jax import Weights
from .jax_layers import JaxLayers, State, carried, gates, uncarried

CELLS = {
    "RNN": nn.SimpleCell,
    "GRU": nn.GRUCell,
    "LSTM": nn.OptimizedLSTMCell,
    "RNNCell": nn.SimpleCell,
    "GRUCell": nn.GRUCell,
    "LSTMCell": nn.LSTMCell,
}


def cell_of(case: Case, dtype: Any) -> Any:
    """The library's cell, which computes in the dtype of its input."""
    more = {"activation_fn": getattr(jax.nn, case.nonlinearity)} if case.kind == "RNN" else {}
    return CELLS[case.mode](case.H, dtype=dtype, param_dtype=dtype, **more)


def parameters(kind: str, w: Weights) -> dict[str, Any]:
    """A cell's parameters by its own names."""
    found: dict[str, Any] = {}
    for letter, gate in gates(w, kind).items():
        name, one = ("", gate.b_ih + gate.b_hh) if kind == "RNN" else (letter, gate.b_ih + gate.b_hh)
        x, h = {"kernel": gate.W_ih}, {"kernel": gate.W_hh}
        if kind == "LSTM":
            h["bias"] = one
        elif letter == "n":
            x["bias"], h["bias"] = gate.b_ih, gate.b_hh
        else:
            x["bias"] = one
        found |= {f"i{name}": x, f"h{name}": h}
    return found


class FlaxLinen(JaxLayers):
    name = "flax.linen"
    modes = MODES

    def claimed(self, mode: str) -> frozenset[str]:
        more = {"relu"} if mode.startswith("RNN") else set()
        return self.claims | more | (LENGTHS if mode in LAYERS else set())

    def layer(
        self, case: Case, ways: Sequence[Weights], x: Any, states: Sequence[State] | None, lengths: Any
    ) -> tuple[Any, Sequence[State]]:
        rnns = [nn.RNN(cell_of(case, x.dtype)) for _ in ways]
        kept = [{"cell": parameters(case.kind, w)} for w in ways]
        carries = None if states is None else tuple(map(carried, states))
        call = {"time_major": True, "return_carry": True, "seq_lengths": lengths}
        if case.D == 1:
            start = None if carries is None else carries[0]
            carry, output = rnns[0].apply({"params": kept[0]}, x, initial_carry=start, **call)
            return output, [uncarried(carry)]
        both = nn.Bidirectional(*rnns)
        named = dict(zip(("forward_rnn", "backward_rnn"), kept, strict=True))
        final, output = both.apply({"params": named}, x, initial_carry=carries, **call)
        return output, [uncarried(carry) for carry in final]

    def cell(self, case: Case, w: Weights, x: Any, state: State | None) -> State:
        cell = cell_of(case, x.dtype)
        zeros = partial(cell.initialize_carry, jax.random.key(0), x.shape)
        carry = zeros() if state is None else carried(state)
        new, _ = cell.apply({"params": parameters(case.kind, w)}, carry, x)
        return uncarried(new)


LINEN = FlaxLinen()
