"""32 The LSTM step: c_t = f c_{t-1} + i g, h_t = o tanh(c_t)."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from rnnspec import reference
from rnnspec.axes import BLOCKS, LSTM, SIZES, cases, each
from rnnspec.bound import pinned, roundings
from rnnspec.check import agrees, equals, lies_between
from rnnspec.exact import OPEN, rows, with_gates

EQUATIONS = "torch.nn.LSTM, equations"

CELL = each({"mode": "LSTMCell"})
BOTH = [*LSTM, *CELL]

PAST_256 = {"T": 300, "B": 2, "I": 6, "H": 5}
"""Steps on which no gate is saturated."""


@pytest.mark.clause(id="LSTM-1", level="MUST", source=f"{EQUATIONS}; Outputs, c_n")
@pytest.mark.needs("hx")
@cases(LSTM, [*SIZES, *BLOCKS, {"bias": False}, {"bias": False, "H": 35}, {"span": 4.0}, {"T": 1}, PAST_256])
@cases(CELL)
def test_step(rnn, case):
    """i, f, o are sigmoids and g is a tanh, c_t = f c_{t-1} + i g, h_t = o tanh(c_t), and c_n is c.

    Each gate is its function of W_i x_t + b_i + W_h h_{t-1} + b_h of its block. h_{t-1} is taken from
    the implementation's own output; c, which is not output, is carried along.
    """
    c_0 = 2 * case.c_0
    got = rnn(case.input, (case.h_0, c_0))
    wanted, within = pinned(case, case.input, (case.h_0, c_0), got.output)
    agrees(got, wanted, within)


@pytest.mark.clause(id="LSTM-2", level="MUST", source="consequence of the equations and block order")
@pytest.mark.needs("hx")
@cases(BOTH)
def test_each_gate_alone(rnn, case):
    """One open gate has its effect alone: i adds g, f keeps c, o shows tanh(c), g gives the sign.

    Exact with saturated gates, through each of the four tensors: c = 6 f + i g, and h is 0 unless o
    is open.
    """
    x, h_0 = torch.ones_like(case.input[:1]), torch.ones_like(case.h_0)
    c_0 = torch.full_like(case.c_0, 6)
    for through in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        for i, f, g, o in product((0, 1), (0, 1), (-1, 1), (0, 1)):
            gates = {"i": 2 * i - 1, "f": 2 * f - 1, "g": g, "o": 2 * o - 1}
            open_or_shut = {gate: sign * OPEN for gate, sign in gates.items()}
            got = rnn.but(weights=with_gates(case, through, **open_or_shut))(x, (h_0, c_0))
            c = torch.full_like(c_0, 6 * f + i * g)
            equals(got.c_n, c, f"c_n with i={i} f={f} g={g} o={o} through {through}")
            shown = o * c.double().tanh()
            agrees(got.h_n, shown, roundings(case.dtype, 6) * o, f"h_n with o={o}", "lbh")


@pytest.mark.clause(id="LSTM-3", level="MUST", source="consequence of the equations: no peepholes")
@pytest.mark.needs("hx")
@cases(BOTH, each({}, {"H": 35, "B": 5}))
def test_gates_do_not_see_the_cell_state(rnn, case):
    """The gates see x_t and h_{t-1} but not c_{t-1}: c_1 is an affine function of c_0, of slope f."""
    huge = min(1e6, torch.finfo(case.dtype).max / 2)
    x, start = case.input[:1], [case.c_0 + shift for shift in (0.0, 20.0, -40.0, huge)]
    end = [rnn(x, (case.h_0, c_0)) for c_0 in start]
    within = [pinned(case, x, (case.h_0, c), got.output)[1].c_n for c, got in zip(start, end, strict=True)]
    f = _forget_gate(case)
    for k in (1, 2, 3):
        rise = end[k].c_n.cpu().double() - end[0].c_n.cpu().double()
        wanted = f * (start[k].double() - start[0].double())
        agrees(rise, wanted, within[k] + within[0], "c_1(c_0 + d) - c_1(c_0)", "lbh")


def _forget_gate(case):
    """f of the first step in float64, (1, B, H)."""
    (w,) = reference.layer_weights(case, case.weights)
    a = reference.linear(case.input[:1].double(), w.W_ih, w.b_ih)
    a = a + reference.linear(case.h_0.double(), w.W_hh, w.b_hh)
    return a[..., rows(case, "f")].sigmoid()


@pytest.mark.clause(id="LSTM-4", level="MUST", source="consequence of the equations")
@pytest.mark.needs("hx")
@cases(BOTH, each({"gain": 50.0, "span": 10.0}, {"gain": 50.0, "span": 10.0, "H": 35, "seed": 2}))
def test_ranges(rnn, case):
    """|h_t| is at most 1 and |c_t| at most |c_{t-1}| + 1, in every component."""
    state = case.state
    for x_t in case.input.split(1):
        before = state[1].cpu().double().abs()
        step = rnn(x_t, state)
        state = step.state
        lies_between(step.output, -1.0, 1.0, roundings(case.dtype, 8), "h_t")
        grown = 1 + before
        lies_between(step.c_n, -grown, grown, roundings(case.dtype, 8, grown), "c_t")
