"""53 Algebra: what the equations imply about biases, units, zeros, saturation and scale."""

from __future__ import annotations

import pytest
import torch

from rnnspec import rewired
from rnnspec.axes import CELLS, DIRECTION, ELMAN, GRU, LAYERS, LSTM, MODES, NETWORKS, RELU, cases, each
from rnnspec.bound import predicted, propagated
from rnnspec.check import agrees, equals
from rnnspec.exact import OPEN, integers, with_gates, with_matrices
from rnnspec.reference import Result

CONSEQUENCE = "consequence of the equations"

GRUS = [*GRU, *each({"mode": "GRUCell"})]
LSTMS = [*LSTM, *each({"mode": "LSTMCell"})]
RELUS = [*RELU, *each({"mode": "RNNCell", "nonlinearity": "relu"})]

WIDE = each({"T": 3, "B": 2, "I": 6, "H": 35})
GRID = each({"grid": 6})
"""Multiples of 1/64: sums of two, and thrice one, are exact in every dtype."""

SUMMED = {"RNN": "h", "GRU": "rz", "LSTM": "ifgo"}
"""The gates in which the two biases meet in one sum; in GRU's n the reset gate stands between."""


@pytest.mark.clause(id="ALG-1", level="MUST", source=CONSEQUENCE)
@cases(MODES, NETWORKS, GRID)
@cases(CELLS, GRID)
def test_biases_act_through_their_sum(rnn, case):
    """b_ih and b_hh act through their sum alone, in RNN, LSTM and the gates r and z of GRU: moving one
    into the other and exchanging them change nothing.
    """
    plain = rnn(case.input, case.state)
    _, within = propagated(case)
    for change in (rewired.into_b_ih, rewired.into_b_hh, rewired.exchanged):
        weights = rewired.with_biases(case, case.weights, SUMMED[case.kind], change)
        got = rnn.but(weights=weights)(case.input, case.state)
        wanted, allowed = predicted(case, weights, case.input, case.state)
        agrees(got, plain, within=within + allowed)
        agrees(got, wanted, within=allowed)


@pytest.mark.clause(id="ALG-2", level="MUST", source="consequence of the GRU equation")
@cases(GRUS, GRID, [{}, *WIDE])
def test_candidate_biases_do_not_merge(rnn, case):
    """GRU's b_hn is scaled by r, so that moving it into b_in changes the output as the equations say,
    and changes nothing where r = 1.
    """
    for gates in ({}, {"r": OPEN}):
        apart = with_gates(case, **gates)
        pair = apart, rewired.with_biases(case, apart, "n", rewired.into_b_ih)
        got = [rnn.but(weights=w)(case.input, case.state).output.cpu().double() for w in pair]
        (before, one), (after, other) = (predicted(case, w, case.input, case.state) for w in pair)
        change = 0 * before.output if gates else after.output - before.output
        agrees(got[1] - got[0], change, one.output + other.output, "change of output", "tbh")


@pytest.mark.clause(id="ALG-3", level="MUST", source="torch.nn.RNN, LSTM, GRU and cells, bias")
@pytest.mark.needs("nobias")
@cases(MODES, NETWORKS, each({"bias": False}))
@cases(CELLS, each({"bias": False}))
def test_no_biases_are_zero_biases(rnn, case):
    """bias=False equals all biases zero."""
    draws = case.but(bias=True).parameters()
    zeros = {d.name: torch.zeros(d.shape, dtype=case.dtype) for d in draws if "bias" in d.name}
    biased = rnn.but(weights=zeros, bias=True)
    got = rnn(case.input, case.state)
    wanted, within = propagated(case)
    _, allowed = predicted(biased.case, biased.weights, case.input, case.state)
    agrees(got, biased(case.input, case.state), within=within + allowed)
    agrees(got, wanted, within)


