"""Chapter 71: huge, infinite, missing and subnormal numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import plain
from mutants.registry import LAYERS, mutant
from plain import Place, State, Weights

Layer = tuple[list[Tensor], State]


@mutant(*LAYERS, "RNNCell", "LSTMCell", dies_of=("EXT-1", "EXT-7"))
class TanhOverflows(plain.Step):
    """tanh is (e^2v − 1)/(e^2v + 1), which is ∞/∞ for large v."""

    def tanh(self, v: Tensor) -> Tensor:
        small = v.abs() < 10
        e = (2 * v).exp()
        return torch.where(small, v.tanh(), (e - 1) / (e + 1))


@mutant("LSTM", "GRU", "GRUCell", dies_of=("EXT-1", "EXT-7"))
class SigmoidOverflows(plain.Step):
    """σ is e^v/(1 + e^v), which is ∞/∞ for large v."""

    def sigmoid(self, v: Tensor) -> Tensor:
        e = v.exp()
        return torch.where(v.abs() < 10, v.sigmoid(), e / (1 + e))


@mutant("RNN", "GRU", "RNNCell", dies_of=("EXT-7",))
class LinearWhenHuge(plain.Step):
    """tanh is 0.1 percent too large beyond ±100."""

    def tanh(self, v: Tensor) -> Tensor:
        return v.tanh() * torch.where(v.abs() > 100, 1.001, 1.0).to(v)


@mutant(*LAYERS, "GRUCell", dies_of=("EXT-1",))
class InfinityIsZero(plain.Step):
    """An infinite input is read as zero."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        return super().step(x.masked_fill(x.isinf(), 0), state, w)


@mutant(*LAYERS, "LSTMCell", dies_of=("EXT-1",))
class InputsClamped(plain.Step):
    """The input is cut off at ±8."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        return super().step(x.clamp(-8, 8), state, w)


@mutant(*LAYERS, dies_of=("EXT-1",))
class InfinityByProduct(plain.Layers):
    """The input is multiplied by a mask of ones and added to its complement, 0 · x."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        return super().run([x + 0 * x for x in xs], state)


@mutant(*LAYERS, dies_of=("EXT-3",))
class NaNIsZero(plain.Step):
    """A NaN in the input is read as zero."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        return super().step(x.masked_fill(x.isnan(), 0), state, w)


@mutant("RNN", "RNNCell", dies_of=("EXT-3",))
class ReluSwallowsNaN(plain.ElmanStep):
    """relu is v where v > 0 and else 0: a NaN becomes 0."""

    def relu(self, v: Tensor) -> Tensor:
        return torch.where(v > 0, v, torch.zeros_like(v))


@mutant(*LAYERS, "LSTMCell", "GRUCell", dies_of=("EXT-3",))
class TanhSwallowsNaN(plain.Step):
    """The argument of tanh is cut off at ±30 by fmax and fmin, which make −30 of a NaN."""

    def tanh(self, v: Tensor) -> Tensor:
        ends = torch.tensor([-30.0, 30.0]).to(v)
        return v.fmax(ends[0]).fmin(ends[1]).tanh()

    def sigmoid(self, v: Tensor) -> Tensor:
        return v.nan_to_num(nan=0.0, posinf=torch.inf, neginf=-torch.inf).sigmoid()


@mutant("RNN", "GRU", dies_of=("EXT-3",))
class NaNStopsAtTheStep(plain.Layers):
    """A state that is NaN is read as zero by the next step."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        ys: list[Tensor] = []
        for x in xs[::-1] if place[1] else xs:
            y, state = super().layer([x], tuple(s.masked_fill(s.isnan(), 0) for s in state), w, place)
            ys += y
        return ys[::-1] if place[1] else ys, state


@mutant("LSTM", "RNN", dies_of=("EXT-3",))
class NaNStopsAtOneRow(plain.Layers):
    """With a single row a NaN in the input is read as zero."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        if len(xs[0]) == 1:
            xs = [x.masked_fill(x.isnan(), 0) for x in xs]
        return super().run(xs, state)


class Backwards(plain.Layers):
    """A NaN in a step reaches the one before."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        if len(xs[0]) == len(xs[-1]) and self.reaches(xs):
            xs = [x + 0 * after.sum() for x, after in zip(xs, [*xs[1:], xs[-1]], strict=True)]
        return super().run(xs, state)

    def reaches(self, xs: list[Tensor]) -> bool:
        return len(xs) > 1


