"""54 Any size: what holds for all sizes and splits, tried on networks drawn at random.

The sizes of a case stand for any; `for_all` draws others, and whatever else a clause is about.
"""

from __future__ import annotations

import pytest
import torch

from rnnspec import draws, ragged, rewired
from rnnspec.axes import CELLS, DIRECTION, MODES, cases, each
from rnnspec.bound import pinned, propagated
from rnnspec.check import NotClaimed, agrees, equals
from rnnspec.exact import OPEN, integers, with_gates, with_matrices
from rnnspec.explore import for_all
from rnnspec.parts import part, state_of
from rnnspec.reference import Result

EQUATIONS = "torch.nn.RNN, LSTM, GRU and cells, equations"
CONSEQUENCE = "consequence of the equations"

BOTH = each({"bidirectional": True})
LSTMS = each({"mode": "LSTM"}, {"mode": "LSTMCell"})
GRUS = each({"mode": "GRU"}, {"mode": "GRUCell"})
RELUS = each({"mode": "RNN", "nonlinearity": "relu"}, {"mode": "RNNCell", "nonlinearity": "relu"})


@pytest.mark.clause(id="ANY-1", level="MUST", source=EQUATIONS)
@pytest.mark.needs("hx")
@cases([*MODES, *CELLS])
@for_all()
def test_equations(rnn, case):
    """Of any sizes, a network of one layer and a cell compute their equations.

    Every step is checked by itself, with the hidden state before it the network's own.
    """
    got = rnn(case.input, case.state)
    agrees(got, *pinned(case, case.input, case.state, got.output))


