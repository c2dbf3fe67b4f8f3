"""Chapter 30: Elman's step."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import elu, gelu, hardtanh, leaky_relu, softplus

import plain
from mutants.registry import mutant
from plain import State, Weights


@mutant("RNN", dies_of=("ELM-1", "ELM-3", "SEQ-7", "SEQ-8", "LAY-6", "BAT-5"))
class SigmoidForTanh(plain.RNN):
    """The nonlinearity is σ, whose outputs are positive, instead of tanh."""

    def tanh(self, v: Tensor) -> Tensor:
        return v.sigmoid()


@mutant("RNN", dies_of=("ELM-1", "SEQ-8", "LAY-6", "BAT-5"))
class HardTanh(plain.RNN):
    """tanh is approximated by cutting its argument off at ±1."""

    def tanh(self, v: Tensor) -> Tensor:
        return hardtanh(v)


@mutant("RNN", dies_of=("ELM-1",))
class PadeTanh(plain.RNN):
    """tanh(v) is the rational function v(27 + v²)/(27 + 9v²), cut off at ±1."""

    def tanh(self, v: Tensor) -> Tensor:
        return (v * (27 + v * v) / (27 + 9 * v * v)).clamp(-1, 1)


@mutant("RNN", dies_of=("ELM-1", "ELM-3"))
class AsymmetricTanh(plain.RNN):
    """tanh is 1e-4 too large where it is positive."""

    def tanh(self, v: Tensor) -> Tensor:
        return torch.where(v > 0, 1 + 1e-4, 1.0).to(v) * v.tanh()


@mutant("RNN", dies_of=("ELM-1", "ELM-3", "SEQ-7"))
class HiddenConstant(plain.RNN):
    """1e-4 is added to every pre-activation."""

    def activation(self, v: Tensor) -> Tensor:
        return super().activation(v + 1e-4)


@mutant("RNN", dies_of=("ELM-1", "ELM-2", "SEQ-8", "LAY-6", "BAT-5"))
class BiasAfterActivation(plain.RNN):
    """bias_hh is added after the nonlinearity."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        (h,) = super().step(x, state, w._replace(bias_hh=None))
        return (h if w.bias_hh is None else h + w.bias_hh,)


@mutant("RNN", dies_of=("ELM-1", "SEQ-8", "LAY-6", "BAT-5"))
class RecurrenceOutsideActivation(plain.RNN):
    """The recurrent product is added after the nonlinearity."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        inputs, recurrent = self.preactivations(x, state[0], w)
        return (self.activation(inputs) + recurrent,)


@mutant("RNN", dies_of=("ELM-1", "ELM-2", "SEQ-8", "LAY-6", "BAT-5"))
class Leaky(plain.RNN):
    """The new state is 0.9 times the new activation plus 0.1 times the old state."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        (h,) = super().step(x, state, w)
        return (0.9 * h + 0.1 * state[0],)


@mutant("RNN", dies_of=("ELM-2",))
class TanhForRelu(plain.RNN):
    """nonlinearity='relu' computes tanh."""

    def relu(self, v: Tensor) -> Tensor:
        return v.tanh()


@mutant("RNN", dies_of=("ELM-1", "ELM-3", "SEQ-8", "LAY-6", "BAT-5"))
class ReluForTanh(plain.RNN):
    """nonlinearity='tanh' computes relu."""

    def tanh(self, v: Tensor) -> Tensor:
        return v.relu()


@mutant("RNN", dies_of=("ELM-2",))
class Relu6(plain.RNN):
    """relu is cut off at 6."""

    def relu(self, v: Tensor) -> Tensor:
        return v.clamp(0, 6)


@mutant("RNN", dies_of=("ELM-2",))
class ReluClippedAt100(plain.RNN):
    """relu is cut off at 100."""

    def relu(self, v: Tensor) -> Tensor:
        return v.clamp(0, 100)


@mutant("RNN", dies_of=("ELM-2",))
class LeakyRelu(plain.RNN):
    """relu has slope 0.01 on the negative side."""

    def relu(self, v: Tensor) -> Tensor:
        return leaky_relu(v)


@mutant("RNN", dies_of=("ELM-2",))
class Elu(plain.RNN):
    """relu is replaced by elu."""

    def relu(self, v: Tensor) -> Tensor:
        return elu(v)


@mutant("RNN", dies_of=("ELM-2",))
class Gelu(plain.RNN):
    """relu is replaced by gelu."""

    def relu(self, v: Tensor) -> Tensor:
        return gelu(v)


@mutant("RNN", dies_of=("ELM-2", "SEQ-7"))
class Softplus(plain.RNN):
    """relu is replaced by softplus, which is positive everywhere."""

    def relu(self, v: Tensor) -> Tensor:
        return softplus(v)


@mutant("RNN", dies_of=("ELM-2",))
class TanhOfRelu(plain.RNN):
    """relu is followed by tanh."""

    def relu(self, v: Tensor) -> Tensor:
        return v.relu().tanh()


@mutant("RNN", dies_of=("ELM-2",))
class AbsoluteValue(plain.RNN):
    """relu is replaced by the absolute value."""

    def relu(self, v: Tensor) -> Tensor:
        return v.abs()
