"""80 Errors: inputs and states that a call refuses, for their size or their structure."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence

from rnnspec.axes import CELLS, LSTM, MODES, NETWORKS, PROJECTED, cases, each
from rnnspec.refusals import forms, of_other_sizes, others, refuses, replaced, resized, three

INPUTS = "torch.nn.RNN, LSTM, GRU, Inputs"
CELL_INPUTS = "torch.nn.RNNCell, GRUCell, LSTMCell, Inputs and Shape"
BY_HAND = "torch.nn.utils.rnn.PackedSequence: made by the packing functions, not by hand"

LSTMS = [*LSTM, *PROJECTED]


@pytest.mark.clause(id="ERR-2", level="MUST", source=f"{INPUTS}; {CELL_INPUTS}")
@pytest.mark.needs("hx")
@cases([*MODES, *CELLS], NETWORKS[:1])
@cases(MODES, NETWORKS[1:])
def test_other_features(rnn, case):
    """An input whose last axis is not input_size is refused, with a state or without."""
    for form, x, state in forms(rnn, case):
        for size in others(case.I):
            what = f"{form} input of {size} features for {case.I}"
            refuses(rnn, what, resized(x, -1, size), None, RuntimeError)
            refuses(rnn, f"{what}, with a state", resized(x, -1, size), rnn.packed(state), RuntimeError)


@pytest.mark.clause(id="ERR-3", level="MUST", source=f"{INPUTS}, h_0 and c_0")
@pytest.mark.needs("hx")
@cases(MODES, NETWORKS)
def test_ranks_of_no_state(rnn, case):
    """A state of rank 0, 1 or 4 is refused, h_0 and c_0 apart."""
    for form, x, state in forms(rnn, case):
        for k, part in enumerate(state):
            for other in (part.sum(), part.flatten(), part.expand(*[1] * (4 - part.ndim), *part.shape)):
                what = f"{form} {'hc'[k]}_0 of rank {other.ndim}"
                refuses(rnn, what, x, rnn.packed(replaced(state, {k: other})), RuntimeError)


@pytest.mark.clause(id="ERR-4", level="MUST", source=f"{INPUTS}, h_0 and c_0")
@pytest.mark.needs("hx")
@cases(MODES, NETWORKS)
@cases(MODES, each({"batch_first": True}))
def test_other_sizes_of_a_state(rnn, case):
    """A state with another number of layers times directions, rows or columns is refused, h_0 and c_0 apart
    and together; an axis of size 1 is not spread.
    """
    for form, x, state in forms(rnn, case):
        x = x.transpose(0, 1) if case.batch_first and x.ndim == 3 else x
        for what, other in of_other_sizes(state, range(x.ndim)):
            refuses(rnn, f"{form} {what}", x, rnn.packed(other), RuntimeError)


@pytest.mark.clause(id="ERR-5", level="MUST", source="torch.nn.LSTM, Inputs, h_0, c_0 and H_out")
@pytest.mark.needs("hx", "proj")
@cases(PROJECTED, NETWORKS)
def test_widths_with_a_projection(rnn, case):
    """With a projection h_0 has P columns and c_0 has H: neither takes the other's width."""
    for form, x, (h, c) in forms(rnn, case):
        wide, narrow = torch.cat([h, h, h], -1)[..., : case.H], c[..., : case.P]
        for what, state in (("h_0 of H", (wide, c)), ("c_0 of P", (h, narrow)), ("both", (wide, narrow))):
            refuses(rnn, f"{form} {what} columns", x, state, RuntimeError)


@pytest.mark.clause(id="ERR-6", level="MUST", source=f"{INPUTS}; {CELL_INPUTS}")
@pytest.mark.needs("hx")
@cases([*MODES, *CELLS], NETWORKS[:1])
@cases(MODES, NETWORKS[1:])
def test_structure_of_the_state(rnn, case):
    """The LSTM's state is a pair of tensors, that of the others one tensor: nothing else is taken for it.

    Whether a list of two or a stack of both is taken for the pair, the documents do not say.
    """
    for form, x, (h, *c) in forms(rnn, case):
        wrong = {"an empty tuple": (), "a tuple of one": (h,), "a tuple of three": (h, h, h)}
        if c:
            wrong |= {"h_0 alone": h, "no h_0 in the pair": (None, *c), "no c_0 in the pair": (h, None)}
        else:
            wrong |= {"a pair": (h, h), "a list of one": [h]}
        if form == "unbatched" and c:
            del wrong["a tuple of three"]  # ERR-24
        for what, state in wrong.items():
            refuses(rnn, f"{form}, {what}", x, state)