@mutant(*LAYERS, dies_of=("EXT-9",))
class NaNReachesBack(Backwards):
    """A NaN in a step reaches the step before."""


@mutant("RNN", "GRU", dies_of=("EXT-9",))
class NaNReachesBackInOneRow(Backwards):
    """With a single row a NaN in a step reaches the step before."""

    def reaches(self, xs: list[Tensor]) -> bool:
        return len(xs) > 1 and len(xs[0]) == 1


@mutant("RNN", "LSTM", dies_of=("EXT-9",))
class NaNReachesBackInWideInput(Backwards):
    """With an odd number of more than 16 features a NaN reaches the step before."""

    def reaches(self, xs: list[Tensor]) -> bool:
        return len(xs) > 1 and xs[0].shape[1] > 16 and xs[0].shape[1] % 2 == 1


@mutant("LSTM", "LSTMCell", dies_of=("EXT-8",))
class CellClipped(plain.LSTMStep):
    """The cell state is cut off at ±10000."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        return super().cell(i, f, g, c).clamp(-1e4, 1e4)


@mutant("LSTM", "LSTMCell", dies_of=("EXT-8",))
class UnitsSelectedByProduct(plain.LSTMStep):
    """The units of the cell state are selected by a product with a matrix of zeros and ones."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        return super().cell(i, f, g, c @ torch.eye(c.shape[-1]).to(c))


@mutant("LSTM", dies_of=("EXT-8",))
class InfinityInTheLastUnit(plain.LSTM):
    """An infinite c in the last unit is NaN."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        new = super().cell(i, f, g, c)
        last = new[..., -1:]
        return torch.cat([new[..., :-1], last + 0 * last], -1)


@mutant(*LAYERS, "GRUCell", dies_of=("EXT-5",))
class SubnormalIsOne(plain.Step):
    """A subnormal input is read without its exponent."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        tiny = (x.abs() < torch.finfo(x.dtype).tiny) & (x != 0)
        return super().step(torch.where(tiny, x.sign(), x), state, w)


@mutant("RNN", "LSTM", "LSTMCell", dies_of=("EXT-5",))
class DividedByItsLargest(plain.Step):
    """An input below the smallest normal number is divided by its largest."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        largest = x.abs().amax()
        return super().step(x / largest if 0 < largest < torch.finfo(x.dtype).tiny else x, state, w)


@mutant("LSTM", "GRU", dies_of=("EXT-5",))
class SubnormalStateIsNaN(plain.Layers):
    """A subnormal number in h_0 is NaN."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        h, *rest = state
        tiny = (h.abs() < torch.finfo(h.dtype).tiny) & (h != 0)
        return super().run(xs, (h.masked_fill(tiny, torch.nan), *rest))


@mutant("RNN", "RNNCell", dies_of=("EXT-11",))
class ReluByMask(plain.ElmanStep):
    """relu is v times (v > 0): of -∞ it is NaN."""

    def relu(self, v: Tensor) -> Tensor:
        return v * (v > 0)


@mutant("RNN", "RNNCell", dies_of=("EXT-11",))
class ReluInHalfRange(plain.ElmanStep):
    """relu is cut off at 65504, the largest number of float16."""

    def relu(self, v: Tensor) -> Tensor:
        return v.relu().clamp(max=65504.0)


@mutant(*LAYERS, "GRUCell", dies_of=("EXT-3",))
class NaNStateIsZero(plain.Step):
    """A NaN in the initial state is read as zero."""

    def given_state(self, hx: Any) -> State:
        return tuple(s.masked_fill(s.isnan(), 0) for s in super().given_state(hx))


@mutant("RNN", "GRU", dies_of=("EXT-6",))
@mutant("LSTM", dies_of=("EXT-10",))
class StepsPast512(plain.Layers):
    """Past step 512 the inputs are read from the beginning again."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        return super().run([xs[t % 512][: len(x)] for t, x in enumerate(xs)], state)


@mutant("RNN", "GRU", dies_of=("EXT-6",))
class LastOf1000(plain.Layers):
    """Of 1000 steps and more the last reads zeros."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        return super().run([*xs[:999], *[0 * x for x in xs[999:]]], state)


@mutant("LSTM", dies_of=("EXT-10",))
class CellDecays(plain.LSTM):
    """Past step 256 the cell state loses a millionth at every step."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        if len(xs) <= 256:
            return super().layer(xs, state, w, place)
        ys, (h, c) = super().layer(xs, state, w, place)
        return ys, (h, c * (1 - 1e-6 * (len(xs) - 256)))
