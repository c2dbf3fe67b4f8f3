"""31 The GRU step: h_t = (1 - z) n + z h_{t-1}, with r inside n after the matrix product."""

from __future__ import annotations

import pytest
import torch

from rnnspec.axes import BLOCKS, GRU, SIZES, cases, each
from rnnspec.bound import pinned, roundings
from rnnspec.check import agrees, equals, lies_between
from rnnspec.exact import OPEN, integers, rows, with_gates

EQUATIONS = "torch.nn.GRU, equations"

CELL = each({"mode": "GRUCell"})
BOTH = [*GRU, *CELL]


@pytest.mark.clause(id="GRU-1", level="MUST", source=EQUATIONS)
@pytest.mark.needs("hx", "reset_after")
@cases(GRU, [*SIZES, *BLOCKS, {"bias": False}, {"bias": False, "H": 35}, {"span": 4.0}])
@cases(CELL)
def test_step(rnn, case):
    """r and z are sigmoids, n = tanh(W_in x + b_in + r (W_hn h + b_hn)), and h' = (1 - z) n + z h.

    r = σ(W_ir x + b_ir + W_hr h + b_hr), z likewise. The bound also covers n + z (h - n). Every step
    is checked by itself, with h_{t-1} from the implementation's own output.
    """
    got = rnn(case.input, case.state)
    wanted, within = pinned(case, case.input, case.state, got.output)
    agrees(got, wanted, within)


@pytest.mark.clause(id="GRU-2", level="MUST", source="torch.nn.GRU, note on the new gate")
@pytest.mark.needs("hx", "reset_after", "apart")
@cases(BOTH, each({}, {"T": 7, "B": 5, "I": 9, "H": 35}))
def test_reset_gate_scales_the_recurrent_product_and_its_bias(rnn, case):
    """The reset gate multiplies W_hn h + b_hn after the product: with r = 0 neither is seen.

    With r halfway both count by half, which tells the product before from the product after.
    """
    closed = with_gates(case, r=-OPEN)
    without = {name: value.clone() for name, value in closed.items()}
    for name in without:
        if "_hh" in name:
            without[name][rows(case, "n")] = 0
    unseen = rnn.but(weights=closed)(case.input, case.state)
    equals(unseen, rnn.but(weights=without)(case.input, case.state), "output at r = 0")

    half = with_gates(case, r=0.0)
    got = rnn.but(weights=half)(case.input, case.state)
    wanted, within = pinned(case, case.input, case.state, got.output, half)
    agrees(got, wanted, within)


@pytest.mark.clause(id="GRU-7", level="MUST", source=EQUATIONS)
@pytest.mark.needs("hx", "reset_after", "b_hn")
@cases(BOTH)
def test_candidate_has_a_recurrent_bias(rnn, case):
    """n has a bias b_hn beside W_hn h, scaled by the reset gate as that is: another b_hn gives what the
    equations say.
    """
    other = {name: value.clone() for name, value in case.weights.items()}
    for name in other:
        if "bias_hh" in name:
            other[name][rows(case, "n")] = 0.5
    got = rnn.but(weights=other)(case.input, case.state)
    wanted, within = pinned(case, case.input, case.state, got.output, other)
    agrees(got, wanted, within)


@pytest.mark.clause(id="GRU-3", level="MUST", source="torch.nn.GRU, last equation")
@pytest.mark.needs("hx")
@cases(BOTH)
def test_update_gate_weighs_the_old_state(rnn, case):
    """With z = 0 the new state is the candidate n, and with z = 1 it is the previous state.

    The second half is exact: n is saturated to 1 and the state is made of small integers.
    """
    h_0 = integers(case.h_0)
    for through in ("bias_ih", "bias_hh"):
        keep = with_gates(case, through, z=OPEN, n=OPEN)
        kept = rnn.but(weights=keep)(case.input, (h_0,))
        equals(kept.output, h_0.expand(case.T, -1, -1), "output at z = 1")
        equals(kept.h_n, h_0, "h_n at z = 1")

        renew = with_gates(case, through, z=-OPEN)
        got = rnn.but(weights=renew)(case.input, case.state)
        wanted, within = pinned(case, case.input, case.state, got.output, renew)
        agrees(got, wanted, within)


@pytest.mark.clause(id="GRU-4", level="MUST", source="consequence of the last equation")
@pytest.mark.needs("hx")
@cases(BOTH, each({"gain": 50.0, "span": 10.0}, {"gain": 50.0, "span": 10.0, "T": 35, "seed": 2}))
def test_state_stays_between_candidate_and_old_state(rnn, case):
    """Every component of h_t lies between n_t and h_{t-1}, hence |h_t| never exceeds max(1, |h_0|)."""
    h_0 = 3 * case.h_0
    output = rnn(case.input, (h_0,)).output.cpu().double()
    before = torch.cat([h_0.double(), output[:-1]])
    slack = roundings(case.dtype, 8, 1 + before.abs())
    lies_between(output, before.clamp(max=-1.0), before.clamp(min=1.0), slack, "h_t")
