"""Chapter 82: what goes wrong when a module is called with other weights, mapped, traced or compiled."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

import plain
from mutants.registry import CELLS, LAYERS, mutant
from plain import State, Weights

Layer = tuple[list[Tensor], State]
ALL = (*LAYERS, *CELLS)


# Functional calls.


@mutant(*ALL, dies_of=("TRN-7",))
class WeightsOfTheFirstCall(plain.Step):
    """The weights are gathered at the first call and kept."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        kept = self.__dict__.setdefault("kept", {})
        if (layer, direction) not in kept:
            kept[layer, direction] = super().weights(layer, direction)
        return kept[layer, direction]  # type: ignore[no-any-return]


@mutant("RNN", "LSTM", "GRU", dies_of=("TRN-7",))
class UpperWeightsFromTheList(plain.Layers):
    """The second layer's weights are read from a list that was made with the module."""

    def reset_parameters(self) -> None:
        super().reset_parameters()
        self.__dict__["made"] = {place: plain.Layers.weights(self, *place) for place in self.places()}

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        made: dict[tuple[int, int], Weights] = self.__dict__["made"]
        return made[layer, direction] if layer else super().weights(layer, direction)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("TRN-22",))
class WeightsOfTheLastCall(plain.Step):
    """A call computes with the weights of the call before it where they have changed."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        before = self.__dict__.setdefault("before", {})
        last = before.get((layer, direction), w)
        before[layer, direction] = w
        return last  # type: ignore[no-any-return]


@mutant("RNN", "GRU", "LSTMCell", dies_of=("TRN-22",))
class WeightsWrittenInto(plain.Step):
    """What a call is given is written into the module's first weight."""

    def forward(self, *args: Any) -> Any:
        own = next(self.parameters())
        home = self.__dict__.setdefault("home", own)
        if home is not own:
            home.data.copy_(own.detach())
        return super().forward(*args)


@mutant(*ALL, dies_of=("TRN-24",))
class GivenWeightsDetached(plain.Step):
    """Weights that are no parameters are read without grad."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w.each(lambda t: t if isinstance(t, torch.nn.Parameter) else t.detach())


@mutant("LSTM", "GRU", "RNNCell", dies_of=("TRN-24",))
class GivenBiasDetached(plain.Step):
    """A bias_hh that is no parameter is read without grad."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        if w.bias_hh is None or isinstance(w.bias_hh, torch.nn.Parameter):
            return w
        return w._replace(bias_hh=w.bias_hh.detach())


# torch.vmap.


def mapped(value: Tensor) -> bool:
    """Whether vmap runs over this tensor."""
    return torch._C._functorch.is_batchedtensor(value)


def first_of(value: Tensor) -> Tensor:
    """The first of the tensors that vmap runs over, for all."""
    return torch._C._functorch.get_unwrapped(value)[0] if mapped(value) else value


class Mapped(plain.Step):
    """Wrong under vmap."""

    claims = frozenset({"vmap"})


@mutant(*ALL, dies_of=("TRN-8",))
class StateOfTheFirst(Mapped):
    """Under vmap all start from the first state."""

    def given_state(self, hx: Any) -> State:
        return tuple(first_of(s) for s in super().given_state(hx))


@mutant("RNN", "LSTM", "GRU", dies_of=("TRN-8",))
class LastStepOfTheFirst(Mapped, plain.Layers):
    """Under vmap all see the first input's last step."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        return super().run([*xs[:-1], first_of(xs[-1])], state)


@mutant(*ALL, dies_of=("TRN-21",))
class WeightsOfTheFirst(Mapped):
    """Under vmap all compute with the first weight_hh."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(weight_hh=first_of(w.weight_hh))


