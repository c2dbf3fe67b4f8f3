"""Small errors, and errors that show only in some dtypes or beyond some size."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

import plain
from mutants.registry import LAYERS, mutant
from plain import State, Weights

OFF = {"1em3": 1e-3, "1em4": 1e-4, "1em5": 1e-5}


def off(function: str, label: str, error: float) -> type[plain.Step]:
    """A step whose tanh or sigmoid is too large by a relative error."""

    def too_large(self: plain.Step, v: Tensor) -> Tensor:
        value: Tensor = getattr(torch, function)(v) * (1 + error)
        return value

    doc = f"{function} is too large by the factor 1 + {error:g}."
    name = f"{function.capitalize()}Off{label}"
    return type(name, (plain.Step,), {function: too_large, "__doc__": doc})


for label, error in OFF.items():
    mutant("RNN", dies_of=("ELM-1",))(off("tanh", label, error))
    mutant("LSTM", "GRU", dies_of=("GRU-1", "GRU-4", "LSTM-1", "LSTM-2", "LSTM-4", "PAR-4"))(
        off("tanh", label, error)
    )
    mutant("LSTM", "GRU", dies_of=("GRU-1", "GRU-3", "GRU-4", "LSTM-1", "LSTM-2", "PAR-4"))(
        off("sigmoid", label, error)
    )


class Coarser(plain.Step):
    """A step in one dtype is computed in another."""

    dtype: torch.dtype
    inside: torch.dtype

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        if x.dtype != self.dtype:
            return super().step(x, state, w)
        down = w.each(lambda t: t.to(self.inside))
        new = super().step(x.to(self.inside), tuple(s.to(self.inside) for s in state), down)
        return tuple(s.to(self.dtype) for s in new)


@mutant(*LAYERS, "LSTMCell", "GRUCell", dies_of=("ELM-1", "ELM-2", "GRU-1", "LSTM-1"))
class DoubleInSingle(Coarser):
    """float64 is computed in float32."""

    dtype, inside = torch.float64, torch.float32


@mutant("RNN", "LSTM", dies_of=("ELM-1", "ELM-2", "GRU-1", "LSTM-1"))
class SingleInHalf(Coarser):
    """float32 is computed in bfloat16."""

    dtype, inside = torch.float32, torch.bfloat16


@mutant("LSTM", "GRU", dies_of=("ELM-1", "ELM-2", "GRU-1", "LSTM-1"))
class SingleInTF32(plain.Step):
    """float32 weights are rounded to TF32's ten bits."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        return super().weights(layer, direction).each(rounded)


def rounded(t: Tensor) -> Tensor:
    if t.dtype != torch.float32:
        return t
    spread = t * (2**13 + 1)
    return spread - (spread - t)


@mutant("RNN", "LSTM", dies_of=("ELM-1", "LSTM-1"))
class TanhOffInFloat32(plain.Step):
    """tanh is 1e-4 too large in float32 alone."""

    def tanh(self, v: Tensor) -> Tensor:
        return v.tanh() * (1 + 1e-4 * (v.dtype == torch.float32))


@mutant("RNN", "GRU", dies_of=("ELM-1", "GRU-1"))
class TanhOffInFloat64(plain.Step):
    """tanh is 1e-9 too large in float64 alone."""

    def tanh(self, v: Tensor) -> Tensor:
        return v.tanh() * (1 + 1e-9 * (v.dtype == torch.float64))


