"""Chapter 40: sequences and the state that is carried along them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import dropout
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.registry import CELLS, LAYERS, mutant
from plain import Place, State, Weights

Layer = tuple[list[Tensor], State]


@mutant(*LAYERS, dies_of=("SEQ-1", "SEQ-2", "SEQ-3", "LSTM-1"))
class InitialStateReturned(plain.Layers):
    """The returned state is the initial one."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        return super().run(xs, state)[0], tuple(s.clone() for s in state)


@mutant("RNN", "LSTM", dies_of=("SEQ-1", "SEQ-2", "SEQ-3", "LSTM-1"))
class ZerosReturned(plain.Layers):
    """The returned state is zero."""

    def final_states(self, finals: list[State]) -> State:
        return tuple(torch.zeros_like(s) for s in super().final_states(finals))


@mutant("LSTM", dies_of=("SEQ-1", "SEQ-2", "LSTM-1", "LSTM-2", "LSTM-3"))
class ZeroCReturned(plain.LSTM):
    """c_n is zero."""

    def final_states(self, finals: list[State]) -> State:
        h, c = super().final_states(finals)
        return h, torch.zeros_like(c)


@mutant("LSTM", dies_of=("SEQ-1", "SEQ-2", "LSTM-1"))
class COneStepLate(plain.LSTM):
    """c_n is the cell state before the last step."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        ys, (h, c) = super().layer(xs, state, w, place)
        if len(xs) > 1:
            rest = xs[1:] if place[1] else xs[:-1]
            c = super().layer(rest, state, w, place)[1][1]
        return ys, (h, c)


@mutant(*LAYERS, dies_of=("SEQ-1", "SEQ-2"))
class StateOfTheFirstLayerOnly(plain.Layers):
    """The given state starts the first layer alone; the others start from zero."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        start = tuple(torch.zeros_like(s) for s in state) if place[0] else state
        return super().layer(xs, start, w, place)


@mutant("RNN", "GRU", dies_of=("SEQ-1", "SEQ-2"))
class EveryLayerStartsLikeTheFirst(plain.Layers):
    """The first layer's initial state starts every layer."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        return super().run(xs, tuple(s[:1].expand_as(s) for s in state))


@mutant(*LAYERS, dies_of=("SEQ-1", "SEQ-2"))
class OneStepCallsWithoutState(plain.Layers):
    """A call of one step ignores the given h_0."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        h, *rest = state
        return super().run(xs, (torch.zeros_like(h), *rest) if len(xs) == 1 else state)


@mutant("LSTM", "GRU", dies_of=("SEQ-1", "SEQ-2"))
class OneStepCallsSlightlyOff(plain.Layers):
    """The output and state of a call of one step are too large by the factor 1.001."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        ys, final = super().layer(xs, state, w, place)
        if len(xs) > 1:
            return ys, final
        return [1.001 * y for y in ys], (1.001 * final[0], *final[1:])


@mutant(
    *LAYERS,
    dies_of=("ELM-1", "ELM-2", "GRU-1", "LSTM-1", "SEQ-1", "SEQ-2", "SEQ-8", "LAY-6", "BAT-5"),
)
class FirstStepWithoutRecurrentBias(plain.Layers):
    """The first step of a call does not add bias_hh."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        if len(xs) == 1 or not even(xs):
            return super().layer(xs, state, w, place)
        last = len(xs) - 1
        head, rest = (xs[last:], xs[:last]) if place[1] else (xs[:1], xs[1:])
        first, state = super().layer(head, state, w._replace(bias_hh=None), place)
        others, final = super().layer(rest, state, w, place)
        return (others + first if place[1] else first + others), final


@mutant(
    *LAYERS,
    dies_of=("ELM-1", "ELM-2", "GRU-1", "LSTM-1", "SEQ-1", "SEQ-2", "SEQ-8", "LAY-6", "BAT-5"),
)
class LastStepSkipped(plain.Layers):
    """The last step of a call repeats the one before it."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        if len(xs) == 1 or not even(xs):
            return super().layer(xs, state, w, place)
        if place[1]:
            ys, final = super().layer(xs[1:], state, w, place)
            return [ys[0], *ys], final
        ys, final = super().layer(xs[:-1], state, w, place)
        return [*ys, ys[-1]], final


@mutant("RNN", "GRU", dies_of=("SEQ-1", "SEQ-2", "SEQ-3", "LSTM-1"))
class OneMoreStep(plain.Layers):
    """The final state has gone one more step, over the last input."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        ys, final = super().layer(xs, state, w, place)
        if even(xs):
            final = super().layer(xs[:1] if place[1] else xs[-1:], final, w, place)[1]
        return ys, final


