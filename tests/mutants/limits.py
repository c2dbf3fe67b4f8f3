"""Chapter 74: the smallest sizes, the sizes of blocks, and many layers."""

from __future__ import annotations

from string import ascii_letters, digits

import torch
from torch import Tensor

import plain
from mutants.registry import LAYERS, mutant
from plain import Place, State, Weights

Layer = tuple[list[Tensor], State]


def off(w: Weights) -> Weights:
    """weight_ih too large by a thousandth."""
    return w._replace(weight_ih=1.001 * w.weight_ih)


@mutant(*LAYERS, "RNNCell", "LSTMCell", "GRUCell", dies_of=("LIM-1",))
class OneUnit(plain.Step):
    """With H = 1, or 2 for a projection, bias_hh is not added."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(bias_hh=None) if self.hidden_size == 1 + bool(self.proj_size) else w


@mutant(*LAYERS, "RNNCell", "LSTMCell", "GRUCell", dies_of=("LIM-1",))
class OneFeature(plain.Step):
    """An axis of size 1 is squeezed: with I = 1 the rows all read the mean of their inputs."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        if x.shape[1] == 1 == self.input_size:
            x = x.mean(0, keepdim=True).expand_as(x)
        return super().step(x, state, w)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("LIM-1",))
class OneRow(plain.Step):
    """With B = 1 bias_hh is not added."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        return super().step(x, state, w._replace(bias_hh=None) if len(x) == 1 else w)


@mutant("LSTM", "GRU", dies_of=("LIM-1",))
class OneStep(plain.Layers):
    """With T = 1 weight_ih is 0.1 percent too large."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        return super().layer(xs, state, off(w) if len(xs) == 1 else w, place)


@mutant("RNN", "LSTM", "GRU", dies_of=("LIM-1",))
class AllOfOne(plain.Layers):
    """A single number in a single row at a single step is read as zero."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        alone = len(xs) == xs[0].numel() == 1
        return super().run([0 * x for x in xs] if alone else xs, state)


class Sized(plain.Layers):
    """The input is too large where the sizes are such."""

    T, B, I, H = (0,) * 4

    def run(self, xs: list[Tensor], state: State) -> Layer:
        have = len(xs), len(xs[0]), self.input_size, self.hidden_size
        at = any(size == n for size, n in zip(have, (self.T, self.B, self.I, self.H), strict=True))
        return super().run([1.001 * x for x in xs] if at else xs, state)


AT = {
    "16Steps": ("RNN", "GRU"), "32Steps": ("RNN", "LSTM"), "16Rows": ("LSTM", "GRU"), "64Rows": LAYERS,
    "16Features": LAYERS, "32Features": ("RNN", "GRU"), "129Features": ("LSTM", "GRU"),
    "16Units": ("RNN", "LSTM"), "63Units": ("LSTM", "GRU"), "64Units": LAYERS, "129Units": ("RNN", "GRU"),
}  # fmt: skip

for label, modes in AT.items():
    number, what = int(label.strip(ascii_letters)), label.strip(digits)
    axis = {"Steps": "T", "Rows": "B", "Features": "I", "Units": "H"}[what]
    doc = f"With {number} {what.lower()} the input is 0.1 percent too large."
    mutant(*modes, dies_of=("LIM-3",))(type(f"At{label}", (Sized,), {axis: number, "__doc__": doc}))


@mutant("RNNCell", "LSTMCell", "GRUCell", dies_of=("LIM-3",))
class InputOfWholeBlocks(plain.Cell):
    """With a multiple of 16 features the last one is not read."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights()
        if self.input_size % 16:
            return w
        return w._replace(weight_ih=torch.cat([w.weight_ih[:, :-1], 0 * w.weight_ih[:, -1:]], 1))


@mutant(*LAYERS, dies_of=("LIM-3",))
class InputCutAt256(plain.Step):
    """Input features past the 256th do not enter the input product."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(weight_ih=torch.cat([w.weight_ih[:, :256], 0 * w.weight_ih[:, 256:]], 1))


@mutant("RNN", "GRU", "RNNCell", "LSTMCell", dies_of=("LIM-3",))
class RecurrenceCutAt256(plain.Step):
    """Units of h past the 256th do not enter the recurrent product."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(weight_hh=torch.cat([w.weight_hh[:, :256], 0 * w.weight_hh[:, 256:]], 1))


class DeepWeights(plain.Layers):
    """A layer far up has wrong weights."""

    most: int

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        return super().weights(min(layer, self.most), direction)


@mutant(*LAYERS, dies_of=("LIM-4", "LIM-5"))
class FourthLayerHasTheThirds(DeepWeights):
    """The layers above the third have its weights."""

    most = 2


@mutant("LSTM", "GRU", dies_of=("LIM-5",))
class LayersPastFour(DeepWeights):
    """The layers above the fourth have its weights."""

    most = 3


@mutant("RNN", "GRU", dies_of=("LIM-4",))
class DirectionsPastThree(plain.Layers):
    """Above the third layer the halves of the output are exchanged."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        self.place = place
        return super().layer(xs, state, w, place)

    def join(self, *ways: Tensor) -> Tensor:
        return super().join(*ways[::-1] if self.place[0] > 2 else ways)


@mutant("RNN", "LSTM", dies_of=("LIM-4",))
class FinalStatesPastThree(plain.Layers):
    """In h_n the states of the fourth layer come before those of the third."""

    def final_states(self, finals: list[State]) -> State:
        D = self.directions
        third, fourth = finals[2 * D : 3 * D], finals[3 * D : 4 * D]
        return super().final_states([*finals[: 2 * D], *fourth, *third, *finals[4 * D :]])


@mutant("RNN", "LSTM", dies_of=("LIM-5",))
class SeventhLayerLeftOut(plain.Layers):
    """The seventh layer starts from zeros."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        start = tuple(torch.zeros_like(s) for s in state) if place[0] == 6 else state
        return super().layer(xs, start, w, place)


@mutant("RNN", "GRU", dies_of=("LIM-5",))
class LayersSortedAsText(plain.Layers):
    """The weights come in the order of their names: those of layer 10 after those of layer 1."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        return super().weights(sorted(range(self.num_layers), key=str)[layer], direction)
