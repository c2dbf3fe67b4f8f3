"""52 Variable length: in a packed batch every sequence is as if it were alone."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from rnnspec import ragged
from rnnspec.axes import GRU, LSTM, MODES, NETWORKS, RELU, TANH, cases, each
from rnnspec.bound import propagated
from rnnspec.check import NotClaimed, agrees, differs, equals, is_same, rejects
from rnnspec.parts import part, state_of
from rnnspec.reference import Result, run

INPUTS, OUTPUTS = (f"torch.nn.RNN, LSTM, GRU, {part}" for part in ("Inputs", "Outputs"))
CONSEQUENCE = "consequence of the equations"
SORTED = "consequence of PackedSequence, sorted_indices"

SIX = each({"B": 6})
MANY_UNITS = each({"B": 6, "H": 23})  # at each step some of them are above the relu's corner
RAGGED = each({"B": 6}, {"T": 3, "B": 35})
BOTH = each({"bidirectional": True})

pytestmark = [pytest.mark.needs("lengths")]


def _ragged(case, x=None):
    """The lengths of the rows and the packed batch."""
    lengths = ragged.lengths(case)
    return lengths, ragged.packed(case.input if x is None else x, lengths)


@pytest.mark.clause(id="PCK-9", level="MUST", source=f"{INPUTS}; {CONSEQUENCE}")
@cases(MODES, NETWORKS, RAGGED)
@cases(MODES, NETWORKS, each({"B": 6, "hx": False}))
@cases([*TANH, *GRU, *LSTM], each({"T": 37, "B": 17, "I": 3, "H": 5}, {"T": 5, "B": 5, "I": 3, "H": 35}))
def test_sequences_alone(rnn, case):
    """For packed input each sequence's steps of the output and its final states are those of the sequence
    run alone with its own states.
    """
    lengths, packed = _ragged(case)
    wanted, within = ragged.alone(case, lengths)
    agrees(ragged.run(rnn, packed, case.state), wanted, within)


@pytest.mark.clause(id="PCK-10", level="MUST", source=f"{OUTPUTS}, h_n; {CONSEQUENCE}")
@cases(MODES, NETWORKS, RAGGED)
def test_final_states_in_the_output(rnn, case):
    """A sequence's forward final state is the forward half of its output at its own last step, and its
    reverse one the reverse half at step 0.
    """
    lengths, packed = _ragged(case)
    result, P = ragged.run(rnn, packed, case.state), case.width
    last = result.output[torch.tensor(lengths) - 1, range(case.B)]
    equals(result.h_n[-case.D], last[:, :P], "h_n of the forward direction")
    if case.bidirectional:
        equals(result.h_n[-1], result.output[0, :, P:], "h_n of the reverse direction")


@pytest.mark.clause(id="PCK-11", level="MUST", source="consequence of packing")
@pytest.mark.needs("packed")
@cases(MODES, NETWORKS, SIX)
def test_padding_does_not_matter(rnn, case):
    """What stands in the padding that was packed never matters, not even NaN or infinity."""
    lengths, f = ragged.lengths(case), ragged.packing(rnn)

    def result(value):
        x = ragged.beyond(case.input, lengths, value)
        return ragged.run(rnn, f.pack_padded_sequence(x, lengths, enforce_sorted=False), case.state)

    plain = result(0.0)
    for value in (1.0, torch.nan, torch.inf):
        equals(result(value), plain, f"output for {value} in the padding")


@pytest.mark.clause(id="PCK-12", level="MUST", source=f"{SORTED}; not said of the states outright")
@pytest.mark.needs("hx")
@cases(MODES, NETWORKS, RAGGED)
def test_original_order(rnn, case):
    """The states of an unsorted packed batch, initial and final, are in its original order: sorting the
    batch and the initial states by hand gives the same, sorted.
    """
    lengths, packed = _ragged(case)
    order, x = packed.sorted_indices, case.input
    by_hand = pack_padded_sequence(x[:, order], torch.tensor(lengths)[order])
    got = ragged.run(rnn, packed, case.state)
    sorted_ = ragged.run(rnn, by_hand, tuple(part[:, order] for part in case.state))
    wanted, within = ragged.alone(case, lengths)
    agrees(got.rows(order), sorted_, 2 * within.rows(order))
    agrees(got, wanted, within)


@pytest.mark.clause(id="PCK-17", level="MUST", source=f"{INPUTS}, h_0 and c_0")
@pytest.mark.needs("hx")
@cases(MODES, SIX)
def test_surplus_rows_of_the_states(rnn, case):
    """States with more rows than an unsorted packed batch has sequences are refused."""
    x, lengths = case.input[:, :-1], ragged.lengths(case)[:-1]
    packed = ragged.packed(x, lengths)
    rejects(lambda: rnn.raw(packed, rnn.packed(case.state)), f"6 rows for {len(lengths)} sequences")


@pytest.mark.clause(id="PCK-13", level="MUST", source="consequence of BID-1 for each sequence")
@pytest.mark.needs("bidirectional", "hx")
@cases(MODES, BOTH, SIX)
def test_reverse_direction_starts_at_the_last_step(rnn, case):
    """The reverse direction of each sequence starts at its own last step, not in the padding."""
    lengths, packed = _ragged(case)
    got, reverse = ragged.run(rnn, packed, case.state), part(rnn, 0, 1)
    wanted, within = (result.output[..., case.width :] for result in ragged.alone(case, lengths))
    for b, n in enumerate(lengths):
        row = slice(b, b + 1)
        state = tuple(part[:, row] for part in state_of(case.state, 1))
        alone = reverse(case.input[:n, row].flip(0), state).output.flip(0)
        half, allowed = got.output[:n, row, case.width :], within[:n, row]
        agrees(half, alone, 2 * allowed, f"reverse half of sequence {b}", "tbh")
        agrees(half, wanted[:n, row], allowed, f"reverse half of sequence {b}", "tbh")


@pytest.mark.clause(id="PCK-14", level="MUST", source=f"{OUTPUTS}, output")
@pytest.mark.needs("packed")
@cases(MODES, NETWORKS, SIX)
def test_output_is_packed(rnn, case):
    """The output of a packed input is a PackedSequence with the input's batch_sizes, sorted_indices and
    unsorted_indices.
    """
    lengths, unsorted = _ragged(case)
    by_length = pack_padded_sequence(case.input, sorted(lengths, reverse=True))
    for packed in (unsorted, by_length):
        output, _ = rnn.pair(rnn.raw(packed, rnn.packed(case.state)))
        ragged.padded(output, case.T)  # or it is no PackedSequence
        equals(output.batch_sizes, packed.batch_sizes, "batch_sizes")
        for name in ("sorted_indices", "unsorted_indices"):
            got, wanted = getattr(output, name), getattr(packed, name)
            is_same(got if got is None else got.tolist(), wanted if wanted is None else wanted.tolist(), name)


@pytest.mark.clause(id="PCK-18", level="MUST", source=f"{OUTPUTS}; torch.nn.RNN, batch_first")
@pytest.mark.needs("batch_first")
@cases(MODES, NETWORKS, SIX)
def test_batch_first_plays_no_part(rnn, case):
    """For packed input and its states batch_first plays no part."""
    lengths, packed = _ragged(case)
    got = ragged.run(rnn.but(batch_first=True), packed, case.state)
    wanted, within = ragged.alone(case, lengths)
    agrees(got, ragged.run(rnn, packed, case.state), 2 * within)
    agrees(got, wanted, within)


@pytest.mark.clause(id="PCK-15", level="MUST", source="consequence of PCK-9")
@cases(MODES, NETWORKS, SIX)
@cases(MODES, each({"B": 6, "hx": False}))
def test_equal_lengths(rnn, case):
    """Where all lengths are equal, packed and padded input give the same result."""
    packed = ragged.packed(case.input, [case.T] * case.B)
    got, dense = ragged.run(rnn, packed, case.state), rnn(case.input, case.state)
    wanted, within = propagated(case)
    agrees(got, dense, 2 * within)
    agrees(got, wanted, within)


@pytest.mark.clause(id="PCK-19", level="MUST", source=f"{INPUTS}, input, h_0 and c_0")
@pytest.mark.needs("hx")
@cases([*TANH, *RELU, *GRU], NETWORKS, SIX)
def test_refused_sizes(rnn, case):
    """Packed input of another feature size is refused, and so is a state of another number of rows,
    columns or layers.
    """
    (h_0,), lengths = case.state, ragged.lengths(case)
    packed = pack_padded_sequence(case.input, sorted(lengths, reverse=True))
    for x in (case.input[..., :-1], torch.cat([case.input, case.input], -1)):
        wrong = ragged.packed(x, lengths)
        rejects(lambda p=wrong: rnn.raw(p, h_0), f"packed input of {x.shape[-1]} features")
    more = torch.cat([h_0, h_0])
    for state in (h_0[:, :-1], h_0[:, :1], h_0[..., :-1], more, more.transpose(0, 1), h_0[:0]):
        rejects(lambda s=state: rnn.raw(packed, s), f"h_0 of shape {tuple(state.shape)}")


def _leaves(rnn, case, x=None):
    """A packed call's output and final states, and what gradients are asked of."""
    leaves = tuple(tensor.clone().requires_grad_() for tensor in (case.input, *case.state))
    lengths, packed = _ragged(case, leaves[0])
    output, final = rnn.pair(rnn.raw(packed, rnn.packed(leaves[1:])))
    return ragged.padded(output, case.T), final, leaves, lengths


