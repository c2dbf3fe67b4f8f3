"""Chapter 52: networks over packed batches."""

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


@mutant("RNN", "LSTM", dies_of=("PCK-9",))
class EndedBeforeTheChunk(plain.Layers):
    """The final states of sequences that end before the last chunk of 16 steps are 0."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        ys, final = super().layer(xs, state, w, place)
        alive = len(xs[(len(xs) - 1) // 16 * 16])
        return ys, tuple(torch.cat([f[:alive], 0 * f[alive:]]) for f in final)


@mutant("GRU", "RNN", dies_of=("PCK-9",))
class UnitsDroppedWhereRowsEnd(plain.Layers):
    """Where rows end, the units past the 32nd of those that go on are 0."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        if place[1] or self.hidden_size <= 32:
            return super().layer(xs, state, w, place)
        ys: list[Tensor] = []
        for x in xs:
            h = state[0][: len(x)]
            if ys and len(x) < len(ys[-1]):
                h = torch.cat([h[:, :32], 0 * h[:, 32:]], 1)
            new = self.step(x, (h, *(s[: len(x)] for s in state[1:])), w)
            ys.append(new[0])
            state = tuple(torch.cat([n, s[len(x) :]]) for n, s in zip(new, state, strict=True))
        return ys, state


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