@mutant("LSTM", dies_of=("LSTM-1",))
class CarriedInHalf(plain.LSTM):
    """A float32 cell state is carried in bfloat16."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        new = super().cell(i, f, g, c)
        return new.bfloat16().float() if new.dtype == torch.float32 else new


class Columns(plain.Step):
    """Only the first columns of a weight are multiplied."""

    role: str
    most: int

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(**{self.role: first_columns(getattr(w, self.role), self.most)})


def first_columns(weight: Tensor, most: int) -> Tensor:
    rest = max(weight.shape[1] - most, 0)
    return pad(weight[:, :most], (0, rest))


@mutant(*LAYERS, dies_of=("ELM-1", "ELM-2", "GRU-1", "LSTM-1"))
class RecurrenceCutAt32(Columns):
    """Units of h past the 32nd do not enter the recurrent product."""

    role, most = "weight_hh", 32


@mutant("RNN", "GRU", dies_of=("ELM-1", "ELM-2", "GRU-1", "LSTM-1"))
class RecurrenceCutAt128(Columns):
    """Units of h past the 128th do not enter the recurrent product."""

    role, most = "weight_hh", 128


@mutant(*LAYERS, dies_of=("ELM-1", "ELM-2", "GRU-1", "LSTM-1"))
class InputCutAt64(Columns):
    """Input features past the 64th do not enter the input product."""

    role, most = "weight_ih", 64


class Units(plain.Step):
    """Some units see no recurrence."""

    def blind(self) -> slice:
        raise NotImplementedError

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        keep = torch.ones(self.hidden_size, dtype=w.weight_hh.dtype, device=w.weight_hh.device)
        keep[self.blind()] = 0
        return w._replace(weight_hh=w.weight_hh * keep.repeat(len(self.order))[:, None])


@mutant("RNN", "LSTM", dies_of=("ELM-1", "ELM-2", "GRU-1", "LSTM-1"))
class LastUnitOfOddH(Units):
    """With an odd H the last unit sees no recurrence."""

    def blind(self) -> slice:
        return slice(self.hidden_size - self.hidden_size % 2, None)


@mutant(*LAYERS, dies_of=("ELM-1", "ELM-2", "GRU-1", "LSTM-1"))
class TailOfFour(Units):
    """The H mod 4 last units see no recurrence, where H is above 4."""

    def blind(self) -> slice:
        tail = self.hidden_size % 4 if self.hidden_size > 4 else 0
        return slice(self.hidden_size - tail, None)


@mutant("LSTM", "GRU", dies_of=("ELM-1", "ELM-2", "GRU-1", "LSTM-1"))
class TailOfSixteen(Units):
    """The H mod 16 last units see no recurrence, where H is above 16."""

    def blind(self) -> slice:
        tail = self.hidden_size % 16 if self.hidden_size > 16 else 0
        return slice(self.hidden_size - tail, None)


@mutant("LSTM", "GRU", dies_of=("GRU-1", "LSTM-1"))
class TailActivationMissing(plain.Step):
    """tanh is not applied to the H mod 4 last units, where H is above 4."""

    def tanh(self, v: Tensor) -> Tensor:
        whole = v.shape[-1] - v.shape[-1] % 4
        if not 4 < whole + 4 <= v.shape[-1] + 3:
            return v.tanh()
        return torch.cat([v[..., :whole].tanh(), v[..., whole:]], -1)


@mutant("LSTM", "GRU", dies_of=("PAR-4",))
class UpperLayersWithoutRecurrentBias(plain.Layers):
    """The layers above the first do not add bias_hh."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(bias_hh=None) if layer else w


@mutant("LSTM", "GRU", dies_of=("PAR-4",))
class SecondReverseBiasDropped(plain.Layers):
    """The reverse direction of the second layer does not add bias_ih."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(bias_ih=None) if (layer, direction) == (1, 1) else w


@mutant(*LAYERS, dies_of=("ELM-1", "ELM-2", "GRU-1", "LSTM-1", "PRJ-1"))
class TailOfNoBias(plain.Step):
    """Without biases 1 is added to the units past the last whole block of 16, where H is above 16."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        whole = self.hidden_size // 16 * 16
        if self.bias or not whole:
            return w
        left = torch.arange(self.hidden_size, device=w.weight_hh.device) >= whole
        return w._replace(bias_ih=left.to(w.weight_hh.dtype).repeat(len(self.order)))
