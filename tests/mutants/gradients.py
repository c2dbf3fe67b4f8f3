"""Chapter 60: what backward gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.registry import CELLS, LAYERS, mutant
from plain import State, Weights

Change = Callable[[Tensor], Tensor]


def warped(t: Tensor, change: Change) -> Tensor:
    """The same number with another gradient."""
    if not t.requires_grad:
        return t
    t = t.view_as(t)
    t.register_hook(change)
    return t


class WrongWeights(plain.Step):
    """Right values, and a wrong gradient for some weight."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        return self.wrong(super().weights(layer, direction), (layer, direction))

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        raise NotImplementedError


@mutant(*LAYERS, *CELLS, dies_of=("GRD-1", "GRD-7", "GRD-11", "GRD-20", "GRD-21"))
class RecurrentGradientMissing(WrongWeights):
    """Backward gives weight_hh no gradient."""

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        return w._replace(weight_hh=w.weight_hh.detach())


@mutant("RNN", "RNNCell", dies_of=("GRD-1", "GRD-2"))
class RecurrentGradientTransposed(WrongWeights):
    """The gradient of weight_hh is transposed."""

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        return w._replace(weight_hh=warped(w.weight_hh, lambda g: g.T))


@mutant("LSTM", "LSTMCell", "GRU", "GRUCell", dies_of=("GRD-1",))
class GateGradientsExchanged(WrongWeights):
    """The gradients of the first two gate blocks of weight_ih are exchanged."""

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        def exchanged(g: Tensor) -> Tensor:
            first, second, *rest = g.chunk(len(self.order))
            return torch.cat([second, first, *rest])

        return w._replace(weight_ih=warped(w.weight_ih, exchanged))


@mutant(*LAYERS, *CELLS, dies_of=("GRD-1", "GRD-2"))
class RecurrentGradientOff(WrongWeights):
    """The gradient of weight_hh is 1e-4 too large."""

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        return w._replace(weight_hh=warped(w.weight_hh, lambda g: 1.0001 * g))


@mutant(*LAYERS, *CELLS, dies_of=("GRD-1",))
class BiasGradientOffInFloat32(WrongWeights):
    """In float32 the gradient of bias_hh is 1e-4 too small."""

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        if w.bias_hh is None or w.bias_hh.dtype != torch.float32:
            return w
        return w._replace(bias_hh=warped(w.bias_hh, lambda g: 0.9999 * g))


@mutant(*LAYERS, dies_of=("GRD-1",))
class DeepReverseGradientMissing(WrongWeights):
    """The reverse direction of the second layer gets no gradient for weight_ih."""

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        return w._replace(weight_ih=w.weight_ih.detach()) if place == (1, 1) else w


@mutant(*LAYERS, *CELLS, dies_of=("GRD-1",))
class UnitsPast32WithoutGradient(WrongWeights):
    """Units past the 32nd get no gradient for bias_ih."""

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        if w.bias_ih is None or self.hidden_size <= 32:
            return w

        def cut(g: Tensor) -> Tensor:
            blocks = [torch.cat([b[:32], 0 * b[32:]]) for b in g.chunk(len(self.order))]
            return torch.cat(blocks)

        return w._replace(bias_ih=warped(w.bias_ih, cut))


@mutant(*LAYERS, dies_of=("GRD-1",))
class ColumnsPast16WithoutGradient(WrongWeights):
    """The columns of weight_ih past the last whole block of 16 get no gradient."""

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        whole = w.weight_ih.shape[1] // 16 * 16
        if place[0] or not whole:
            return w
        return w._replace(weight_ih=torch.cat([w.weight_ih[:, :whole], w.weight_ih[:, whole:].detach()], 1))


@mutant("GRU", dies_of=("GRD-1",))
class DeepGradientWithoutBiasesMissing(WrongWeights):
    """Without biases the weights above the first layer get no gradient."""

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        return w.each(Tensor.detach) if place[0] and not self.bias else w


@mutant("LSTM", dies_of=("GRD-1",))
class ProjectionGradientMissing(WrongWeights):
    """The projection gets no gradient."""

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        return w if w.weight_hr is None else w._replace(weight_hr=w.weight_hr.detach())


