"""50 Layers: each reads what the one below puts out."""

from __future__ import annotations

import pytest

from rnnspec.axes import GRU, LSTM, MODES, TANH, cases, each
from rnnspec.bound import predicted, propagated
from rnnspec.check import agrees, equals
from rnnspec.parts import part, state_of

OUTPUTS = "torch.nn.RNN, LSTM, GRU, Outputs"
CONSEQUENCE = "consequence of the equations"

THREE = each({"L": 3})
WIDE = each({"L": 2, "T": 3, "B": 2, "I": 6, "H": 35})


@pytest.mark.clause(id="STK-1", level="MUST", source="torch.nn.RNN, LSTM, GRU, num_layers")
@pytest.mark.needs("layers", "hx")
@cases(MODES, [*THREE, *WIDE, {"L": 2, "bias": False}])
@cases([*TANH, *GRU, *LSTM], each({"L": 2, "T": 67, "B": 2, "I": 3, "H": 5}))
def test_layers_compose(rnn, case):
    """L layers are L networks of one layer: the input of layer k at each step is the output of layer
    k - 1 at that step, and the output is the last layer's.
    """
    x = case.input
    for k in range(case.L):
        x = part(rnn, k)(x, state_of(case.state, k)).output
    whole = rnn(case.input, case.state)
    wanted, within = propagated(case)
    agrees(whole.output, x, 2 * within.output, axes="tbh")
    agrees(whole.output, wanted.output, within.output, axes="tbh")


@pytest.mark.clause(id="STK-2", level="MUST", source=f"{OUTPUTS}, h_n and c_n; {CONSEQUENCE}")
@pytest.mark.needs("layers", "hx")
@cases(MODES, [*THREE, *WIDE])
def test_each_layer_has_its_state(rnn, case):
    """h_0[k] and c_0[k] start layer k, and h_n[k] and c_n[k] are its final states."""
    whole = rnn(case.input, case.state)
    wanted, within = propagated(case)
    x = case.input
    for k in range(case.L):
        layer = part(rnn, k)(x, state_of(case.state, k))
        x = layer.output
        rows = zip(whole.state, layer.state, wanted.state, within.state, strict=True)
        for name, (got, alone, want, allowed) in zip(("h_n", "c_n"), rows, strict=False):
            agrees(got[k], alone[0], 2 * allowed[k], f"{name}[{k}]", "bh")
            agrees(got[k], want[k], allowed[k], f"{name}[{k}]", "bh")


@pytest.mark.clause(id="STK-3", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("layers", "hx")
@cases(MODES, each({"L": 3, "T": 3, "B": 2}))
def test_layers_below_do_not_feel_a_change(rnn, case):
    """Other states or weights in layer k leave the final states of the layers below k untouched, to
    the bit, and change its own and those above as the equations say.
    """
    plain, other = rnn(case.input, case.state), case.but(seed=case.seed + 1)
    for k in range(case.L):
        state = tuple(row.clone() for row in case.state)
        for row, replaced in zip(state, other.state, strict=True):
            row[k] = replaced[k]
        weights = {name: value for name, value in other.weights.items() if name.endswith(f"_l{k}")}
        for net, start in ((rnn, state), (rnn.but(weights=weights), case.state)):
            got = net(case.input, start)
            for name, row, before in zip(("h_n", "c_n"), got.state, plain.state, strict=False):
                equals(row[:k], before[:k], f"{name} below layer {k}")
            wanted, within = predicted(case, net.weights, case.input, start)
            agrees(got, wanted, within)
