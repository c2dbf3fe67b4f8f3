"""51 Directions: a second network over the same input, from its end to its beginning."""

from __future__ import annotations

import pytest
import torch

from rnnspec.axes import MODES, cases, each
from rnnspec.bound import predicted, propagated
from rnnspec.check import agrees, equals
from rnnspec.parts import part, state_of

NOTES = "torch.nn.RNN, LSTM, GRU, notes on directions"
CONSEQUENCE = "consequence of BID-1"

BOTH = each({"bidirectional": True})
LONG = {"T": 67, "B": 2, "I": 3, "H": 5}
ONE_LAYER = each({}, {"T": 1}, {"bias": False}, {"T": 3, "B": 2, "I": 6, "H": 35}, LONG)
TWO_LAYERS = each({"L": 2}, {"L": 2, "T": 3, "B": 2, "I": 6, "H": 35})


def _side_by_side(forward, reverse):
    """(T, B, P) twice -> (T, B, 2·P), the reverse direction's steps put in the order of time."""
    return torch.cat([forward.output, reverse.output.flip(0)], -1)


@pytest.mark.clause(id="BID-1", level="MUST", source=NOTES)
@pytest.mark.needs("bidirectional", "hx")
@cases(MODES, BOTH, ONE_LAYER)
def test_two_networks(rnn, case):
    """A bidirectional network of one layer is two networks, the second with the _reverse weights on the
    input reversed in time, and its output at step t is the forward state followed by the reverse
    state at that t.
    """
    forward = part(rnn, 0, 0)(case.input, state_of(case.state, 0))
    reverse = part(rnn, 0, 1)(case.input.flip(0), state_of(case.state, 1))
    whole = rnn(case.input, case.state)
    wanted, within = propagated(case)
    agrees(whole.output, _side_by_side(forward, reverse), 2 * within.output, axes="tbh")
    agrees(whole.output, wanted.output, within.output, axes="tbh")


@pytest.mark.clause(id="BID-2", level="MUST", source="torch.nn.RNN, LSTM, GRU, Attributes: D·P columns")
@pytest.mark.needs("bidirectional", "layers", "hx")
@cases(MODES, BOTH, [*TWO_LAYERS, {"L": 3, "T": 3}])
def test_layers_read_both_directions(rnn, case):
    """Both directions of layer k read the outputs of both directions of layer k - 1, side by side."""
    x = case.input
    for k in range(case.L):
        forward = part(rnn, k, 0)(x, state_of(case.state, 2 * k))
        reverse = part(rnn, k, 1)(x.flip(0), state_of(case.state, 2 * k + 1))
        x = _side_by_side(forward, reverse)
    whole = rnn(case.input, case.state)
    wanted, within = propagated(case)
    agrees(whole.output, x, 2 * within.output, axes="tbh")
    agrees(whole.output, wanted.output, within.output, axes="tbh")


@pytest.mark.clause(id="BID-3", level="MUST", source=f"{NOTES}, and shapes of the states")
@pytest.mark.needs("bidirectional", "layers", "hx")
@cases(MODES, BOTH, TWO_LAYERS)
def test_order_of_the_states(rnn, case):
    """h_0, c_0, h_n and c_n go layer by layer, forward before reverse: row 2k + d is direction d of
    layer k.
    """
    whole = rnn(case.input, case.state)
    wanted, within = propagated(case)
    x = case.input
    for k in range(case.L):
        forward = part(rnn, k, 0)(x, state_of(case.state, 2 * k))
        reverse = part(rnn, k, 1)(x.flip(0), state_of(case.state, 2 * k + 1))
        x = _side_by_side(forward, reverse)
        for d, alone in enumerate((forward, reverse)):
            row = 2 * k + d
            parts = zip(whole.state, alone.state, wanted.state, within.state, strict=True)
            for name, (got, own, want, allowed) in zip(("h_n", "c_n"), parts, strict=False):
                agrees(got[row], own[0], 2 * allowed[row], f"{name}[{row}]", "bh")
                agrees(got[row], want[row], allowed[row], f"{name}[{row}]", "bh")


@pytest.mark.clause(id="BID-4", level="MUST", source="torch.nn.LSTM, note on h_n")
@pytest.mark.needs("bidirectional")
@cases(MODES, BOTH, each({}, {"L": 2}, {"hx": False}, {"T": 3, "B": 2, "I": 6, "H": 35}))
def test_final_states_in_the_output(rnn, case):
    """The forward final state is the forward half of the output at step T - 1, and the reverse one the
    reverse half at step 0.
    """
    result, P = rnn(case.input, case.state), case.width
    equals(result.h_n[-2], result.output[case.T - 1, :, :P], "h_n of the forward direction")
    equals(result.h_n[-1], result.output[0, :, P:], "h_n of the reverse direction")


@pytest.mark.clause(id="BID-6", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("bidirectional", "hx")
@cases(MODES, BOTH, each({}, {"T": 3, "B": 2, "I": 6, "H": 35}))
def test_first_step_of_the_reverse_direction(rnn, case):
    """The reverse half of the output at step T - 1 is the reverse direction's first step."""
    got = rnn(case.input, case.state).output[-1:, :, case.width :]
    reverse, last, h_0 = part(rnn, 0, 1), case.input[-1:], state_of(case.state, 1)
    wanted, within = predicted(reverse.case, reverse.weights, last, h_0)
    agrees(got, reverse(last, h_0).output, 2 * within.output, "reverse half at T - 1", "tbh")
    agrees(got, wanted.output, within.output, "reverse half at T - 1", "tbh")


@pytest.mark.clause(id="BID-5", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("bidirectional", "apart")
@cases(MODES, BOTH, each({}, {"hx": False}, {"T": 3, "B": 2, "I": 6, "H": 35}))
def test_reverse_half_does_not_look_back(rnn, case):
    """In a network of one layer a change of the input before step t leaves the reverse half of the
    output from t on untouched, to the bit, and changes the rest as the equations say.
    """
    plain, P = rnn(case.input, case.state), case.width
    for t in range(1, case.T):
        changed = case.input.clone()
        changed[:t] = 3 - 2 * changed[:t]
        seen = rnn(changed, case.state)
        equals(seen.output[t:, :, P:], plain.output[t:, :, P:], f"reverse half from step {t} on")
        wanted, within = predicted(case, case.weights, changed, case.state or case.zeros)
        agrees(seen, wanted, within)
