"""Chapter 50: layers above one another."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

import plain
from mutants.registry import LAYERS, mutant
from plain import Place, State, Weights

Layer = tuple[list[Tensor], State]


class Above(plain.Layers):
    """The layers above the first do not read what the one below puts out."""

    given: tuple[Tensor, ...] = ()

    def run(self, xs: list[Tensor], state: State) -> Layer:
        self.given = tuple(xs)
        return super().run(xs, state)

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        read = self.read(xs, place[0]) if place[0] else xs
        return self.put_out(xs, super().layer(read, state, w, place), place[0])

    def read(self, xs: list[Tensor], layer: int) -> list[Tensor]:
        return xs

    def put_out(self, xs: list[Tensor], result: Layer, layer: int) -> Layer:
        return result


@mutant("RNN", "LSTM", dies_of=("STK-1", "STK-2", "STK-3"))
class EveryLayerReadsTheInput(Above):
    """Every layer reads the network's input, cut or filled up with zeros."""

    def read(self, xs: list[Tensor], layer: int) -> list[Tensor]:
        return [pad(x, (0, y.shape[1] - x.shape[1])) for x, y in zip(self.given, xs, strict=True)]


@mutant("RNN", "GRU", dies_of=("STK-1", "STK-2"))
class LayersAddTheirInput(Above):
    """A layer above the first adds what it reads to what it puts out."""

    def put_out(self, xs: list[Tensor], result: Layer, layer: int) -> Layer:
        ys, final = result
        if not layer:
            return result
        return [y + x[:, : y.shape[1]] for x, y in zip(xs, ys, strict=True)], final


@mutant(*LAYERS, dies_of=("STK-1", "STK-2"))
class LayersOneStepLate(Above):
    """A layer above the first reads at step t what the one below put out at step t − 1."""

    def read(self, xs: list[Tensor], layer: int) -> list[Tensor]:
        late = [x[: len(xs[t + 1])] for t, x in enumerate(xs[:-1])]
        return [torch.zeros_like(xs[0]), *late]


@mutant("LSTM", "GRU", dies_of=("STK-1", "STK-2", "STK-3"))
class LayersShareWeights(plain.Layers):
    """The layers above the second have its weights."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        return super().weights(min(layer, 1), direction)


@mutant("RNN", "LSTM", dies_of=("STK-1",))
class FirstLayerPutOut(Above):
    """The output is the first layer's; the final states are right."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        self.first: list[list[Tensor]] = []
        _, final = super().run(xs, state)
        return [self.join(*ways) for ways in zip(*self.first, strict=True)], final

    def put_out(self, xs: list[Tensor], result: Layer, layer: int) -> Layer:
        if not layer:
            self.first.append(result[0])
        return result


@mutant("RNN", "GRU", dies_of=("STK-1",))
class LastLayerLeftOut(Above):
    """The output is that of the layer before the last where there are three."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        self.below = xs
        ys, final = super().run(xs, state)
        return (self.below if self.num_layers > 2 else ys), final

    def read(self, xs: list[Tensor], layer: int) -> list[Tensor]:
        self.below = xs
        return xs


class Turned(plain.Layers):
    """The layers' states in the opposite order."""

    def turned(self, s: Tensor) -> Tensor:
        by_layer = s.reshape(self.num_layers, self.directions, *s.shape[1:])
        return by_layer.flip(0).reshape(s.shape)


@mutant(*LAYERS, dies_of=("STK-2",))
class StatesFromTheTop(Turned):
    """h_0, c_0, h_n and c_n begin with the last layer's."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        ys, final = super().run(xs, tuple(map(self.turned, state)))
        return ys, tuple(map(self.turned, final))


@mutant("LSTM", dies_of=("STK-2",))
class CFromTheTop(Turned):
    """c_0 and c_n begin with the last layer's, unlike h_0 and h_n."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        h, c = state
        ys, (h, c) = super().run(xs, (h, self.turned(c)))
        return ys, (h, self.turned(c))


@mutant("RNN", "GRU", dies_of=("STK-1", "STK-2", "STK-3"))
class FirstStateForAll(plain.Layers):
    """Each direction starts every layer from the state of the first."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        first = tuple(s[: self.directions].repeat(self.num_layers, 1, 1) for s in state)
        return super().run(xs, first)


@mutant("RNN", "LSTM", dies_of=("STK-2", "STK-3"))
class FeedbackFromAbove(plain.Layers):
    """A thousandth of the next layer's final state is added to a layer's."""

    def final_states(self, finals: list[State]) -> State:
        return tuple(
            torch.cat([s[: -self.directions] + 1e-3 * s[self.directions :], s[-self.directions :]])
            for s in super().final_states(finals)
        )


@mutant("RNN", "GRU", dies_of=("STK-3",))
class FaintFeedback(plain.Layers):
    """A rounding's worth of the last layer's initial state reaches every final state."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        ys, (h, *rest) = super().run(xs, state)
        if self.num_layers == 1:
            return ys, (h, *rest)
        return ys, (h * (1 + torch.finfo(h.dtype).eps * state[0][-1:].sign()), *rest)


@mutant("LSTM", "GRU", dies_of=("STK-1", "STK-2"))
class StatesSharedUpwards(plain.Layers):
    """A layer above the first starts from the final state of the one below."""

    below: State = ()

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        ys, final = super().layer(xs, self.below if place[0] else state, w, place)
        self.below = final
        return ys, final


@mutant("LSTM", "GRU", dies_of=("STK-1",))
class LayersInChunks(Above):
    """Past 64 steps the layers above read the last output of a chunk of 64 as the first of the next."""

    def read(self, xs: list[Tensor], layer: int) -> list[Tensor]:
        chunked = len(xs) > 64 and len(xs[0]) == len(xs[-1])
        return [xs[t - 1] if chunked and t and t % 64 == 0 else x for t, x in enumerate(xs)]
