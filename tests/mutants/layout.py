"""Chapter 41: axes, ranks and strides."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import plain
from mutants.registry import CELLS, LAYERS, mutant
from plain import State, Weights


@mutant("RNN", "GRU", dies_of=("LAY-1", "LAY-6"))
class OutputNotTransposed(plain.Layers):
    """With batch_first the output is (T, B, D·P)."""

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        return output if batched else super().leave(output, batched)


@mutant("RNN", "LSTM", dies_of=("LAY-1", "LAY-6", "LAY-2", "BAT-5", "SEQ-8"))
class InputNotTransposed(plain.Layers):
    """batch_first transposes the output but not the input."""

    def enter(self, input: Tensor, batched: bool) -> Tensor:
        return input if batched else super().enter(input, batched)


@mutant("RNN", "LSTM", dies_of=("LAY-1", "LAY-2", "LAY-6", "BAT-5", "SEQ-8"))
class BatchFirstIgnored(plain.Layers):
    """batch_first has no effect."""

    def enter(self, input: Tensor, batched: bool) -> Tensor:
        return input if batched else super().enter(input, batched)

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        return output if batched else super().leave(output, batched)


@mutant("LSTM", dies_of=("LAY-8",))
class StatesKeptByTensor(plain.Layers):
    """Without grad the steps write c over h where h_0 and c_0 are one tensor."""

    one = False

    def given_state(self, hx: Any) -> State:
        state = super().given_state(hx)
        self.one = state[0] is state[1] and not torch.is_grad_enabled()
        return state

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        h, c = super().step(x, state, w)
        return (c, c) if self.one and h.shape == c.shape else (h, c)


@mutant(*LAYERS, dies_of=("LAY-1", "LAY-6", "BAT-5"))
class InputReshaped(plain.Layers):
    """With batch_first the input is reshaped to (T, B, I) instead of transposed."""

    def enter(self, input: Tensor, batched: bool) -> Tensor:
        x = super().enter(input, batched)
        return input.reshape(x.shape) if batched else x


@mutant(*LAYERS, dies_of=("LAY-1", "LAY-6", "BAT-5"))
class OutputReshaped(plain.Layers):
    """With batch_first the output is reshaped to (B, T, D·P) instead of transposed."""

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        y = super().leave(output, batched)
        return output.reshape(y.shape) if batched else y


@mutant("RNN", "GRU", dies_of=("LAY-1", "LAY-6", "BAT-5"))
class BothReshaped(plain.Layers):
    """With batch_first input and output are reshaped instead of transposed."""

    def enter(self, input: Tensor, batched: bool) -> Tensor:
        x = super().enter(input, batched)
        return input.reshape(x.shape) if batched else x

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        y = super().leave(output, batched)
        return output.reshape(y.shape) if batched else y


@mutant(*LAYERS, dies_of=("LAY-2",))
class FinalStateBatchFirst(plain.Layers):
    """With batch_first the final states are (B, L·D, ·)."""

    def leave_state(self, state: State, batched: bool) -> State:
        state = super().leave_state(state, batched)
        flip = batched and self.batch_first
        return tuple(s.transpose(0, 1) for s in state) if flip else state


@mutant("RNN", "GRU", dies_of=("LAY-2", "LAY-6", "BAT-5"))
class InitialStateBatchFirst(plain.Layers):
    """With batch_first the initial states are read as (B, L·D, ·)."""

    def enter_state(self, state: State, batched: bool) -> State:
        state = super().enter_state(state, batched)
        flip = batched and self.batch_first
        return tuple(s.transpose(0, 1) for s in state) if flip else state


@mutant("RNN", "LSTM", dies_of=("LAY-2",))
class StateTakenEitherWay(plain.Layers):
    """An initial state in (B, L·D, ·) is accepted and transposed."""

    def enter_state(self, state: State, batched: bool) -> State:
        state = super().enter_state(state, batched)
        turned = batched and state[0].shape[0] != len(self.places())
        return tuple(s.transpose(0, 1) for s in state) if turned else state


@mutant("RNN", "LSTM", dies_of=("LAY-2",))
class StateReshaped(plain.Layers):
    """An initial state of the right size is reshaped to (L·D, B, ·)."""

    def check_state(self, state: State, *shape: int, like: Tensor) -> None:
        turned = tuple(s.reshape(*shape, w) for s, w in zip(state, self.widths(), strict=True))
        super().check_state(turned, *shape, like=like)

    def run(self, xs: list[Tensor], state: State) -> tuple[list[Tensor], State]:
        places = len(self.places())
        return super().run(xs, tuple(s.reshape(places, -1, s.shape[-1]) for s in state))


@mutant(*LAYERS, dies_of=("LAY-3",))
class UnbatchedReadAsBatch(plain.Layers):
    """With batch_first an unbatched (T, I) is read as T sequences of one step."""

    def enter(self, input: Tensor, batched: bool) -> Tensor:
        x = super().enter(input, batched)
        return x if batched or not self.batch_first else x.transpose(0, 1)

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        if batched or not self.batch_first:
            return super().leave(output, batched)
        return output.squeeze(0)

    def enter_state(self, state: State, batched: bool) -> State:
        state = super().enter_state(state, batched)
        return state if batched or not self.batch_first else self.spread(state)

    def leave_state(self, state: State, batched: bool) -> State:
        if batched or not self.batch_first:
            return super().leave_state(state, batched)
        return tuple(s[:, -1] for s in state)

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        self.rows = len(input)
        return super().padded(input, hx)

    def spread(self, state: State) -> State:
        return tuple(s.expand(-1, self.rows, -1) for s in state)


@mutant("LSTM", "GRU", dies_of=("LAY-3",))
class UnbatchedRunsBackwardsWithBatchFirst(plain.Layers):
    """With batch_first an unbatched sequence is read from its last step to its first."""

    def enter(self, input: Tensor, batched: bool) -> Tensor:
        x = super().enter(input, batched)
        return x if batched or not self.batch_first else x.flip(0)


@mutant("RNN", "GRU", dies_of=("LAY-3",))
class UnbatchedStateIgnored(plain.Layers):
    """The initial state of an unbatched sequence is ignored."""

    def enter_state(self, state: State, batched: bool) -> State:
        state = super().enter_state(state, batched)
        return state if batched else tuple(torch.zeros_like(s) for s in state)


@mutant(*LAYERS, dies_of=("LAY-4",))
class StateUnsqueezed(plain.Layers):
    """A 2-D state is accepted with batched input and broadcast over the batch."""

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        if input.dim() == 3 and hx is not None:
            rows = input.shape[0 if self.batch_first else 1]
            state = self.given_state(hx)
            if all(s.dim() == 2 for s in state):
                wide = tuple(s.unsqueeze(1).expand(-1, rows, -1) for s in state)
                hx = wide if len(wide) == 2 else wide[0]
        return super().padded(input, hx)


@mutant("RNN", "GRU", dies_of=("LAY-4",))
class StateOfABatchWithoutBatch(plain.Layers):
    """A 3-D state of batch 1 is accepted with unbatched input."""

    def enter_state(self, state: State, batched: bool) -> State:
        if not batched:
            state = tuple(s.squeeze(1) if s.dim() == 3 else s for s in state)
        return super().enter_state(state, batched)


@mutant("RNN", "LSTM", dies_of=("LAY-4",))
class OneStepTakenAsSequence(plain.Layers):
    """An input of rank 1 is accepted as an unbatched sequence of one step."""

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        return super().padded(input[None] if input.dim() == 1 else input, hx)


@mutant("RNN", "GRU", dies_of=("LAY-4",))
class ExtraAxesFolded(plain.Layers):
    """The axes of a 4-D input between the first and the last are folded into the batch."""

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        return super().padded(input.flatten(1, 2) if input.dim() == 4 else input, hx)


def as_laid_out(t: Tensor) -> Tensor:
    """The storage from the tensor's first element on, read as if t were contiguous."""
    flat = t.as_strided((t.untyped_storage().nbytes() // t.element_size(),), (1,), 0)
    places = torch.arange(t.numel(), device=t.device) + t.storage_offset()
    return flat[places % max(1, len(flat))].view(t.shape)


@mutant(*LAYERS, dies_of=("LAY-5",))
class InputStridesIgnored(plain.Layers):
    """The input is read as contiguous, whatever its strides."""

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        return super().padded(as_laid_out(input), hx)


@mutant("RNN", "LSTM", dies_of=("LAY-5",))
class StateStridesIgnored(plain.Layers):
    """The initial states are read as contiguous, whatever their strides."""

    def given_state(self, hx: Any) -> State:
        return tuple(as_laid_out(s) for s in super().given_state(hx))


@mutant(*CELLS, dies_of=("LAY-5",))
class StepStridesIgnored(plain.Cell):
    """Batched input is read as contiguous, whatever its strides."""

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        return super().forward(as_laid_out(input) if input.dim() == 2 else input, hx)


@mutant(*CELLS, dies_of=("LAY-5",))
class StepStateStridesIgnored(plain.Cell):
    """Batched states are read as contiguous, whatever their strides."""

    def enter_state(self, state: State, batched: bool) -> State:
        state = super().enter_state(state, batched)
        return tuple(map(as_laid_out, state)) if batched else state


@mutant("GRU", "LSTM", dies_of=("LAY-7",))
class PackedStateStridesIgnored(plain.Layers):
    """The initial states of a packed batch in order are read as contiguous, whatever their strides."""

    def permuted(self, state: State, order: Tensor | None) -> State:
        return super().permuted(state, order) if order is not None else tuple(map(as_laid_out, state))


@mutant("RNN", "LSTM", dies_of=("LAY-5",))
class ExpandedReadPastItsStorage(plain.Layers):
    """Of a batch that is expanded with stride 0, the rows past the first are read as zeros."""

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        axis = 0 if self.batch_first else 1
        if input.dim() == 3 and input.shape[axis] > 1 and input.stride(axis) == 0:
            first = input.narrow(axis, 0, 1)
            rest = torch.zeros_like(input.narrow(axis, 1, input.shape[axis] - 1))
            input = torch.cat([first, rest], axis)
        return super().padded(input, hx)


@mutant("GRU", dies_of=("LAY-5",))
class ContiguityDemanded(plain.GRU):
    """An input that is not contiguous is refused."""

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        if not input.is_contiguous():
            raise RuntimeError("input must be contiguous")
        return super().padded(input, hx)


@mutant("RNN", "GRU", dies_of=("LAY-1",))
class LaterChunksReshaped(plain.Layers):
    """With batch_first the output past the 32nd step is reshaped instead of transposed."""

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        y = super().leave(output, batched)
        if not (batched and self.batch_first and len(output) > 32):
            return y
        return torch.cat([y[:, :32], output[32:].reshape(y[:, 32:].shape)], 1)


@mutant("RNN", "LSTM", dies_of=("LAY-1",))
class SquareIsBatchFirst(plain.Layers):
    """Where T = B and both are 8 or more the input is taken as batch first."""

    def guessed(self, t: Tensor, batched: bool) -> bool:
        return batched and not self.batch_first and t.shape[0] == t.shape[1] >= 8

    def enter(self, input: Tensor, batched: bool) -> Tensor:
        x = super().enter(input, batched)
        return x.transpose(0, 1) if self.guessed(input, batched) else x

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        y = super().leave(output, batched)
        return y.transpose(0, 1) if self.guessed(output, batched) else y


@mutant("GRU", "LSTM", dies_of=("LAY-3",))
class UnbatchedTailWithoutBias(plain.Layers):
    """For unbatched input bias_hh is not added to the units past the last whole block of 32."""

    alone = False

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        self.alone = input.dim() == 2
        return super().padded(input, hx)

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        whole = self.hidden_size // 32 * 32
        if not self.alone or not whole or w.bias_hh is None:
            return w
        seen = torch.arange(self.hidden_size, device=w.bias_hh.device) < whole
        return w._replace(bias_hh=w.bias_hh * seen.repeat(len(self.order)))