@pytest.mark.clause(id="ALG-4", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("hx")
@cases(MODES, NETWORKS, [{}, *WIDE, {"T": 3, "B": 2, "I": 6, "H": 19}])
def test_renumbered_units(rnn, case):
    """Renumbering the hidden units of each layer, in the rows of every gate block, the columns of W_hh,
    of the next layer's W_ih and of W_hr, and in the states, renumbers the results and no more.

    With a projection its P features are renumbered apart from the H units.
    """
    units = rewired.shuffled(case.H)
    columns = rewired.shuffled(case.P) if case.P else units
    both = torch.cat([columns + d * case.width for d in range(case.D)])

    def in_order(parts, *orders):
        return [part[..., order] for part, order in zip(parts, orders, strict=False)]

    whole, (wanted, within) = rnn(case.input, case.state), propagated(case)
    whole, wanted, within = (
        Result(*in_order((r.output, *r.state), both, columns, units)) for r in (whole, wanted, within)
    )
    weights, state = rewired.renumbered(case, units, columns), tuple(in_order(case.state, columns, units))
    got = rnn.but(weights=weights)(case.input, state)
    agrees(got, whole, within=2 * within)
    agrees(got, wanted, within)


@pytest.mark.clause(id="ALG-10", level="MUST", source=CONSEQUENCE)
@cases(MODES, NETWORKS, each({}, {"T": 3, "B": 2, "I": 35, "H": 7}))
def test_renumbered_features(rnn, case):
    """Renumbering the input features, with the columns of layer 0's W_ih, changes nothing."""
    order = rewired.shuffled(case.I)
    weights = {n: w[:, order] for n, w in case.weights.items() if n.startswith("weight_ih_l0")}
    got = rnn.but(weights=weights)(case.input[..., order], case.state)
    wanted, within = propagated(case)
    agrees(got, rnn(case.input, case.state), within=2 * within)
    agrees(got, wanted, within)


@pytest.mark.clause(id="ALG-5", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("hx")
@cases([*ELMAN, *GRU, *LSTM], LAYERS, each({"I": 7, "H": 13}))
@cases([*ELMAN, *GRU, *LSTM], each({"T": 3, "B": 2, "I": 11, "H": 37}))
def test_networks_side_by_side(rnn, case):
    """Two networks side by side, with block-diagonal weights, give what the two give apart."""
    left = rnn.but(I=3, H=case.H // 2 - 1)
    right = rnn.but(I=case.I - 3, H=case.H - left.case.H, seed=case.seed + 1)
    pairs = {name: (left.weights[name], right.weights[name]) for name in case.weights}
    weights = {name: rewired.block_diagonal(case.G, *pair) for name, pair in pairs.items()}
    x = torch.cat([left.case.input, right.case.input], -1)
    state = tuple(torch.cat(pair, -1) for pair in zip(left.case.state, right.case.state, strict=True))

    got = rnn.but(weights=weights)(x, state)
    wanted, within = predicted(case, weights, x, state)
    apart = rewired.beside(*(net(net.case.input, net.case.state) for net in (left, right)))
    allowed = rewired.beside(*(propagated(net.case)[1] for net in (left, right)))
    agrees(got, apart, within=within + allowed)
    agrees(got, wanted, within)


@pytest.mark.clause(id="ALG-6", level="MUST", source=f"{CONSEQUENCE}: σ(0) = 1/2, tanh(0) = 0")
@pytest.mark.needs("hx")
@cases([*MODES, *CELLS], [{}, *WIDE])
def test_weights_of_zero(rnn, case):
    """With all weights and biases 0 the RNN puts out 0, the GRU halves its state at every step, and the
    LSTM halves its cell and puts out tanh(c)/2, or 0 where it is projected.
    """
    net = rnn.but(weights={name: torch.zeros_like(value) for name, value in case.weights.items()})
    state = tuple(integers(part) for part in case.state)
    got = net(case.input, state)
    halved = torch.stack([state[-1][0] / 2 ** (t + 1) for t in range(case.T)])
    if case.kind == "LSTM":
        equals(got.c_n, halved[-1:], "c_n")
        _, within = predicted(case, net.weights, case.input, state)
        shown = 0 * got.output.cpu().double() if case.P else halved.double().tanh() / 2
        agrees(got.output, shown, 0 if case.P else within.output, axes="tbh")
    else:
        equals(got.output, halved if case.kind == "GRU" else 0 * halved)


@pytest.mark.clause(id="ALG-7", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("hx")
@cases(LSTMS, [{}, *WIDE])
def test_saturated_lstm_is_a_register(rnn, case):
    """A saturated LSTM is an exact register: with i = f = 1 and g = ±1 it counts, with f = 0 it forgets,
    with f = 1 and i = 0 it holds any c_0, and with o = 0 it puts out 0.

    The sign of the first input feature is g.
    """
    x, c_0 = case.input.clone(), integers(case.c_0)
    x[..., 0] = x[..., 0].sign()
    g = x[..., :1].expand(-1, -1, case.H)

    def run(steps, c, **gates):
        weights = with_gates(case, "weight_ih", with_gates(case, **gates), g=OPEN)
        return rnn.but(weights=weights)(x[:steps], (case.h_0, c))

    for t in range(1, case.T + 1):
        counted = run(t, c_0, i=OPEN, f=OPEN).c_n
        equals(counted, c_0 + g[:t].sum(0, keepdim=True), f"c_n that counts {t} steps")
        equals(run(t, c_0, i=OPEN, f=-OPEN).c_n, g[t - 1 : t], f"c_n that forgets, after {t} steps")
        equals(run(t, case.c_0, i=-OPEN, f=OPEN).c_n, case.c_0, f"c_n that is held for {t} steps")
    shut = run(case.T, c_0, o=-OPEN)
    equals(shut.output, torch.zeros_like(shut.output), "output at o = 0")


@pytest.mark.clause(id="ALG-11", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("hx")
@cases(GRUS, [{}, *WIDE])
def test_saturated_gru_is_a_register(rnn, case):
    """A saturated GRU is an exact register: with z = 1 it holds any h_0 if n = 0, and integers if
    n = ±1, and with z = 0 it is n.

    The sign of the first input feature is n. (n + z (h - n) is exact in these cases too.)
    """
    x, whole = case.input.clone(), integers(case.h_0)
    x[..., 0] = x[..., 0].sign()
    n = x[..., :1].expand(-1, -1, case.H)

    def run(h, **gates):
        return rnn.but(weights=with_gates(case, "weight_ih", with_gates(case, **gates), n=OPEN))(x, (h,))

    hold = rnn.but(weights=with_gates(case, z=OPEN, n=0.0))
    equals(hold(x, (case.h_0,)).output, case.h_0.expand(case.T, -1, -1), "output that holds h_0")
    equals(run(whole, z=OPEN).output, whole.expand(case.T, -1, -1), "output that holds integers")
    equals(run(case.h_0, z=-OPEN).output, n, "output that is n")


@pytest.mark.clause(id="ALG-8", level="MUST", source="consequence of the equation: relu is homogeneous")
@pytest.mark.needs("relu", "hx")
@cases(RELU, GRID, LAYERS, DIRECTION["any"], each({"bias": False}))
@cases(RELU, GRID, WIDE, each({"bias": False}))
def test_relu_network_is_homogeneous(rnn, case):
    """Without biases scaling input and h_0 by a > 0 scales output and h_n of the relu network by a."""
    plain = rnn(case.input, case.state).map(torch.Tensor.double)
    _, within = propagated(case)
    for a in (0.25, 3.0, 256.0):
        x, state = a * case.input, (a * case.h_0,)
        got = rnn(x, state)
        wanted, allowed = predicted(case, case.weights, x, state)
        agrees(got, a * plain, within=a * within + allowed)
        agrees(got, wanted, within=allowed)


@pytest.mark.clause(id="ALG-9", level="MUST", source="consequence of the equation")
@pytest.mark.needs("relu", "hx", "apart")
@cases(RELUS, each({}, {"T": 67, "B": 2, "I": 6, "H": 35}))
def test_relu_network_adds_up(rnn, case):
    """The relu network with the identity for W_hh and no biases adds up non-negative integers exactly."""
    I, H = case.I, case.H
    pick = torch.eye(I).to(case.dtype).repeat(H, 1)[:H]  # unit j reads feature j mod I
    net = rnn.but(weights=with_matrices(case, pick, torch.eye(H).to(case.dtype)))
    x, h_0 = integers(case.input, 0, 3), integers(case.h_0, 0, 3)
    got, sums = net(x, (h_0,)), h_0 + (x @ pick.T).cumsum(0)
    equals(got.output, sums)
    equals(got.h_n, sums[-1:], "h_n")


@pytest.mark.clause(id="ALG-12", level="MUST", source="consequence of the equation")
@pytest.mark.needs("relu", "hx", "apart")
@cases(RELUS, each({"T": 9}, {"T": 37, "B": 2, "I": 6, "H": 35}))
def test_relu_network_shifts(rnn, case):
    """The relu network with a cyclic permutation for W_hh, and all else 0, shifts its state around, to
    the bit, for more steps than it has units: h_t[j] = h_{t-1}[j - 1].
    """
    I, H, h_0 = case.I, case.H, case.h_0.abs()
    nothing, shift = torch.zeros(H, I, dtype=case.dtype), torch.eye(H).to(case.dtype).roll(1, 0)
    got = rnn.but(weights=with_matrices(case, nothing, shift))(case.input, (h_0,))
    equals(got.output, torch.cat([h_0.roll(t + 1, -1) for t in range(case.T)]))
