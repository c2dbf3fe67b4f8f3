"""Chapter 81: state dicts, files, conversion and hooks."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.registry import CELLS, LAYERS, mutant
from plain import Weights


class Loading(plain.Step):
    """load_state_dict looks at what it is given first."""

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        return super().load_state_dict(self.read(dict(state_dict)), strict, assign)

    def read(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: self.fitted(value, self.own(name)) for name, value in given.items()}

    def own(self, name: str) -> Tensor | None:
        return dict(self.named_parameters()).get(name)

    def fitted(self, value: Tensor, own: Tensor | None) -> Tensor:
        return value


@mutant(*LAYERS, "GRUCell", dies_of=("PER-3", "PER-11"))
class LoadedByBroadcasting(Loading):
    """A value of another shape is loaded where it can be expanded to the parameter's."""

    def fitted(self, value: Tensor, own: Tensor | None) -> Tensor:
        if own is None or value.dim() > own.dim():
            return value
        pairs = zip(value.shape[::-1], own.shape[::-1], strict=False)
        return value.expand_as(own) if all(a in (1, b) for a, b in pairs) else value


@mutant("RNN", "LSTM", "LSTMCell", dies_of=("PER-3", "PER-11"))
class LoadedReshaped(Loading):
    """A value of another shape is loaded where it has as many elements."""

    def fitted(self, value: Tensor, own: Tensor | None) -> Tensor:
        return value.reshape(own.shape) if own is not None and own.numel() == value.numel() else value


