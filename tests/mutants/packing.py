"""Chapter 52: packing and padding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import rnn as torchs
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.registry import LAYERS, mutant


class Packs(plain.Layers):
    """Modules with functions of their own to pack and pad, without torch's deviations."""

    @property
    def packing(self) -> Packs:
        return self

    def pack_padded_sequence(
        self, input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
    ) -> PackedSequence:
        x = self.time_first(input) if batch_first else input
        return self.pack(x, self.checked(torch.as_tensor(lengths), x), enforce_sorted)

    def time_first(self, x: Tensor) -> Tensor:
        return x.transpose(0, 1)

    def checked(self, lengths: Tensor, x: Tensor) -> Tensor:
        whole = not (lengths.is_floating_point() or lengths.is_complex())
        if not whole or lengths.shape != x.shape[1:2] or lengths.max() > len(x):
            raise RuntimeError(f"lengths {lengths.tolist()} for a batch of {tuple(x.shape)}")
        return lengths

    def pack(self, x: Tensor, lengths: Tensor, enforce_sorted: bool) -> PackedSequence:
        return torchs.pack_padded_sequence(x, lengths, enforce_sorted=enforce_sorted)

    def pad_packed_sequence(
        self,
        sequence: PackedSequence,
        batch_first: bool = False,
        padding_value: float = 0.0,
        total_length: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        self.check_packed(sequence)
        return torchs.pad_packed_sequence(sequence, batch_first, padding_value, total_length)

    def check_packed(self, sequence: PackedSequence) -> None:
        sizes = sequence.batch_sizes.tolist()
        if not sizes or sizes != sorted(sizes, reverse=True) or sizes[-1] < 0:
            raise RuntimeError(f"batch_sizes must be positive and not increase, got {sizes}")
        if sum(sizes) != len(sequence.data):
            raise RuntimeError(f"batch_sizes {sizes} for {len(sequence.data)} rows")

    def pad_sequence(
        self,
        sequences: list[Tensor],
        batch_first: bool = False,
        padding_value: float = 0.0,
        padding_side: str = "right",
    ) -> Tensor:
        return torchs.pad_sequence(sequences, batch_first, padding_value, padding_side)

    def unpad_sequence(self, padded: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
        return torchs.unpad_sequence(padded[:], lengths, batch_first)

    def pack_sequence(self, sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
        lengths = [len(sequence) for sequence in sequences]
        return self.pack_padded_sequence(self.pad_sequence(sequences), lengths, False, enforce_sorted)

    def unpack_sequence(self, packed: PackedSequence) -> list[Tensor]:
        return self.unpad_sequence(*self.pad_packed_sequence(packed))


@mutant("RNN", dies_of=("PAD-1", "PAD-2", "PAD-8"))
class DataSequenceBySequence(Packs):
    """data holds one sequence after another."""

    def pack(self, x: Tensor, lengths: Tensor, enforce_sorted: bool) -> PackedSequence:
        packed = super().pack(x, lengths, enforce_sorted)
        order = range(x.shape[1]) if packed.sorted_indices is None else packed.sorted_indices.tolist()
        return packed._replace(data=torch.cat([x[: lengths[b], b] for b in order]))


@mutant("RNN", dies_of=("PAD-1",))
class LengthsForBatchSizes(Packs):
    """batch_sizes holds the lengths."""

    def pack(self, x: Tensor, lengths: Tensor, enforce_sorted: bool) -> PackedSequence:
        packed = super().pack(x, lengths, enforce_sorted)
        return packed._replace(batch_sizes=lengths.sort(descending=True)[0])


@mutant("RNN", dies_of=("PAD-1",))
class NarrowBatchSizes(Packs):
    """batch_sizes is of int32."""

    def pack(self, x: Tensor, lengths: Tensor, enforce_sorted: bool) -> PackedSequence:
        packed = super().pack(x, lengths, enforce_sorted)
        return packed._replace(batch_sizes=packed.batch_sizes.int())

    def pad_packed_sequence(self, sequence: PackedSequence, *args: Any, **options: Any) -> Any:
        wide = sequence._replace(batch_sizes=sequence.batch_sizes.long())
        return super().pad_packed_sequence(wide, *args, **options)


@mutant("RNN", dies_of=("PAD-2", "PAD-8"))
class PaddedInSortedOrder(Packs):
    """Padding again leaves rows and lengths in sorted order."""

    def pad_packed_sequence(self, sequence: PackedSequence, *args: Any, **options: Any) -> Any:
        return super().pad_packed_sequence(sequence._replace(unsorted_indices=None), *args, **options)


@mutant("RNN", dies_of=("PAD-2", "PAD-5"))
class LengthsSorted(Packs):
    """Padding again gives the lengths in sorted order."""

    def pad_packed_sequence(self, sequence: PackedSequence, *args: Any, **options: Any) -> Any:
        padded, lengths = super().pad_packed_sequence(sequence, *args, **options)
        return padded, lengths.sort(descending=True)[0]


@mutant("RNN", dies_of=("PAD-2", "PAD-5"))
class ZeroPadding(Packs):
    """The padding is 0 whatever padding_value says."""

    def pad_packed_sequence(self, sequence: PackedSequence, *args: Any, **options: Any) -> Any:
        return super().pad_packed_sequence(sequence, *args, **options | {"padding_value": 0.0})


@mutant("RNN", dies_of=("PAD-2",))
class PaddingSurvives(Packs):
    """Padding again brings back what stood in the padding."""

    def pack(self, x: Tensor, lengths: Tensor, enforce_sorted: bool) -> PackedSequence:
        self.seen = x
        return super().pack(x, lengths, enforce_sorted)

    def pad_packed_sequence(self, sequence: PackedSequence, *args: Any, **options: Any) -> Any:
        padded, lengths = super().pad_packed_sequence(sequence, *args, **options)
        return (self.seen[: len(padded)] if len(padded) <= len(self.seen) else padded), lengths


@mutant("RNN", dies_of=("PAD-3", "PAD-2"))
class IndicesExchanged(Packs):
    """sorted_indices is the inverse, unsorted_indices the permutation."""

    def pack(self, x: Tensor, lengths: Tensor, enforce_sorted: bool) -> PackedSequence:
        data, sizes, order, inverse = super().pack(x, lengths, enforce_sorted)
        return PackedSequence(data, sizes, inverse, order)


@mutant("RNN", dies_of=("PAD-3", "PAD-2"))
class IdentityAssumed(Packs):
    """sorted_indices and unsorted_indices tell of no permutation."""

    def pack(self, x: Tensor, lengths: Tensor, enforce_sorted: bool) -> PackedSequence:
        data, sizes, order, _ = super().pack(x, lengths, enforce_sorted)
        same = None if order is None else torch.arange(len(order))
        return PackedSequence(data, sizes, same, same)


@mutant("RNN", dies_of=("PAD-3",))
class NoIndicesWhenSorted(Packs):
    """The indices are None for a batch that is in order already."""

    def pack(self, x: Tensor, lengths: Tensor, enforce_sorted: bool) -> PackedSequence:
        in_order = bool((lengths.diff() <= 0).all())
        return super().pack(x, lengths, enforce_sorted or in_order)


@mutant("RNN", dies_of=("PAD-9",))
class AnyOrderTaken(Packs):
    """Lengths that increase are packed as if they did not."""

    def pack(self, x: Tensor, lengths: Tensor, enforce_sorted: bool) -> PackedSequence:
        packed = super().pack(x, lengths, False)
        return PackedSequence(*packed[:2]) if enforce_sorted else packed


@mutant("RNN", dies_of=("PAD-4",))
class EmptyTakenAsOne(Packs):
    """A length below 1 counts as 1."""

    def checked(self, lengths: Tensor, x: Tensor) -> Tensor:
        return super().checked(lengths.clamp(min=1), x)


@mutant("RNN", dies_of=("PAD-10",))
class LongTakenAsT(Packs):
    """A length above T counts as T."""

    def checked(self, lengths: Tensor, x: Tensor) -> Tensor:
        return super().checked(lengths.clamp(max=len(x)), x)


@mutant("RNN", dies_of=("PAD-13",))
class RowsWithoutLengthLost(Packs):
    """Rows without a length are dropped when sorting."""

    def checked(self, lengths: Tensor, x: Tensor) -> Tensor:
        return super().checked(lengths, x[:, : lengths.numel()])

    def pack(self, x: Tensor, lengths: Tensor, enforce_sorted: bool) -> PackedSequence:
        return super().pack(x if enforce_sorted else x[:, : len(lengths)], lengths, enforce_sorted)


@mutant("RNN", dies_of=("PAD-5",))
class TotalTruncates(Packs):
    """A total_length below the longest length cuts the sequences."""

    def pad_packed_sequence(self, sequence: PackedSequence, *args: Any, **options: Any) -> Any:
        total = options.pop("total_length", None) or len(sequence.batch_sizes)
        options["total_length"] = max(total, len(sequence.batch_sizes))
        padded, lengths = super().pad_packed_sequence(sequence, *args, **options)
        return (padded if options.get("batch_first") else padded[:total]), lengths


@mutant("RNN", dies_of=("PAD-5",))
class TotalIsTheLength(Packs):
    """With a total_length the longest sequence is said to have it."""

    def pad_packed_sequence(self, sequence: PackedSequence, *args: Any, **options: Any) -> Any:
        padded, lengths = super().pad_packed_sequence(sequence, *args, **options)
        if options.get("total_length"):
            lengths[lengths.argmax()] = options["total_length"]
        return padded, lengths


@mutant("RNN", dies_of=("PAD-5",))
class ZeroBeyondTheLongest(Packs):
    """The steps that total_length adds hold 0."""

    def pad_packed_sequence(self, sequence: PackedSequence, *args: Any, **options: Any) -> Any:
        padded, lengths = super().pad_packed_sequence(sequence, *args, **options)
        if not (args or options.get("batch_first")):
            padded[len(sequence.batch_sizes) :] = 0
        return padded, lengths


@mutant("RNN", dies_of=("PAD-6",))
class ReshapedToTimeFirst(Packs):
    """Batch first input is reshaped to time first, not transposed."""

    def time_first(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[1], x.shape[0], *x.shape[2:])


@mutant("RNN", dies_of=("PAD-6",))
class PaddedAlwaysTimeFirst(Packs):
    """pad_sequence does not know batch_first."""

    def pad_sequence(self, sequences: list[Tensor], *args: Any, **options: Any) -> Tensor:
        return super().pad_sequence(sequences, **options | {"batch_first": False})


@mutant("RNN", dies_of=("PAD-7", "PAD-12"))
class SidesExchanged(Packs):
    """pad_sequence pads on the other side."""

    def pad_sequence(self, sequences: list[Tensor], *args: Any, **options: Any) -> Tensor:
        side = "right" if options.get("padding_side") == "left" else "left"
        return super().pad_sequence(sequences, *args, **options | {"padding_side": side})


@mutant("RNN", dies_of=("PAD-12",))
class AlwaysRight(Packs):
    """pad_sequence does not know padding_side."""

    def pad_sequence(self, sequences: list[Tensor], *args: Any, **options: Any) -> Tensor:
        return super().pad_sequence(sequences, *args, **options | {"padding_side": "right"})


@mutant("RNN", dies_of=("PAD-7",))
class PaddedWithTheLast(Packs):
    """pad_sequence repeats the last value."""

    def pad_sequence(self, sequences: list[Tensor], *args: Any, **options: Any) -> Tensor:
        if options.get("padding_side") == "left":
            return super().pad_sequence(sequences, *args, **options)
        longest = max(map(len, sequences))
        filled = [torch.cat([s, s[-1:].expand(longest - len(s), *s.shape[1:])]) for s in sequences]
        return super().pad_sequence(filled, *args, **options)


@mutant("RNN", dies_of=("PAD-8",))
class UnpackedInSortedOrder(Packs):
    """unpack_sequence gives the sequences in sorted order."""

    def unpack_sequence(self, packed: PackedSequence) -> list[Tensor]:
        return super().unpack_sequence(packed._replace(unsorted_indices=None))


@mutant("RNN", dies_of=("PAD-8",))
class UnpaddedWhole(Packs):
    """unpad_sequence leaves the padding on."""

    def unpad_sequence(self, padded: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
        return super().unpad_sequence(padded, lengths.max().expand(len(lengths)), batch_first)


@mutant("RNN", dies_of=("PAD-11",))
class TransposedInPlace(Packs):
    """unpad_sequence transposes the padded tensor that it is given."""

    def unpad_sequence(self, padded: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
        return torchs.unpad_sequence(padded, lengths, batch_first)


@mutant(*LAYERS, dies_of=("PCK-11",))
class PaddingTimesZero(Packs):
    """The padding is multiplied by 0 and added to the first step."""

    def pack(self, x: Tensor, lengths: Tensor, enforce_sorted: bool) -> PackedSequence:
        padding = torch.arange(len(x))[:, None, None] >= lengths[:, None]
        nothing = (0 * x * padding).sum(0, keepdim=True)
        return super().pack(torch.cat([x[:1] + nothing, x[1:]]), lengths, enforce_sorted)
