"""Chapter 51: the reverse direction."""

from __future__ import annotations

import torch
from torch import Tensor

import plain
from mutants.registry import LAYERS, mutant
from plain import Place, State, Weights

Layer = tuple[list[Tensor], State]


def even(xs: list[Tensor]) -> bool:
    """Whether every row runs at every step."""
    return len(xs[0]) == len(xs[-1])


@mutant(*LAYERS, dies_of=("BID-1", "BID-2", "BID-4", "BID-5", "BID-6"))
class NotFlippedBack(plain.Layers):
    """The reverse half of the output is in the order in which it was computed."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        ys, final = super().layer(xs, state, w, place)
        return ys[::-1] if place[1] and even(xs) else ys, final


@mutant("RNN", "GRU", dies_of=("BID-1", "BID-2", "BID-4"))
class HalvesExchanged(plain.Layers):
    """The reverse half of the output comes first."""

    def join(self, *ways: Tensor) -> Tensor:
        return super().join(*ways[::-1])


@mutant("LSTM", "GRU", dies_of=("BID-1", "BID-2", "BID-4"))
class HalvesInterleaved(plain.Layers):
    """Column 2j + d of the output is unit j of direction d."""

    def join(self, *ways: Tensor) -> Tensor:
        return torch.stack(ways, -1).flatten(-2)


@mutant("RNN", "LSTM", dies_of=("BID-1", "BID-2", "BID-3", "BID-6"))
class ForwardWeightsTwice(plain.Layers):
    """The reverse direction has the forward one's weights."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        return super().weights(layer, 0)


@mutant("RNN", "GRU", dies_of=("BID-1", "BID-2", "BID-4"))
class SumTwice(plain.Layers):
    """Both halves of the output are the sum of the directions."""

    def join(self, *ways: Tensor) -> Tensor:
        return super().join(*[torch.stack(ways).sum(0)] * len(ways))


@mutant("RNN", "LSTM", dies_of=("BID-2", "BID-3"))
class TwoStacks(plain.Layers):
    """A direction of a layer reads the same direction of the layer below alone."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        if place[0] and self.directions == 2:
            P = self.widths()[0]
            own = (torch.arange(2 * P) >= P) == bool(place[1])
            xs = [x * own.to(x) for x in xs]
        return super().layer(xs, state, w, place)


@mutant("LSTM", "GRU", dies_of=("BID-2", "BID-3"))
class DirectionsCrossed(plain.Layers):
    """A layer reads the halves of the layer below in the opposite order."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        if place[0] and self.directions == 2:
            xs = [x.roll(self.widths()[0], -1) for x in xs]
        return super().layer(xs, state, w, place)


@mutant("GRU", dies_of=("BID-2", "BID-3"))
class UpperLayersForward(plain.Layers):
    """Above the first layer both directions run forwards."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        return super().layer(xs, state, w, (place[0], 0 if place[0] else place[1]))


class ByDirection(plain.Layers):
    """States are stored direction by direction: row d·L + k."""

    def entered(self, s: Tensor) -> Tensor:
        by_direction = s.reshape(self.directions, self.num_layers, *s.shape[1:])
        return by_direction.transpose(0, 1).reshape(s.shape)

    def left(self, s: Tensor) -> Tensor:
        by_layer = s.reshape(self.num_layers, self.directions, *s.shape[1:])
        return by_layer.transpose(0, 1).reshape(s.shape)


@mutant(*LAYERS, dies_of=("BID-2", "BID-3"))
class StatesByDirection(ByDirection):
    """Row d·L + k of the states is direction d of layer k."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        ys, final = super().run(xs, tuple(map(self.entered, state)))
        return ys, tuple(map(self.left, final))


@mutant("LSTM", dies_of=("BID-2", "BID-3"))
class CByDirection(ByDirection):
    """Row d·L + k of c_0 and c_n is direction d of layer k, unlike h_0 and h_n."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        h, c = state
        ys, (h, c) = super().run(xs, (h, self.entered(c)))
        return ys, (h, self.left(c))


@mutant("RNN", "GRU", dies_of=("BID-3",))
class FinalStatesReverseFirst(plain.Layers):
    """In h_n the reverse direction of a layer comes before the forward one."""

    def final_states(self, finals: list[State]) -> State:
        D = self.directions
        return super().final_states(
            [finals[k + D - 1 - d] for k in range(0, len(finals), D) for d in range(D)]
        )


@mutant(*LAYERS, dies_of=("BID-3", "BID-4"))
class FinalReverseFromTheEnd(plain.Layers):
    """The reverse final state is the reverse half of the output at step T − 1."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        ys, (h, *rest) = super().layer(xs, state, w, place)
        return ys, (ys[-1].clone() if place[1] and even(xs) else h, *rest)


@mutant("RNN", "LSTM", dies_of=("BID-1", "BID-2", "BID-5", "BID-6"))
class FlippedOneOff(plain.Layers):
    """The reverse direction reads the steps T − 2 ... 0 and then T − 1."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        if place[1] and even(xs):
            xs = [xs[-1], *xs[:-1]]
        return super().layer(xs, state, w, place)


@mutant("LSTM", "GRU", dies_of=("BID-1", "BID-2", "BID-6"))
class ReverseStartsLate(plain.Layers):
    """The reverse direction begins at step T − 2, and step T − 1 shows its initial state."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        if not place[1] or len(xs) == 1 or not even(xs):
            return super().layer(xs, state, w, place)
        ys, final = super().layer(xs[:-1], state, w, place)
        return [*ys, state[0].clone()], final


@mutant("RNN", "GRU", dies_of=("BID-1", "BID-5"))
class ReverseLooksBack(plain.Layers):
    """The reverse direction reads a thousandth of the input before with each step."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        if place[1] and even(xs):
            xs = [x + 1e-3 * before for before, x in zip([0 * xs[0], *xs], xs, strict=False)]
        return super().layer(xs, state, w, place)


@mutant("LSTM", "GRU", dies_of=("BID-6", "BID-1"))
class ReverseStartsFromForward(plain.Layers):
    """The reverse direction starts from the forward one's final state."""

    forward_final: State = ()

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        ys, final = super().layer(xs, self.forward_final if place[1] else state, w, place)
        self.forward_final = final
        return ys, final


@mutant("RNN", "LSTM", dies_of=("BID-1",))
class ReversedInChunks(plain.Layers):
    """Past 32 steps the reverse direction turns each chunk of 32 steps, not their order."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        if not place[1] or len(xs) <= 32 or not even(xs):
            return super().layer(xs, state, w, place)
        out: list[Tensor] = []
        for first in range(0, len(xs), 32):
            ys, state = super().layer(xs[first : first + 32], state, w, place)
            out += ys
        return out, state
