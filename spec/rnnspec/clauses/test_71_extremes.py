"""71 Extremes: huge, infinite, missing and subnormal numbers, and very long sequences."""

from __future__ import annotations

import pytest
import torch

from rnnspec.axes import CELLS, GRU, LAYERS, LSTM, MODES, PROJECTED, RELU, TANH, cases, each
from rnnspec.bound import pinned, predicted, roundings
from rnnspec.check import agrees, equals, lies_between
from rnnspec.exact import OPEN, integers, rows, with_gates
from rnnspec.notation import GATES

EQUATIONS = "torch.nn.RNN, LSTM, GRU, equations; IEEE 754"

HUGE = {torch.float64: 1e300, torch.float32: 1e30, torch.bfloat16: 1e30, torch.float16: 1e4}

SATURATING = [*TANH, *GRU, *LSTM]
OWN_CELLS = each({"mode": "RNNCell"}, {"mode": "GRUCell"}, {"mode": "LSTMCell"})
WIDE = each({}, {"T": 3, "B": 35, "I": 6, "H": 9}, {"T": 3, "B": 2, "I": 6, "H": 35})


def _saturated(case, x):
    """The exact states where every pre-activation has the sign of its row's first weight times the
    first feature of x (T, B, I): output (T, B, H), and c of the last step for the LSTM.
    """
    state = tuple(integers(part)[0] for part in case.state)
    outputs = []
    for x_t in x:
        a = x_t[:, :1].sign() * case.weights[next(iter(case.weights))][:, 0].sign()
        gate = {g: a[:, rows(case, g)] for g in GATES[case.kind]}
        opened = {g: (value + 1) / 2 for g, value in gate.items()}
        if case.kind == "RNN":
            state = (gate["h"],)
        elif case.kind == "GRU":
            state = ((1 - opened["z"]) * gate["n"] + opened["z"] * state[0],)
        else:
            c = opened["f"] * state[1] + opened["i"] * gate["g"]
            state = (opened["o"] * c.double().tanh(), c)
        outputs.append(state[0])
    return torch.stack(outputs), state[-1]


@pytest.mark.clause(id="EXT-1", level="MUST", source=f"{EQUATIONS}: σ → 0 or 1, tanh → ±1")
@pytest.mark.needs("hx", "apart")
@cases([*SATURATING, *OWN_CELLS], WIDE)
def test_saturation(rnn, case):
    """A huge or infinite input saturates every gate and tanh to exactly 0, 1 or ±1.

    It is the first feature of x, of either sign; the states are small integers. tanh(c), which the
    LSTM puts out, is within its bound.
    """
    name = next(iter(case.weights))
    W_ih = case.weights[name].clone()
    W_ih[:, 0] = W_ih[:, 0].sign()
    net = rnn.but(weights={name: W_ih})
    for size in (HUGE[case.dtype], torch.inf):
        x = case.input.clone()
        x[..., 0] = x[..., 0].sign() * size
        got = net(x, tuple(integers(part) for part in case.state))
        output, last = _saturated(case, x)
        if case.kind == "LSTM":
            equals(got.c_n, last[None], f"c_n with an input of {size}")
            agrees(got.output, output, roundings(case.dtype, 6) * (output != 0), f"output, input of {size}")
        else:
            equals(got.output, output, f"output with an input of {size}")


@pytest.mark.clause(id="EXT-7", level="MUST", source=EQUATIONS)
@pytest.mark.needs("hx")
@cases(SATURATING, LAYERS, WIDE)
@cases(OWN_CELLS, WIDE)
def test_huge_inputs_stay_in_range(rnn, case):
    """Whatever the finite input, RNN and LSTM put out nothing outside [−1, 1], and the GRU nothing
    beyond max(1, |h_0|) of its unit, nor NaN.
    """
    x = HUGE[case.dtype] * case.input
    got = rnn(x, tuple(3 * part for part in case.state))
    most = (3 * case.h_0[-1]).double().abs().clamp(min=1) if case.kind == "GRU" else torch.ones(())
    lies_between(got.output, -most, most, roundings(case.dtype, 8 * case.T, most), "output of huge input")


