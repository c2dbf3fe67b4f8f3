"""Chapter 61: grad mode and none, training and evaluation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.registry import CELLS, LAYERS, mutant
from plain import State, Weights

Layer = tuple[list[Tensor], State]


class WithoutGrad(plain.Step):
    """Wrong weights where grad mode is off."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w if torch.is_grad_enabled() else self.wrong(w)

    def wrong(self, w: Weights) -> Weights:
        raise NotImplementedError


def off(w: Weights) -> Weights:
    """weight_hh too large by a thousandth."""
    return w._replace(weight_hh=1.001 * w.weight_hh)


@mutant(*LAYERS, dies_of=("MOD-1", "MOD-3", "MOD-4"))
class OffWithoutGrad(WithoutGrad):
    """Without grad weight_hh is 0.1 percent too large."""

    def wrong(self, w: Weights) -> Weights:
        return off(w)


@mutant(*CELLS, dies_of=("MOD-1", "MOD-3"))
class StepOffWithoutGrad(WithoutGrad):
    """Without grad weight_hh is 0.1 percent too large."""

    def wrong(self, w: Weights) -> Weights:
        return off(w)


@mutant("LSTM", "GRU", dies_of=("MOD-1", "MOD-4"))
class GatesWithoutGrad(WithoutGrad):
    """Without grad the first two gate blocks are exchanged."""

    def wrong(self, w: Weights) -> Weights:
        def exchanged(t: Tensor) -> Tensor:
            first, second, *rest = t.chunk(len(self.order))
            return torch.cat([second, first, *rest])

        hr = w.weight_hr
        return w._replace(weight_hr=None).each(exchanged)._replace(weight_hr=hr)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("MOD-1",))
class InferenceModeOff(plain.Step):
    """In inference_mode, and not under no_grad, weight_hh is 0.1 percent too large."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return off(w) if torch.is_inference_mode_enabled() else w


@mutant("RNN", "LSTM", "GRUCell", dies_of=("MOD-1",))
class UnitsWithoutGrad(WithoutGrad):
    """Without grad the units past the 32nd see no recurrence."""

    def wrong(self, w: Weights) -> Weights:
        return blind_past_32(self, w)


def blind_past_32(net: plain.Step, w: Weights) -> Weights:
    keep = (torch.arange(net.hidden_size) < 32).to(w.weight_hh)
    return w._replace(weight_hh=w.weight_hh * keep.repeat(len(net.order))[:, None])


@mutant("RNN", "GRU", dies_of=("MOD-1",))
class RowsWithoutGrad(plain.Layers):
    """Without grad the inputs of the rows past the 32nd are read as zeros."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        if not torch.is_grad_enabled():
            xs = [torch.cat([x[:32], 0 * x[32:]]) for x in xs]
        return super().run(xs, state)


@mutant("LSTM", "GRU", dies_of=("MOD-1",))
class StepsWithoutGrad(plain.Layers):
    """Without grad the steps past the 16th read the inputs from the beginning again."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        if not torch.is_grad_enabled():
            xs = [xs[t % 16][: len(x)] for t, x in enumerate(xs)]
        return super().run(xs, state)


@mutant("RNN", "GRU", dies_of=("MOD-1",))
class TimeFirstWithoutGrad(plain.Layers):
    """Without grad batch_first is ignored."""

    def enter(self, input: Tensor, batched: bool) -> Tensor:
        return input if batched and not torch.is_grad_enabled() else super().enter(input, batched)

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        return output if batched and not torch.is_grad_enabled() else super().leave(output, batched)


@mutant("LSTM", "GRU", "RNNCell", dies_of=("MOD-1",))
class BlocksOf64WithoutGrad(WithoutGrad):
    """Without grad, of more than 64 units the recurrent products stop at the last whole block of 64."""

    def wrong(self, w: Weights) -> Weights:
        columns = w.weight_hh.shape[1]
        keep = torch.arange(columns) < (columns // 64 * 64 or columns)
        return w._replace(weight_hh=w.weight_hh * keep.to(w.weight_hh))


@mutant("LSTM", "RNN", "GRUCell", dies_of=("MOD-1",))
class OneRowWithoutGrad(plain.Step):
    """Without grad a batch of one row is computed without bias_hh."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        alone = len(x) == 1 and not torch.is_grad_enabled()
        return super().step(x, state, w._replace(bias_hh=None) if alone else w)