def even(xs: list[Tensor]) -> bool:
    """Whether every row runs at every step."""
    return len(xs[0]) == len(xs[-1])


def wrapped(xs: list[Tensor], most: int) -> list[Tensor]:
    """Steps past the given number see the inputs from the beginning again."""
    return [xs[t % most][: len(x)] for t, x in enumerate(xs)]


@mutant(*LAYERS, dies_of=("SEQ-1", "SEQ-2", "ELM-1", "ELM-2", "GRU-1", "LSTM-1"))
class StepsPast16(plain.Layers):
    """Past step 16 the inputs are read from the beginning again."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        return super().run(wrapped(xs, 16), state)


@mutant(*LAYERS, dies_of=("SEQ-1", "ELM-1", "ELM-2", "GRU-1", "LSTM-1"))
class StepsPast64(plain.Layers):
    """Past step 64 the inputs are read from the beginning again."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        return super().run(wrapped(xs, 64), state)


@mutant(
    "RNN",
    "LSTM",
    dies_of=("SEQ-1", "SEQ-2", "ELM-1", "ELM-2", "GRU-1", "LSTM-1", "SEQ-8", "LAY-6", "BAT-5"),
)
class RemainderOfFourDropped(plain.Layers):
    """Of a sequence longer than 4 steps, the T mod 4 last ones see a zero input."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        tail = len(xs) % 4 if len(xs) > 4 else 0
        whole = len(xs) - tail
        return super().run(xs[:whole] + [torch.zeros_like(x) for x in xs[whole:]], state)


@mutant(
    "RNN",
    "LSTM",
    dies_of=("SEQ-1", "SEQ-2", "ELM-1", "ELM-2", "GRU-1", "LSTM-1", "SEQ-8", "LAY-6", "BAT-5"),
)
class StateDecays(plain.Layers):
    """The hidden state is multiplied by 0.999 at every step after the first."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        if not even(xs):
            return super().layer(xs, state, w, place)
        ys: list[Tensor] = []
        for x in xs[::-1] if place[1] else xs:
            h, *rest = state
            y, state = super().layer([x], (0.999 * h if ys else h, *rest), w, place)
            ys += y
        return ys[::-1] if place[1] else ys, state


@mutant("RNN", "GRU", dies_of=("SEQ-1", "SEQ-2", "SEQ-7", "ELM-1", "ELM-2", "GRU-1", "LSTM-1"))
class PositionEncoded(plain.Layers):
    """t/1000 is added to the input of step t."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        return super().run([x + t / 1000 for t, x in enumerate(xs)], state)


@mutant(
    "RNN",
    "LSTM",
    dies_of=("SEQ-1", "SEQ-2", "ELM-1", "ELM-2", "GRU-1", "LSTM-1", "SEQ-8", "LAY-6", "BAT-5"),
)
class InputOneStepLate(plain.Layers):
    """Step t reads the input of step t − 1, and the first step reads zeros."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        late = [x[: len(xs[t + 1])] for t, x in enumerate(xs[:-1])]
        return super().run([torch.zeros_like(xs[0]), *late], state)


@mutant(
    *LAYERS,
    dies_of=("SEQ-1", "SEQ-2", "SEQ-4", "ELM-1", "GRU-1", "LSTM-1", "SEQ-8", "LAY-6", "BAT-5"),
)
class InputOneStepEarly(plain.Layers):
    """Step t reads the input of step t + 1."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        if not even(xs):
            return super().run(xs, state)
        return super().run([*xs[1:], xs[-1]], state)


@mutant("LSTM", "GRU", dies_of=("SEQ-3", "SEQ-1", "SEQ-2"))
class TopStateOfTheFirstLayer(plain.Layers):
    """The last layer's final state is the first layer's."""

    def final_states(self, finals: list[State]) -> State:
        return super().final_states(finals[: -self.directions] + finals[: self.directions])


@mutant(*LAYERS, dies_of=("SEQ-3",))
class FinalStateRounded(plain.Layers):
    """h_n is rounded to half of its precision."""

    def final_states(self, finals: list[State]) -> State:
        h, *rest = super().final_states(finals)
        coarse = torch.float32 if h.dtype == torch.float64 else torch.bfloat16
        return (h.to(coarse).to(h.dtype), *rest)


@mutant("RNN", "GRU", dies_of=("SEQ-3",))
class OutputRounded(plain.Layers):
    """The output is rounded to half of its precision, the final state is not."""

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        coarse = torch.float32 if output.dtype == torch.float64 else torch.bfloat16
        return super().leave(output.to(coarse).to(output.dtype), batched)


@mutant("RNN", "LSTM", dies_of=("SEQ-3",))
class OutputDropped(plain.Layers):
    """In training dropout is applied to the output too, and not to the final state."""

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        return super().leave(dropout(output, self.dropout, self.training), batched)


@mutant("LSTM", "GRU", dies_of=("SEQ-4", "SEQ-1", "SEQ-2", "ELM-1", "ELM-2", "GRU-1", "LSTM-1"))
class MeanOverTimeSubtracted(plain.Layers):
    """A thousandth of the input's mean over time is subtracted."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        if not even(xs):
            return super().run(xs, state)
        mean = torch.stack(xs).mean(0)
        return super().run([x - 1e-3 * mean for x in xs], state)


