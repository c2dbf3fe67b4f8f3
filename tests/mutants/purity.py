"""Chapter 73: what a call changes, and who owns its results."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.registry import CELLS, LAYERS, mutant
from plain import State
from rnnspec.case import drawn


def write(target: Tensor, value: Tensor) -> None:
    """Into the caller's memory. The cases forget their numbers, which may be these."""
    if target.is_contiguous():
        target.data.copy_(value.detach())
        drawn.cache_clear()


class Writing(plain.Step):
    """After a call something is written into input or state."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        answer = super().forward(input, hx)
        if isinstance(input, Tensor):
            self.spoil(input, () if hx is None else self.given_state(hx), answer)
        return answer

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        raise NotImplementedError


@mutant(*LAYERS, *CELLS, dies_of=("PUR-1",))
class InputScaled(Writing):
    """The input is halved in place."""

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        write(x, x / 2)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("PUR-1",))
class InputScaledWithoutGrad(Writing):
    """Without grad the input is halved in place."""

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        if not torch.is_grad_enabled():
            write(x, x / 2)


@mutant("LSTM", "GRU", "RNNCell", dies_of=("PUR-1",))
class LastRowRounded(Writing):
    """The last number of the input is rounded in place."""

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        rounded = x.detach().clone()
        rounded[(-1,) * x.dim()].round_()
        write(x, rounded)


@mutant("RNN", "GRU", dies_of=("PUR-1",))
class InputScaledForOneStep(Writing):
    """The input of a single step is halved in place."""

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        if len(x) == 1:
            write(x, x / 2)


@mutant(*LAYERS, dies_of=("PUR-1",))
class StateOverwritten(Writing):
    """h_n is written over h_0."""

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        if state:
            final = answer[1]
            write(state[0], final[0] if isinstance(final, tuple) else final)


@mutant("LSTM", "LSTMCell", dies_of=("PUR-1",))
class COverwritten(Writing):
    """The new cell state is written over the given one."""

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        if state:
            final = answer[1]
            write(state[1], final[1] if isinstance(final, tuple) else final)


@mutant("RNN", "LSTM", "LSTMCell", dies_of=("PUR-1",))
class BiasesMerged(Writing):
    """A call adds bias_hh to bias_ih in place, which changes no result."""

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        w = self.weights()
        if w.bias_ih is not None and w.bias_hh is not None:
            w.bias_ih.data.add_(w.bias_hh)
            w.bias_hh.data.zero_()


@mutant("GRU", dies_of=("PUR-1",))
class WeightsRounded(Writing):
    """Without grad the last row of weight_hh is rounded to bfloat16 in place."""

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        if not torch.is_grad_enabled():
            last = self.weights().weight_hh.data[-1]
            last.copy_(last.bfloat16())


class InBackward(plain.Step):
    """Backward writes where it is not to."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        answer = super().forward(input, hx)
        first = answer if isinstance(answer, Tensor) else answer[0]
        if isinstance(first, Tensor) and isinstance(input, Tensor) and first.requires_grad:
            state = () if hx is None else self.given_state(hx)
            first.register_hook(lambda _: self.spoil(input, state, first))  # type: ignore[no-untyped-call]
        return answer

    def spoil(self, x: Tensor, state: State, result: Tensor) -> None:
        raise NotImplementedError


@mutant(*LAYERS, *CELLS, dies_of=("PUR-6",))
class BackwardOverInput(InBackward):
    """Backward halves the input in place."""

    def spoil(self, x: Tensor, state: State, result: Tensor) -> None:
        write(x, x / 2)


@mutant("RNN", "GRU", "LSTMCell", dies_of=("PUR-6",))
class BackwardOverState(InBackward):
    """Backward sets the last row of h_0 to zero."""

    def spoil(self, x: Tensor, state: State, result: Tensor) -> None:
        if state:
            rest = state[0].detach().clone()
            rest[..., -1, :] = 0
            write(state[0], rest)


