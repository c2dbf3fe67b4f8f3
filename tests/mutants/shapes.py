"""Chapter 10: shapes and structure."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.registry import LAYERS, mutant
from plain import State


@mutant(*LAYERS, dies_of=("SHP-1", "SHP-4"))
class OutputOfForwardHalf(plain.Layers):
    """The output of a bidirectional network has P columns: its forward half."""

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        return super().leave(output[..., : self.widths()[0]], batched)


@mutant("RNN", dies_of=("SHP-1", "SHP-4"))
class DirectionsSummed(plain.Layers):
    """The directions of the last layer are summed, not concatenated."""

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        ways = output.chunk(self.directions, -1)
        return super().leave(torch.stack(ways).sum(0), batched)


@mutant("LSTM", dies_of=("SHP-1", "SHP-4"))
class OutputPaddedToH(plain.LSTM):
    """With a projection the output is padded with zeros to D·H columns."""

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        missing = self.directions * self.hidden_size - output.shape[-1]
        return super().leave(torch.nn.functional.pad(output, (0, missing)), batched)


@mutant(*LAYERS, dies_of=("SHP-1", "SHP-4"))
class UnitAxesSqueezed(plain.Layers):
    """Axes of length 1 are squeezed out of the output."""

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        return super().leave(output, batched).squeeze()


@mutant("RNN", "GRU", dies_of=("SHP-1",))
class BatchOfOneSqueezed(plain.Layers):
    """A batch of one loses its batch axis in the output."""

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        return super().leave(output, batched and output.shape[1] != 1)


@mutant("RNN", "GRU", dies_of=("SHP-1",))
class OutputInFloat32(plain.Layers):
    """The output is float32 whatever the input's dtype."""

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        return super().leave(output, batched).float()


@mutant("LSTM", dies_of=("SHP-1",))
class OutputInFloat64(plain.Layers):
    """A float32 output is promoted to float64."""

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        output = super().leave(output, batched)
        return output.double() if output.dtype == torch.float32 else output


@mutant(*LAYERS, dies_of=("SHP-2", "SHP-4", "SEQ-1", "SEQ-2"))
class OnlyTheLastLayersState(plain.Layers):
    """The final states are those of the last layer only."""

    def final_states(self, finals: list[State]) -> State:
        return super().final_states(finals[-self.directions :])


@mutant("LSTM", dies_of=("SHP-2", "SHP-4"))
class CCutToP(plain.LSTM):
    """With a projection c_n has P columns."""

    def final_states(self, finals: list[State]) -> State:
        h, c = super().final_states(finals)
        return h, c[..., : h.shape[-1]].clone()


@mutant("LSTM", dies_of=("SHP-2", "SHP-4"))
class HPaddedToH(plain.LSTM):
    """With a projection h_n has H columns, the last ones zero."""

    def final_states(self, finals: list[State]) -> State:
        h, c = super().final_states(finals)
        return torch.nn.functional.pad(h, (0, c.shape[-1] - h.shape[-1])), c


@mutant("RNN", "LSTM", dies_of=("SHP-2", "SHP-4", "SEQ-1", "SEQ-2"))
class LayerAxisMissing(plain.Layers):
    """The final states of one layer in one direction have no layer axis."""

    def leave_state(self, state: State, batched: bool) -> State:
        state = super().leave_state(state, batched)
        return tuple(s.squeeze(0) for s in state) if len(self.places()) == 1 else state


@mutant("GRU", dies_of=("SHP-2", "SHP-4"))
class DirectionsSideBySide(plain.Layers):
    """The final states have shape (L, B, D·P)."""

    def final_states(self, finals: list[State]) -> State:
        return tuple(
            torch.cat([s[d :: self.directions] for d in range(self.directions)], -1)
            for s in super().final_states(finals)
        )


@mutant("LSTM", dies_of=("SHP-3",))
class FlatTriple(plain.LSTM):
    """A call returns the flat triple (output, h_n, c_n)."""

    def result(self, output: Tensor | PackedSequence, state: State) -> Any:
        return (output, *state)


@mutant("LSTM", dies_of=("SHP-3",))
class StateAsList(plain.LSTM):
    """The final states are a list [h_n, c_n]."""

    def returned_state(self, state: State) -> Any:
        return list(state)


@mutant("LSTM", dies_of=("SHP-3",))
class OnlyHiddenReturned(plain.LSTM):
    """A call returns (output, h_n) and c_n is not returned."""

    def returned_state(self, state: State) -> Any:
        return state[0]


@mutant(*LAYERS, dies_of=("SHP-3",))
class ResultAsList(plain.Layers):
    """A call returns a list."""

    def result(self, output: Tensor | PackedSequence, state: State) -> Any:
        return list(super().result(output, state))


@mutant("RNN", "GRU", dies_of=("SHP-3",))
class StateWrapped(plain.Layers):
    """The final state comes in a tuple of one."""

    def returned_state(self, state: State) -> Any:
        return state


@mutant("RNN", "GRU", dies_of=("SHP-3",))
class OutputAlone(plain.Layers):
    """A call returns the output alone."""

    def result(self, output: Tensor | PackedSequence, state: State) -> Any:
        return output


@mutant(*LAYERS, dies_of=("SHP-4", "LAY-3"))
class BatchAxisLeftInOutput(plain.Layers):
    """Unbatched input gives an output with a batch axis of one."""

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        return super().leave(output, batched) if batched else output


@mutant("LSTM", "GRU", dies_of=("SHP-4", "LAY-3"))
class BatchAxisLeftInState(plain.Layers):
    """Unbatched input gives final states with a batch axis of one."""

    def leave_state(self, state: State, batched: bool) -> State:
        return state


@mutant("RNN", "GRU", dies_of=("SHP-4",))
class OneStepSqueezed(plain.Layers):
    """An unbatched sequence of one step loses its time axis together with the batch axis."""

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        output = super().leave(output, batched)
        return output if batched else output.squeeze(0)


class Empty(plain.Layers):
    """A sequence of length 0 gives an empty output."""

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        x = self.enter(input, input.dim() == 3)
        if len(x):
            return super().padded(input, hx)
        columns = self.directions * self.widths()[0]
        return input.new_empty(*input.shape[:-1], columns), self.empty_state(x, hx)

    def empty_state(self, x: Tensor, hx: Any) -> State:
        raise NotImplementedError


@mutant(*LAYERS, dies_of=("SHP-5",))
class EmptyUninitialised(Empty):
    """A sequence of length 0 gives an empty output and uninitialised final states."""

    def empty_state(self, x: Tensor, hx: Any) -> State:
        places = len(self.places())
        return tuple(x.new_empty(places, x.shape[1], width) for width in self.widths())


@mutant("RNN", "LSTM", dies_of=("SHP-5",))
class EmptyPassesStateThrough(Empty):
    """A sequence of length 0 gives an empty output and the initial states."""

    def empty_state(self, x: Tensor, hx: Any) -> State:
        if hx is not None:
            return self.given_state(hx)
        return self.initial_state(len(self.places()), x.shape[1], like=x)