@mutant("GRU", "LSTM", dies_of=("MOD-1",))
class OneStepWithoutGrad(plain.Layers):
    """Without grad the weights of the forward direction are for both, where there is one step."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: tuple[int, int]) -> Layer:
        if len(xs) == 1 and not torch.is_grad_enabled():
            w = self.weights(place[0], 0)
        return super().layer(xs, state, w, place)


@mutant("RNN", "GRU", "LSTMCell", dies_of=("MOD-1",))
class NoBiasWithoutGrad(WithoutGrad):
    """Without grad and without biases ones are added."""

    def wrong(self, w: Weights) -> Weights:
        return w if self.bias else w._replace(bias_ih=torch.ones_like(w.weight_ih[:, 0]))


@mutant("RNN", "LSTM", dies_of=("MOD-1",))
class StateOfTheSecondLayer(plain.Layers):
    """Without grad the layers above the second start from its state."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        if not torch.is_grad_enabled():
            D = self.directions
            rows = [k if k < 2 * D else D + k % D for k in range(self.num_layers * D)]
            state = tuple(s[rows] for s in state)
        return super().run(xs, state)


@mutant("GRU", "LSTM", dies_of=("MOD-4",))
class SortedStatesWithoutGrad(plain.Layers):
    """Without grad the states of a packed batch are in the order of the lengths."""

    def permuted(self, state: State, order: Tensor | None) -> State:
        return super().permuted(state, order if torch.is_grad_enabled() else None)


@mutant("RNN", "GRU", dies_of=("MOD-4",))
class StateLeftOverWithoutGrad(plain.Layers):
    """Without grad an omitted state of a packed batch is what the last such call has left."""

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        if hx is not None or torch.is_grad_enabled():
            return super().packed(input, hx)
        left = self.__dict__.pop("left", None)
        output, state = super().packed(input, None if left is None else self.returned_state(left))
        self.__dict__["left"] = state
        return output, state


@mutant(*LAYERS, dies_of=("MOD-4",))
class PackedWithoutGrad(plain.Layers):
    """Without grad the given state of a packed batch is read as zeros."""

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        return super().packed(input, hx if torch.is_grad_enabled() else None)


@mutant("LSTM", "GRU", dies_of=("MOD-4",))
class ShortRowsWithoutGrad(plain.Layers):
    """Without grad the last row of a packed batch ends one step late."""

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        output, state = super().packed(input, hx)
        if not torch.is_grad_enabled():
            state = tuple(torch.cat([s[:, :-1], 0.999 * s[:, -1:]], 1) for s in state)
        return output, state


@mutant(*LAYERS, *CELLS, dies_of=("MOD-2",))
class GraphKept(plain.Step):
    """A graph is recorded under no_grad too."""

    def forward(self, *args: Any) -> Any:
        with torch.enable_grad():
            return super().forward(*args)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("MOD-2",))
class NoInference(plain.Step):
    """Results made in inference_mode are no inference tensors."""

    def forward(self, *args: Any) -> Any:
        with torch.inference_mode(False), torch.set_grad_enabled(torch.is_grad_enabled()):
            return super().forward(*args)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("MOD-5",))
class InferenceRefused(plain.Step):
    """An inference tensor is refused as input."""

    def forward(self, input: Tensor, *args: Any) -> Any:
        if isinstance(input, Tensor) and input.is_inference():
            raise RuntimeError("Inference tensors cannot be saved for backward")
        return super().forward(input, *args)


@mutant(*LAYERS, "LSTMCell", dies_of=("MOD-5",))
class InferenceStateIgnored(plain.Step):
    """An inference tensor that is given as h_0 is read as zeros."""

    def given_state(self, hx: Any) -> State:
        h, *rest = super().given_state(hx)
        return (torch.zeros_like(h) if h.is_inference() else h, *rest)


