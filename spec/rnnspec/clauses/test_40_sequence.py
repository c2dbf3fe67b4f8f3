"""40 Sequence: one call over all steps, or many calls that carry the state."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from rnnspec import notebook, ragged
from rnnspec.axes import CELLS, GRU, LAYERS, LSTM, MODES, NETWORKS, PROJECTED, SIZES, TANH, cases, each
from rnnspec.bound import predicted, propagated
from rnnspec.check import NotClaimed, agrees, equals
from rnnspec.reference import Result
from rnnspec.refusals import forms

CONSEQUENCE = "consequence of the equations"

DEEP = each({"L": 2, "T": 19}, {"L": 2, "B": 19}, {"L": 2, "H": 19})


@pytest.mark.clause(id="SEQ-1", level="MUST", source=f"notebook In [4]-[6]; {CONSEQUENCE}")
@pytest.mark.needs("hx")
@cases(MODES, [*SIZES, *DEEP])
def test_stepwise_equals_full_sequence(rnn, case):
    """Feeding a sequence step by step, carrying the state, gives output and final state of one call."""
    whole = rnn(case.input, case.state)
    state, outputs = case.state, []
    for x_t in case.input.split(1):
        step = rnn(x_t, state)
        state = step.state
        outputs.append(step.output)
    _, within = propagated(case)
    agrees(Result(torch.cat(outputs), *state), whole, within=2 * within)


@pytest.mark.clause(id="SEQ-2", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("hx")
@cases(MODES, each({"T": 7}, {"T": 7, "L": 2}, {"T": 67, "B": 2, "I": 6, "H": 5}))
def test_cut_anywhere(rnn, case):
    """Cutting a sequence at any points, carrying the state across the cuts, gives the uncut result."""
    whole = rnn(case.input, case.state)
    _, within = propagated(case)
    T = case.T
    for lengths in ([1, T - 1], [T // 2, T - T // 2], [T - 1, 1], [2, 1, T - 3], [1, T - 2, 1]):
        state, outputs = case.state, []
        for x in case.input.split(lengths):
            piece = rnn(x, state)
            state = piece.state
            outputs.append(piece.output)
        agrees(Result(torch.cat(outputs), *state), whole, within=2 * within)


@pytest.mark.clause(id="SEQ-3", level="MUST", source="consequence of Outputs, output and h_n")
@cases(MODES, [*SIZES, {"L": 2}, {"L": 2, "hx": False}, {"L": 2, "T": 1}])
def test_last_output_is_final_state(rnn, case):
    """The last step of the output is the last layer's final hidden state."""
    result = rnn(case.input, case.state)
    equals(result.h_n[-1], result.output[-1], "h_n of the last layer")
    if case.L > 1 and rnn.claims("dropout"):
        dropping = rnn.in_training(dropout=0.5)(case.input, case.state)
        equals(dropping.h_n[-1], dropping.output[-1], "h_n of the last layer, in training with dropout")


