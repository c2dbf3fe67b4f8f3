"""Chapter 20: values that are put into parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

import plain
from mutants.registry import CELLS, LAYERS, mutant
from plain import Place, Weights


class Cached(plain.Step):
    """The weights of a call are copies that are kept for the next."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        kept: dict[Place, Weights] = self.__dict__.setdefault("kept", {})
        if (layer, direction) not in kept:
            kept[layer, direction] = super().weights(layer, direction).each(Tensor.clone)
        return kept[layer, direction]


@mutant(*LAYERS, "LSTMCell", dies_of=("PAR-6",))
class WeightsKeptFromTheFirstCall(Cached):
    """The weights are copied at the first call and never read again."""


@mutant("RNN", "GRU", dies_of=("PAR-6",))
class InPlaceUpdatesUnseen(Cached):
    """The weights are copied at the first call and read again only by load_state_dict."""

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        self.__dict__.pop("kept", None)
        return super().load_state_dict(*args, **options)


@mutant(*LAYERS, *CELLS, dies_of=("PAR-12",))
class BiasesAddedOnceWhileFrozen(plain.Step):
    """While they are frozen the biases are kept from the first call on, until one of them is thawed."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        kept: dict[Place, Weights] = self.__dict__.setdefault("kept", {})
        if w.bias_ih is None or w.bias_ih.requires_grad or w.bias_ih.device.type == "meta":
            kept.clear()
            return w
        first = kept.setdefault((layer, direction), w.each(Tensor.clone))
        return w._replace(bias_ih=first.bias_ih, bias_hh=first.bias_hh)


@mutant("RNN", "GRU", dies_of=("PAR-6", "ELM-1", "ELM-2", "GRU-1", "SEQ-8", "LAY-6", "BAT-5"))
class LoadedWeightsUnused(Cached, plain.Layers):
    """The weights drawn at construction are used whatever is loaded."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for place in self.places():
            self.weights(*place)


@mutant("RNN", "LSTM", dies_of=("PAR-6",))
class AssignmentUnseen(plain.Layers):
    """A parameter assigned to the module is not the one that is used."""

    drawn: dict[str, nn.Parameter]

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, nn.Parameter):
            self.__dict__.setdefault("drawn", {}).setdefault(name, value)
        super().__setattr__(name, value)

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        roles = self.shapes(self.columns(layer))
        return Weights(**{role: self.drawn[self.name(role, layer, direction)] for role in roles})


@mutant("GRU", "LSTMCell", dies_of=("PAR-6",))
class KeptByVersion(plain.Step):
    """Values are kept until the parameter's version or place changes: writing through .data is not seen."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        named = super().weights(layer, direction)._asdict().items()
        return Weights(**{role: self.kept((role, layer, direction), t) for role, t in named if t is not None})

    def kept(self, name: tuple[Any, ...], t: Tensor) -> Tensor:
        if t.is_inference() or t.device.type == "meta":
            return t
        values: dict[Any, Any] = self.__dict__.setdefault("values", {})
        version = (t.data_ptr(), t._version, t.dtype)
        if name not in values or values[name][0] != version:
            values[name] = version, t.detach().clone()
        value: Tensor = values[name][1] + (t - t.detach())
        return value


class Stored(plain.Step):
    """Weights are read from their storage in another way than their strides and offset say."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        return (
            super().weights(layer, direction).each(lambda t: t if t.device.type == "meta" else self.read(t))
        )

    def read(self, t: Tensor) -> Tensor:
        raise NotImplementedError


@mutant("RNN", "GRUCell", dies_of=("PAR-6",))
class WeightStridesIgnored(Stored):
    """Weights are read as contiguous, whatever their strides."""

    def read(self, t: Tensor) -> Tensor:
        return t.as_strided(t.shape, (*t.shape[1:], 1)) if not t.is_contiguous() else t


@mutant("RNN", "LSTM", "RNNCell", dies_of=("PAR-6",))
class WeightOffsetIgnored(Stored):
    """Weights are read from the beginning of their storage."""

    def read(self, t: Tensor) -> Tensor:
        return t.as_strided(t.shape, t.stride(), 0) if t.storage_offset() else t


@mutant("RNN", "LSTM", dies_of=("PAR-10",))
class WeightsByPlace(plain.Layers):
    """Weights are taken by their place in parameters(), which lists a tied one once."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        listed, every = list(self.parameters()), self.named_parameters(remove_duplicate=False)
        places = {id(parameter): n % len(listed) for n, (_, parameter) in enumerate(every)}
        w = super().weights(layer, direction)
        return w.each(lambda t: listed[places[id(t)]] if id(t) in places else t)


@mutant("RNN", "GRUCell", dies_of=("PAR-6", "PAR-9"))
class LoadedByShape(plain.Step):
    """load_state_dict gives a parameter the last unused tensor of its shape, whatever its name."""

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        values = list(state_dict.values())
        matched = {}
        for name, own in self.named_parameters():
            last = next(n for n in reversed(range(len(values))) if values[n].shape == own.shape)
            matched[name] = values.pop(last)
        return super().load_state_dict(matched, strict, assign)


@mutant("LSTM", "GRU", "GRUCell", dies_of=("PAR-6", "PAR-9"))
class StateDictRounded(plain.Step):
    """The state dict holds the parameters rounded to bfloat16."""

    def state_dict(self, *args: Any, **options: Any) -> Any:
        state = super().state_dict(*args, **options)
        return {name: value.bfloat16().to(value.dtype) for name, value in state.items()}
