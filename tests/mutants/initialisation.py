"""Chapter 21: seeding and initialisation."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.registry import CELLS, LAYERS, mutant
from plain import State


class Init(plain.Step):
    """Each parameter is drawn by `draw`."""

    def reset_parameters(self) -> None:
        for name, parameter in self.named_parameters():
            self.draw(name, parameter)

    def draw(self, name: str, parameter: nn.Parameter) -> None:
        nn.init.uniform_(parameter, -self.k, self.k)

    @property
    def k(self) -> float:
        return 1 / math.sqrt(self.hidden_size)


@mutant(*LAYERS, *CELLS, dies_of=("INI-1", "INI-2", "INI-6"))
class FanIn(Init):
    """The bound of the draws is 1/√I."""

    @property
    def k(self) -> float:
        return 1 / math.sqrt(self.input_size)


@mutant("RNN", "LSTM", dies_of=("INI-1", "INI-2", "INI-6"))
class Xavier(Init):
    """The weights are drawn by Xavier's rule."""

    def draw(self, name: str, parameter: nn.Parameter) -> None:
        if parameter.dim() == 2:
            nn.init.xavier_uniform_(parameter)
        else:
            super().draw(name, parameter)


@mutant("RNN", "GRU", dies_of=("INI-1", "INI-2", "INI-6"))
class Kaiming(Init):
    """The weights are drawn by Kaiming's rule."""

    def draw(self, name: str, parameter: nn.Parameter) -> None:
        if parameter.dim() == 2:
            nn.init.kaiming_uniform_(parameter, nonlinearity="relu")
        else:
            super().draw(name, parameter)


@mutant("LSTM", "GRU", dies_of=("INI-1", "INI-2"))
class LaterLayersByFanIn(Init):
    """The layers above the first are drawn with the bound 1/√(number of columns)."""

    def draw(self, name: str, parameter: nn.Parameter) -> None:
        k = self.k if "_l0" in name else 1 / math.sqrt(parameter.shape[-1])
        nn.init.uniform_(parameter, -k, k)


@mutant("LSTM", dies_of=("INI-1", "INI-2"))
class BoundFromP(Init):
    """With a projection the bound of the draws is 1/√P."""

    @property
    def k(self) -> float:
        return 1 / math.sqrt(self.widths()[0])


@mutant("LSTM", dies_of=("INI-1", "INI-2"))
class ProjectionBoundFromP(Init):
    """weight_hr is drawn with the bound 1/√P."""

    def draw(self, name: str, parameter: nn.Parameter) -> None:
        k = 1 / math.sqrt(self.proj_size) if "hr" in name else self.k
        nn.init.uniform_(parameter, -k, k)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("INI-1", "INI-2", "INI-6"))
class Normal(Init):
    """The draws are normal with the standard deviation of the uniform distribution."""

    def draw(self, name: str, parameter: nn.Parameter) -> None:
        nn.init.normal_(parameter, std=self.k / math.sqrt(3))


@mutant("LSTM", "GRU", "RNNCell", dies_of=("INI-1", "INI-2"))
class TruncatedNormal(Init):
    """The draws are normal with standard deviation 1/√(3H), cut off at ±1/√H."""

    def draw(self, name: str, parameter: nn.Parameter) -> None:
        nn.init.trunc_normal_(parameter, std=self.k / math.sqrt(3), a=-self.k, b=self.k)


@mutant("RNN", "LSTM", dies_of=("INI-1", "INI-2", "INI-6"))
class TwoPoints(Init):
    """A draw is +1/√(3H) or −1/√(3H): mean and deviation of the uniform distribution."""

    def draw(self, name: str, parameter: nn.Parameter) -> None:
        super().draw(name, parameter)
        with torch.no_grad():
            parameter.copy_(parameter.sign() * self.k / math.sqrt(3))


@mutant("RNN", "GRU", dies_of=("INI-1", "INI-2", "INI-6"))
class NonNegative(Init):
    """The draws are uniform on [0, 1/√H]."""

    def draw(self, name: str, parameter: nn.Parameter) -> None:
        nn.init.uniform_(parameter, 0, self.k)


@mutant(*LAYERS, "LSTMCell", dies_of=("INI-1", "INI-2", "INI-6"))
class ZeroBiases(Init):
    """The biases start at zero."""

    def draw(self, name: str, parameter: nn.Parameter) -> None:
        super().draw(name, parameter)
        if name.startswith("bias"):
            nn.init.zeros_(parameter)


@mutant("RNN", "GRU", "LSTM", dies_of=("INI-1", "INI-2", "INI-6"))
class ZeroRecurrentBias(Init):
    """bias_hh starts at zero."""

    def draw(self, name: str, parameter: nn.Parameter) -> None:
        super().draw(name, parameter)
        if name.startswith("bias_hh"):
            nn.init.zeros_(parameter)