@pytest.mark.clause(id="SEQ-4", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("apart")
@cases(MODES, LAYERS, each({}, {"T": 19, "H": 33}, {"hx": False}))
def test_output_does_not_look_ahead(rnn, case):
    """The output up to step k does not depend on the input after step k."""
    plain = rnn(case.input, case.state)
    for k in (0, 1, case.T // 2, case.T - 2):
        changed = case.input.clone()
        changed[k + 1 :] = 3 - 2 * changed[k + 1 :]
        seen = rnn(changed, case.state)
        equals(seen.output[: k + 1], plain.output[: k + 1], f"output up to step {k}")


@pytest.mark.clause(id="SEQ-5", level="MUST", source="torch.nn.RNN, LSTM, GRU, Inputs")
@pytest.mark.needs("hx")
@cases(MODES, NETWORKS, each({}, {"T": 1, "B": 1}))
@cases(MODES, each({"B": 35}, {"H": 35}, {"batch_first": True}))
def test_omitted_state_is_zero(rnn, case):
    """Without an initial state the network starts from zeros: omitted, None and zeros are the same."""
    wanted = rnn(case.input, case.zeros)
    _, within = predicted(case, case.weights, case.input, case.zeros)
    agrees(rnn(case.input), wanted, 2 * within)
    rnn(case.input, case.state)
    agrees(rnn(case.input), wanted, 2 * within)
    if rnn.claims("module") and not case.batch_first:
        output, _ = rnn.pair(rnn.module(case.input.to(rnn.device), None))
        agrees(output, wanted.output, 2 * within.output, "output with None for a state", "tbh")


@pytest.mark.clause(id="SEQ-10", level="MUST", source="torch.nn.RNN, LSTM, GRU, Inputs")
@pytest.mark.needs("hx", "lengths")
@cases(MODES, NETWORKS)
def test_omitted_state_is_zero_for_packed_input(rnn, case):
    """For packed input too an omitted initial state is zeros."""
    lengths = [case.T, case.T - 1, 2]
    packed = pack_padded_sequence(case.input, lengths)
    _, within = ragged.alone(case.but(hx=False), lengths)
    explicit = ragged.run(rnn, packed, case.zeros)
    agrees(ragged.run(rnn, packed, None), explicit, 2 * within)


@pytest.mark.clause(id="SEQ-6", level="MUST", source=f"{CONSEQUENCE}; hx is an argument")
@cases(MODES, NETWORKS, each({}, {"hx": False}))
@cases(CELLS, each({}, {"hx": False}))
@cases([*TANH, *GRU, *LSTM], each({"L": 3, "batch_first": True}))
def test_nothing_is_kept_between_calls(rnn, case):
    """A network keeps nothing between calls: repeated and interleaved calls give the same bits, and results
    stay what they were while others are made, with grad or without.
    """
    for mode in (torch.enable_grad, torch.no_grad):
        with mode():
            first = rnn(case.input, case.state)
            kept = first.map(torch.clone)
            second = rnn(case.input, case.state)
            equals(second, kept, "output of the same call again")
            rnn(2 - case.input, case.state and tuple(1 - part for part in case.state))
            for name, result in (("first", first), ("second", second)):
                equals(result, kept, f"output of the {name} call, after a call with other data")
            equals(rnn(case.input, case.state), kept, "output after a call with other data")
            rnn(case.input[:-1, :-1], case.state and tuple(part[:, :-1] for part in case.state))
            equals(rnn(case.input, case.state), kept, "output after a call with other sizes")


def _packed(rnn, x, state):
    """What the call gave: the data of its output and its final states."""
    output, final = rnn.pair(rnn.raw(x, rnn.packed(state)))
    return [output.data, *final]


@pytest.mark.clause(id="SEQ-12", level="MUST", source=f"{CONSEQUENCE}; hx is an argument")
@pytest.mark.needs("lengths", "hx")
@cases([*TANH, *GRU, *PROJECTED], each({"L": 2}))
def test_nothing_is_kept_between_packed_calls(rnn, case):
    """With packed input too repeated calls give the same bits, and results stay what they were, with grad or
    without, and with a state or without.
    """
    packed, others = (ragged.packed(x, [3, case.T, 1]) for x in (case.input, 2 - case.input))
    for mode, state in product((torch.enable_grad, torch.no_grad), (case.state, None)):
        with mode():
            first = _packed(rnn, packed, state)
            kept = [part.detach().clone() for part in first]
            second = _packed(rnn, packed, state)
            _are(second, kept, "the same call again")
            _packed(rnn, others, state and tuple(1 - part for part in state))
            _are(first, kept, "the first call, after a call with other data")
            _are(second, kept, "the second call, after a call with other data")
            _are(_packed(rnn, packed, state), kept, "the call after one with other data")


def _are(parts, kept, which):
    for name, part, wanted in zip(("data", "h_n", "c_n"), parts, kept, strict=False):
        equals(part.detach(), wanted, f"{name} of {which}")


@pytest.mark.clause(id="SEQ-7", level="MUST", source=f"{CONSEQUENCE}: zero is a fixed point")
@cases(MODES, LAYERS, each({"bias": False, "hx": False}, {"bias": False, "hx": False, "T": 35}))
def test_leading_zero_steps(rnn, case):
    """Without biases and a state, zero steps put first give exact zeros and leave the rest as it is."""
    plain = rnn(case.input)
    _, within = propagated(case)
    for more in (1, 3, 17):
        zeros = torch.zeros(more, case.B, case.I, dtype=case.dtype)
        longer = rnn(torch.cat([zeros, case.input]))
        equals(longer.output[:more], torch.zeros_like(longer.output[:more]), "output of zero steps")
        agrees(longer.steps(slice(more, None)), plain, within=2 * within)


@pytest.mark.clause(id="SEQ-8", level="MUST", source="notebook In [4], In [6]")
@pytest.mark.needs("batch_first", "hx")
@cases(each({**notebook.SIZES, "B": 1, "batch_first": True}))
def test_hello(rnn, case, recorded):
    """The notebook's "hello" gives its printed numbers, letter by letter and as one slice."""
    weights, h_0 = notebook.seeded(recorded, case.dtype)
    net, state = rnn.but(weights=weights), (h_0[:, :1],)
    slice_ = notebook.letters(notebook.SLICE, case.dtype)

    letters = []
    for letter in slice_.split(1):
        step = net(letter, state)
        state = step.state
        letters.append(step.output)
    spelt = Result(torch.cat(letters), *state)

    for got in (spelt, net(slice_, (h_0[:, :1],))):
        notebook.agrees_with_the_page(recorded, case, got, notebook.SLICE, weights, h_0[:, :1])


@pytest.mark.clause(id="SEQ-9", level="MUST", source="torch.nn on the CPU in float64, see snapshots/")
@pytest.mark.needs("hx")
@cases(MODES, NETWORKS, each({"grid": 6}))
def test_recorded_networks(rnn, case, recorded):
    """The recorded networks give their recorded outputs and final states.

    They are torch's: a GRU has its reset after the product, and a b_hn.
    """
    rnn = rnn.but(reset="after", b_hn=True)
    case = rnn.case
    result = rnn(case.input, case.state)
    expected, within = propagated(case)
    states = dict(zip(("h_0", "c_0"), case.state, strict=False))
    recorded.agrees(
        dict(result.items()),
        dict((2 * within).items()),
        given={"input": case.input, **states, **case.weights},
        configuration={
            "input_size": case.I,
            "hidden_size": case.H,
            **case.options,
            "seed": case.seed,
        },
        dtype=torch.float64,
        oracle=dict(expected.items()),
    )


@pytest.mark.clause(id="SEQ-11", level="SHOULD", source="torch.nn.RNN, LSTM, GRU, cells, forward(input, hx)")
@pytest.mark.needs("module", "hx")
@cases(MODES)
@cases(CELLS)
def test_by_name(rnn, case):
    """Input and state may be given by their names, input and hx.

    Who takes no such words, and says so, does not claim it; words that are lost give other results.
    """
    _, x, state = next(forms(rnn, case))
    wanted = rnn.raw(x, rnn.packed(state))
    x, hx = x.to(rnn.device), rnn.packed(tuple(part.to(rnn.device) for part in state))
    for args, words in (((x,), {"hx": hx}), ((), {"input": x, "hx": hx})):
        try:
            got = rnn.module(*args, **words)
        except TypeError as error:
            raise NotClaimed(f"refused: {error}", refused=True) from error
        for number, pair in enumerate(zip(_flat(got), _flat(wanted), strict=True)):
            equals(*pair, f"tensor {number} of the result of {', '.join(words)}")


def _flat(result):
    """The tensors of what a bare call returned, in order."""
    return [t for part in result for t in _flat(part)] if isinstance(result, tuple) else [result]