@mutant(
    "RNN",
    "GRU",
    dies_of=("SEQ-4", "SEQ-1", "SEQ-2", "SEQ-3", "ELM-1", "GRU-1", "LSTM-1", "SEQ-8"),
)
class RunsBackwards(plain.Layers):
    """The forward direction runs from the last step to the first."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        return super().layer(xs, state, w, (place[0], 1))


@mutant("RNN", "LSTM", dies_of=("SEQ-4",))
class InputScaledByItsLargest(plain.Layers):
    """A sequence whose largest input is above 1 is scaled to 1."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        if not even(xs):
            return super().run(xs, state)
        largest = torch.stack(xs).abs().amax((0, 2)).clamp(min=1)
        return super().run([x / largest[:, None] for x in xs], state)


@mutant(*LAYERS, dies_of=("SEQ-10", "SEQ-5", "SEQ-7"))
class StartsFromOnes(plain.Layers):
    """Without an initial state the network starts from ones."""

    def initial_state(self, *shape: int, like: Tensor) -> State:
        return tuple(torch.ones_like(s) for s in super().initial_state(*shape, like=like))


@mutant(*LAYERS, dies_of=("SEQ-5",))
class RowsPast32StartFromOnes(plain.Layers):
    """Without an initial state only the first 32 rows start from zeros."""

    def initial_state(self, *shape: int, like: Tensor) -> State:
        state = super().initial_state(*shape, like=like)
        for part in state:
            part[:, 32:] = 1
        return state


@mutant("LSTM", dies_of=("SEQ-5", "SEQ-7"))
class StartsFromCOfOnes(plain.LSTM):
    """Without an initial state the LSTM starts from c = 1."""

    def initial_state(self, *shape: int, like: Tensor) -> State:
        h, c = super().initial_state(*shape, like=like)
        return h, torch.ones_like(c)


@mutant("RNN", "GRU", dies_of=("SEQ-5",))
class OmittedStateSkipsRecurrentBias(plain.Layers):
    """Without an initial state the first step does not add bias_hh."""

    omitted = False

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> tuple[Any, Any]:
        self.omitted = hx is None
        return super().forward(input, hx)

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        if not (self.omitted and even(xs)) or place[1]:
            return super().layer(xs, state, w, place)
        first, state = super().layer(xs[:1], state, w._replace(bias_hh=None), place)
        others, final = super().layer(xs[1:], state, w, place)
        return first + others, final


@mutant(*LAYERS, "LSTMCell", "GRUCell", "RNNCell", dies_of=("SEQ-5", "SEQ-6", "SEQ-7"))
class PreviousStateKept(plain.Step):
    """Without an initial state a call starts from the final state of the previous one."""

    kept: State = ()

    def initial_state(self, *shape: int, like: Tensor) -> State:
        state = super().initial_state(*shape, like=like)
        fits = [k.shape for k in self.kept] == [s.shape for s in state]
        return self.kept if fits and self.kept[0].dtype == like.dtype else state

    def returned_state(self, state: State) -> Any:
        shaped = tuple(s if s.dim() > 1 else s[None] for s in state)
        self.kept = tuple(s.detach().clone() for s in shaped)
        return super().returned_state(state)


@mutant("RNN", "LSTM", dies_of=("SEQ-6",))
class OutputBufferShared(plain.Layers):
    """The output of a call is overwritten by the next call of the same shape."""

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        buffers = self.__dict__.setdefault("buffers", {})
        buffer = buffers.setdefault((output.shape, output.dtype), output.detach().clone())
        output.data = buffer.copy_(output.detach())
        return super().leave(output, batched)


class Buffered(plain.Layers):
    """Without grad results are written into buffers of their sizes."""

    def buffer(self, like: Tensor, turn: int = 0) -> Tensor:
        buffers: dict[Any, Tensor] = self.__dict__.setdefault("buffers", {})
        key = (turn, like.shape, like.dtype, like.device, torch.is_inference_mode_enabled())
        return buffers.setdefault(key, torch.empty_like(like))


