"""52 Packing and padding: how sequences of different lengths are put into one tensor.

These clauses are about torch.nn.utils.rnn, on which an implementation's packed input relies, or about the
functions of the same names that its modules hold under `packing`.
"""

from __future__ import annotations

import pytest
import torch

from rnnspec.axes import TANH, cases
from rnnspec.check import equals, is_same, rejects
from rnnspec.ragged import beyond, own_packing, packing

RNN_UTILS = "torch.nn.utils.rnn"
PACKED = f"{RNN_UTILS}.PackedSequence"
PACK, PAD = f"{RNN_UTILS}.pack_padded_sequence", f"{RNN_UTILS}.pad_packed_sequence"

LENGTHS = ([5, 3, 1], [2, 5, 3], [1, 5, 5], [4, 4, 1], [3, 1, 2])
"""For a batch of three of five steps: in order and not, with ties, and all below T."""

pytestmark = [pytest.mark.needs("packed")]


def _same(got, wanted, what="the packed batch"):
    """Two PackedSequences, field by field."""
    for name, have, want in zip(wanted._fields, got, wanted, strict=True):
        if want is None:
            is_same(have, None, f"{name} of {what}")
        else:
            equals(have, want, f"{name} of {what}")


def _ragged(x, lengths):
    """x (T, B, *) as a list of sequences (L_b, *)."""
    return [x[:n, b] for b, n in enumerate(lengths)]


@pytest.mark.clause(id="PAD-1", level="MUST", source=PACKED)
@cases(TANH)
def test_fields_of_a_packed_sequence(rnn, case):
    """A PackedSequence holds data, the steps one after another and at each the sequences still running,
    longest first; batch_sizes, how many run at each step, as int64 on the CPU; sorted_indices and
    unsorted_indices.
    """
    x = case.input.to(rnn.device)
    packed = packing(rnn).pack_padded_sequence(x, [5, 3, 1])
    fields = ("data", "batch_sizes", "sorted_indices", "unsorted_indices")
    is_same(packed._fields, fields, "fields")
    equals(packed.data, torch.cat([x[0], x[1, :2], x[2, :2], x[3, :1], x[4, :1]]), "data")
    equals(packed.batch_sizes, torch.tensor([3, 2, 2, 1, 1]), "batch_sizes")
    is_same(packed.batch_sizes.device.type, "cpu", "device of batch_sizes")
    is_same(packed.data.device.type, rnn.device.type, "device of data")


@pytest.mark.clause(id="PAD-2", level="MUST", source=f"{PACK}; {PAD}")
@cases(TANH)
def test_round_trip(rnn, case):
    """Packing and padding again gives the valid steps, bit for bit, the padding value elsewhere, and the
    lengths as int64 on the CPU, all in the original order of the batch.
    """
    f, x = packing(rnn), case.input.to(rnn.device)
    for data in (x, x[..., 0], x[..., None], (100 * x).long()):
        for lengths in LENGTHS:
            packed = f.pack_padded_sequence(data, lengths, enforce_sorted=False)
            got, got_lengths = f.pad_packed_sequence(packed, padding_value=-7.0)
            equals(got, beyond(data, lengths, -7.0)[: max(lengths)], f"batch of lengths {lengths}")
            equals(got_lengths, torch.tensor(lengths), "lengths")
            is_same(got_lengths.device.type, "cpu", "device of the lengths")


@pytest.mark.clause(id="PAD-3", level="MUST", source=f"{PACKED}; {PACK}, enforce_sorted")
@cases(TANH)
def test_indices(rnn, case):
    """With enforce_sorted=False the batch is packed by decreasing length: sorted_indices is the permutation,
    unsorted_indices its inverse.

    The order among equal lengths is not documented.
    """
    x = case.input.to(rnn.device)
    for lengths in LENGTHS:
        packed = packing(rnn).pack_padded_sequence(x, lengths, enforce_sorted=False)
        order, inverse = packed.sorted_indices, packed.unsorted_indices
        equals(order[inverse].cpu(), torch.arange(3), "sorted_indices[unsorted_indices]")
        equals(inverse[order].cpu(), torch.arange(3), "unsorted_indices[sorted_indices]")
        by_length = [lengths[b] for b in order.tolist()]
        is_same(by_length, sorted(lengths, reverse=True), "lengths in the order of sorted_indices")
        equals(packed.data[:3], x[0, order], "first step of data")