@mutant(*LAYERS, dies_of=("GRD-16",))
class EvaluationWithoutRecurrentGradient(WrongWeights):
    """In evaluation mode weight_hh gets half its gradient."""

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        return w if self.training else w._replace(weight_hh=warped(w.weight_hh, lambda g: 0.5 * g))


@mutant(*CELLS, dies_of=("GRD-16",))
class EvaluationGradientOff(WrongWeights):
    """In evaluation mode the gradient of weight_ih is one percent too large."""

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        return w if self.training else w._replace(weight_ih=warped(w.weight_ih, lambda g: 1.01 * g))


@mutant(*LAYERS, *CELLS, dies_of=("GRD-12",))
class SecondDerivativeCut(WrongWeights):
    """The gradient of weight_ih cannot be differentiated in turn."""

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        return w._replace(weight_ih=warped(w.weight_ih, Tensor.detach))


class WrongLayer(plain.Layers):
    """Right values, and a wrong gradient through the steps of a layer."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        return super().step(x, self.before(state), w)

    def before(self, state: State) -> State:
        return state


@mutant("LSTM", dies_of=("GRD-1", "GRD-6", "GRD-4"))
class CellPathCut(WrongLayer):
    """No gradient flows along the cell state."""

    def before(self, state: State) -> State:
        return (state[0], state[1].detach())


@mutant(*LAYERS, dies_of=("GRD-1",))
class TruncatedAt16(plain.Layers):
    """Backpropagation ends sixteen steps back."""

    def layer(
        self, xs: list[Tensor], state: State, w: Weights, place: tuple[int, int]
    ) -> tuple[list[Tensor], State]:
        if len(xs) <= 16 or place[1]:
            return super().layer(xs, state, w, place)
        head, middle = super().layer(xs[:-16], state, w, place)
        tail, final = super().layer(xs[-16:], tuple(s.detach() for s in middle), w, place)
        return head + tail, final


@mutant(*LAYERS, dies_of=("GRD-1",))
class CutEvery32(WrongLayer):
    """The graph is cut at every 32nd step."""

    steps = 0

    def layer(
        self, xs: list[Tensor], state: State, w: Weights, place: tuple[int, int]
    ) -> tuple[list[Tensor], State]:
        self.steps = 0
        return super().layer(xs, state, w, place)

    def before(self, state: State) -> State:
        self.steps += 1
        return tuple(s.detach() for s in state) if self.steps % 32 == 0 else state


@mutant("LSTM", "RNN", dies_of=("GRD-1",))
class ThirdLayerCutOff(plain.Layers):
    """The third layer gives the second no gradient of its input."""

    def layer(
        self, xs: list[Tensor], state: State, w: Weights, place: tuple[int, int]
    ) -> tuple[list[Tensor], State]:
        return super().layer([x.detach() for x in xs] if place[0] == 2 else xs, state, w, place)


class WholeBlocks(torch.autograd.Function):
    """A bias for every row, whose gradient is summed over whole blocks of 64 rows."""

    @staticmethod
    def forward(ctx: Any, bias: Tensor, rows: int) -> Tensor:
        return bias.expand(rows, -1)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        whole = len(g) // 64 * 64
        return g[: whole or None].sum(0), None


@mutant("GRU", "GRUCell", "LSTMCell", dies_of=("GRD-1",))
class RowsPast64WithoutBiasGradient(plain.Step):
    """Rows past the last whole block of 64 give bias_hh no gradient."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        if w.bias_hh is not None:
            w = w._replace(bias_hh=WholeBlocks.apply(w.bias_hh, len(x)))
        return super().step(x, state, w)


@mutant(*LAYERS, dies_of=("GRD-1",))
class OneRowsLastStepAlone(plain.Layers):
    """Of a single row only the last step gives bias_ih a gradient."""

    def layer(
        self, xs: list[Tensor], state: State, w: Weights, place: tuple[int, int]
    ) -> tuple[list[Tensor], State]:
        if len(xs[0]) != 1 or w.bias_ih is None or len(xs) < 2 or place[1]:
            return super().layer(xs, state, w, place)
        head, middle = super().layer(xs[:-1], state, w._replace(bias_ih=w.bias_ih.detach()), place)
        tail, final = super().layer(xs[-1:], middle, w, place)
        return head + tail, final