@mutant("LSTM", "LSTMCell", dies_of=("INI-1", "INI-2"))
class ForgetBiasOne(Init):
    """The forget gate's input bias starts at 1."""

    def draw(self, name: str, parameter: nn.Parameter) -> None:
        super().draw(name, parameter)
        if name.startswith("bias_ih"):
            nn.init.ones_(parameter.data.chunk(4)[1])


@mutant("GRU", dies_of=("INI-1", "INI-2"))
class UpdateBiasOne(Init):
    """The update gate's recurrent bias starts at 1."""

    def draw(self, name: str, parameter: nn.Parameter) -> None:
        super().draw(name, parameter)
        if name.startswith("bias_hh"):
            nn.init.ones_(parameter.data.chunk(3)[1])


@mutant("RNN", "LSTM", dies_of=("INI-1", "INI-2", "INI-6"))
class OrthogonalRecurrence(Init):
    """weight_hh starts orthogonal."""

    def draw(self, name: str, parameter: nn.Parameter) -> None:
        if name.startswith("weight_hh"):
            nn.init.orthogonal_(parameter)
        else:
            super().draw(name, parameter)


@mutant(*LAYERS, *CELLS, dies_of=("INI-2", "INI-4", "INI-6"))
class LastParameterFirst(Init):
    """The parameters are drawn from the last to the first."""

    def reset_parameters(self) -> None:
        for name, parameter in reversed(list(self.named_parameters())):
            self.draw(name, parameter)


@mutant("RNN", "GRU", dies_of=("INI-2",))
class WeightsBeforeBiases(Init):
    """All weights are drawn before all biases."""

    def reset_parameters(self) -> None:
        for name, parameter in sorted(self.named_parameters(), key=lambda p: -p[1].dim()):
            self.draw(name, parameter)


@mutant("RNN", "LSTM", dies_of=("INI-2", "INI-6"))
class OneDrawCutUp(plain.Layers):
    """The parameters of a layer are columns of one draw."""

    def reset_parameters(self) -> None:
        k = 1 / math.sqrt(self.hidden_size)
        for parameters in self.all_weights:
            rows = [p.data if p.dim() == 2 else p.data[:, None] for p in parameters]
            square = [r for r in rows if len(r) == len(rows[0])]
            widths = [r.shape[1] for r in square]
            draw = nn.init.uniform_(torch.cat(square, 1), -k, k)
            for row, part in zip(square, draw.split_with_sizes(widths, 1), strict=True):
                row.copy_(part)
            if len(rows) > len(square):
                nn.init.uniform_(rows[-1], -k, k)


@mutant("LSTM", "GRU", dies_of=("INI-2",))
class GateByGate(plain.Layers):
    """The first gate is drawn in all tensors of a layer before the second."""

    def reset_parameters(self) -> None:
        k = 1 / math.sqrt(self.hidden_size)
        for parameters in self.all_weights:
            blocks = [p.data.chunk(len(self.order)) for p in parameters]
            for gate in zip(*blocks[: 4 if self.bias else 2], strict=True):
                for block in gate:
                    nn.init.uniform_(block, -k, k)
            if self.proj_size:
                nn.init.uniform_(parameters[-1], -k, k)


@mutant("LSTM", "GRU", "GRUCell", dies_of=("INI-2",))
class DrawsForAbsentBiases(Init):
    """With bias=False the numbers of the biases are drawn before the weights, and dropped."""

    def reset_parameters(self) -> None:
        if not self.bias:
            torch.rand(2 * len(self.order) * self.hidden_size)
        super().reset_parameters()


@mutant("RNN", "LSTM", dies_of=("INI-2", "INI-6"))
class DrawnInFloat64(Init):
    """The draws are made in float64 and rounded."""

    def draw(self, name: str, parameter: nn.Parameter) -> None:
        with torch.no_grad():
            parameter.copy_(torch.empty(parameter.shape).double().uniform_(-self.k, self.k))


@mutant("RNN", "LSTM", dies_of=("INI-2", "INI-3", "INI-4", "INI-6"))
class PrivateGenerator(Init):
    """The draws come from a generator of the class's own."""

    generator: ClassVar = torch.Generator().manual_seed(50)

    def draw(self, name: str, parameter: nn.Parameter) -> None:
        nn.init.uniform_(parameter, -self.k, self.k, generator=self.generator)