@pytest.mark.clause(id="PCK-16", level="MUST", source=f"{CONSEQUENCE}; PCK-11")
@pytest.mark.needs("hx", "grad")
@cases(MODES, NETWORKS, MANY_UNITS)
def test_gradients_stay_with_their_sequence(rnn, case):
    """The gradient of a sequence's output and final states is not zero on its own steps and initial
    states, and exactly zero in the padding and on all else.
    """
    output, final, leaves, lengths = _leaves(rnn, case)
    for b, n in enumerate(lengths):
        own = sum(part[:, b].sum() for part in (output, *final))
        x, *state = torch.autograd.grad(own, leaves, retain_graph=True)
        rest = x.clone()
        rest[:n, b] = 0
        equals(rest, torch.zeros_like(x), f"gradient of sequence {b} beyond its {n} steps")
        for t in range(n):
            differs(x[t, b], torch.zeros_like(x[t, b]), 0.0, f"gradient of sequence {b} at step {t}, from 0,")
        others = [row for row in range(case.B) if row != b]
        for name, part_ in zip(("h_0", "c_0"), state, strict=False):
            alien, mine = part_[:, others], part_[:, b]
            equals(alien, torch.zeros_like(alien), f"gradient of sequence {b} on {name} of the others")
            differs(mine, torch.zeros_like(mine), 0.0, f"gradient of sequence {b} on its {name}, from 0,")