@pytest.mark.clause(id="ERR-24", level="MUST", source=f"{INPUTS}; {CELL_INPUTS}")
@pytest.mark.needs("hx", "unbatched")
@cases([*LSTM, *PROJECTED, *CELLS[3:]])
def test_third_state(rnn, case):
    """A third tensor beside h_0 and c_0 is refused for unbatched input too."""
    _, (_, x, (h, c)) = forms(rnn, case)
    refuses(rnn, "a tuple of three", x, (h, c, c))


@pytest.mark.clause(id="ERR-12", level="SHOULD", source=f"{CELL_INPUTS} (the exception class is torch's)")
@pytest.mark.needs("module", "hx", "unbatched")
@cases(CELLS)
def test_state_of_an_unbatched_cell(rnn, case):
    """For an unbatched input a cell refuses a state of another hidden size, and one of a batch.

    torch finds the batch by accident, where the batch is not as large as the state.
    """
    (_, _, batch), (_, x, state) = forms(rnn, case)
    for what, other in of_other_sizes(state, (0,)):
        refuses(rnn, f"unbatched {what}", x, rnn.packed(other), RuntimeError)
    for k in range(len(state)):
        for part in (batch[k], batch[k][:1]):
            what = f"unbatched input, {'hc'[k]} of shape {tuple(part.shape)}"
            refuses(rnn, what, x, rnn.packed(replaced(state, {k: part})))


@pytest.mark.clause(id="ERR-7", level="MUST", source=f"{INPUTS}, input, h_0 and c_0")
@pytest.mark.needs("hx", "packed")
@cases(LSTMS, NETWORKS)
def test_sizes_of_a_packed_lstm(rnn, case):
    """A packed LSTM refuses data of another feature size, and states of another number of layers, rows or
    columns.

    Sequences of unequal lengths are tried, of equal ones by ERR-33 to ERR-35. For surplus layers of h_0 see
    ERR-31, for missing ones of c_0 ERR-32; for a c_0 that has more layers or could be spread see ERR-23.
    """
    packed = three(case)
    for size in others(case.I):
        other = packed._replace(data=resized(packed.data, 1, size))
        refuses(rnn, f"packed data of {size} features", other, case.state)
    for what, state in of_other_sizes(case.state, (0, 1, 2)):
        spread = 1 in state[1].shape[1:] and state[0].shape == case.h_0.shape
        if not spread and len(state[0]) <= len(state[1]) <= max(len(state[0]), len(case.c_0)):
            refuses(rnn, f"packed input, {what}", packed, state)


@pytest.mark.clause(id="ERR-23", level="MUST", source=f"{INPUTS}, c_0")
@pytest.mark.needs("hx", "packed")
@cases(LSTMS, NETWORKS)
def test_c_0_of_a_packed_lstm(rnn, case):
    """A packed LSTM refuses a c_0 with a layer too many, with one row for all, or with one column.

    Sequences of unequal lengths are tried.
    """
    h, c = case.state
    for axis, size in ((0, len(c) + 1), (1, 1), (2, 1)):
        other = resized(c, axis, size)
        refuses(rnn, f"packed input, c_0 of shape {tuple(other.shape)}", three(case), (h, other))


@pytest.mark.clause(id="ERR-22", level="SHOULD", source=BY_HAND)
@pytest.mark.needs("packed")
@cases(MODES, NETWORKS, each({"hx": False}))
def test_batch_sizes_that_cannot_be(rnn, case):
    """Batch sizes that increase, are negative or sum to more than the rows of the data are refused, and none
    at all are too.
    """
    data = three(case).data
    for sizes in (
        (2, 3, 2, 1, 1),
        (1, 2, 3, 3),
        (1, 2, 2, 2, 2),
        (3, 3, -1, 4),
        (3, 2, 2, 1, 1, 1),
        (3, 3, 3, 3),
        (),
    ):
        made = PackedSequence(data, torch.tensor(sizes, dtype=torch.int64))
        refuses(rnn, f"batch_sizes {sizes} for {len(data)} rows", made)


@pytest.mark.clause(id="ERR-27", level="SHOULD", source=BY_HAND)
@pytest.mark.needs("packed")
@cases(MODES, NETWORKS, each({"hx": False}))
def test_rows_beyond_the_batch_sizes(rnn, case):
    """Batch sizes that sum to fewer than the rows of the data are refused."""
    data = three(case).data
    refuses(rnn, "batch_sizes (3, 2, 2, 1) for 9 rows", PackedSequence(data, torch.tensor([3, 2, 2, 1])))
