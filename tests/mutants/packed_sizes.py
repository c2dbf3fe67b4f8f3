"""Chapter 80: packed batches whose states and batch sizes are made to fit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.errors import Unpacking
from mutants.packing import Packs
from mutants.registry import LAYERS, mutant
from plain import State

Packed = tuple[PackedSequence, State]
Pair = tuple[Tensor, Tensor]


class Fitting(Unpacking):
    """Both states of packed input are changed alike, with what they must be like."""

    def pair_fitting(self, input: PackedSequence, h: Tensor, c: Tensor) -> Pair:
        rows = int(input.batch_sizes[0])
        if not self.concerns(input):
            return h, c
        return self.fitted(h, rows, self.widths()[0]), self.fitted(c, rows, self.hidden_size)

    def concerns(self, input: PackedSequence) -> bool:
        return True

    def fitted(self, s: Tensor, rows: int, width: int) -> Tensor:
        raise NotImplementedError


class Even(Fitting):
    """That where all lengths are equal, which is another way through the network."""

    def concerns(self, input: PackedSequence) -> bool:
        return bool(input.batch_sizes[0] == input.batch_sizes[-1])


@mutant("LSTM", dies_of=("ERR-31",))
class PackedLayersOfHCut(Unpacking):
    """Surplus layers of the h_0 of packed input are ignored."""

    def pair_fitting(self, input: PackedSequence, h: Tensor, c: Tensor) -> Pair:
        return h[: len(self.places())], c


@mutant("LSTM", dies_of=("ERR-31", "ERR-23"))
class LastLayersTaken(Fitting):
    """Of surplus layers of the states of packed input the last are taken."""

    def fitted(self, s: Tensor, rows: int, width: int) -> Tensor:
        return s[-len(self.places()) :]


@mutant("LSTM", dies_of=("ERR-32",))
class MissingLayersZero(Fitting):
    """Layers that the states of packed input lack are zeros."""

    def fitted(self, s: Tensor, rows: int, width: int) -> Tensor:
        return pad(s, (0, 0, 0, 0, 0, max(len(self.places()) - len(s), 0)))


@mutant("LSTM", dies_of=("ERR-32",))
class LastLayerAgain(Unpacking):
    """Layers that the c_0 of packed input lacks are its last."""

    def pair_fitting(self, input: PackedSequence, h: Tensor, c: Tensor) -> Pair:
        return h, torch.cat([c, *[c[-1:]] * (len(h) - len(c))])


@mutant("LSTM", dies_of=("ERR-33",))
class EqualLengthsFeaturesCut(Unpacking):
    """Surplus features of packed data are ignored where all lengths are equal."""

    def data_fitting(self, input: PackedSequence) -> Tensor:
        even = input.batch_sizes[0] == input.batch_sizes[-1]
        return input.data[:, : self.input_size] if even else input.data


@mutant("LSTM", dies_of=("ERR-33",))
class EqualLengthsFeaturesZero(Unpacking):
    """Features that packed data lack are zeros where all lengths are equal."""

    def data_fitting(self, input: PackedSequence) -> Tensor:
        even = input.batch_sizes[0] == input.batch_sizes[-1]
        missing = self.input_size - input.data.shape[1]
        return pad(input.data, (0, missing)) if even and missing > 0 else input.data


@mutant("LSTM", dies_of=("ERR-34",))
class EqualLengthsRowsCut(Even):
    """Surplus rows of the states are ignored where all lengths are equal."""

    def fitted(self, s: Tensor, rows: int, width: int) -> Tensor:
        return s[:, :rows]


@mutant("LSTM", dies_of=("ERR-34",))
class EqualLengthsColumnsZero(Even):
    """Columns that the states lack are zeros where all lengths are equal."""

    def fitted(self, s: Tensor, rows: int, width: int) -> Tensor:
        return pad(s, (0, max(width - s.shape[2], 0)))


@mutant("LSTM", dies_of=("ERR-34",))
class EqualLengthsLayersCut(Even):
    """Where all lengths are equal, surplus layers of both states are ignored."""

    def fitted(self, s: Tensor, rows: int, width: int) -> Tensor:
        return s[: len(self.places())]

    def pair_fitting(self, input: PackedSequence, h: Tensor, c: Tensor) -> Pair:
        return super().pair_fitting(input, h, c) if len(h) == len(c) else (h, c)


@mutant("LSTM", dies_of=("ERR-35",))
class EqualLengthsRowsZero(Even):
    """Rows that the states lack are zeros where all lengths are equal."""

    def fitted(self, s: Tensor, rows: int, width: int) -> Tensor:
        return pad(s, (0, 0, 0, max(rows - s.shape[1], 0)))


@mutant("LSTM", dies_of=("ERR-35",))
class LastRowOfCIsAnyMissing(Unpacking):
    """Where all lengths are equal, the rows that a c_0 of two or more lacks are its last."""

    def pair_fitting(self, input: PackedSequence, h: Tensor, c: Tensor) -> Pair:
        even, missing = input.batch_sizes[0] == input.batch_sizes[-1], h.shape[1] - c.shape[1]
        filled = even and c.shape[1] > 1
        return h, torch.cat([c, *[c[:, -1:]] * missing], 1) if filled else c


@mutant(*LAYERS, dies_of=("ERR-36",))
class PackedLeadingAxisDropped(plain.Layers):
    """A leading axis of 1 before the axes of a packed batch's states is dropped."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        if hx is not None:
            state = tuple(s[0] if s.dim() == 4 else s for s in self.given_state(hx))
            hx = self.returned_state(state)
        return super().packed(input, hx)


