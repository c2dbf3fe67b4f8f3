"""Chapter 80: dtypes and devices that are taken though they are wrong, and what a refused call leaves."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.errors import Lenient
from mutants.registry import CELLS, LAYERS, mutant
from plain import State


@mutant(*LAYERS, *CELLS, dies_of=("ERR-8",))
class InputCast(Lenient):
    """An input of another dtype is cast to the weights'."""

    def fitting(self, x: Tensor, hx: Any) -> Tensor:
        return x.to(self.dtype)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("ERR-8",))
class IntegersCast(Lenient):
    """An input of integers is cast to the weights' dtype."""

    def fitting(self, x: Tensor, hx: Any) -> Tensor:
        return x if x.is_floating_point() or x.is_complex() else x.to(self.dtype)


@mutant("GRU", "LSTM", dies_of=("ERR-8",))
class PackedDataCast(Lenient):
    """Packed data of another dtype are cast to the weights'."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        input = input.to(self.dtype) if isinstance(input, PackedSequence) else input
        return super().forward(input, hx)


class Cast(Lenient):
    """States of another dtype are cast."""

    def given_state(self, hx: Any) -> State:
        return tuple(self.cast(s, k) for k, s in enumerate(super().given_state(hx)))

    def cast(self, s: Tensor, k: int) -> Tensor:
        return s.to(self.dtype)


@mutant("RNN", "GRU", "LSTM", *CELLS, dies_of=("ERR-9",))
class StatesCast(Cast):
    """A state of another dtype is cast to the weights'."""


@mutant("RNN", "GRUCell", dies_of=("ERR-9",))
class LowerStatesCast(Cast):
    """A state of a dtype below the weights' is cast to it."""

    def cast(self, s: Tensor, k: int) -> Tensor:
        return s.to(self.dtype) if torch.promote_types(s.dtype, self.dtype) == self.dtype else s


@mutant("LSTM", "LSTMCell", dies_of=("ERR-25",))
class CCast(Cast):
    """A c_0 of another dtype is cast to the weights'."""

    def cast(self, s: Tensor, k: int) -> Tensor:
        return s.to(self.dtype) if k else s


@mutant("LSTM", "LSTMCell", dies_of=("ERR-25",))
class FractionlessCCast(Cast):
    """A c_0 of integers is cast to the weights' dtype."""

    def cast(self, s: Tensor, k: int) -> Tensor:
        return s.to(self.dtype) if k and s.dtype == torch.int64 else s


def here(t: Tensor) -> Tensor:
    """The memory of another device, read as if it were the CPU's."""
    return t if t.device.type == "cpu" else torch.zeros(t.shape, dtype=t.dtype)


@mutant(*LAYERS, *CELLS, dies_of=("ERR-10",))
class InputFromElsewhere(Lenient):
    """The device of the input is not looked at."""

    def fitting(self, x: Tensor, hx: Any) -> Tensor:
        return here(x)


@mutant(*LAYERS, "LSTMCell", dies_of=("ERR-10",))
class StateFromElsewhere(plain.Step):
    """The device of the last state is not looked at."""

    def given_state(self, hx: Any) -> State:
        *rest, last = super().given_state(hx)
        return *rest, here(last)


@mutant(*LAYERS, *CELLS, dies_of=("ERR-17",))
class RefusedStateKept(plain.Step):
    """The state of a refused call is that of the next call without one, if it fits."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        if self.keeps() and hx is not None:
            self.__dict__["left"] = hx if isinstance(hx, tuple) else (hx,)
        answer = super().forward(input, hx)
        self.__dict__["left"] = ()
        return answer

    def keeps(self) -> bool:
        return True

    def initial_state(self, *shape: int, like: Tensor) -> State:
        zeros, left = super().initial_state(*shape, like=like), self.__dict__.get("left", ())
        fits = [getattr(s, "shape", None) for s in left] == [z.shape for z in zeros]
        return left if fits else zeros


@mutant("RNN", "LSTM", "GRUCell", dies_of=("ERR-17",))
class RefusedStateKeptWithoutGrad(RefusedStateKept):
    """The state of a call refused without grad is that of the next call without one, if it fits."""

    def keeps(self) -> bool:
        return not torch.is_grad_enabled()


@mutant("RNN", "LSTM", "RNNCell", "LSTMCell", dies_of=("ERR-17",))
class BiasesLeftMerged(plain.Step):
    """bias_hh is added to bias_ih during a call, and both are put back after it unless it is refused."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        _, _, *biases, _ = self.weights()
        both = [bias.data for bias in biases if bias is not None]
        before = [bias.clone() for bias in both]
        if both:
            both[0] += both[1]
            both[1].zero_()
        answer = super().forward(input, hx)
        for bias, value in zip(both, before, strict=True):
            bias.copy_(value)
        return answer


@mutant(*LAYERS, dies_of=("ERR-17",))
class ZerosAfterARefusedPackedCall(plain.Layers):
    """A packed call that follows a refused one starts from zeros."""

    refused = False

    def packed(self, input: PackedSequence, hx: Any) -> Any:
        refused, self.refused = self.refused, True
        answer = super().packed(input, None if refused and hx is not None else hx)
        self.refused = False
        return answer


@mutant("LSTM", "GRU", dies_of=("ERR-17",))
class ResultsSpoilt(plain.Layers):
    """A refused call writes over the output that was returned last."""

    last: Tensor | None = None

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        before = None if self.last is None else self.last.detach().clone()
        if self.last is not None:
            self.last.data.zero_()
        output, state = super().padded(input, hx)
        if self.last is not None and before is not None:
            self.last.data.copy_(before)
        self.last = output
        return output, state
