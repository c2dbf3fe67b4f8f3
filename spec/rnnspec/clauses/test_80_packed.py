"""80 Errors: packed batches that are refused, and what may end the process where they are not.

A state or a batch size that is not checked makes a kernel read where nothing is.
"""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence

from rnnspec.axes import LSTM, MODES, NETWORKS, PROJECTED, TANH, cases, each
from rnnspec.check import rejects
from rnnspec.ragged import own_packing, packing
from rnnspec.refusals import even, refuses, replaced, resized, three

INPUTS = "torch.nn.RNN, LSTM, GRU, Inputs"
EQUALS = "consequence of PCK-15 and ERR-7"
BY_HAND = "torch.nn.utils.rnn.PackedSequence: made by the packing functions, not by hand"
PAD = "torch.nn.utils.rnn.pad_packed_sequence, sequence: a batch that was packed"

LSTMS = [*LSTM, *PROJECTED]
ONE, ANOTHER = each({"dtype": torch.float32}), each({"dtype": torch.float64})
"""One dtype for what ends torch's process, which costs seconds each time; scope full has another."""

THREE = each({"L": 3})
"""Layers behind which no memory is free: what is read beyond them is never taken for a tensor."""

SIZES = (3, 2, 2, 1, 1)
"""The sizes of sequences of 5, 3 and 1 steps, which are nine rows of data."""


@pytest.mark.clause(id="ERR-31", level="MUST", source=f"{INPUTS}, h_0")
@pytest.mark.isolated("the final state of the surplus layer is read beyond those that there are")
@pytest.mark.needs("hx", "packed")
@cases(LSTM, THREE, ONE)
@cases(LSTM, THREE, ANOTHER, scope="full")
@cases(PROJECTED, THREE, scope="full")
def test_surplus_layers_of_h_0(rnn, case):
    """A packed LSTM refuses an h_0 with a layer too many."""
    h, c = case.state
    refuses(rnn, f"packed input, h_0 of {len(h) + 1} layers for {len(h)}", three(case), (_more(h), c))


@pytest.mark.clause(id="ERR-32", level="MUST", source=f"{INPUTS}, c_0")
@pytest.mark.isolated("the state of the missing layer is read beyond those that there are")
@pytest.mark.needs("hx", "packed")
@cases(LSTM, NETWORKS[1:], ONE)
@cases(LSTM, NETWORKS[1:], ANOTHER, scope="full")
@cases(PROJECTED, NETWORKS[1:], scope="full")
def test_missing_layers_of_c_0(rnn, case):
    """A packed LSTM refuses a c_0 with a layer too few."""
    h, c = case.state
    refuses(rnn, f"packed input, c_0 of {len(c) - 1} layers for {len(c)}", three(case), (h, c[:-1]))


@pytest.mark.clause(id="ERR-33", level="MUST", source=EQUALS)
@pytest.mark.isolated("weights are read beyond their columns")
@pytest.mark.needs("hx", "packed")
@cases(LSTMS, NETWORKS)
def test_features_with_equal_lengths(rnn, case):
    """Where all lengths are equal too, a packed LSTM refuses data of another feature size."""
    packed = even(case)
    for size in (case.I - 1, 1, case.I + 1, 2 * case.I):
        other = packed._replace(data=resized(packed.data, 1, size))
        what = f"{size} features for {case.I}, all lengths equal"
        refuses(rnn, what, other)
        refuses(rnn, f"{what}, with a state", other, case.state)


@pytest.mark.clause(id="ERR-34", level="MUST", source=EQUALS)
@pytest.mark.isolated("states are written beyond their columns")
@pytest.mark.needs("hx", "packed")
@cases(LSTMS, NETWORKS)
def test_large_states_with_equal_lengths(rnn, case):
    """Where all lengths are equal too, a packed LSTM refuses states of more rows, of more layers, or of
    another number of columns.
    """
    h, c = case.state
    rows = tuple(resized(part, 1, case.B + 1) for part in case.state)
    wider, narrower = (tuple(resized(s, 2, s.shape[2] + n) for s in case.state) for n in (1, -1))
    for state in (rows, (rows[0], c), (h, rows[1]), (_more(h), _more(c)), narrower, wider):
        shapes = " and ".join(str(tuple(part.shape)) for part in state)
        refuses(rnn, f"states {shapes}, all lengths equal", even(case), state)


@pytest.mark.clause(id="ERR-35", level="MUST", source=EQUALS)
@pytest.mark.isolated("rows of the states are written beyond those that there are")
@pytest.mark.needs("hx", "packed")
@cases(LSTM, NETWORKS[:1])
@cases(LSTM, NETWORKS[1:], scope="full")
@cases(PROJECTED, NETWORKS, scope="full")
def test_missing_rows_with_equal_lengths(rnn, case):
    """Where all lengths are equal too, a packed LSTM refuses states of fewer rows, h_0 and c_0 apart and
    together.

    For a c_0 of one row see ERR-23.
    """
    for size, which in (*product([case.B - 1], [(0, 1), (0,), (1,)]), (1, (0, 1)), (1, (0,))):
        state = replaced(case.state, {k: case.state[k][:, :size] for k in which})
        shapes = " and ".join(str(tuple(part.shape)) for part in state)
        refuses(rnn, f"states {shapes}, all lengths equal", even(case), state)