@mutant("RNN", "LSTM", "GRUCell", dies_of=("TRN-21",))
class BiasesOfTheFirst(Mapped):
    """Under vmap all compute with the first bias_ih."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w if w.bias_ih is None else w._replace(bias_ih=first_of(w.bias_ih))


# Forward mode.


class Moved(plain.Step):
    """Wrong in forward mode."""

    claims = frozenset({"jvp"})


def still(value: Tensor) -> Tensor:
    """The tensor without its tangent."""
    primal: Tensor = forward_ad.unpack_dual(value).primal
    return primal


@mutant(*ALL, dies_of=("TRN-9",))
class StateWithoutTangent(Moved):
    """The tangent of the given h_0 is dropped."""

    def given_state(self, hx: Any) -> State:
        h, *rest = super().given_state(hx)
        return (h.detach() if forward_ad._current_level < 0 else still(h), *rest)


@mutant("LSTM", "GRU", "LSTMCell", "GRUCell", dies_of=("TRN-9", "TRN-25"))
class SigmoidWithoutTangent(Moved):
    """In forward mode the gates do not move."""

    def sigmoid(self, v: Tensor) -> Tensor:
        s = super().sigmoid(v)
        return s if forward_ad._current_level < 0 else still(s)


@mutant(*ALL, dies_of=("TRN-25",))
class BiasWithoutTangent(Moved):
    """The tangent of bias_hh is dropped."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        if w.bias_hh is None or forward_ad._current_level < 0:
            return w
        return w._replace(bias_hh=still(w.bias_hh))


# torch.compile.


class Compiled(plain.Step):
    """Wrong when compiled."""

    claims = frozenset({"compile", "compile_fullgraph"})


@mutant("RNN", "GRU", "LSTM", "GRUCell", "LSTMCell", dies_of=("TRN-1", "TRN-11", "TRN-2"))
class BiasForgottenWhenCompiled(Compiled):
    """Compiled, bias_hh is not added."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(bias_hh=None) if torch.compiler.is_compiling() else w


@mutant("RNN", "GRU", "LSTM", dies_of=("TRN-1",))
class ShapeOfTheFirstCall(Compiled, plain.Layers):
    """Compiled, the steps of later calls are counted as in the first."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        if torch.compiler.is_compiling():
            if not hasattr(self, "steps"):
                self.steps = len(xs)
            xs = [*xs, *xs[-1:] * max(0, self.steps - len(xs))]
        return super().run(xs, state)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("TRN-11", "TRN-2"))
class GradientForgottenWhenCompiled(Compiled):
    """Compiled, weight_hh has no gradient."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(weight_hh=w.weight_hh.detach()) if torch.compiler.is_compiling() else w


@mutant("RNN", "GRU", "LSTMCell", dies_of=("TRN-12",))
class WeightsKeptWhenCompiled(Compiled):
    """Compiled, a copy of the weights is made at the first call and kept."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        if not torch.compiler.is_compiling():
            return super().weights(layer, direction)
        if not hasattr(self, "copies"):
            self.copies: dict[tuple[int, int], Weights] = {}
        if (layer, direction) not in self.copies:
            self.copies[layer, direction] = super().weights(layer, direction).each(lambda t: t.clone())
        return self.copies[layer, direction]


@mutant("RNN", "GRU", "LSTM", dies_of=("TRN-14",))
class DropoutLostWhenCompiled(Compiled, plain.Layers):
    """Compiled, nothing is dropped."""

    def drop(self, xs: list[Tensor]) -> list[Tensor]:
        return xs if torch.compiler.is_compiling() else super().drop(xs)


# TorchScript: what is scripted in place of a plain module is torch's own, with a defect.