@mutant("RNN", "GRU", dies_of=("SEQ-6",))
class TwoOutputBuffers(Buffered):
    """Without grad the output of a call is overwritten by the call after the next."""

    turn = 0

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        y = super().leave(output, batched)
        if torch.is_grad_enabled():
            return y
        self.turn = 1 - self.turn
        return self.buffer(y, self.turn).copy_(y)


@mutant("LSTM", "GRU", dies_of=("SEQ-12",))
class PackedOutputBufferShared(Buffered):
    """Without grad the output of a packed call is overwritten by the next call of its sizes."""

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        output, final = super().packed(input, hx)
        if torch.is_grad_enabled():
            return output, final
        return output._replace(data=self.buffer(output.data).copy_(output.data)), final


@mutant("RNN", "GRU", dies_of=("SEQ-6",))
class DeepStateBufferShared(Buffered):
    """Without grad the final states of three layers and more are overwritten by the next call."""

    def leave_state(self, state: State, batched: bool) -> State:
        state = super().leave_state(state, batched)
        if torch.is_grad_enabled() or self.num_layers < 3:
            return state
        return tuple(self.buffer(s, turn).copy_(s) for turn, s in enumerate(state))


@mutant("RNN", "LSTM", dies_of=("SEQ-12",))
class PackedZerosOverwritten(Buffered):
    """Without grad a packed call without a state starts from zeros that the one before has written on."""

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        if hx is not None or torch.is_grad_enabled():
            return super().packed(input, hx)
        zeros = self.initial_state(len(self.places()), int(input.batch_sizes[0]), like=input.data)
        kept: list[State] = self.__dict__.setdefault("kept_zeros", [])
        fits = bool(kept) and [z.shape for z in kept[0]] == [z.shape for z in zeros]
        output, final = super().packed(input, self.returned_state(kept[0] if fits else zeros))
        kept[:] = [tuple(s.clone() for s in final)]
        return output, final


@mutant("RNN", "LSTM", dies_of=("SEQ-12",))
class PackedStateFromTheLastCall(plain.Layers):
    """A thousandth of the final state of a packed call is that of the one before."""

    before: State = ()

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        output, final = super().packed(input, hx)
        if [s.shape for s in self.before] == [s.shape for s in final]:
            mixed = tuple(0.999 * s + 0.001 * b for s, b in zip(final, self.before, strict=True))
        else:
            mixed = final
        self.before = tuple(s.detach().clone() for s in final)
        return output, mixed


@mutant("LSTM", "GRU", "LSTMCell", dies_of=("SEQ-6",))
class EverySecondCall(plain.Step):
    """Every second call of a module does not add bias_hh."""

    calls = 0

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        self.calls += 1
        return super().forward(input, hx)

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w if self.calls % 2 else w._replace(bias_hh=None)


@mutant("RNN", "GRU", dies_of=("SEQ-6",))
class RunningMean(plain.Layers):
    """A thousandth of the previous inputs' running mean is subtracted from the input."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        mean = self.__dict__.get("mean", torch.zeros(self.input_size)).to(xs[0])
        if xs[0].numel():
            self.__dict__["mean"] = 0.9 * mean + 0.1 * torch.cat(xs).detach().mean(0)
        return super().run([x - 1e-3 * mean for x in xs], state)


@mutant("GRU", dies_of=("SEQ-7", "GRU-1", "PAR-4"))
class ConstantInCandidate(plain.GRU):
    """1e-3 is added to the candidate's pre-activation."""

    def candidate(self, inputs: Tensor, r: Tensor, recurrent: Tensor) -> Tensor:
        return super().candidate(inputs + 1e-3, r, recurrent)


@mutant("LSTM", dies_of=("SEQ-7", "LSTM-1", "PAR-4"))
class ConstantInCell(plain.LSTM):
    """1e-3 is added to the pre-activation of g."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        return super().cell(i, f, g + 1e-3, c)


@mutant("RNN", "LSTM", dies_of=("SEQ-7", "ELM-3"))
class DefaultBias(plain.Layers):
    """With bias=False every bias is 0.01."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w if self.bias else w._replace(bias_ih=torch.full_like(w.weight_ih[:, 0], 0.01))


@mutant(*LAYERS, *CELLS, dies_of=("SEQ-11",))
class NamedStateLost(plain.Step):
    """A state that is given by name is not looked at."""

    def __call__(self, *args: Any, **words: Any) -> Any:
        words.pop("hx", None)
        return super().__call__(*args, **words)


@mutant("LSTM", "GRUCell", dies_of=("SEQ-11",))
class NamedInputInBfloat16(plain.Step):
    """An input that is given by name is rounded to bfloat16."""

    def __call__(self, *args: Any, **words: Any) -> Any:
        if "input" in words:
            words["input"] = words["input"].bfloat16().to(words["input"])
        return super().__call__(*args, **words)
