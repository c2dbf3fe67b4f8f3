"""30 The Elman step: h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)."""

from __future__ import annotations

import pytest

from rnnspec.axes import BLOCKS, CELLS, DIRECTION, LAYERS, SIZES, TANH, cases, each
from rnnspec.bound import pinned, propagated
from rnnspec.check import agrees

EQUATION = "torch.nn.RNN, equation"

RELU_UNITS = each({"mode": "RNN", "nonlinearity": "relu"})
TANH_CELL, RELU_CELL = each(CELLS[0]), each(CELLS[1])


@pytest.mark.clause(id="ELM-1", level="MUST", source=EQUATION)
@pytest.mark.needs("hx")
@cases(TANH, [*SIZES, *BLOCKS, {"bias": False}, {"bias": False, "H": 35}, {"span": 4.0}])
@cases(TANH_CELL)
def test_tanh_step(rnn, case):
    """Each hidden state is h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).

    h_{t-1} is taken from the implementation's own output, so that every step is checked by itself.
    """
    got = rnn(case.input, case.state)
    wanted, within = pinned(case, case.input, case.state, got.output)
    agrees(got, wanted, within)


@pytest.mark.clause(id="ELM-2", level="MUST", source="torch.nn.RNN, nonlinearity")
@pytest.mark.needs("hx")
@cases(RELU_UNITS, [*SIZES, *BLOCKS, {"bias": False}, {"bias": False, "H": 35}, {"span": 300.0}])
@cases(RELU_CELL, each({}, {"span": 300.0}))
def test_relu_step(rnn, case):
    """With nonlinearity='relu' the step is h_t = max(0, W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).

    It is exactly 0 where the pre-activation is clearly negative, since the bound is 0 there, and it
    is unbounded above: with inputs of some hundreds the outputs are some hundreds.
    """
    got = rnn(case.input, case.state)
    wanted, within = pinned(case, case.input, case.state, got.output)
    agrees(got, wanted, within)


@pytest.mark.clause(id="ELM-3", level="MUST", source="consequence of the equation: tanh is odd")
@pytest.mark.needs("hx")
@cases(TANH, LAYERS, DIRECTION["any"], each({"bias": False}))
@cases(TANH_CELL, each({"bias": False}))
def test_tanh_network_is_odd(rnn, case):
    """Without biases the tanh network is odd: negating the input and h_0 negates output and h_n."""
    (h_0,) = case.state
    plain = rnn(case.input, (h_0,))
    negated = rnn(-case.input, (-h_0,))
    _, within = propagated(case)
    agrees(negated, -1 * plain, within=2 * within)