@mutant("GRU", "RNNCell", dies_of=("INI-2", "INI-3", "INI-4"))
class EverySecondModuleDrawsMore(Init):
    """Every second module first draws a number that it drops."""

    made: ClassVar = [0]

    def reset_parameters(self) -> None:
        self.made[0] += 1
        torch.rand(self.made[0] % 2)
        super().reset_parameters()


@mutant("RNN", "GRU", dies_of=("INI-3",))
class ResetSkipsBiases(Init):
    """reset_parameters leaves the biases as they are, once the module is made."""

    drawn: set[str]

    def draw(self, name: str, parameter: nn.Parameter) -> None:
        if name not in self.__dict__.setdefault("drawn", set()) or parameter.dim() == 2:
            super().draw(name, parameter)
        self.drawn.add(name)


@mutant("GRU", "LSTMCell", dies_of=("INI-3",))
class ResetDoesNothing(Init):
    """reset_parameters does nothing once the module is made."""

    def reset_parameters(self) -> None:
        if not self.__dict__.setdefault("made", False):
            super().reset_parameters()
        self.made = True


@mutant("LSTM", "GRU", dies_of=("INI-3",))
class ResetOfTheFirstLayerOnly(Init):
    """reset_parameters draws the first layer only, once the module is made."""

    drawn: set[str]

    def draw(self, name: str, parameter: nn.Parameter) -> None:
        if name not in self.__dict__.setdefault("drawn", set()) or "_l0" in name:
            super().draw(name, parameter)
        self.drawn.add(name)


@mutant("RNN", "LSTM", dies_of=("INI-4",))
class BatchFirstDrawsInAnotherOrder(Init):
    """With batch_first the parameters are drawn from the last to the first."""

    batch_first: bool

    def reset_parameters(self) -> None:
        parameters = list(self.named_parameters())
        for name, parameter in parameters[::-1] if self.batch_first else parameters:
            self.draw(name, parameter)


@mutant("RNN", dies_of=("INI-1", "INI-2", "INI-4"))
class ReluGain(Init):
    """With nonlinearity='relu' the bound of the draws is √2 times as large."""

    mode: str

    @property
    def k(self) -> float:
        return super().k * (math.sqrt(2) if self.mode == "RNN_RELU" else 1)


@mutant("LSTM", "GRU", dies_of=("INI-4",))
class DropoutDrawsMore(Init):
    """With dropout one number is drawn, and dropped, before the parameters."""

    def reset_parameters(self) -> None:
        torch.rand(1 if self.dropout else 0)
        super().reset_parameters()


@mutant("LSTM", "GRU", dies_of=("INI-2", "INI-4"))
class TopLayerFirst(Init):
    """The layers are drawn from the last to the first."""

    def reset_parameters(self) -> None:
        named = dict(self.named_parameters())
        for name in sorted(named, key=lambda name: -int(name.split("_")[2][1:])):
            self.draw(name, named[name])


@mutant("RNN", "LSTM", dies_of=("INI-2", "INI-4"))
class ReverseDrawnFirst(Init):
    """The reverse direction is drawn before the forward one."""

    def reset_parameters(self) -> None:
        for name, parameter in sorted(self.named_parameters(), key=lambda p: "reverse" not in p[0]):
            self.draw(name, parameter)


@mutant(*LAYERS, dies_of=("INI-5", "SEQ-5", "SEQ-6", "SEQ-7"))
class InitialStateDrawn(plain.Layers):
    """Without an initial state the network starts from a random one."""

    def initial_state(self, *shape: int, like: Tensor) -> State:
        return tuple(torch.randn_like(s) for s in super().initial_state(*shape, like=like))


@mutant("LSTM", "GRU", dies_of=("INI-5",))
class OneNumberPerCall(plain.Layers):
    """A call draws a number and drops it."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> tuple[Any, Any]:
        torch.rand(1)
        return super().forward(input, hx)


@mutant("RNN", "LSTM", dies_of=("INI-5",))
class MaskDrawnAtZero(plain.Layers):
    """A dropout mask is drawn in training although dropout is 0."""

    def drop(self, xs: list[Tensor]) -> list[Tensor]:
        if self.training and not self.dropout:
            torch.rand_like(xs[0])
        return super().drop(xs)


@mutant("LSTM", "GRU", dies_of=("INI-5",))
class MaskDrawnInEval(plain.Layers):
    """A dropout mask is drawn in evaluation and not applied."""

    def drop(self, xs: list[Tensor]) -> list[Tensor]:
        if self.dropout and not self.training:
            torch.rand_like(xs[0])
        return super().drop(xs)


@mutant("RNN", "GRU", dies_of=("INI-5",))
class CallReseeds(plain.Layers):
    """A call seeds the global generator."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> tuple[Any, Any]:
        torch.manual_seed(0)
        return super().forward(input, hx)
