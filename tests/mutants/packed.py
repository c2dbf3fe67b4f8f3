"""Chapter 52: packing and padding, and networks over packed batches."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import rnn as torchs
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.registry import LAYERS, mutant
from plain import Place, State, Weights

Layer = tuple[list[Tensor], State]
Packed = tuple[PackedSequence, State]


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


class Ends(plain.Layers):
    """Layers that notice where rows end."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        ys, final = super().layer(xs, state, w, place)
        ended = len(xs[-1])
        if place[1] or ended == len(xs[0]):
            return ys, final
        pairs = zip(final, state, strict=True)
        return ys, tuple(torch.cat([f[:ended], self.at_end(f, s)[ended:]]) for f, s in pairs)

    def at_end(self, final: Tensor, initial: Tensor) -> Tensor:
        return final


@mutant("RNN", "LSTM", dies_of=("PCK-9", "PCK-10"))
class ShortStatesZero(Ends):
    """The final states of the shorter sequences are 0."""

    def at_end(self, final: Tensor, initial: Tensor) -> Tensor:
        return torch.zeros_like(final)


@mutant("LSTM", "GRU", dies_of=("PCK-9", "PCK-10"))
class ShortStatesLost(Ends):
    """The final states of the shorter sequences are their initial ones."""

    def at_end(self, final: Tensor, initial: Tensor) -> Tensor:
        return initial


@mutant(*LAYERS, dies_of=("PCK-9", "PCK-10"))
class EndedRowsGoOn(plain.Layers):
    """Rows that have ended are still updated, with zeros for input."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        sizes = [len(x) for x in xs]
        if place[1]:
            return super().layer(xs, state, w, place)
        ys, final = super().layer([filled(x, sizes[0]) for x in xs], state, w, place)
        return [y[:n] for y, n in zip(ys, sizes, strict=True)], final


def filled(x: Tensor, rows: int) -> Tensor:
    return torch.cat([x, x.new_zeros(rows - len(x), *x.shape[1:])])


@mutant("RNN", "LSTM", dies_of=("PCK-9", "PCK-12"))
class FinalStatesSorted(plain.Layers):
    """The final states of an unsorted packed batch are in sorted order."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        output, final = super().packed(input, hx)
        return output, self.permuted(final, input.sorted_indices)


@mutant("LSTM", "GRU", dies_of=("PCK-9", "PCK-12"))
class InitialStatesTakenAsSorted(plain.Layers):
    """The initial states of an unsorted packed batch are taken in sorted order."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        if hx is not None:
            hx = self.returned_state(self.permuted(self.given_state(hx), input.unsorted_indices))
        return super().packed(input, hx)


@mutant(*LAYERS, dies_of=("PCK-9", "PCK-12"))
class InverseForTheOrder(plain.Layers):
    """The states are permuted by the inverse where the permutation is due, and the other way round."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        data, sizes, order, inverse = input
        output, final = super().packed(PackedSequence(data, sizes, inverse, order), hx)
        return output._replace(sorted_indices=order, unsorted_indices=inverse), final


@mutant(*LAYERS, dies_of=("PCK-17",))
class SurplusRowsDropped(plain.Layers):
    """State rows beyond the batch are dropped where the batch is unsorted."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        if hx is not None and input.sorted_indices is not None:
            rows = len(input.sorted_indices)
            hx = self.returned_state(tuple(s[:, :rows] for s in self.given_state(hx)))
        return super().packed(input, hx)


@mutant(*LAYERS, dies_of=("PCK-13", "PCK-9"))
class ReverseStartsInThePadding(plain.Layers):
    """The reverse direction runs over the padding first."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        if not place[1]:
            return super().layer(xs, state, w, place)
        ys, final = super().layer([filled(x, len(xs[0])) for x in xs], state, w, place)
        return [y[: len(x)] for x, y in zip(xs, ys, strict=True)], final


@mutant("RNN", "GRU", dies_of=("PCK-14",))
class OutputPadded(plain.Layers):
    """The output of a packed input is a padded tensor."""

    def packed(self, input: PackedSequence, hx: Any) -> Any:
        output, final = super().packed(input, hx)
        return torchs.pad_packed_sequence(output)[0], final


@mutant("LSTM", "GRU", dies_of=("PCK-14",))
class IndicesDropped(plain.Layers):
    """The output of an unsorted packed input has no indices."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        output, final = super().packed(input, hx)
        return PackedSequence(*output[:2]), final


@mutant("RNN", "LSTM", dies_of=("PCK-18",))
class PackedBatchFirst(plain.Layers):
    """With batch_first the states of a packed batch are batch first too."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        output, final = super().packed(input, hx)
        return output, tuple(s.transpose(0, 1) for s in final) if self.batch_first else final


@mutant("GRU", dies_of=("PCK-18",))
class PackedDataTurned(plain.Layers):
    """With batch_first the data of a packed batch is read from its end."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        return super().packed(input._replace(data=input.data.flip(0)) if self.batch_first else input, hx)


@mutant(*LAYERS, dies_of=("PCK-15",))
class EqualLengthsFromZero(plain.Layers):
    """A packed batch of equal lengths takes another way, which begins from zeros."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        even = input.batch_sizes[0] == input.batch_sizes[-1]
        return super().packed(input, None if even else hx)


@mutant("RNN", "GRU", dies_of=("PCK-19",))
class PackedFeaturesCut(plain.Layers):
    """Features beyond the input size are ignored in a packed batch."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        return super().packed(input._replace(data=input.data[:, : self.input_size]), hx)


@mutant("RNN", "GRU", dies_of=("PCK-19",))
class StateRowForAll(plain.Layers):
    """A state of one row is taken for every row of a packed batch."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        if hx is not None and hx.shape[1] == 1:
            hx = hx.expand(-1, int(input.batch_sizes[0]), -1)
        return super().packed(input, hx)


@mutant("RNN", "GRU", dies_of=("PCK-19",))
class SurplusLayersIgnored(plain.Layers):
    """State layers beyond the network's are ignored for a packed batch."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        return super().packed(input, hx if hx is None else hx[: len(self.places())])


@mutant(*LAYERS, dies_of=("PCK-16",))
class GradientLeaks(plain.Layers):
    """A thousandth of the gradient reaches every step of a packed batch."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        mean = 1e-3 * input.data.mean(0)
        return super().packed(input._replace(data=input.data + (mean - mean.detach())), hx)


@mutant("LSTM", "GRU", dies_of=("PCK-16",))
class StateGradientLost(plain.Layers):
    """The states of a packed batch are permuted without their gradient."""

    def permuted(self, state: State, order: Tensor | None) -> State:
        return tuple(s * 0 + s.detach() for s in super().permuted(state, order))


@mutant("RNN", dies_of=("PCK-20",))
class GradientHalved(plain.Layers):
    """Half the gradient reaches the steps of a packed batch."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        half = 0.5 * input.data
        return super().packed(input._replace(data=half + half.detach()), hx)