@pytest.mark.clause(id="ERR-36", level="MUST", source=f"{INPUTS}, h_0 and c_0")
@pytest.mark.isolated("axes are read that are not there")
@pytest.mark.needs("hx", "packed")
@cases(MODES[:3], NETWORKS[:1])
@cases(LSTM, NETWORKS[:1], ONE)
@cases(MODES[:3], NETWORKS[1:], scope="full")
def test_ranks_of_a_packed_state(rnn, case):
    """Of packed input too a state of another rank than 3 is refused, h_0 and c_0 apart and together.

    Equal lengths come first: with others torch's LSTM refuses four axes or dies, as its memory happens to be.
    """
    which = ((0, 1), (0,), (1,)) if len(case.state) == 2 else ((0,),)
    for packed, those in product((even(case), three(case)), which):
        for change in (lambda s: s[None], lambda s: s[0], lambda s: s.flatten(), lambda s: s.sum()):
            state = replaced(case.state, {k: change(case.state[k]) for k in those})
            ranks = " and ".join(str(part.ndim) for part in state)
            refuses(rnn, f"packed input, states of rank {ranks}", packed, rnn.packed(state))


@pytest.mark.clause(id="ERR-37", level="SHOULD", source=BY_HAND)
@pytest.mark.isolated("memory is taken for a negative number of rows")
@pytest.mark.needs("hx", "packed")
@cases(MODES[:3], NETWORKS[:1])
@cases(LSTM, NETWORKS[:1], ONE)
@cases(LSTM, NETWORKS[:1], ANOTHER, scope="full")
@cases(PROJECTED, NETWORKS[:1], scope="full")
def test_negative_batch_size_with_a_state(rnn, case):
    """A batch size that is negative is refused with a state too, even as the only one."""
    data = three(case).data
    for sizes in ((-1,), (-1, -1), (3, 3, 3, -1)):
        made = PackedSequence(data, torch.tensor(sizes))
        refuses(rnn, f"batch_sizes {sizes} with a state", made, rnn.packed(case.state))


@pytest.mark.clause(id="ERR-38", level="SHOULD", source=PAD)
@pytest.mark.isolated("the first batch size is read where there is none")
@pytest.mark.needs("packed")
@cases(TANH)
def test_batch_sizes_that_cannot_be_padded(rnn, case):
    """pad_packed_sequence refuses no batch sizes at all, and those that increase or sum to more than the
    rows of the data.
    """
    for sizes in ((), (1, 2, 3, 3), (2, 3, 2, 1, 1), (3, 2, 2, 1, 1, 1), (3, 3, 3, 3), (10,)):
        _not_padded(rnn, case, f"batch_sizes {sizes} for 9 rows", sizes)


@pytest.mark.clause(id="ERR-39", level="SHOULD", source=PAD)
@pytest.mark.isolated("memory is written before a row of which there is a negative number")
@pytest.mark.needs("packed")
@cases(TANH, ONE)
@cases(TANH, ANOTHER, scope="full")
def test_negative_batch_sizes_are_not_padded(rnn, case):
    """pad_packed_sequence refuses batch sizes that are negative."""
    own_packing(rnn)
    for sizes in ((-1,), (3, 3, 4, -1), (3, 3, -1, 4)):
        _not_padded(rnn, case, f"batch_sizes {sizes}", sizes)


@pytest.mark.clause(id="ERR-40", level="SHOULD", source=PAD)
@pytest.mark.needs("packed")
@cases(TANH)
def test_surplus_rows_are_not_padded(rnn, case):
    """pad_packed_sequence refuses batch sizes that sum to fewer than the rows of the data."""
    own_packing(rnn)
    _not_padded(rnn, case, "batch_sizes (3, 2, 2, 1) for 9 rows", SIZES[:-1])


@pytest.mark.clause(id="ERR-41", level="SHOULD", source=f"{BY_HAND}; unsorted_indices")
@pytest.mark.needs("packed")
@cases(TANH)
def test_order_of_other_rows(rnn, case):
    """pad_packed_sequence refuses unsorted_indices that are none of the batch's rows."""
    for last in (3, -4, 2**40):
        order = torch.tensor([0, 1, last])
        _not_padded(rnn, case, f"unsorted_indices {order.tolist()} for 3 rows", SIZES, order)


def _not_padded(rnn, case, what, sizes, order=None):
    """A batch made by hand of nine rows of data is refused."""
    data, forward = three(case).data.to(rnn.device), torch.arange(3, device=rnn.device)
    made = PackedSequence(data, torch.tensor(sizes, dtype=torch.int64))
    if order is not None:
        made = made._replace(sorted_indices=forward, unsorted_indices=order.to(rnn.device))
    rejects(lambda: packing(rnn).pad_packed_sequence(made), what)


def _more(part):
    """A state with a layer more."""
    return resized(part, 0, len(part) + 1)
