"""Chapter 53: what the equations imply."""

from __future__ import annotations

import torch
from torch import Tensor

import plain
from mutants.registry import LAYERS, mutant
from plain import Place, State, Weights


@mutant("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell", dies_of=("ALG-1",))
class BiasesWeighedApart(plain.Step):
    """bias_ih counts 1.001 times and bias_hh 0.999 times."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        if w.bias_ih is None or w.bias_hh is None:
            return w
        return w._replace(bias_ih=1.001 * w.bias_ih, bias_hh=0.999 * w.bias_hh)


@mutant("RNNCell", dies_of=("ALG-1",))
class BiasAfterTheActivation(plain.RNNCell):
    """bias_hh is added after the nonlinearity."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        (h,) = super().step(x, state, w._replace(bias_hh=None))
        return (h if w.bias_hh is None else h + w.bias_hh,)


@mutant("LSTM", "LSTMCell", dies_of=("ALG-1",))
class LargerBias(plain.Step):
    """Of the two biases the larger one is added twice."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        if w.bias_ih is None or w.bias_hh is None:
            return w
        larger = torch.maximum(w.bias_ih, w.bias_hh)
        return w._replace(bias_ih=larger, bias_hh=larger)


@mutant("GRU", "GRUCell", dies_of=("ALG-2",))
class CandidateBiasesMerged(plain.GRUStep):
    """The new gate has one bias, the sum of two, which the reset gate does not see."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        if w.bias_ih is None or w.bias_hh is None:
            return w
        n = slice(2 * self.hidden_size, None)
        b_ih, b_hh = w.bias_ih.clone(), w.bias_hh.clone()
        b_ih[n] += b_hh[n]
        b_hh[n] = 0
        return w._replace(bias_ih=b_ih, bias_hh=b_hh)


@mutant("LSTM", "GRU", "LSTMCell", dies_of=("ALG-3",))
class UnitBiasByDefault(plain.Step):
    """With bias=False the first half of the gate rows has a bias of 1."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        if self.bias:
            return w
        rows = len(w.weight_ih)
        return w._replace(bias_ih=(torch.arange(rows) < rows // 2).to(w.weight_ih))


@mutant("RNN", "GRU", dies_of=("ALG-4",))
class RowsPast16FromAbove(plain.Layers):
    """Past the 16th unit a row of weight_hh is the one of the unit before."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        row = torch.arange(self.hidden_size)
        row = row - (row >= 16).long()
        blocks = w.weight_hh.chunk(len(self.order))
        return w._replace(weight_hh=torch.cat([block[row] for block in blocks]))


@mutant(*LAYERS, dies_of=("ALG-4",))
class UnitsByPosition(plain.Step):
    """The tanh of column j is too large by the factor 1 + j/10000."""

    def tanh(self, v: Tensor) -> Tensor:
        return v.tanh() * (1 + torch.arange(v.shape[-1]).to(v) / 10000)


@mutant("RNN", "LSTM", dies_of=("ALG-10",))
class FeaturesByPosition(plain.Layers):
    """Feature j of the input is too large by the factor 1 + j/1000."""

    def run(self, xs: list[Tensor], state: State) -> tuple[list[Tensor], State]:
        return super().run([x * (1 + torch.arange(x.shape[1]).to(x) / 1000) for x in xs], state)


@mutant("GRU", dies_of=("ALG-10",))
class FeaturesPast32(plain.GRU):
    """Past the 32nd feature the input is read from the beginning again."""

    def run(self, xs: list[Tensor], state: State) -> tuple[list[Tensor], State]:
        return super().run([x[:, torch.arange(x.shape[1]) % 32] for x in xs], state)