@pytest.mark.clause(id="PAD-9", level="MUST", source=f"{PACKED}; {PACK}, enforce_sorted")
@cases(TANH)
def test_enforced_order(rnn, case):
    """By default the indices are None, and lengths that increase somewhere are refused with RuntimeError."""
    f, x = packing(rnn), case.input.to(rnn.device)
    for lengths in ([5, 3, 1], [5, 5, 2], [4, 4, 4]):
        packed = f.pack_padded_sequence(x, lengths)
        is_same((packed.sorted_indices, packed.unsorted_indices), (None, None), "indices")
    for lengths in ([2, 5, 3], [5, 1, 2]):
        rejects(lambda n=lengths: f.pack_padded_sequence(x, n), f"lengths {lengths}", RuntimeError)
        sequences = _ragged(x, lengths)
        rejects(lambda s=sequences: f.pack_sequence(s), f"sequences of lengths {lengths}", RuntimeError)


@pytest.mark.clause(id="PAD-4", level="SHOULD", source=f"{PACK}, lengths")
@cases(TANH)
def test_refused_lengths(rnn, case):
    """The lengths are B positive integers in one row: zero, a negative one, another count or another rank
    is refused with RuntimeError.
    """
    f, x = packing(rnn), case.input.to(rnn.device)
    for lengths in ([5, 3, 0], [5, 3, -1], [5, 3], [5, 3, 2, 1], torch.tensor([[5], [3], [1]])):
        rejects(lambda n=lengths: f.pack_padded_sequence(x, n), f"lengths {lengths}", RuntimeError)


@pytest.mark.clause(id="PAD-13", level="SHOULD", source=f"{PACK}, lengths: one of each batch element")
@cases(TANH)
def test_rows_without_a_length(rnn, case):
    """Fewer lengths than rows are refused with enforce_sorted=False too."""
    f, x = own_packing(rnn), case.input.to(rnn.device)
    rejects(lambda: f.pack_padded_sequence(x, [3, 5], enforce_sorted=False), "2 lengths for 3 rows")


@pytest.mark.clause(id="PAD-10", level="SHOULD", source=f"{PACK}, input: T is the longest length")
@cases(TANH)
def test_length_above_the_time_axis(rnn, case):
    """A length above T is refused."""
    f, x = own_packing(rnn), case.input.to(rnn.device)
    rejects(lambda: f.pack_padded_sequence(x, [6, 4, 3]), "lengths [6, 4, 3] for 5 steps")


@pytest.mark.clause(id="PAD-5", level="MUST", source=f"{PACK}, warning; {PAD}, total_length")
@cases(TANH)
def test_total_length(rnn, case):
    """Padding again gives max(lengths) steps, or total_length steps with padding_value in those beyond; a
    total_length below max(lengths) is refused with ValueError.
    """
    f, x, lengths = packing(rnn), case.input.to(rnn.device), [2, 4, 1]
    packed = f.pack_padded_sequence(x, lengths, enforce_sorted=False)
    longer = torch.cat([beyond(x, lengths, 9.0), torch.full_like(x, 9.0)])
    for total in (None, 4, 5, 8):
        got, got_lengths = f.pad_packed_sequence(packed, padding_value=9.0, total_length=total)
        equals(got, longer[: total or 4], f"batch padded to total_length={total}")
        equals(got_lengths, torch.tensor(lengths), "lengths")
    rejects(lambda: f.pad_packed_sequence(packed, total_length=3), "total_length=3", ValueError)