@mutant(*LAYERS, dies_of=("ERR-36",))
class PackedLayersAxisAdded(plain.Layers):
    """A packed batch's state without the axis of layers is that of all layers."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        if hx is not None:
            layers = len(self.places())
            state = tuple(s.expand(layers, -1, -1) if s.dim() == 2 else s for s in self.given_state(hx))
            hx = self.returned_state(state)
        return super().packed(input, hx)


@mutant(*LAYERS, dies_of=("ERR-37",))
class NegativeStepsLeftOut(plain.Layers):
    """Steps of a negative batch size are left out."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        sizes = input.batch_sizes[input.batch_sizes >= 0]
        data = input.data[: int(sizes.sum())]
        return super().packed(input._replace(data=data, batch_sizes=sizes), hx)


@mutant(*LAYERS, dies_of=("ERR-37",))
class OnlyNegativeIsTheRest(plain.Layers):
    """One batch size of -1 is that of the state, with as many rows of the data."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        if hx is not None and input.batch_sizes.tolist() == [-1]:
            rows = self.given_state(hx)[0].shape[1]
            sizes = torch.tensor([rows])
            input = input._replace(data=input.data[:rows], batch_sizes=sizes)
        return super().packed(input, hx)


class Mended(Packs):
    """What a batch made by hand has wrong is mended before it is padded."""

    def pad_packed_sequence(self, sequence: PackedSequence, *args: Any, **options: Any) -> Any:
        return super().pad_packed_sequence(self.mended(sequence), *args, **options)

    def mended(self, packed: PackedSequence) -> PackedSequence:
        raise NotImplementedError


@mutant("RNN", dies_of=("ERR-38",))
class IncreasingIsSorted(Mended):
    """Batch sizes that increase are sorted before padding."""

    def mended(self, packed: PackedSequence) -> PackedSequence:
        return packed._replace(batch_sizes=packed.batch_sizes.sort(descending=True)[0])


@mutant("RNN", dies_of=("ERR-38",))
class MissingRowsPadded(Mended):
    """Rows that batch sizes ask for and the data lack are padding."""

    def mended(self, packed: PackedSequence) -> PackedSequence:
        missing = int(packed.batch_sizes.sum()) - len(packed.data)
        return packed._replace(data=pad(packed.data, (0, 0, 0, missing))) if missing > 0 else packed


@mutant("RNN", dies_of=("ERR-38",))
class NoneIsOneStep(Mended):
    """Without batch sizes all rows are one step."""

    def mended(self, packed: PackedSequence) -> PackedSequence:
        none = not len(packed.batch_sizes)
        return packed._replace(batch_sizes=torch.tensor([len(packed.data)])) if none else packed


@mutant("RNN", dies_of=("ERR-39",))
class NegativeIsPositive(Mended):
    """Of a negative batch size the sign is ignored."""

    def mended(self, packed: PackedSequence) -> PackedSequence:
        sizes = packed.batch_sizes.abs()
        return packed._replace(data=packed.data[: int(sizes.sum())], batch_sizes=sizes)


@mutant("RNN", dies_of=("ERR-39",))
class EndsAtANegative(Mended):
    """A negative batch size ends the batch, whatever rows are left."""

    def mended(self, packed: PackedSequence) -> PackedSequence:
        sizes = packed.batch_sizes.tolist()
        end = next((t for t, size in enumerate(sizes) if size < 0), len(sizes))
        if end == len(sizes):
            return packed
        data = packed.data[: sum(sizes[:end])]
        return packed._replace(data=data, batch_sizes=packed.batch_sizes[:end])


@mutant("RNN", dies_of=("ERR-40",))
class SurplusRowsNotPadded(Mended):
    """Rows beyond the sum of the batch sizes are dropped before padding."""

    def mended(self, packed: PackedSequence) -> PackedSequence:
        return packed._replace(data=packed.data[: int(packed.batch_sizes.sum())])


@mutant("RNN", dies_of=("ERR-40",))
class SurplusRowsAreAStep(Mended):
    """Rows beyond the sum of the batch sizes are one more step."""

    def mended(self, packed: PackedSequence) -> PackedSequence:
        rest = len(packed.data) - int(packed.batch_sizes.sum())
        sizes = torch.cat([packed.batch_sizes, torch.tensor([rest])])
        return packed._replace(batch_sizes=sizes) if rest > 0 else packed


@mutant("RNN", dies_of=("ERR-41",))
class OrderWrapsAround(Mended):
    """Indices of rows that are not there count from the other end, as often as needed."""

    def mended(self, packed: PackedSequence) -> PackedSequence:
        order = packed.unsorted_indices
        return packed if order is None else packed._replace(unsorted_indices=order % packed.batch_sizes[0])


@mutant("RNN", dies_of=("ERR-41",))
class OrderClamped(Mended):
    """Indices of rows that are not there are those of the first or last."""

    def mended(self, packed: PackedSequence) -> PackedSequence:
        order, last = packed.unsorted_indices, int(packed.batch_sizes[0]) - 1
        return packed if order is None else packed._replace(unsorted_indices=order.clamp(0, last))