@pytest.mark.clause(id="EXT-8", level="MUST", source=f"{EQUATIONS}: f·∞ = ∞ for f > 0")
@pytest.mark.needs("hx")
@cases([*LSTM, *each({"mode": "LSTMCell"}, {"mode": "LSTM", "P": 3})], WIDE)
def test_infinite_cell_state(rnn, case):
    """An infinite c_0 stays infinite where the forget gate is open, and no unit beside it is touched.

    One unit after the other; where the gate is shut, 0 × ∞, anything is allowed.
    """
    net = rnn.but(weights=with_gates(case, f=OPEN))
    plain = net(case.input[:1], case.state)
    for unit in (0, case.H // 2, case.H - 1):
        for value in (torch.inf, -torch.inf):
            c_0 = case.c_0.clone()
            c_0[..., unit] = value
            got, wanted = net(case.input[:1], (case.h_0, c_0)).c_n, plain.c_n.clone()
            wanted[..., unit] = value
            equals(got, wanted, f"c_n with c_0 = {value} in unit {unit}")


@pytest.mark.clause(id="EXT-11", level="MUST", source=f"{EQUATIONS}; torch.relu")
@pytest.mark.needs("hx", "apart")
@cases([*RELU, *each({"mode": "RNNCell", "nonlinearity": "relu"})])
def test_relu_of_huge_inputs(rnn, case):
    """A huge or infinite pre-activation of a relu network is put out as it is where it is positive, and as
    exactly 0 where it is negative.
    """
    name = next(iter(case.weights))
    W_ih = case.weights[name].clone()
    W_ih[:, 0] = W_ih[:, 0].sign()
    net, x = rnn.but(weights={name: W_ih}), case.input[:1].clone()
    positive = x[..., :1].sign() * W_ih[:, 0] > 0
    for size in (1e4, HUGE[case.dtype], torch.inf):
        x[..., 0] = x[..., 0].sign() * size
        got = net(x, case.state)
        shut = torch.where(positive, got.output.cpu(), torch.zeros_like(case.h_0))
        equals(got.output, shut, f"output of an input of {size}, 0 where that is negative")
        if size < torch.inf:
            agrees(got, *predicted(case, net.weights, x, case.state))
        else:
            equals(got.output.isinf().cpu(), positive, f"isinf of the output of an input of {size}")


ROW = each({}, {"B": 1}, {"L": 2}, {"T": 19, "B": 2, "I": 6, "H": 35})


def _with_nan(case, t, row):
    x = case.input.clone()
    x[t, row, case.I // 2] = torch.nan
    return x


@pytest.mark.clause(id="EXT-3", level="MUST", source=f"{EQUATIONS}; torch.relu keeps NaN")
@pytest.mark.needs("apart")
@cases(MODES, ROW)
@cases(CELLS, each({}, {"B": 1}))
def test_nan_spreads(rnn, case):
    """A NaN in one feature of the input makes every feature of that row NaN, at its step and at each
    later one, and a NaN in one unit of h_0 does so from the first step on.
    """
    row = case.B - 1
    for unit in (0, case.width - 1):
        h_0 = case.h_0.clone()
        h_0[0, row, unit] = torch.nan
        got = rnn(case.input, (h_0, *case.state[1:]))
        for name, part in (("output", got.output[:, row]), ("h_n", got.h_n[:, row])):
            all_nan = torch.ones_like(part, dtype=torch.bool)
            equals(part.isnan(), all_nan, f"isnan of {name}, NaN in unit {unit} of h_0")
    for t in (0, case.T // 2, case.T - 1):
        got = rnn(_with_nan(case, t, row), case.state)
        for name, part in (("output", got.output[t:, row]), ("h_n", got.h_n[:, row])):
            equals(part.isnan(), torch.ones_like(part, dtype=torch.bool), f"isnan of {name}, NaN at {t}")


@pytest.mark.clause(id="EXT-9", level="MUST", source=EQUATIONS)
@pytest.mark.needs("apart")
@cases(MODES, [*ROW, {"T": 19, "B": 33, "I": 17, "H": 33}])
@cases(CELLS, each({}, {"B": 1}))
def test_nan_does_not_reach_back(rnn, case):
    """A NaN at step t leaves the output of earlier steps as it is."""
    plain = rnn(case.input, case.state)
    for t in (1, case.T // 2, case.T - 1):
        for row in {0, case.B - 1}:
            got = rnn(_with_nan(case, t, row), case.state)
            equals(got.output[:t], plain.output[:t], f"output before step {t}, NaN in row {row}")


@pytest.mark.clause(id="EXT-5", level="SHOULD", source="torch.set_flush_denormal; IEEE 754")
@pytest.mark.needs("hx")
@cases([*MODES, *CELLS], each({}, {"H": 35}))
def test_subnormal_inputs(rnn, case):
    """Subnormal inputs and states are kept or flushed to zero, and no other number comes of them.

    The documents promise neither; the bound allows both.
    """
    tiny = torch.finfo(case.dtype).tiny
    x, state = case.input * tiny, tuple(part / 2 * tiny for part in case.state)
    got = rnn(x, state)
    agrees(got, *predicted(case, case.weights, x, state))


LONG = each({"T": 1000, "B": 2, "I": 6, "H": 5})


@pytest.mark.clause(id="EXT-6", level="MUST", source=EQUATIONS)
@pytest.mark.needs("hx")
@cases([*TANH, *GRU], LONG)
@cases(RELU, LONG, each({"gain": 0.5}))  # so that 1000 steps do not overflow, whatever the seed
def test_thousand_steps(rnn, case):
    """In a sequence of 1000 steps every step of RNN and GRU is the equation's."""
    got = rnn(case.input, case.state)
    wanted, within = pinned(case, case.input, case.state, got.output)
    agrees(got, wanted, within)


@pytest.mark.clause(id="EXT-10", level="MUST", source=f"{EQUATIONS}: σ → 0 or 1, tanh → ±1")
@pytest.mark.needs("hx")
@cases([*LSTM, *PROJECTED], LONG)
def test_thousand_steps_of_a_counter(rnn, case):
    """Over 1000 steps a saturated LSTM counts the signs of the first input feature without an error."""
    x, c_0 = case.input.clone(), integers(case.c_0)
    x[..., 0] = x[..., 0].sign()
    opened = with_gates(case, i=OPEN, f=OPEN, o=OPEN)
    counting = rnn.but(weights=with_gates(case, "weight_ih", opened, g=OPEN))
    got = counting(x, (case.h_0, c_0))
    counts = c_0 + x[..., :1].cumsum(0).expand(-1, -1, case.H)
    equals(got.c_n, counts[-1:], "c_n that counts")
    if not case.P:
        agrees(got.output, counts.double().tanh(), roundings(case.dtype, 6), "tanh of the count", "tbh")
