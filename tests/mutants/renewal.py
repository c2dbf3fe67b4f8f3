"""Chapter 81: conversion, loading of other dtypes, flat weights, hooks and swapping."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.registry import CELLS, LAYERS, mutant
from plain import State, Weights


def coarser(value: Tensor) -> Tensor:
    return value.bfloat16().to(value.dtype)


class Converting(plain.Step):
    """Conversion after the first, which belongs to construction, goes wrong."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        again = self.__dict__.get("converted", False)
        self.__dict__["converted"] = True
        before = {name: part.data for name, part in self.named_parameters()}
        super()._apply(fn, recurse)
        if again:
            for name, part in self.named_parameters():
                part.data = self.after(name, before[name], part.data)
        return self

    def after(self, name: str, old: Tensor, new: Tensor) -> Tensor:
        raise NotImplementedError

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        """In one dtype, so that what is left behind is no error."""
        w = super().weights(layer, direction)
        return w.each(lambda part: part.to(w.weight_ih.dtype))


@mutant(*LAYERS, *CELLS, dies_of=("PER-7",))
class BiasesLeftBehind(Converting):
    """Biases are not converted."""

    def after(self, name: str, old: Tensor, new: Tensor) -> Tensor:
        return old if name.startswith("bias") else new


@mutant("LSTM", dies_of=("PER-7",))
class ProjectionLeftBehind(Converting):
    """The projection of the reverse direction of the second layer is not converted."""

    def after(self, name: str, old: Tensor, new: Tensor) -> Tensor:
        return old if name == "weight_hr_l1_reverse" else new


@mutant("RNN", "GRU", dies_of=("PER-7",))
class ReverseLeftBehind(Converting):
    """The reverse direction of the second layer is not converted."""

    def after(self, name: str, old: Tensor, new: Tensor) -> Tensor:
        return old if name.endswith("_l1_reverse") else new


@mutant(*LAYERS, *CELLS, dies_of=("PER-18",))
class ConvertedThroughBfloat16(Converting):
    """Conversion goes through bfloat16."""

    def after(self, name: str, old: Tensor, new: Tensor) -> Tensor:
        return coarser(old).to(new.dtype)


@mutant("LSTM", "GRU", dies_of=("PER-18",))
class ReverseConvertedThroughBfloat16(Converting):
    """Conversion of the reverse direction goes through bfloat16."""

    def after(self, name: str, old: Tensor, new: Tensor) -> Tensor:
        return coarser(old).to(new.dtype) if name.endswith("_reverse") else new


