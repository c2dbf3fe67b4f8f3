"""Chapter 62: dropout of packed and unbatched input, and without grad."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from mutants.dropout import Drops, Knows
from mutants.registry import mutant
from plain import State


class Tells(Drops):
    """Dropout that knows whether the batch is packed."""

    is_packed = False

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        self.is_packed = True
        result = super().packed(input, hx)
        self.is_packed = False
        return result


@mutant("RNN", "GRU", dies_of=("DRP-10", "DRP-14"))
class PackedNotDropped(Tells):
    """Nothing is dropped in a packed batch."""

    def drop(self, xs: list[Tensor]) -> list[Tensor]:
        return xs if self.is_packed else super().drop(xs)


@mutant("LSTM", "GRU", dies_of=("DRP-10",))
class PackedScaledByRows(Tells):
    """The scale of a packed batch is that of the steps where all rows run."""

    def masks(self, xs: list[Tensor]) -> list[Tensor]:
        return [m * len(x) / len(xs[0]) for x, m in zip(xs, super().masks(xs), strict=True)]


@mutant("RNN", "LSTM", dies_of=("DRP-14",))
class PackedDrawnRowByRow(Tells):
    """The mask of a packed batch is drawn in the order of its rows."""

    def masks(self, xs: list[Tensor]) -> list[Tensor]:
        masks = super().masks(xs)
        whole = torch.cat(masks)
        if not self.is_packed or len(xs[0]) != len(xs[-1]):
            return masks
        by_row = whole.reshape(len(xs[0]), len(xs), -1).transpose(0, 1)
        return list(by_row)


@mutant("RNN", "LSTM", dies_of=("DRP-15",))
class NotDroppedWithoutGrad(Drops):
    """Nothing is dropped in training without grad."""

    def drop(self, xs: list[Tensor]) -> list[Tensor]:
        return super().drop(xs) if torch.is_grad_enabled() else xs


@mutant("LSTM", "GRU", dies_of=("DRP-16",))
class UnbatchedNotDropped(Knows):
    """Nothing is dropped of unbatched input."""

    def drop(self, xs: list[Tensor]) -> list[Tensor]:
        return xs if self.unbatched else super().drop(xs)


@mutant("LSTM", "RNN", dies_of=("DRP-10",))
class PackedKeptWithP(Tells):
    """Each element of a packed batch is kept with probability p, and scaled by 1/p."""

    def mask(self, like: Tensor) -> Tensor:
        if not self.is_packed:
            return super().mask(like)
        return torch.dropout(torch.ones_like(like), 1 - self.dropout, True)