@mutant(*LAYERS, dies_of=("GRD-4",))
class OneStepWithoutState(plain.Layers):
    """A call of one step gives its initial state no gradient."""

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        if hx is not None and input.dim() == 3 and input.shape[0] == 1:
            hx = hx.detach() if isinstance(hx, Tensor) else tuple(s.detach() for s in hx)
        return super().padded(input, hx)


@mutant(*LAYERS, dies_of=("GRD-5", "GRD-7"))
class FinalStateDetached(plain.Layers):
    """h_n has no gradient."""

    def final_states(self, finals: list[State]) -> State:
        h, *c = super().final_states(finals)
        return (h.detach(), *c)


@mutant(*LAYERS, dies_of=("GRD-5",))
class ReverseFinalStateTwice(plain.Layers):
    """The gradient of the reverse direction's h_n is counted twice."""

    def final_states(self, finals: list[State]) -> State:
        h, *c = super().final_states(finals)
        if self.bidirectional:
            h = warped(h, lambda g: torch.stack([g[k] * (1 + k % 2) for k in range(len(g))]))
        return (h, *c)


@mutant("LSTM", dies_of=("GRD-6", "GRD-7"))
class FinalCellStateDetached(plain.Layers):
    """c_n has no gradient."""

    def final_states(self, finals: list[State]) -> State:
        h, c = super().final_states(finals)
        return (h, c.detach())


@mutant("LSTM", "LSTMCell", dies_of=("GRD-6", "GRD-17"))
class OutputGateReadsCellGradient(plain.Step):
    """The gradient of c reaches the output gate as if c were multiplied by it."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        h, c = super().step(x, state, w)
        o = self.gates(plain.steps.affine(x, w.weight_ih, w.bias_ih))["o"].sigmoid()
        return h, c + (o - o.detach())


class Heads(torch.autograd.Function):
    """Two heads, of which the second is forgotten where both are in the loss."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        return y.view_as(y), h.view_as(h)

    @staticmethod
    def backward(ctx: Any, *g: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        return (g[0], g[1]) if g[0] is None else (g[0], None)


@mutant(*LAYERS, dies_of=("GRD-7", "GRD-1"))
class OutputOverwritesState(plain.Layers):
    """Where the loss is on output and h_n, the gradient of output overwrites that of h_n."""

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        output, (h, *c) = super().padded(input, hx)
        output, h = Heads.apply(output, h)
        return output, (h, *c)


class WrongPacked(plain.Layers):
    """Right values, and a wrong gradient of a packed batch."""

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        if hx is not None:
            warp = self.warp(input)
            hx = warped(hx, warp) if isinstance(hx, Tensor) else tuple(warped(s, warp) for s in hx)
        return super().packed(input, hx)

    def warp(self, input: PackedSequence) -> Change:
        raise NotImplementedError


@mutant(*LAYERS, dies_of=("GRD-2",))
class StateGradientInSortedOrder(WrongPacked):
    """The gradient of a packed batch's initial state is left in sorted order."""

    def warp(self, input: PackedSequence) -> Change:
        order = input.sorted_indices
        return lambda g: g if order is None else g.index_select(1, order)


@mutant(*LAYERS, dies_of=("GRD-12",))
class PackedSecondDerivativeCut(WrongPacked):
    """The gradient of a packed batch's initial state cannot be differentiated in turn."""

    def warp(self, input: PackedSequence) -> Change:
        return Tensor.detach


@mutant(*LAYERS, dies_of=("GRD-18",))
class EqualLengthsOff(WrongPacked):
    """Where all packed lengths are equal, the gradient of the initial state is doubled."""

    def warp(self, input: PackedSequence) -> Change:
        equal = len(set(input.batch_sizes.tolist())) == 1
        return lambda g: 2 * g if equal else g


@mutant(*LAYERS, dies_of=("GRD-2", "GRD-18"))
class PackedBiasGradientMissing(plain.Layers):
    """A packed batch gives bias_hh no gradient."""

    off = False

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        self.off = True
        try:
            return super().packed(input, hx)
        finally:
            self.off = False

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(bias_hh=w.bias_hh.detach()) if self.off and w.bias_hh is not None else w
