"""Chapter 72: what may differ from call to call, with the threads, and with the batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.registry import LAYERS, mutant
from plain import State, Weights

Layer = tuple[list[Tensor], State]


class Counting(plain.Step):
    """Counts its calls."""

    calls = 0

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        self.calls += 1
        return super().forward(input, hx)


def rounded_twice(value: Tensor) -> None:
    """The gradient of a value is two roundings off."""
    value.register_hook(lambda g: g * (1 + 2 * torch.finfo(g.dtype).eps))


class GradientOff(Counting):
    """A rounding's worth is added to one gradient after some calls."""

    role = "weight_hh"

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        weight = getattr(w, self.role)
        if weight is None or not (torch.is_grad_enabled() and weight.requires_grad and self.wrong()):
            return w
        marked = weight * 1
        rounded_twice(marked)
        return w._replace(**{self.role: marked})

    def wrong(self) -> bool:
        return self.calls % 2 == 0


@mutant(*LAYERS, "RNNCell", "LSTMCell", "GRUCell", dies_of=("DET-1",))
class GradientOfEverySecondCall(GradientOff):
    """The gradient of weight_hh is two roundings off after every second call."""


@mutant("RNN", "LSTM", "GRUCell", dies_of=("DET-1",))
class BiasGradientOfWideH(GradientOff):
    """The gradient of bias_ih is two roundings off after every second call with H above 64."""

    role = "bias_ih"

    def wrong(self) -> bool:
        return super().wrong() and self.hidden_size > 64


@mutant("LSTM", "GRU", dies_of=("DET-1",))
class InputGradientOfEverySecondCall(Counting):
    """The gradient of the input's last step is two roundings off after every second call."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        last = xs[-1] * 1
        if last.requires_grad and self.calls % 2 == 0:
            rounded_twice(last)
        return super().run([*xs[:-1], last], state)  # type: ignore[misc, no-any-return]


class OffWithoutGrad(Counting):
    """tanh is two roundings off in some calls without grad."""

    def tanh(self, v: Tensor) -> Tensor:
        wrong = not torch.is_grad_enabled() and self.wrong(v)
        return v.tanh() * (1 + 2 * torch.finfo(v.dtype).eps * wrong)

    def wrong(self, v: Tensor) -> bool:
        return self.calls % 2 == 0


@mutant(*LAYERS, "RNNCell", "LSTMCell", "GRUCell", dies_of=("DET-6",))
class EverySecondCallWithoutGrad(OffWithoutGrad):
    """In every second call, without grad, tanh is two roundings off."""


@mutant("RNN", "LSTM", "GRUCell", dies_of=("DET-6",))
class FourthCallOfManyRows(OffWithoutGrad):
    """In every fourth call without grad, with more than 32 rows, tanh is two roundings off."""

    def wrong(self, v: Tensor) -> bool:
        return self.calls % 4 == 0 and len(v) > 32


class Threaded(plain.Layers):
    """The last rows of the input are lost with some numbers of threads."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        lost = self.lost(len(xs[0]), torch.get_num_threads())
        if lost and len(xs[0]) == len(xs[-1]):
            xs = [torch.cat([x[:-lost], 0 * x[-lost:]]) for x in xs]
        return super().run(xs, state)

    def lost(self, rows: int, threads: int) -> int:
        raise NotImplementedError


@mutant(*LAYERS, dies_of=("DET-2",))
class ThreadsLoseRows(Threaded):
    """The rows are split between the threads and the remainder is lost."""

    def lost(self, rows: int, threads: int) -> int:
        return rows % threads if rows > threads else 0


@mutant("RNN", "LSTM", dies_of=("DET-2",))
class FourThreadsLoseRows(Threaded):
    """With 4 threads and more than 32 rows the remainder is lost."""

    def lost(self, rows: int, threads: int) -> int:
        return rows % 4 if threads == 4 and rows > 32 else 0


@mutant("LSTM", "GRU", dies_of=("DET-2",))
class ThreadsRace(plain.Step):
    """With 2 threads the last unit of a row sees no recurrence."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        if torch.get_num_threads() != 2:
            return w
        return w._replace(weight_hh=torch.cat([w.weight_hh[:-1], 0 * w.weight_hh[-1:]]))


class BatchOf(plain.Step):
    """weight_hh is 0.1 percent too large for some sizes of the batch."""

    sizes: frozenset[int]

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        if len(x) in self.sizes:
            w = w._replace(weight_hh=1.001 * w.weight_hh)
        return super().step(x, state, w)


@mutant(*LAYERS, dies_of=("DET-3",))
class BatchOf16(BatchOf):
    """With 16 rows weight_hh is 0.1 percent too large."""

    sizes = frozenset({16})


@mutant("RNN", "LSTM", "GRUCell", dies_of=("DET-3",))
class BatchOf33(BatchOf):
    """With 33 rows weight_hh is 0.1 percent too large."""

    sizes = frozenset({33})


@mutant("LSTM", "GRU", "RNNCell", "LSTMCell", dies_of=("DET-3",))
class BatchOf49(plain.Step):
    """The last of 49 rows sees no recurrence."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        h, *rest = state
        if len(x) == 49:
            h = torch.cat([h[:-1], 0 * h[-1:]])
        return super().step(x, (h, *rest), w)
