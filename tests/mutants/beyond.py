"""What torch has no word for: the GRU with the reset before, padded input beside the lengths of its rows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import plain
from mutants.registry import LAYERS, mutant
from plain import State, Weights
from rnnspec.ragged import beyond

GRUS = ("GRU", "GRUCell")


class ResetBefore(plain.GRUBeforeStep):
    """Right: what the mutants derive from."""

    claims: tuple[str, ...] = ("reset_before",)


@mutant(*GRUS, dies_of=("GRU-5", "GRU-6"))
class ResetAfterAll(plain.GRUStep):
    """It claims the reset before the product, and has it after."""

    claims = ("reset_before",)


@mutant(*GRUS, dies_of=("GRU-5", "GRU-6"))
class ResetScalesTheBias(ResetBefore):
    """The reset gate scales the state before the product, and then the bias too."""

    def inside(self, r: Tensor, h: Tensor, w: Weights) -> Tensor:
        b_hn = 0 if w.bias_hh is None else self.gates(w.bias_hh)["n"]
        return super().inside(r, h, w) + (r - 1) * b_hn


@mutant(*GRUS, dies_of=("GRU-5",))
class ResetOfOneUnit(ResetBefore):
    """Every unit of the state is scaled by its neighbour's reset gate."""

    def reset(self, r: Tensor, h: Tensor) -> Tensor:
        return r.roll(1, -1) * h


@mutant(*GRUS, dies_of=("GRU-5", "GRU-6"))
class ResetLeaks(ResetBefore):
    """A closed reset gate still lets a thousandth of the state through."""

    def reset(self, r: Tensor, h: Tensor) -> Tensor:
        return (r + 1e-3 * (1 - r)) * h


@mutant(*GRUS, dies_of=("GRU-5",))
class UpdateSwapped(ResetBefore):
    """The update gate weighs the candidate, not the old state."""

    def blend(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return super().blend(1 - z, n, h)


class Beside(plain.Layers):
    """Right: padded input and the lengths of its rows, by way of packing."""

    claims: tuple[str, ...] = ("padded", "zero_padding")

    def with_lengths(self, x: Tensor, state: State | None, lengths: Sequence[int]) -> tuple[Tensor, State]:
        packed = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
        output, final = self(packed, state if state is None or len(state) == 2 else state[0])
        return pad_packed_sequence(output, total_length=len(x))[0], final if len(self.widths()) == 2 else (
            final,
        )


class Both(ResetBefore, Beside):
    """Right: a GRU with both."""

    claims = (*ResetBefore.claims, *Beside.claims)


RIGHT = {"RNN": Beside, "LSTM": Beside, "GRU": Both, "GRUCell": ResetBefore}
"""What the mutants of a mode derive from."""


@mutant(*LAYERS, dies_of=("PCK-21",))
class LengthsBesideIgnored(Beside):
    """Every row is as long as the longest."""

    def with_lengths(self, x: Tensor, state: State | None, lengths: Sequence[int]) -> tuple[Tensor, State]:
        output, final = super().with_lengths(x, state, [len(x)] * len(lengths))
        return beyond(output, lengths, 0.0), final


@mutant(*LAYERS, dies_of=("PCK-21",))
class StatesOfTheLongest(Beside):
    """The final states are those after the last step of the longest row."""

    def with_lengths(self, x: Tensor, state: State | None, lengths: Sequence[int]) -> tuple[Tensor, State]:
        output, _ = super().with_lengths(x, state, lengths)
        return output, super().with_lengths(x, state, [len(x)] * len(lengths))[1]


@mutant(*LAYERS, dies_of=("PCK-21",))
class LengthsBesideSorted(Beside):
    """The lengths are taken longest first, the rows as they come."""

    def with_lengths(self, x: Tensor, state: State | None, lengths: Sequence[int]) -> tuple[Tensor, State]:
        return super().with_lengths(x, state, sorted(lengths, reverse=True))


@mutant(*LAYERS, dies_of=("PCK-22",))
class LastOutputRepeated(Beside):
    """Beyond a row's end its last output is repeated."""

    def with_lengths(self, x: Tensor, state: State | None, lengths: Sequence[int]) -> tuple[Tensor, State]:
        output, final = super().with_lengths(x, state, lengths)
        last = torch.stack([output[n - 1, b] for b, n in enumerate(lengths)])
        return output + (beyond(torch.zeros_like(output), lengths, 1.0) * last), final


@mutant(*LAYERS, dies_of=("PCK-23",))
class RowsOfOneStepAtLeast(Beside):
    """A row of no steps takes one all the same."""

    def with_lengths(self, x: Tensor, state: State | None, lengths: Sequence[int]) -> tuple[Tensor, State]:
        output, final = super().with_lengths(x, state, [max(n, 1) for n in lengths])
        return beyond(output, lengths, 0.0), final


@mutant(*LAYERS, dies_of=("PCK-23",))
class RowsOfNoStepsForgotten(Beside):
    """The final state of a row of no steps is 0."""

    def with_lengths(self, x: Tensor, state: State | None, lengths: Sequence[int]) -> tuple[Tensor, State]:
        output, final = super().with_lengths(x, state, [max(n, 1) for n in lengths])
        none = (torch.tensor(lengths) == 0)[:, None]
        return beyond(output, lengths, 0.0), tuple(part.masked_fill(none, 0.0) for part in final)
