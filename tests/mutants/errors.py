"""Chapter 80: inputs and states that are taken though they are wrong, and what a refused call leaves."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.registry import CELLS, LAYERS, mutant
from plain import State

Packed = tuple[PackedSequence, State]


class Lenient(plain.Step):
    """What is given is made to fit before the checks."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        if isinstance(input, Tensor):
            return super().forward(self.fitting(input, hx), self.state_fitting(input, hx))
        return super().forward(input, hx)

    def fitting(self, x: Tensor, hx: Any) -> Tensor:
        return x

    def state_fitting(self, x: Tensor, hx: Any) -> Any:
        return hx

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype


@mutant(*LAYERS, *CELLS, dies_of=("ERR-2",))
class SurplusFeaturesCut(Lenient):
    """Features beyond input_size are ignored."""

    def fitting(self, x: Tensor, hx: Any) -> Tensor:
        return x[..., : self.input_size] if x.dim() else x


@mutant("RNN", "GRU", "LSTMCell", dies_of=("ERR-2",))
class OneFeatureSpread(Lenient):
    """A single feature is spread where there is no state."""

    def fitting(self, x: Tensor, hx: Any) -> Tensor:
        single = x.dim() and x.shape[-1] == 1 and hx is None
        return x.expand(*x.shape[:-1], self.input_size) if single else x


@mutant("RNN", "LSTM", "GRUCell", dies_of=("ERR-2",))
class UnbatchedFeaturesFilled(Lenient):
    """Missing features of unbatched input are zeros."""

    def fitting(self, x: Tensor, hx: Any) -> Tensor:
        rank, missing = 2 if isinstance(self, plain.Layers) else 1, self.input_size - x.shape[-1]
        fits = x.dim() == rank and missing > 0
        return torch.nn.functional.pad(x, (0, missing)) if fits else x


@mutant(*LAYERS, dies_of=("ERR-3",))
class LeadingAxisDropped(plain.Layers):
    """A leading axis of 1 before a state's own axes is dropped."""

    def enter_state(self, state: State, batched: bool) -> State:
        return super().enter_state(tuple(s[0] if s.dim() == 4 else s for s in state), batched)


@mutant("LSTM", dies_of=("ERR-3",))
class FlatCReshaped(plain.LSTM):
    """A flat c_0 of the right length is reshaped."""

    def enter_state(self, state: State, batched: bool) -> State:
        h, c = state
        flat = c.dim() == 1 and c.numel() == h.numel() // h.shape[-1] * self.hidden_size
        return super().enter_state((h, c.reshape(*h.shape[:-1], -1) if flat else c), batched)


class Entering(plain.Layers):
    """States of padded input are made to fit."""

    rows: int

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        self.__dict__["rows"] = self.enter(input, True).shape[1] if input.dim() == 3 else 1
        return super().padded(input, hx)

    def enter_state(self, state: State, batched: bool) -> State:
        state = super().enter_state(state, batched)
        return tuple(self.fitting(s, k, batched) for k, s in enumerate(state))

    def fitting(self, s: Tensor, k: int, batched: bool) -> Tensor:
        raise NotImplementedError


@mutant(*LAYERS, dies_of=("ERR-4",))
class SurplusLayersCut(Entering):
    """Surplus layers of a state are ignored."""

    def fitting(self, s: Tensor, k: int, batched: bool) -> Tensor:
        return s[: len(self.places())]


@mutant("RNN", "GRU", dies_of=("ERR-4",))
class UnbatchedLayersCut(Entering):
    """Surplus layers of a state of unbatched input are ignored."""

    def fitting(self, s: Tensor, k: int, batched: bool) -> Tensor:
        return s if batched else s[: len(self.places())]


@mutant(*LAYERS, dies_of=("ERR-4",))
class OneRowSpread(Entering):
    """The last state of one row is spread over the batch."""

    def fitting(self, s: Tensor, k: int, batched: bool) -> Tensor:
        return s.expand(-1, self.rows, -1) if s.shape[1] == 1 and k == len(self.widths()) - 1 else s


@mutant("RNN", "GRU", dies_of=("ERR-4",))
class SurplusRowsCut(Entering):
    """Surplus rows of a state are ignored where there is more than one layer."""

    def fitting(self, s: Tensor, k: int, batched: bool) -> Tensor:
        return s[:, : self.rows] if len(self.places()) > 1 else s


@mutant("LSTM", dies_of=("ERR-4", "ERR-5"))
class CUnchecked(Entering):
    """The columns of c_0 are not checked: missing ones are zeros."""

    def fitting(self, s: Tensor, k: int, batched: bool) -> Tensor:
        missing = self.hidden_size - s.shape[-1]
        return torch.nn.functional.pad(s, (0, missing)) if k == 1 else s


@mutant("LSTM", dies_of=("ERR-5",))
class HUnprojected(Entering):
    """Columns of h_0 beyond the projection are ignored if there are as many as units."""

    def fitting(self, s: Tensor, k: int, batched: bool) -> Tensor:
        return s[..., : self.widths()[k]] if s.shape[-1] == self.hidden_size else s


@mutant("RNN", "GRU", "RNNCell", "GRUCell", dies_of=("ERR-6",))
class FirstOfATuple(plain.Step):
    """Of a tuple or list the first tensor is the state."""

    def given_state(self, hx: Any) -> State:
        return super().given_state(hx[0] if isinstance(hx, tuple | list) and hx else hx)