@mutant("RNN", "LSTM", "GRU", dies_of=("ALG-5",))
class UnitsLeak(plain.Layers):
    """A ten-thousandth of the unit before is added to each unit of the state."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> tuple[list[Tensor], State]:
        h, *rest = state
        return super().layer(xs, (h + 1e-4 * h.roll(1, -1), *rest), w, place)


@mutant("LSTM", "GRU", dies_of=("ALG-5",))
class GatesCutOneRowLate(plain.Step):
    """The gate blocks of weight_hh begin one row late."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(weight_hh=w.weight_hh.roll(-1, 0))


@mutant("LSTM", "GRU", "LSTMCell", "GRUCell", dies_of=("ALG-6",))
class SigmoidOfZero(plain.Step):
    """σ(0) is 0."""

    def sigmoid(self, v: Tensor) -> Tensor:
        return v.sigmoid() * (v != 0)


@mutant("RNN", "RNNCell", dies_of=("ALG-6",))
class StateKeptAtZero(plain.ElmanStep):
    """Where the pre-activation is 0 the state stays as it is."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        (h,) = super().step(x, state, w)
        a = sum(self.preactivations(x, state[0], w))
        return (torch.where(torch.as_tensor(a == 0), state[0], h),)


@mutant("LSTM", "LSTMCell", dies_of=("ALG-7",))
@mutant("GRU", "GRUCell", dies_of=("ALG-2", "ALG-11"))
class GatesNeverShut(plain.Step):
    """σ stays between 1e-6 and 1 − 1e-6."""

    def sigmoid(self, v: Tensor) -> Tensor:
        return v.sigmoid().clamp(1e-6, 1 - 1e-6)


@mutant("LSTM", dies_of=("ALG-7",))
class CarryLostAt5(plain.LSTM):
    """The cell state is lost at the fifth step of a call."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> tuple[list[Tensor], State]:
        if len(xs) < 5 or len(xs[0]) != len(xs[-1]) or place[1]:
            return super().layer(xs, state, w, place)
        ys, (h, c) = super().layer(xs[:4], state, w, place)
        more, final = super().layer(xs[4:], (h, torch.zeros_like(c)), w, place)
        return ys + more, final


@mutant("LSTM", "LSTMCell", dies_of=("ALG-7",))
class InputAndForgetExchanged(plain.LSTMStep):
    """The input gate keeps c and the forget gate lets g in."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        return super().cell(f, i, g, c)


@mutant("GRU", "GRUCell", dies_of=("ALG-11",))
class UpdateGateReversed(plain.GRUStep):
    """With z = 1 the new state is n, with z = 0 it is the old one."""

    def blend(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return super().blend(1 - z, n, h)


@mutant("RNN", dies_of=("ALG-8",))
class ReluSaturates(plain.RNN):
    """relu is cut off at 128."""

    def relu(self, v: Tensor) -> Tensor:
        return v.clamp(0, 128)


@mutant("RNN", dies_of=("ALG-8",))
class ReluWithConstant(plain.RNN):
    """1e-4 is added to a positive activation."""

    def relu(self, v: Tensor) -> Tensor:
        return v.relu() + 1e-4 * (v > 0)


@mutant("RNN", "RNNCell", dies_of=("ALG-9",))
class ReluAddsTwice(plain.ElmanStep):
    """A relu network adds the input product twice."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        return super().step(2 * x if self.nonlinearity == "relu" else x, state, w)


@mutant("RNN", dies_of=("ALG-9",))
class LastStepOfManyLost(plain.RNN):
    """The last step of more than 64 repeats the one before it."""

    def run(self, xs: list[Tensor], state: State) -> tuple[list[Tensor], State]:
        if len(xs) <= 64 or self.directions == 2:
            return super().run(xs, state)
        ys, final = super().run(xs[:-1], state)
        return [*ys, ys[-1][: len(xs[-1])]], final


@mutant("RNN", "RNNCell", dies_of=("ALG-12",))
class ReluTransposed(plain.ElmanStep):
    """weight_hh is transposed in a relu network."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(weight_hh=w.weight_hh.T) if self.nonlinearity == "relu" else w