@mutant(*LAYERS, *CELLS, dies_of=("PER-3", "PER-11"))
class MissingValuesKept(Loading):
    """Parameters that a state dict lacks keep their values, in strict mode too."""

    def read(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        return self.state_dict() | given


@mutant(*LAYERS, dies_of=("PER-3", "PER-11"))
class LayersBeyondIgnored(Loading):
    """Entries of layers that the network does not have are passed over."""

    def read(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        return {
            name: value for name, value in given.items() if self.own(name) is not None or "_l" not in name
        }


@mutant("LSTM", "GRU", dies_of=("PER-3", "PER-11"))
class LastBiasOptional(Loading):
    """The last bias of the reverse direction of the second layer may be missing."""

    def read(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        last = self.own("bias_hh_l1_reverse")
        return given if last is None else {"bias_hh_l1_reverse": last.detach()} | given


@mutant("RNN", "GRU", "LSTMCell", dies_of=("PER-11",))
class RefusesWithoutNames(Loading):
    """A state dict that does not fit is refused without a name."""

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        try:
            return super().load_state_dict(*args, **options)
        except RuntimeError as error:
            raise RuntimeError("the state dict does not fit") from error


@mutant("LSTM", "GRUCell", dies_of=("PER-11",))
class NamesMissingOnly(Loading):
    """Entries that are too many are refused without their names."""

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        try:
            return super().load_state_dict(*args, **options)
        except RuntimeError as error:
            raise RuntimeError(str(error).partition("Unexpected")[0]) from error


class Unstrict(plain.Step):
    """With strict=False something else is done."""

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        answer = super().load_state_dict(state_dict, strict, assign)
        return answer if strict else self.reported(answer)

    def reported(self, answer: Any) -> Any:
        raise NotImplementedError


@mutant("RNN", "GRU", *CELLS, dies_of=("PER-12",))
class ReportsNothing(Unstrict):
    """With strict=False nothing is reported."""

    def reported(self, answer: Any) -> Any:
        return type(answer)([], [])


@mutant("LSTM", "GRU", dies_of=("PER-12",))
class ReportsSwapped(Unstrict):
    """With strict=False missing and unexpected names are interchanged."""

    def reported(self, answer: Any) -> Any:
        return type(answer)(answer.unexpected_keys, answer.missing_keys)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("PER-12",))
class MisfitsLoadNothing(plain.Step):
    """With strict=False a state dict that lacks an entry is reported and not loaded."""

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        before = {name: value.clone() for name, value in self.state_dict().items()}
        answer = super().load_state_dict(state_dict, strict, assign)
        if answer.missing_keys:
            super().load_state_dict(before)
        return answer


@mutant("RNN", "GRU", "LSTMCell", dies_of=("PER-12",))
class MissingZeroed(Unstrict):
    """With strict=False what is missing is set to zero."""

    def reported(self, answer: Any) -> Any:
        for name in answer.missing_keys:
            nn.init.zeros_(self.get_parameter(name))
        return answer


@mutant("LSTM", "RNNCell", dies_of=("PER-12",))
class LoadReturnsNothing(plain.Step):
    """By default load_state_dict returns None."""

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        answer = super().load_state_dict(state_dict, strict, assign)
        return None if strict else answer


class Options:
    """What a network was built with."""

    def __init__(self, sizes: tuple[int, int]) -> None:
        self.sizes = sizes


@mutant(*LAYERS, "RNNCell", dies_of=("PER-4",))
class StateDictHoldsAnObject(plain.Step):
    """The state dict holds an object of a class of its own, which weights_only=True refuses."""

    def state_dict(self, *args: Any, **options: Any) -> Any:
        state = super().state_dict(*args, **options)
        state._metadata = {"": Options((self.input_size, self.hidden_size))}
        return state

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        return super().load_state_dict(dict(state_dict), strict, assign)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("PER-4",))
class StateDictInBfloat16(plain.Step):
    """The state dict holds the parameters in bfloat16."""

    def state_dict(self, *args: Any, **options: Any) -> Any:
        return {name: value.bfloat16() for name, value in super().state_dict(*args, **options).items()}


class Pickled(plain.Step):
    """Something is lost when a module is pickled."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        reduced: Any = super().__reduce_ex__(protocol)
        return *reduced[:2], self.written(dict(reduced[2]))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        twin = type(self).__new__(type(self))
        twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return twin

    def written(self, state: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError


@mutant(*LAYERS, dies_of=("PER-13",))
class LayoutNotPickled(Pickled):
    """A pickled module forgets batch_first."""

    def written(self, state: dict[str, Any]) -> dict[str, Any]:
        return state | {"batch_first": False}


@mutant("RNN", "RNNCell", dies_of=("PER-13",))
class NonlinearityNotPickled(Pickled):
    """A pickled module forgets nonlinearity='relu'."""

    def written(self, state: dict[str, Any]) -> dict[str, Any]:
        return state | {"nonlinearity": "tanh"}


@mutant("LSTM", dies_of=("PER-13",))
class ProjectionNotPickled(Pickled):
    """A pickled module forgets proj_size."""

    def written(self, state: dict[str, Any]) -> dict[str, Any]:
        return state | {"proj_size": 0}


@mutant(*LAYERS, *CELLS, dies_of=("PER-13",))
class TrainingAfterPickling(Pickled):
    """A module read from a file is in training mode."""

    def written(self, state: dict[str, Any]) -> dict[str, Any]:
        return state | {"training": True}


@mutant("LSTM", "GRU", "GRUCell", dies_of=("PER-13",))
class PickledInBfloat16(Pickled):
    """A pickled module holds its weights rounded to bfloat16."""

    def written(self, state: dict[str, Any]) -> dict[str, Any]:
        own = {name: rounded(value) for name, value in state["_parameters"].items()}
        return state | {"_parameters": own}


def rounded(value: nn.Parameter | None) -> nn.Parameter | None:
    if value is None:
        return None
    return nn.Parameter(value.detach().bfloat16().to(value.dtype), value.requires_grad)


@mutant("RNN", "GRU", "LSTMCell", dies_of=("PER-13",))
class FrozenNotPickled(Pickled):
    """All parameters that are read from a file require grad."""

    def written(self, state: dict[str, Any]) -> dict[str, Any]:
        own = {
            n: value if value is None else nn.Parameter(value.data)
            for n, value in state["_parameters"].items()
        }
        return state | {"_parameters": own}


class Held(plain.Step):
    """The parameters are looked up where assignment put them."""

    held: dict[str, nn.Parameter]

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, nn.Parameter):
            self.__dict__.setdefault("held", {})[name] = value
        super().__setattr__(name, value)

    def register_parameter(self, name: str, param: nn.Parameter | None) -> None:
        super().register_parameter(name, param)
        if param is not None:
            self.__dict__.setdefault("held", {})[name] = param

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        if isinstance(self, plain.Layers):
            names = {role: self.name(role, layer, direction) for role in self.shapes(self.columns(layer))}
        else:
            names = {role: role for role in self.shapes(self.input_size)}
        return Weights(**{role: self.found(name) for role, name in names.items()})

    def found(self, name: str) -> Tensor:
        return self.held[name]


@mutant(*LAYERS, "GRUCell", dies_of=("PER-16", "PER-17"))
class ComputedWeightsUnseen(Held):
    """Only parameters are seen: a weight that is computed from others is not."""


@mutant("RNN", "GRU", "LSTMCell", dies_of=("PER-17",))
class MasksUnseen(Held):
    """What is stored of a pruned weight is used without its mask."""

    def found(self, name: str) -> Tensor:
        weight: Tensor = getattr(self, f"{name}_orig" if hasattr(self, f"{name}_orig") else name)
        return weight


@mutant("LSTM", "GRU", "RNNCell", dies_of=("PER-17",))
class MasksAppliedOnce(Held):
    """A pruned weight is what it was at the first call with the mask."""

    def found(self, name: str) -> Tensor:
        kept: dict[str, Tensor] = self.__dict__.setdefault("kept", {})
        if not hasattr(self, f"{name}_orig"):
            return getattr(self, name)  # type: ignore[no-any-return]
        return kept.setdefault(name, getattr(self, name))


@mutant(*LAYERS, *CELLS, dies_of=("PER-16",))
class ParametrizedOnce(Held):
    """A parametrized weight is computed at the first call and kept."""

    def found(self, name: str) -> Tensor:
        kept: dict[str, Tensor] = self.__dict__.setdefault("kept", {})
        weight: Tensor = getattr(self, name)
        return weight if isinstance(weight, nn.Parameter) else kept.setdefault(name, weight)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("PER-6",))
class StepsUnseen(Held):
    """A weight is copied when its memory is seen for the first time: writing into it is not seen."""

    def found(self, name: str) -> Tensor:
        kept: dict[Any, tuple[Tensor, Tensor]] = self.__dict__.setdefault("kept", {})
        weight: Tensor = getattr(self, name)
        seen = weight.detach()  # is kept too: no other weight is to come to lie there
        return kept.setdefault((name, weight.data_ptr()), (seen, weight.clone()))[1]


@mutant(*LAYERS, "RNNCell", "LSTMCell", dies_of=("PER-6",))
class ParametersCopied(plain.Step):
    """Once there was a call, parameters() are copies."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        self.__dict__["called"] = True
        return super().forward(input, hx)

    def named_parameters(self, *args: Any, **options: Any) -> Any:
        for name, part in super().named_parameters(*args, **options):
            yield name, nn.Parameter(part.detach().clone()) if "called" in self.__dict__ else part


@mutant("LSTM", "GRU", dies_of=("PER-6",))
class LastParameterUnlisted(plain.Layers):
    """The last bias of the reverse direction of the second layer is not among the parameters."""

    def named_parameters(self, *args: Any, **options: Any) -> Any:
        for name, part in super().named_parameters(*args, **options):
            if name != "bias_hh_l1_reverse":
                yield name, part


@mutant(*LAYERS, dies_of=("PER-25",))
class DropoutNotPickled(Pickled):
    """A pickled module forgets dropout."""

    def written(self, state: dict[str, Any]) -> dict[str, Any]:
        return state | {"dropout": 0.0}


@mutant(*LAYERS, "LSTMCell", dies_of=("PER-26",))
class ThawedByLoading(plain.Step):
    """Loading makes every parameter require grad."""

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        answer = super().load_state_dict(*args, **options)
        self.requires_grad_()
        return answer


@mutant("RNN", "GRU", "GRUCell", dies_of=("PER-26",))
class ThawedByConversion(plain.Step):
    """Conversion makes every parameter require grad."""

    def _apply(self, *args: Any, **options: Any) -> Any:
        return super()._apply(*args, **options).requires_grad_()


@mutant("LSTM", "GRU", "RNNCell", dies_of=("PER-26",))
class TrainingAfterLoading(plain.Step):
    """Loading puts the module in training mode."""

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        answer = super().load_state_dict(*args, **options)
        self.train()
        return answer


@mutant("RNN", "LSTM", "GRUCell", dies_of=("PER-24",))
class EntryOfCopies(plain.Step):
    """A deep copy has a further entry in its state dict."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        twin = type(self).__new__(type(self))
        twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        twin.register_buffer("copied", torch.ones(1))
        return twin


@mutant("GRU", "LSTM", "RNNCell", dies_of=("PER-26",))
class EntryOfConversion(plain.Step):
    """Conversion after construction adds an entry to the state dict."""

    def to(self, *args: Any, **options: Any) -> Any:
        if torch.float32 in args and next(self.parameters()).dtype == torch.float64:
            self.register_buffer("converted", torch.ones(1))
        return super().to(*args, **options)


@mutant(*LAYERS, *CELLS, dies_of=("PER-27",))
class PrefixForgotten(plain.Step):
    """In another module the entries of the state dict have no prefix."""

    def state_dict(self, *args: Any, **options: Any) -> Any:
        return super().state_dict(*args, **options | {"prefix": ""})


@mutant(*LAYERS, *CELLS, dies_of=("PER-30",))
class StateDictOfCopies(plain.Step):
    """The state dict holds copies of the weights."""

    def state_dict(self, *args: Any, **options: Any) -> Any:
        return {name: value.clone() for name, value in super().state_dict(*args, **options).items()}


@mutant("RNN", "LSTM", "GRUCell", dies_of=("PER-30",))
class StateDictOfCopiedBiases(plain.Step):
    """The state dict refers to the matrices and holds copies of the biases."""

    def state_dict(self, *args: Any, **options: Any) -> Any:
        state = super().state_dict(*args, **options)
        return {name: value.clone() if value.ndim == 1 else value for name, value in state.items()}