@mutant("LSTM", "LSTMCell", dies_of=("ERR-6",))
class OneForBoth(plain.Step):
    """A lone tensor is h and c."""

    def given_state(self, hx: Any) -> State:
        return super().given_state((hx, hx) if isinstance(hx, Tensor) else hx)


@mutant("LSTM", "LSTMCell", dies_of=("ERR-6",))
class NoneIsZero(plain.Step):
    """None for c is zero."""

    def given_state(self, hx: Any) -> State:
        absent = isinstance(hx, tuple) and len(hx) == 2 and hx[1] is None
        return super().given_state((hx[0], torch.zeros_like(hx[0])) if absent else hx)


@mutant("LSTM", "LSTMCell", dies_of=("ERR-6", "ERR-24"))
class FirstTwoTaken(plain.Step):
    """Of more than two states the first two are taken."""

    def given_state(self, hx: Any) -> State:
        return super().given_state(hx[:2] if isinstance(hx, tuple) else hx)


@mutant("LSTM", "LSTMCell", dies_of=("ERR-24",))
class ThirdDroppedUnbatched(Lenient):
    """Of more than two states of unbatched input the first two are taken."""

    def state_fitting(self, x: Tensor, hx: Any) -> Any:
        rank = 2 if isinstance(self, plain.Layers) else 1
        return hx[:2] if x.dim() == rank and isinstance(hx, tuple) else hx


class Unpacking(plain.LSTM):
    """What comes with packed input is made to fit."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        input = input._replace(data=self.data_fitting(input))
        return super().packed(input, self.pair_fitting(input, *hx) if hx is not None else hx)

    def data_fitting(self, input: PackedSequence) -> Tensor:
        return input.data

    def pair_fitting(self, input: PackedSequence, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        return h, c


@mutant("LSTM", dies_of=("ERR-7", "ERR-33"))
class PackedDataCut(Unpacking):
    """Surplus features of packed data are ignored."""

    def data_fitting(self, input: PackedSequence) -> Tensor:
        return input.data[:, : self.input_size]


@mutant("LSTM", dies_of=("ERR-7",))
class PackedRowsOfCCut(Unpacking):
    """Surplus rows of the c_0 of packed input are ignored."""

    def pair_fitting(self, input: PackedSequence, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        return h, c[:, : int(input.batch_sizes[0])]


@mutant("LSTM", dies_of=("ERR-7", "ERR-34"))
class PackedColumnsCut(Unpacking):
    """Surplus columns of the states of packed input are ignored."""

    def pair_fitting(self, input: PackedSequence, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        return h[..., : self.widths()[0]], c[..., : self.hidden_size]


@mutant("LSTM", dies_of=("ERR-23",))
class PackedCSpread(Unpacking):
    """A c_0 of one row is spread over a packed batch."""

    def pair_fitting(self, input: PackedSequence, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        return h, c.expand_as(h) if c.shape[1] == 1 else c


@mutant("LSTM", dies_of=("ERR-23",))
class PackedLayersOfCCut(Unpacking):
    """Surplus layers of the c_0 of packed input are ignored."""

    def pair_fitting(self, input: PackedSequence, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        return h, c[: len(self.places())]


@mutant("LSTM", dies_of=("ERR-7",))
class OnlyLayersOfBothCut(Unpacking):
    """Surplus layers of both states of packed input are ignored, where they are as many."""

    def pair_fitting(self, input: PackedSequence, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        layers = len(self.places())
        return (h[:layers], c[:layers]) if len(h) == len(c) else (h, c)


@mutant(*LAYERS, dies_of=("ERR-22",))
class MissingRowsZero(plain.Layers):
    """Rows that batch_sizes ask for and the data lack are zeros."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        missing = int(input.batch_sizes.sum()) - len(input.data)
        data = torch.nn.functional.pad(input.data, (0, 0, 0, max(missing, 0)))
        return super().packed(input._replace(data=data), hx)


@mutant("RNN", "LSTM", dies_of=("ERR-22",))
class BatchSizesSorted(plain.Layers):
    """Batch sizes that increase are sorted."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        sizes = input.batch_sizes.sort(descending=True)[0]
        return super().packed(input._replace(batch_sizes=sizes), hx)


@mutant(*LAYERS, dies_of=("ERR-27",))
class SurplusDataLost(plain.Layers):
    """Data beyond the sum of batch_sizes are dropped."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        return super().packed(input._replace(data=input.data[: int(input.batch_sizes.sum())]), hx)


@mutant(*CELLS, dies_of=("ERR-12",))
class UnbatchedColumnsCut(Lenient):
    """Surplus columns of the state of an unbatched cell are ignored."""

    def state_fitting(self, x: Tensor, hx: Any) -> Any:
        if hx is None or x.dim() != 1:
            return hx
        return self.returned_state(tuple(s[..., : self.hidden_size] for s in self.given_state(hx)))


@mutant("RNNCell", "LSTMCell", dies_of=("ERR-12", "CEL-10"))
class FirstRowOfTheState(Lenient):
    """For an unbatched input the first row of a batched state is taken."""

    def state_fitting(self, x: Tensor, hx: Any) -> Any:
        if hx is None or x.dim() != 1:
            return hx
        return self.returned_state(tuple(s[0] if s.dim() == 2 else s for s in self.given_state(hx)))
