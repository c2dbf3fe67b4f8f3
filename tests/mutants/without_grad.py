"""Chapter 61: what goes wrong only without grad."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.modes import Layer, blind_past_32
from mutants.registry import mutant
from plain import State, Weights


class WithoutBatch(plain.Step):
    """Knows whether the input has a batch axis."""

    batched = True

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        axes = 3 if isinstance(self, plain.Layers) else 2
        self.batched = isinstance(input, PackedSequence) or input.dim() == axes
        return super().forward(input, hx)


@mutant("LSTM", "RNN", "GRUCell", dies_of=("MOD-8",))
class NoBatchWithoutGrad(WithoutBatch):
    """Without grad bias_hh is left out where the input has no batch axis."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        matters = torch.is_grad_enabled() or self.batched
        return super().step(x, state, w if matters else w._replace(bias_hh=None))


@mutant("GRU", "RNNCell", dies_of=("MOD-8",))
class NoBatchPast32WithoutGrad(WithoutBatch):
    """Without grad and without a batch axis the units past the 32nd see no recurrence."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w if torch.is_grad_enabled() or self.batched else blind_past_32(self, w)


@mutant("RNN", "LSTM", dies_of=("MOD-9",))
class UncheckedWithoutGrad(plain.Layers):
    """Without grad the sizes of the state are not looked at: one row is spread."""

    def check_state(self, state: State, *shape: int, like: Tensor) -> None:
        if torch.is_grad_enabled():
            super().check_state(state, *shape, like=like)

    def run(self, xs: list[Tensor], state: State) -> Layer:
        if not torch.is_grad_enabled():
            state = tuple(s.expand(-1, len(xs[0]), -1) for s in state)
        return super().run(xs, state)


@mutant("GRUCell", "RNNCell", dies_of=("MOD-14",))
class StepUncheckedWithoutGrad(plain.Step):
    """Without grad the sizes of the state are not looked at: one row is spread."""

    def check_state(self, state: State, *shape: int, like: Tensor) -> None:
        if torch.is_grad_enabled():
            super().check_state(state, *shape, like=like)


@mutant("RNN", "GRU", "LSTM", "LSTMCell", dies_of=("MOD-10",))
class ZerosKept(plain.Step):
    """The zeros of an omitted state are kept from the first call, which may be in inference_mode."""

    def initial_state(self, *shape: int, like: Tensor) -> State:
        kept = self.__dict__.setdefault("zeros", {})
        key = (shape, like.dtype, like.device)
        if key not in kept:
            kept[key] = super().initial_state(*shape, like=like)
        zeros: State = kept[key]
        return zeros


class Folds(plain.Step):
    """Weights copied once where `folds` says so, and again where `version` is another."""

    def folds(self) -> bool:
        return not torch.is_grad_enabled()

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        if not self.folds() or w.weight_ih.device.type == "meta":
            return w
        kept = self.__dict__.setdefault("folded", {})
        given = {role: t for role, t in w._asdict().items() if t is not None}
        return Weights(**{role: self.copied(kept, (role, layer, direction), t) for role, t in given.items()})

    def copied(self, kept: dict[Any, Any], name: Any, t: Tensor) -> Tensor:
        key = (t.data_ptr(), t.dtype, t.shape, self.version(t))
        if name not in kept or kept[name][0] != key:
            kept[name] = key, t.detach().clone()
        copy: Tensor = kept[name][1]
        return copy + (t - t.detach())

    def version(self, t: Tensor) -> int:
        return 0


@mutant("LSTM", "GRU", "LSTMCell", dies_of=("MOD-11",))
class WeightsOfTheFirstCallWithoutGrad(Folds):
    """Without grad the weights are copied at the first call: writing in place is not seen."""


@mutant("GRU", "RNN", "GRUCell", dies_of=("MOD-11",))
class WeightsByVersion(Folds):
    """Weights are copied anew where their version has changed: writing through .data is not seen."""

    def folds(self) -> bool:
        return True

    def version(self, t: Tensor) -> int:
        return -1 if t.is_inference() else t._version


@mutant("LSTM", "RNN", "RNNCell", dies_of=("MOD-11",))
class FoldedInEvaluation(Folds):
    """In evaluation mode the weights are copied once, until train(): what is loaded is not seen."""

    def folds(self) -> bool:
        return not self.training

    def train(self, mode: bool = True) -> Any:
        self.__dict__.pop("folded", None)
        return super().train(mode)


@mutant("GRU", "RNN", dies_of=("MOD-12",))
class PackedWritesStateWithoutGrad(plain.Layers):
    """Without grad the final state of a packed batch is written into the caller's h_0."""

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        output, state = super().packed(input, hx)
        if hx is not None and not torch.is_grad_enabled():
            hx.copy_(state[0])
        return output, state


@mutant("LSTM", dies_of=("MOD-12",))
class UnbatchedWritesStateWithoutGrad(plain.Layers):
    """Without grad and without a batch axis the final state is written into the caller's."""

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        output, state = super().padded(input, hx)
        if hx is not None and input.dim() == 2 and not torch.is_grad_enabled():
            for given, final in zip(hx, state, strict=True):
                given.copy_(final)
        return output, state


@mutant("GRUCell", "RNNCell", dies_of=("MOD-12",))
class UnbatchedStepWritesWithoutGrad(plain.Step):
    """Without grad and without a batch axis h' is written into the caller's h."""

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        h = super().forward(input, hx)
        return hx.copy_(h) if hx is not None and input.dim() == 1 and not torch.is_grad_enabled() else h


class Buffers(plain.Layers):
    """Results without grad lie in buffers of the network's own, `turns` for each size."""

    turns = 1

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "buffers"}

    def buffered(self, result: Tensor) -> Tensor:
        if torch.is_grad_enabled() or result.device.type == "meta":
            return result
        kept = self.__dict__.setdefault("buffers", {})
        key = (result.shape, result.dtype, torch.is_inference_mode_enabled())
        ring = kept.setdefault(key, [])
        ring.append(torch.empty_like(result) if len(ring) < self.turns else ring.pop(0))
        buffer: Tensor = ring[-1]
        return buffer.copy_(result)


@mutant("RNN", "LSTM", dies_of=("MOD-12",))
class TwoBuffers(Buffers):
    """Without grad the outputs lie in two buffers by turns."""

    turns = 2

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        output, state = super().padded(input, hx)
        return self.buffered(output), state


@mutant("LSTM", "GRU", dies_of=("MOD-12",))
class PackedBuffer(Buffers):
    """Without grad the outputs of packed batches lie in one buffer."""

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        output, state = super().packed(input, hx)
        return output._replace(data=self.buffered(output.data)), state


@mutant("GRU", "RNN", dies_of=("MOD-12",))
class BufferOfThreeLayers(Buffers):
    """Without grad h_n of three layers and more lies in one buffer."""

    def final_states(self, finals: list[State]) -> State:
        state = super().final_states(finals)
        return tuple(self.buffered(s) for s in state) if self.num_layers > 2 else state