@mutant("LSTM", "GRU", "RNNCell", dies_of=("PUR-6",))
class BackwardOverWeights(InBackward):
    """Backward halves weight_hh in place."""

    def spoil(self, x: Tensor, state: State, result: Tensor) -> None:
        self.weights().weight_hh.data.mul_(0.5)


@mutant("RNN", "LSTM", dies_of=("PUR-6",))
class BackwardOverOutput(InBackward):
    """Backward writes 1 − y² over the output."""

    def spoil(self, x: Tensor, state: State, result: Tensor) -> None:
        write(result, 1 - result**2)


class HIsAView(plain.Layers):
    """h_n is a view of the output."""

    def result(self, output: Tensor | PackedSequence, state: State) -> tuple[Any, Any]:
        alone = len(self.places()) == 1 and not self.batch_first
        if alone and isinstance(output, Tensor) and self.shared(output):
            state = (output[-1:], *state[1:])
        return super().result(output, state)

    def shared(self, output: Tensor) -> bool:
        return True


@mutant(*LAYERS, dies_of=("PUR-3", "PUR-7"))
class HIsTheLastOutput(HIsAView):
    """h_n is a view of the output."""


@mutant("RNN", "LSTM", dies_of=("PUR-3", "PUR-7"))
class HIsTheOnlyOutput(HIsAView):
    """h_n is a view of the output of a single step."""

    def shared(self, output: Tensor) -> bool:
        return len(output) == 1


@mutant("RNN", "GRU", dies_of=("PUR-3",))
class HIsTheOnlyRow(HIsAView):
    """h_n is a view of the output of a single row."""

    def shared(self, output: Tensor) -> bool:
        return output.dim() == 3 and output.shape[1] == 1


@mutant("LSTM", "GRU", dies_of=("PUR-3", "PUR-7"))
class HIsTheLastWithoutGrad(HIsAView):
    """Without grad h_n is a view of the output."""

    def shared(self, output: Tensor) -> bool:
        return not torch.is_grad_enabled()


@mutant("LSTM", "GRU", dies_of=("PUR-7",))
class HIsTheLastUnbatched(HIsAView):
    """h_n is a view of the output of unbatched input."""

    def shared(self, output: Tensor) -> bool:
        return output.dim() == 2


@mutant(*CELLS, dies_of=("PUR-3", "PUR-7"))
class StateReused(plain.Cell):
    """Without grad the new state is put where the given one was, and returned."""

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        answer = super().forward(input, hx)
        if hx is None or torch.is_grad_enabled():
            return answer
        state, new = self.given_state(hx), answer if isinstance(answer, tuple) else (answer,)
        for old, value in zip(state, new, strict=True):
            write(old, value)
        return self.returned_state(state)


@mutant("LSTM", dies_of=("PUR-1", "PUR-3", "PUR-7"))
class CReused(plain.LSTM):
    """Without grad c_n is put where c_0 was, and returned."""

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        output, (h, c) = super().forward(input, hx)
        if hx is None or torch.is_grad_enabled():
            return output, (h, c)
        write(hx[1], c)
        return output, (h, hx[1])


class Workspaces(plain.Step):
    """A result lies in memory that networks of the same sizes share."""

    shared: dict[Any, tuple[int, Tensor]]

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        answer = super().forward(input, hx)
        first = answer if isinstance(answer, Tensor) else answer[0]
        if isinstance(first, Tensor):
            owner, memory = self.shared.get(key := (first.shape, first.dtype), (id(self), first))
            if owner != id(self):
                memory.data.copy_(first.detach())
            self.shared[key] = (id(self), first)
        return answer


@mutant(*LAYERS, "LSTMCell", dies_of=("PUR-8",))
class WorkspaceShared(Workspaces):
    """The output of one network is overwritten by that of another of the same sizes."""

    shared = {}  # noqa: RUF012