@mutant("RNN", "LSTM", "GRUCell", dies_of=("PER-7",))
class KeptByDtype(plain.Step):
    """The weights of each dtype are copied at the first call in it, and again only after loading."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        kept: dict[Any, Weights] = self.__dict__.setdefault("kept", {})
        return kept.setdefault((layer, direction, w.weight_ih.dtype), w.each(Tensor.clone))

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        self.__dict__.pop("kept", None)
        return super().load_state_dict(*args, **options)


@mutant("LSTM", "GRU", "RNNCell", dies_of=("PER-7",))
class HalfIsBfloat16(plain.Step):
    """half() converts to bfloat16."""

    def half(self) -> Any:
        return self.bfloat16()


@mutant("RNN", "GRU", "LSTMCell", dies_of=("PER-7",))
class ComputesInTheFirstDtype(plain.Step):
    """tanh is computed in the dtype of the first call."""

    def tanh(self, v: Tensor) -> Tensor:
        first = self.__dict__.setdefault("first", v.dtype)
        return v.to(first).tanh().to(v.dtype)


class Loading(plain.Step):
    """Values are loaded in another way."""

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        given = {name: self.read(name, value) for name, value in state_dict.items()}
        return super().load_state_dict(given, strict, self.assigned(assign))

    def read(self, name: str, value: Tensor) -> Tensor:
        return value

    def assigned(self, assign: bool) -> bool:
        return assign


@mutant(*LAYERS, "GRUCell", dies_of=("PER-19",))
class LoadingAssigns(Loading):
    """Loading takes the dtype of the values, with assign=False too."""

    def assigned(self, assign: bool) -> bool:
        return True


@mutant("RNN", "LSTM", "RNNCell", "LSTMCell", dies_of=("PER-19",))
class LoadedThroughBfloat16(Loading):
    """Values of another dtype are loaded through bfloat16."""

    def read(self, name: str, value: Tensor) -> Tensor:
        own = dict(self.named_parameters()).get(name, value)
        return value if value.dtype == own.dtype else value.bfloat16()


@mutant(*LAYERS, *CELLS, dies_of=("PER-20",))
class AssignIgnored(Loading):
    """assign=True is ignored."""

    def assigned(self, assign: bool) -> bool:
        return False


@mutant("LSTM", "GRU", dies_of=("PER-20",))
class AssignedInTheOldDtype(Loading):
    """With assign=True the biases keep their dtype."""

    def read(self, name: str, value: Tensor) -> Tensor:
        own = dict(self.named_parameters()).get(name, value)
        return value.to(own.dtype) if name.startswith("bias") else value


class Flattening(plain.Layers):
    """flatten_parameters does more than it says."""

    flattened = 0

    def flatten_parameters(self) -> None:
        self.flattened += 1
        for name, part in list(self.named_parameters()):
            self.flatten(name, part)

    def flatten(self, name: str, part: nn.Parameter) -> None:
        raise NotImplementedError


@mutant(*LAYERS, dies_of=("PER-8",))
class FlatteningReplaces(Flattening):
    """flatten_parameters puts copies in the place of the parameters."""

    def flatten(self, name: str, part: nn.Parameter) -> None:
        new = nn.Parameter(part.detach().clone())
        new.grad = part.grad
        setattr(self, name, new)


@mutant("RNN", "LSTM", dies_of=("PER-8",))
class FlatteningForgetsGradients(Flattening):
    """flatten_parameters sets the gradients to None."""

    def flatten(self, name: str, part: nn.Parameter) -> None:
        part.grad = None


@mutant("RNN", "GRU", dies_of=("PER-8",))
class FlatteningZeroesGradients(Flattening):
    """flatten_parameters sets the gradients to zero."""

    def flatten(self, name: str, part: nn.Parameter) -> None:
        if part.grad is not None:
            part.grad.zero_()


@mutant("LSTM", "GRU", dies_of=("PER-8",))
class FlatteningRounds(Flattening):
    """flatten_parameters rounds the last bias to bfloat16."""

    def flatten(self, name: str, part: nn.Parameter) -> None:
        if name == "bias_hh_l1_reverse":
            part.data.copy_(coarser(part.data))


@mutant("RNN", "LSTM", dies_of=("PER-8",))
class FlattenedTwice(Flattening):
    """A second flatten_parameters reverses the rows of weight_hh of the first layer."""

    def flatten(self, name: str, part: nn.Parameter) -> None:
        if name == "weight_hh_l0" and self.flattened == 2:
            part.data.copy_(part.data.flip(0))


@mutant("LSTM", "GRU", dies_of=("PER-8",))
class FlatteningMovesAParameter(Flattening):
    """flatten_parameters registers weight_ih_l0 anew, behind the others."""

    def flatten(self, name: str, part: nn.Parameter) -> None:
        if name == "weight_ih_l0":
            delattr(self, name)
            setattr(self, name, part)


class Calling(plain.Step):
    """Calls are made in another way than torch.nn.Module makes them."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.made(*args, **options)

    def made(self, *args: Any, **options: Any) -> Any:
        return super().__call__(*args, **options)


@mutant(*LAYERS, *CELLS, dies_of=("PER-9", "PER-21", "PER-22"))
class HooksBypassed(Calling):
    """A call goes around the hooks."""

    def made(self, *args: Any, **options: Any) -> Any:
        return self.forward(*args, **options)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("PER-9",))
class HooksBypassedWithoutGrad(Calling):
    """A call without grad goes around the hooks."""

    def made(self, *args: Any, **options: Any) -> Any:
        return (super().made if torch.is_grad_enabled() else self.forward)(*args, **options)


@mutant("LSTM", "GRU", "RNNCell", dies_of=("PER-9",))
class CalledTwice(Calling):
    """In training mode a call is made twice."""

    def made(self, *args: Any, **options: Any) -> Any:
        if self.training:
            super().made(*args, **options)
        return super().made(*args, **options)


@mutant(*LAYERS, dies_of=("PER-9",))
class PackedCallsItself(plain.Layers):
    """A packed batch is handed to the module itself once more."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> tuple[Any, Any]:
        if isinstance(input, PackedSequence) and not self.__dict__.pop("inside", False):
            self.__dict__["inside"] = True
            return self(input, hx)  # type: ignore[no-any-return]
        return super().forward(input, hx)


@mutant("RNN", "GRU", dies_of=("PER-9",))
class StepsAreCalls(plain.Layers):
    """In evaluation mode the first step is tried by a call of its own."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> tuple[Any, Any]:
        if isinstance(input, Tensor) and not self.training and len(input) > 1:
            self(input[:1], hx)
        return super().forward(input, hx)


class Stashing(Calling):
    """Some arguments of a call do not go the way of the hooks."""

    stash: tuple[Any, ...]

    def made(self, *args: Any, **options: Any) -> Any:
        self.__dict__["stash"] = args
        return super().made(*args, **options)


@mutant(*LAYERS, *CELLS, dies_of=("PER-21",))
class ArgumentsAsGiven(Stashing):
    """What a pre-hook returns is not used."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        return super().forward(*self.stash)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("PER-21",))
class StateAsGiven(Stashing):
    """The state that a pre-hook returns is not used."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        return super().forward(input, *self.stash[1:])


