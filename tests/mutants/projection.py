"""Chapter 33: the projection of the LSTM."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import plain
from mutants.registry import mutant
from plain import Place, State, Weights


class FedBack(plain.LSTM):
    """What is fed back is not the projected state that is put out."""

    def fed_back(self, whole: Tensor, projected: Tensor) -> Tensor:
        raise NotImplementedError

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> tuple[list[Tensor], State]:
        if w.weight_hr is None:
            return super().layer(xs, state, w, place)
        ys: list[Tensor] = []
        h, c = state
        for x in xs[::-1] if place[1] else xs:
            rows = len(x)
            whole, new = self.step(x, (h[:rows], c[:rows]), w._replace(weight_hr=None))
            ys.append(self.project(whole, w))
            h = torch.cat([self.fed_back(whole, ys[-1]), h[rows:]])
            c = torch.cat([new, c[rows:]])
        return ys[::-1] if place[1] else ys, (torch.cat([ys[-1], h[len(ys[-1]) :]]), c)


@mutant("LSTM", dies_of=("PRJ-1", "PRJ-2"))
class ProjectionOfTheOutputAlone(FedBack):
    """The recurrence sees the last P units of o ⊙ tanh(c), not the projected state."""

    def fed_back(self, whole: Tensor, projected: Tensor) -> Tensor:
        return whole[:, -projected.shape[1] :]


@mutant("LSTM", dies_of=("PRJ-1",))
class FirstUnitsFedBack(FedBack):
    """The recurrence sees the first P units of o ⊙ tanh(c), not the projected state."""

    def fed_back(self, whole: Tensor, projected: Tensor) -> Tensor:
        return whole[:, : projected.shape[1]]


@mutant("LSTM", dies_of=("PRJ-1", "PRJ-4"))
class UnprojectedFinalState(plain.LSTM):
    """h_n is the first P units of o ⊙ tanh(c) at the last step."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> tuple[list[Tensor], State]:
        ys, final = super().layer(xs, state, w, place)
        if w.weight_hr is not None and len(xs[0]) == len(xs[-1]):
            rest = xs[1:] if place[1] else xs[:-1]
            before = super().layer(rest, state, w, place)[1] if rest else state
            whole, c = self.step(xs[0] if place[1] else xs[-1], before, w._replace(weight_hr=None))
            final = whole[:, : final[0].shape[1]], c
        return ys, final


@mutant("LSTM", dies_of=("PRJ-1", "PRJ-2"))
class TanhOfTheProjection(plain.LSTM):
    """The projected state goes through tanh."""

    def project(self, h: Tensor, w: Weights) -> Tensor:
        return h if w.weight_hr is None else super().project(h, w).tanh()


@mutant("LSTM", dies_of=("PRJ-1", "PRJ-2", "PRJ-4"))
class ProjectionWithBias(plain.LSTM):
    """1e-3 is added to the projected state."""

    def project(self, h: Tensor, w: Weights) -> Tensor:
        return h if w.weight_hr is None else super().project(h, w) + 1e-3


@mutant("LSTM", dies_of=("PRJ-1", "PRJ-2"))
class LastRowsOfTheProjection(plain.LSTM):
    """The rows of weight_hr are read from the last to the first."""

    def project(self, h: Tensor, w: Weights) -> Tensor:
        return h if w.weight_hr is None else super().project(h, w).flip(-1)


@mutant("LSTM", dies_of=("PRJ-1",))
class ProjectionBeforeTheOutputGate(plain.LSTM):
    """The hidden state is the mean of o times the projection of tanh(c)."""

    def hidden(self, o: Tensor, c: Tensor, old: Tensor) -> Tensor:
        if not self.proj_size:
            return super().hidden(o, c, old)
        return self.sigmoid(o).mean(-1, keepdim=True) * self.tanh(c)


@mutant("LSTM", dies_of=("PRJ-1", "PRJ-2", "PRJ-4"))
class CellOfPColumns(plain.LSTM):
    """With a projection the columns of c past the P-th are not carried."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        keep = torch.arange(self.hidden_size) < (self.proj_size or self.hidden_size)
        return super().cell(i, f, g, c * keep.to(c))


@mutant("LSTM", dies_of=("PRJ-1", "PRJ-4"))
class ProjectedCellClipped(plain.LSTM):
    """With a projection c is cut off at ±1."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        new = super().cell(i, f, g, c)
        return new.clamp(-1, 1) if self.proj_size else new


@mutant("LSTM", dies_of=("PRJ-1",))
class ProjectionCutAt32(plain.LSTM):
    """Units past the 32nd do not enter the projection."""

    def project(self, h: Tensor, w: Weights) -> Tensor:
        if w.weight_hr is None:
            return h
        return super().project(h * (torch.arange(h.shape[1]) < 32).to(h), w)


@mutant("RNN", "GRU", dies_of=("PRJ-3",))
class ProjectionIgnored(plain.Layers):
    """The keyword proj_size is taken and ignored."""

    def __init__(self, *args: Any, proj_size: int = 0, **options: Any) -> None:
        super().__init__(*args, **options)


@mutant("LSTM", dies_of=("PRJ-1",))
class ProjectionClipped(plain.LSTM):
    """The projected state is cut off at ±10."""

    def project(self, h: Tensor, w: Weights) -> Tensor:
        projected = super().project(h, w)
        return projected if w.weight_hr is None else projected.clamp(-10, 10)


@mutant("RNN", "GRU", dies_of=("PRJ-3",))
class NoProjectionAccepted(plain.Layers):
    """proj_size=0 is taken."""

    def __init__(self, *args: Any, proj_size: int = 0, **options: Any) -> None:
        if proj_size:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__(*args, **options)


@mutant("RNN", "GRU", dies_of=("PRJ-5",))
class ProjectionByPosition(plain.Layers):
    """The argument after bidirectional is the size of a projection, which has a weight."""

    def __init__(self, *args: Any, **options: Any) -> None:
        last = 7 + isinstance(self, plain.RNN)
        super().__init__(*args[:last], **options)
        for size in args[last:]:
            self.weight_hr_l0 = nn.Parameter(torch.zeros(size, self.hidden_size))


@mutant("LSTM", dies_of=("PRJ-6",))
class WideProjectionDropped(plain.LSTM):
    """A proj_size that is not below hidden_size stands for none."""

    def check_options(self, dropout: Any) -> None:
        self.proj_size = self.proj_size if self.proj_size < self.hidden_size else 0
        super().check_options(dropout)


@mutant("LSTM", dies_of=("PRJ-6",))
class NegativeProjectionDropped(plain.LSTM):
    """A negative proj_size stands for none."""

    def check_options(self, dropout: Any) -> None:
        self.proj_size = max(self.proj_size, 0)
        super().check_options(dropout)