EXACT = {"grid": 2, "T": 3, "B": 5, "seed": 38}
WHOLE = each({**EXACT, "dtype": torch.float32}, {**EXACT, "dtype": torch.float64})


@pytest.mark.clause(id="PCK-20", level="MUST", source=f"{CONSEQUENCE}; PCK-9")
@pytest.mark.needs("hx", "grad")
@cases(RELU, NETWORKS, WHOLE)
def test_gradients_are_those_of_the_sequences_alone(rnn, case):
    """The gradients with respect to the valid steps and to the states are those of the sequences run alone.

    The numbers are multiples of 1/4, few and small: every sum of this relu network is exact, and none is 0.
    """
    output, final, (x, h_0), lengths = _leaves(rnn, case)
    got = torch.autograd.grad(output.sum() + 2 * final[0].sum(), (x, h_0))
    alone = [tensor.detach().double().requires_grad_() for tensor in (x, h_0)]
    for b, n in enumerate(lengths):
        row = slice(b, b + 1)
        result = run(case, case.weights, alone[0][:n, row], (alone[1][:, row],))
        (result.output.sum() + 2 * result.h_n.sum()).backward()
    for name, have, leaf in zip(("input", "h_0"), got, alone, strict=True):
        equals(have, leaf.grad.to(case.dtype), f"gradient of {name}")


@pytest.mark.clause(id="PCK-21", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("padded", "hx")
@cases(MODES, NETWORKS, SIX)
def test_padding_beside_lengths(rnn, case):
    """Given padded input and the lengths of its rows, what stands in the padding never matters."""
    lengths = ragged.lengths(case)
    wanted, within = ragged.alone(case, lengths)
    for value in (0.0, 1.0, -100.0):
        got = rnn.with_lengths(ragged.beyond(case.input, lengths, value), lengths)
        valid = Result(ragged.beyond(got.output, lengths, 0.0), *got.state)
        agrees(valid, wanted, within)


@pytest.mark.clause(id="PCK-22", level="MUST", source="ONNX LSTM, GRU, RNN, Y; paddle.nn.LSTM, outputs")
@pytest.mark.needs("padded", "zero_padding", "hx")
@cases(MODES, NETWORKS, SIX)
def test_padding_of_the_output(rnn, case):
    """Given padded input and the lengths of its rows, the output beyond a row's end is zero."""
    lengths = ragged.lengths(case)
    got = rnn.with_lengths(ragged.beyond(case.input, lengths, 1.0), lengths)
    equals(got.output, ragged.beyond(got.output, lengths, 0.0), "output with zeros beyond each row's end")


@pytest.mark.clause(id="PCK-23", level="SHOULD", source=CONSEQUENCE)
@pytest.mark.needs("padded", "hx")
@cases(MODES, NETWORKS, SIX)
def test_rows_of_no_steps(rnn, case):
    """Given padded input and the lengths of its rows, a row of length 0 keeps its initial state, unless such
    a length is refused.
    """
    lengths = ragged.lengths(case)
    empty = [0, case.B - 1]
    for row in empty:
        lengths[row] = 0
    try:
        got = rnn.with_lengths(ragged.beyond(case.input, lengths, 1.0), lengths)
    except NotClaimed:
        raise
    except Exception:
        return
    for name, part_, initial in zip(("h_n", "c_n"), got.state, case.state, strict=False):
        equals(part_[:, empty], initial[:, empty], f"{name} of rows of length 0")