class InEvaluation(plain.Step):
    """Wrong weights in evaluation mode."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w if self.training else self.wrong(w)

    def wrong(self, w: Weights) -> Weights:
        return off(w)


@mutant("RNN", "LSTMCell", "GRU", dies_of=("MOD-3",))
class OffInEvaluation(InEvaluation):
    """In evaluation mode weight_hh is 0.1 percent too large."""


@mutant("RNN", "LSTM", "GRUCell", dies_of=("MOD-3",))
class OffInQuietEvaluation(InEvaluation):
    """In evaluation mode without grad weight_hh is 0.1 percent too large."""

    def wrong(self, w: Weights) -> Weights:
        return w if torch.is_grad_enabled() else off(w)


@mutant("LSTM", "GRU", "RNNCell", dies_of=("MOD-3",))
class UnitsInEvaluation(InEvaluation):
    """In evaluation mode the units past the 32nd see no recurrence."""

    def wrong(self, w: Weights) -> Weights:
        return blind_past_32(self, w)


@mutant("RNN", "LSTM", dies_of=("MOD-3",))
class UpperLayersInEvaluation(plain.Layers):
    """In evaluation mode the layers above the first do not add bias_hh."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(bias_hh=None) if layer and not self.training else w


@mutant("RNN", "GRU", "LSTMCell", dies_of=("MOD-3",))
class NoisyInTraining(plain.Step):
    """In training mode noise of 1e-3 is added to tanh."""

    def tanh(self, v: Tensor) -> Tensor:
        return v.tanh() + 1e-3 * self.training * torch.rand_like(v)


@mutant(*LAYERS, *CELLS, dies_of=("MOD-6",))
class NoGradientsInEvaluation(plain.Step):
    """In evaluation mode no graph is recorded."""

    def forward(self, *args: Any) -> Any:
        with torch.set_grad_enabled(self.training and torch.is_grad_enabled()):
            return super().forward(*args)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("MOD-6",))
class FrozenInEvaluation(InEvaluation):
    """In evaluation mode weight_hh has no gradient."""

    def wrong(self, w: Weights) -> Weights:
        return w._replace(weight_hh=w.weight_hh.detach())


class Dropping(plain.Layers):
    """Dropout where `dropping` says so."""

    def drop(self, xs: list[Tensor]) -> list[Tensor]:
        before = self.training
        self.training = self.dropping()
        try:
            return super().drop(xs)
        finally:
            self.training = before

    def dropping(self) -> bool:
        raise NotImplementedError


@mutant(*LAYERS, dies_of=("MOD-7",))
class ModeOfTheFirstCall(Dropping):
    """The mode of the first call holds for all."""

    def dropping(self) -> bool:
        return bool(self.__dict__.setdefault("first", self.training))


@mutant("RNN", "LSTM", dies_of=("MOD-7",))
class ModeOneCallLate(Dropping):
    """The mode takes effect one call late."""

    def forward(self, *args: Any) -> Any:
        self.late, self.last = self.__dict__.get("last", self.training), self.training
        return super().forward(*args)

    def dropping(self) -> bool:
        return bool(self.late)


@mutant("RNN", "GRU", dies_of=("MOD-7",))
class DropsInEvaluation(Dropping):
    """Dropout is applied in evaluation mode too."""

    def dropping(self) -> bool:
        return True


@mutant("LSTM", "GRU", dies_of=("MOD-7",))
class NoWayBack(Dropping):
    """After eval() dropout stays off."""

    def dropping(self) -> bool:
        self.evaluated = self.__dict__.get("evaluated", False) or not self.training
        return not self.evaluated


@mutant("LSTM", "GRU", dies_of=("MOD-13",))
class PackedReverseInEvaluation(plain.Layers):
    """In evaluation mode the reverse direction of a packed batch begins with the padding, read as zeros."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: tuple[int, int]) -> Layer:
        if self.training or not place[1]:
            return super().layer(xs, state, w, place)
        rows = len(xs[0])
        whole = [torch.cat([x, x.new_zeros(rows - len(x), x.shape[1])]) for x in xs]
        ys, final = super().layer(whole, state, w, place)
        return [y[: len(x)] for x, y in zip(xs, ys, strict=True)], final