@mutant("LSTM", "GRU", "LSTMCell", dies_of=("PER-21", "PER-22"))
class StatePassedBy(Calling):
    """Hooks are given the input and no state."""

    def made(self, input: Any, hx: Any = None) -> Any:
        self.__dict__["hx"] = hx
        return super().made(input)

    def forward(self, input: Any, hx: Any = None) -> Any:
        return super().forward(input, self.hx if hx is None else hx)


@mutant("RNN", "GRU", *CELLS, dies_of=("PER-22",))
class ResultAsComputed(Calling):
    """What a forward hook returns is not returned."""

    result_of_forward: Any

    def made(self, *args: Any, **options: Any) -> Any:
        super().made(*args, **options)
        return self.result_of_forward

    def forward(self, *args: Any, **options: Any) -> Any:
        self.__dict__["result_of_forward"] = super().forward(*args, **options)
        return self.result_of_forward


@mutant("LSTM", "GRU", dies_of=("PER-22",))
class StatesAsComputed(ResultAsComputed):
    """What a forward hook returns is returned for the output, and not for the states."""

    def made(self, *args: Any, **options: Any) -> Any:
        output, _ = Calling.made(self, *args, **options)
        return output, self.result_of_forward[1]


@mutant(*LAYERS, "RNNCell", dies_of=("PER-10", "PER-23"))
class WeakReferencesKept(plain.Step):
    """Weak references to the parameters are kept, which cannot be swapped then."""

    def forward(self, *args: Any, **options: Any) -> Any:
        self.__dict__["references"] = [weakref.ref(part) for part in self.parameters()]
        return super().forward(*args, **options)

    def __getstate__(self) -> Any:
        return {name: value for name, value in self.__dict__.items() if name != "references"}


@mutant("LSTM", "GRU", "LSTMCell", dies_of=("PER-23",))
class WeakReferencesUntilConversion(WeakReferencesKept):
    """Weak references to the parameters are kept, and given up for conversion alone."""

    def _apply(self, *args: Any, **options: Any) -> Any:
        self.__dict__.pop("references", None)
        return super()._apply(*args, **options)


class Swapping(plain.Step):
    """Where parameters are swapped something is left out."""

    @property
    def swaps(self) -> bool:
        return torch.__future__.get_swap_module_params_on_conversion()


@mutant("RNN", "GRU", "GRUCell", dies_of=("PER-10",))
class SwappedLateBiases(Swapping):
    """Where parameters are swapped biases are not converted."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        if not self.swaps:
            return super()._apply(fn, recurse)
        before = [(part, part.data) for name, part in self.named_parameters() if "bias" in name]
        super()._apply(fn, recurse)
        for part, value in before:
            part.data = value
        return self


class HalfKept(plain.Step):
    """In half types the weights are copied at the first call that `keeps` them, and again after loading."""

    def keeps(self) -> bool:
        raise NotImplementedError

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        if w.weight_ih.dtype not in (torch.bfloat16, torch.float16) or not self.keeps():
            return w
        kept: dict[Any, Weights] = self.__dict__.setdefault("kept", {})
        return kept.setdefault((layer, direction), w.each(lambda part: part.detach().clone()))

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        self.__dict__.pop("kept", None)
        return super().load_state_dict(*args, **options)


@mutant(*LAYERS, *CELLS, dies_of=("PER-28",))
class HalfKeptWithoutGrad(HalfKept):
    """In half types a call without grad uses copies of the weights, made at the first and after loading."""

    def keeps(self) -> bool:
        return not torch.is_grad_enabled()


@mutant("RNN", "LSTM", "GRUCell", dies_of=("PER-28",))
class HalfKeptWithGrad(HalfKept):
    """In half types a call with grad uses copies of the weights, made at the first and after loading."""

    def keeps(self) -> bool:
        return torch.is_grad_enabled()


@mutant(*LAYERS, dies_of=("PER-29",))
class FlatBufferShared(plain.Layers):
    """A deep copy after flatten_parameters has the buffer of its original, and so its parameters."""

    flattened = False

    def flatten_parameters(self) -> None:
        self.flattened = True

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        twin = type(self).__new__(type(self))
        memo |= {id(part): part for part in self.parameters() if self.flattened}
        twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return twin


@mutant(*LAYERS, dies_of=("PER-8",))
class FlatBufferStored(plain.Layers):
    """flatten_parameters puts its buffer into the state dict."""

    def flatten_parameters(self) -> None:
        self.register_buffer("flat", torch.zeros(3))


@mutant("LSTM", "RNN", dies_of=("PER-7",))
class ZerosOfTheFirstDtype(plain.Step):
    """The zeros of an omitted state are kept by their shape, and are of the first call's dtype."""

    def initial_state(self, *shape: int, like: Tensor) -> State:
        if like.device.type == "meta" or torch.is_inference_mode_enabled():
            return super().initial_state(*shape, like=like)
        kept: dict[Any, State] = self.__dict__.setdefault("zeros", {})
        if shape not in kept:
            kept[shape] = super().initial_state(*shape, like=like)
        return kept[shape]