@pytest.mark.clause(id="PAD-6", level="MUST", source=f"{RNN_UTILS}, batch_first of all")
@cases(TANH)
def test_batch_first_is_a_layout(rnn, case):
    """In all these functions batch_first only says how the padded tensor is laid out."""
    f, x, lengths = packing(rnn), case.input.to(rnn.device), [2, 5, 3]
    packed = f.pack_padded_sequence(x, lengths, enforce_sorted=False)
    turned = x.transpose(0, 1).contiguous()
    twin = f.pack_padded_sequence(turned, lengths, batch_first=True, enforce_sorted=False)
    _same(twin, packed)
    padded, _ = f.pad_packed_sequence(packed, batch_first=True)
    equals(padded, beyond(x, lengths, 0.0).transpose(0, 1), "batch padded batch first")
    sequences = _ragged(x, lengths)
    stacked = f.pad_sequence(sequences, batch_first=True)
    equals(stacked, padded, "sequences padded batch first")
    for got, wanted in zip(f.unpad_sequence(stacked, torch.tensor(lengths), True), sequences, strict=True):
        equals(got, wanted, "sequence")


@pytest.mark.clause(id="PAD-7", level="MUST", source=f"{RNN_UTILS}.pad_sequence")
@cases(TANH)
def test_pad_sequence(rnn, case):
    """pad_sequence stacks sequences (L_b, *) into (max L, B, *), each from step 0 on, with padding_value
    after it.
    """
    f, x = packing(rnn), case.input.to(rnn.device)
    for data in (x, x[..., 0], x[..., None]):
        for lengths in LENGTHS:
            got = f.pad_sequence(_ragged(data, lengths), padding_value=-7.0)
            equals(got, beyond(data, lengths, -7.0)[: max(lengths)], f"sequences of lengths {lengths}")


@pytest.mark.clause(id="PAD-12", level="MUST", source=f"{RNN_UTILS}.pad_sequence, padding_side")
@pytest.mark.needs("padding_side")
@cases(TANH)
def test_padding_side(rnn, case):
    """With padding_side='left' the padding comes before each sequence, which ends at the last step."""
    f, x, lengths = packing(rnn), case.input.to(rnn.device), [2, 5, 3]
    got = f.pad_sequence(_ragged(x, lengths), padding_value=-7.0, padding_side="left")
    for b, n in enumerate(lengths):
        equals(got[5 - n :, b], x[:n, b], f"sequence {b}")
        equals(got[: 5 - n, b], torch.full_like(x[n:, b], -7.0), f"padding before sequence {b}")


@pytest.mark.clause(id="PAD-8", level="MUST", source=f"{RNN_UTILS}: unpad_, pack_ and unpack_sequence")
@cases(TANH)
def test_functions_undo_each_other(rnn, case):
    """unpad_sequence undoes pad_sequence, pack_sequence is pad_sequence and then pack_padded_sequence, and
    unpack_sequence gives the sequences back in their original order.
    """
    f, x = packing(rnn), case.input.to(rnn.device)
    for lengths in LENGTHS:
        sequences = _ragged(x, lengths)
        stacked = f.pad_sequence(sequences)
        packed = f.pack_sequence(sequences, enforce_sorted=False)
        _same(packed, f.pack_padded_sequence(stacked, lengths, enforce_sorted=False))
        unpadded = f.unpad_sequence(stacked.clone(), torch.tensor(lengths))
        for got in (unpadded, f.unpack_sequence(packed)):
            is_same(len(got), 3, "number of sequences")
            for b in range(3):
                equals(got[b], sequences[b], f"sequence {b} of lengths {lengths}")


@pytest.mark.clause(id="PAD-11", level="MUST", source=f"{RNN_UTILS}.unpad_sequence: not an in-place function")
@cases(TANH)
def test_unpad_leaves_its_argument(rnn, case):
    """unpad_sequence leaves its argument as it is."""
    x = case.input.to(rnn.device, copy=True)
    own_packing(rnn).unpad_sequence(x, torch.tensor([2, 5, 3]))
    equals(x, case.input.to(rnn.device), "the padded tensor afterwards")