class Scripted(plain.Step):
    """Scripted as torch's module with its weights."""

    claims = frozenset({"script"})

    def __prepare_scriptable__(self) -> torch.nn.Module:
        mode = next(c.__name__ for c in type(self).__mro__ if c.__name__ in ALL)
        words = ("bias", "nonlinearity", "num_layers", "bidirectional", "proj_size")
        options = {word: getattr(self, word) for word in words if getattr(self, word, 0) != 0}
        if mode not in LAYERS:
            options.pop("num_layers", None)
        twin: torch.nn.Module = getattr(torch.nn, mode)(self.input_size, self.hidden_size, **options)
        twin.load_state_dict(self.scripted(self.state_dict()))
        return twin

    def scripted(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return weights


@mutant(*CELLS, dies_of=("TRN-3", "TRN-15"))
@mutant(*LAYERS, dies_of=("TRN-15", "TRN-18"))
class ScriptedWithoutBias(Scripted):
    """Scripted, bias_hh is 0."""

    def scripted(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: 0 * w if name.startswith("bias_hh") else w for name, w in weights.items()}


@mutant("RNNCell", "GRUCell", dies_of=("TRN-3", "TRN-15"))
@mutant("RNN", "LSTM", dies_of=("TRN-15", "TRN-18"))
class ScriptedAsMade(Scripted):
    """Scripted, the weights are those with which the module was made."""

    def reset_parameters(self) -> None:
        super().reset_parameters()
        self.__dict__["made"] = {name: p.detach().clone() for name, p in self.named_parameters()}

    def scripted(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        made: dict[str, Tensor] = self.__dict__["made"]
        return made


# torch.jit.trace.


def tracing() -> bool:
    """Whether torch.jit.trace calls."""
    return torch._C._get_tracing_state() is not None


class Traced(plain.Step):
    """Wrong when traced."""

    claims = frozenset({"trace"})


@mutant(*ALL, dies_of=("TRN-4",))
class BiasForgottenWhenTraced(Traced):
    """Traced, bias_hh is not added."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(bias_hh=None) if tracing() else w


@mutant("RNN", "GRU", "LSTM", dies_of=("TRN-4",))
class StateAsConstantWhenTraced(Traced, plain.Layers):
    """Traced, the given state is kept as a constant, without its last digits."""

    def given_state(self, hx: Any) -> State:
        state = super().given_state(hx)
        return tuple(s.half().to(s.dtype) for s in state) if tracing() else state


@mutant(*CELLS, dies_of=("TRN-16",))
class DefaultStateOfTheTracedBatch(Traced):
    """Traced, an omitted state has as many rows as the batch that was traced."""

    def initial_state(self, *shape: int, like: Tensor) -> State:
        fixed = [int(size) for size in shape]
        return tuple(torch.zeros(*fixed, width, dtype=like.dtype) for width in self.widths())


@mutant(*CELLS, dies_of=("TRN-16",))
class StateOfTheTracedBatch(Traced):
    """Traced, the given state is a constant."""

    def given_state(self, hx: Any) -> State:
        state = super().given_state(hx)
        return tuple(torch.tensor(s.tolist(), dtype=s.dtype) for s in state)


# torch.export.


class Exported(plain.Step):
    """Wrong when exported."""

    claims = frozenset({"export"})


@mutant("RNN", "GRU", "LSTM", "GRUCell", "LSTMCell", dies_of=("TRN-5",))
class BiasForgottenWhenExported(Exported):
    """Exported, bias_hh is not added."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(bias_hh=None) if torch.compiler.is_exporting() else w


@mutant("LSTM", dies_of=("TRN-20",))
class BiasForgottenWhenDecomposed(BiasForgottenWhenExported):
    """Exported, and so decomposed, bias_hh is not added."""


@mutant("LSTM", dies_of=("TRN-17",))
class BatchOfTheExample(Exported, plain.Layers):
    """Exported, the batch is that of the example."""

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        if torch.compiler.is_exporting():
            input = input[:, : int(input.shape[1])]
        return super().padded(input, hx)


@mutant("LSTM", dies_of=("TRN-6",))
@mutant("RNN", dies_of=("TRN-19",))
class DropoutLostWhenExported(Exported, plain.Layers):
    """Exported, nothing is dropped."""

    def drop(self, xs: list[Tensor]) -> list[Tensor]:
        return xs if torch.compiler.is_exporting() else super().drop(xs)
