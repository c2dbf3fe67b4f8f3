"""31 The GRU with the reset before: n = tanh(W_in x + b_in + W_hn (r h) + b_hn).

It is the GRU of the paper. Where a library has it in the place of torch's, every other clause about GRUs is
tried on it too, but for those about the reset after the product.
"""

from __future__ import annotations

import pytest

from rnnspec.axes import BLOCKS, GRU, SIZES, cases, each
from rnnspec.bound import pinned
from rnnspec.check import agrees, equals
from rnnspec.exact import OPEN, rows, with_gates

PAPER = (
    "Cho et al. 2014, equations 5 to 8; keras.layers.GRU, reset_after=False; ONNX GRU, linear_before_reset=0"
)

BEFORE = each({"reset": "before"})
CELL = each({"mode": "GRUCell"})


@pytest.mark.clause(id="GRU-5", level="MUST", source=PAPER)
@pytest.mark.needs("hx")
@cases(GRU, BEFORE, [*SIZES, *BLOCKS, {"bias": False}, {"span": 4.0}])
@cases(CELL, BEFORE)
def test_step(rnn, case):
    """With the reset before the product, n = tanh(W_in x + b_in + W_hn (r h) + b_hn), h' = (1 - z) n + z h.

    r = σ(W_ir x + b_ir + W_hr h + b_hr), z likewise. Every step is checked by itself, with h_{t-1} from the
    implementation's own output.
    """
    got = rnn(case.input, case.state)
    wanted, within = pinned(case, case.input, case.state, got.output)
    agrees(got, wanted, within)


@pytest.mark.clause(id="GRU-6", level="MUST", source=PAPER)
@pytest.mark.needs("hx")
@cases([*GRU, *CELL], BEFORE, each({}, {"T": 7, "B": 5, "I": 9, "H": 35}))
def test_reset_gate_scales_the_state_and_not_the_bias(rnn, case):
    """The reset gate scales each component of the state before the product: where r is 0, that column of W_hn
    is not seen, and b_hn is.
    """
    in_part = with_gates(case, r=OPEN)
    in_part[_first(case, "bias_ih")][rows(case, "r")][1::2] = -OPEN
    without = {name: value.clone() for name, value in in_part.items()}
    without[_first(case, "weight_hh")][rows(case, "n"), 1::2] = 0
    seen = rnn.but(weights=in_part)(case.input, case.state)
    equals(rnn.but(weights=without)(case.input, case.state), seen, "output without columns at r = 0")

    in_part[_first(case, "bias_hh")][rows(case, "n")] += int(rnn.claims("b_hn"))
    got = rnn.but(weights=in_part)(case.input, case.state)
    wanted, within = pinned(case, case.input, case.state, got.output, in_part)
    agrees(got, wanted, within)


def _first(case, kind):
    return kind + next(case.suffixes())