@pytest.mark.clause(id="ANY-2", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("hx")
@cases(MODES)
@for_all(lengths=draws.pieces)
def test_cut_anywhere(rnn, case, lengths):
    """A sequence of any length may be cut into pieces of any lengths, the state being carried."""
    whole = rnn(case.input, case.state)
    state, outputs = case.state, []
    for x in case.input.split(lengths):
        piece = rnn(x, state)
        state = piece.state
        outputs.append(piece.output)
    _, within = propagated(case)
    agrees(Result(torch.cat(outputs), *state), whole, 2 * within)


@pytest.mark.clause(id="ANY-3", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("hx")
@cases(CELLS)
@for_all()
def test_cell_step_by_step(rnn, case):
    """Of any sizes, a layer and the cell with its weights, applied step by step, give the same."""
    got, (wanted, within) = rnn(case.input, case.state), propagated(case)
    agrees(got, wanted, within)
    if case.kind not in rnn.implementation.modes:
        raise NotClaimed(f"there is no {case.kind} beside the {case.mode}")
    layer = rnn.but(mode=case.kind, weights={f"{name}_l0": value for name, value in case.weights.items()})
    agrees(got, layer(case.input, case.state), 2 * within)


@pytest.mark.clause(id="ANY-4", level="MUST", source=f"{CONSEQUENCE}: rows are independent")
@pytest.mark.needs("hx")
@cases(MODES)
@for_all(rows=draws.rows)
def test_any_rows(rnn, case, rows):
    """Any rows of a batch of any size, in any order, also more than once, give the same in a batch of
    their own.
    """
    whole = rnn(case.input, case.state)
    got = rnn(case.input[:, rows], tuple(part[:, rows] for part in case.state))
    _, within = propagated(case)
    agrees(got, whole.rows(rows), 2 * within.rows(rows))


@pytest.mark.clause(id="ANY-5", level="MUST", source=f"torch.nn.RNN, LSTM, GRU, Inputs; {CONSEQUENCE}")
@pytest.mark.needs("lengths")
@cases(MODES, DIRECTION["any"])
@for_all(lengths=draws.lengths)
def test_packed(rnn, case, lengths):
    """Sequences of any lengths, packed in any order, give what each of them gives alone."""
    got = ragged.run(rnn, ragged.packed(case.input, lengths), case.state)
    agrees(got, *ragged.alone(case, lengths))


@pytest.mark.clause(id="ANY-6", level="MUST", source="torch.nn.RNN, LSTM, GRU, batch_first")
@cases(MODES, each({"batch_first": True}))
@for_all()
def test_batch_first(rnn, case):
    """Of any sizes, batch_first transposes input and output, and no more."""
    output, final = rnn.pair(rnn.raw(case.input.transpose(0, 1).contiguous(), rnn.packed(case.state)))
    time_first = rnn.but(batch_first=False)(case.input, case.state)
    _, within = propagated(case)
    agrees(Result(output.transpose(0, 1), *final), time_first, 2 * within)


@pytest.mark.clause(id="ANY-7", level="MUST", source="torch.nn.RNN, LSTM, GRU, Inputs and notes")
@pytest.mark.needs("unbatched")
@cases(MODES)
@for_all(row=draws.row)
def test_unbatched(rnn, case, row):
    """Of any sizes, a row without its batch axis gives what it gives in the batch."""
    x, alone = case.input[:, row], tuple(part[:, row] for part in case.state)
    output, final = rnn.pair(rnn.raw(x, rnn.packed(alone)))
    got = Result(output.unsqueeze(1), *(part.unsqueeze(1) for part in final))
    _, within = propagated(case)
    agrees(got, rnn(case.input, case.state).rows([row]), 2 * within.rows([row]))


@pytest.mark.clause(id="ANY-8", level="MUST", source="torch.nn.RNN, LSTM, GRU, num_layers")
@pytest.mark.needs("layers", "hx")
@cases(MODES)
@for_all(layers=3)
def test_layers(rnn, case):
    """Any number of layers of any sizes are as many networks of one layer, each on the output of the one
    below.
    """
    x, finals = case.input, []
    for k in range(case.L):
        layer = part(rnn, k)(x, state_of(case.state, k))
        x = layer.output
        finals.append(layer.state)
    apart = Result(x, *(torch.cat(states) for states in zip(*finals, strict=True)))
    _, within = propagated(case)
    agrees(rnn(case.input, case.state), apart, 2 * within)


@pytest.mark.clause(id="ANY-9", level="MUST", source="torch.nn.RNN, LSTM, GRU, notes on directions")
@pytest.mark.needs("bidirectional", "layers", "hx")
@cases(MODES, BOTH)
@for_all(layers=2)
def test_directions(rnn, case):
    """Any number of bidirectional layers of any sizes are twice as many networks, every second one on its
    input reversed in time.
    """
    x, finals = case.input, []
    for k in range(case.L):
        forward = part(rnn, k, 0)(x, state_of(case.state, 2 * k))
        reverse = part(rnn, k, 1)(x.flip(0), state_of(case.state, 2 * k + 1))
        x = torch.cat([forward.output, reverse.output.flip(0)], -1)
        finals += [forward.state, reverse.state]
    apart = Result(x, *(torch.cat(states) for states in zip(*finals, strict=True)))
    _, within = propagated(case)
    agrees(rnn(case.input, case.state), apart, 2 * within)


@pytest.mark.clause(id="ANY-10", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("hx")
@cases(MODES)
@for_all(units=draws.units, columns=draws.columns, features=draws.features)
def test_renumbered(rnn, case, units, columns, features):
    """Of any sizes, renumbering hidden units and input features in any way, in the weights, the input and
    the states, renumbers the results and no more.

    With a projection its P features are renumbered apart from the H units.
    """
    columns = columns or units
    both = [column + d * case.width for d in range(case.D) for column in columns]
    weights = rewired.renumbered(case, torch.tensor(units), torch.tensor(columns))
    first = {n: w[:, features] for n, w in weights.items() if n.startswith("weight_ih_l0")}

    def in_order(parts, *orders):
        return [part[..., order] for part, order in zip(parts, orders, strict=False)]

    whole, (_, within) = rnn(case.input, case.state), propagated(case)
    whole, within = (Result(*in_order((r.output, *r.state), both, columns, units)) for r in (whole, within))
    state = tuple(in_order(case.state, columns, units))
    got = rnn.but(weights=weights | first)(case.input[..., features], state)
    agrees(got, whole, 2 * within)


@pytest.mark.clause(id="ANY-11", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("relu", "hx", "apart")
@cases(RELUS)
@for_all()
def test_relu_network_adds_up(rnn, case):
    """Of any sizes, the relu network with the identity for W_hh and no biases adds up non-negative
    integers exactly.
    """
    I, H = case.I, case.H
    pick = torch.eye(I).to(case.dtype).repeat(H, 1)[:H]  # unit j reads feature j mod I
    net = rnn.but(weights=with_matrices(case, pick, torch.eye(H).to(case.dtype)))
    x, h_0 = integers(case.input, 0, 3), integers(case.h_0, 0, 3)
    equals(net(x, (h_0,)).output, h_0 + (x @ pick.T).cumsum(0))


@pytest.mark.clause(id="ANY-12", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("hx")
@cases(LSTMS)
@for_all()
def test_saturated_lstm_counts(rnn, case):
    """Of any sizes, the LSTM with i = f = 1 and g = ±1 counts exactly.

    The sign of the first input feature is g.
    """
    x, c_0 = case.input.clone(), integers(case.c_0)
    x[..., 0] = x[..., 0].sign()
    weights = with_gates(case, "weight_ih", with_gates(case, i=OPEN, f=OPEN), g=OPEN)
    got = rnn.but(weights=weights)(x, (case.h_0, c_0))
    equals(got.c_n, c_0 + x[..., :1].sum(0, keepdim=True), "c_n")


@pytest.mark.clause(id="ANY-13", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("hx")
@cases(GRUS)
@for_all()
def test_saturated_gru_holds(rnn, case):
    """Of any sizes, the GRU with z = 1 and n = 0 holds any h_0 exactly."""
    hold = rnn.but(weights=with_gates(case, z=OPEN, n=0.0))
    equals(hold(case.input, (case.h_0,)).output, case.h_0.expand(case.T, -1, -1))
