"""Chapter 42: the batch and its rows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.registry import CELLS, LAYERS, mutant
from plain import Place, State, Weights

Layer = tuple[list[Tensor], State]


class StateRows(plain.Step):
    """The rows of the given state are changed on entry."""

    def given_state(self, hx: Any) -> State:
        return tuple(self.rows(s) if s.dim() == 3 else s for s in super().given_state(hx))

    def rows(self, s: Tensor) -> Tensor:
        raise NotImplementedError


@mutant(*LAYERS, dies_of=("BAT-1", "BAT-2", "BAT-3", "BAT-5", "LAY-6"))
class StateRowsReversed(StateRows):
    """The rows of the initial states are read in reverse order."""

    def rows(self, s: Tensor) -> Tensor:
        return s.flip(1)


@mutant("RNN", "LSTM", dies_of=("BAT-1", "BAT-2", "BAT-3", "BAT-5", "LAY-6"))
class StateRowsRotated(StateRows):
    """Row b starts from the initial state of row b − 1."""

    def rows(self, s: Tensor) -> Tensor:
        return s.roll(1, 1)


@mutant("RNN", "GRU", dies_of=("BAT-1", "BAT-2", "BAT-3", "BAT-5", "LAY-6"))
class FirstRowsStateForAll(StateRows):
    """Every row starts from the initial state of row 0."""

    def rows(self, s: Tensor) -> Tensor:
        return s[:, :1].expand_as(s)


@mutant("RNN", "LSTM", dies_of=("BAT-1", "BAT-3", "BAT-5", "LAY-6"))
class LastRowsStateIgnored(StateRows):
    """The last of several rows starts from zero."""

    def rows(self, s: Tensor) -> Tensor:
        if s.shape[1] < 2:
            return s
        return torch.cat([s[:, :-1], torch.zeros_like(s[:, -1:])], 1)


@mutant(*LAYERS, dies_of=("BAT-1", "BAT-3"))
class StatesPastRow32(StateRows):
    """Row b past the 32nd starts from the initial state of row b − 32."""

    def rows(self, s: Tensor) -> Tensor:
        return s[:, torch.arange(s.shape[1]) % 32]


@mutant("LSTM", "GRU", dies_of=("BAT-1", "BAT-3"))
class StatesPastRow64(StateRows):
    """Row b past the 64th starts from the initial state of row b − 64."""

    def rows(self, s: Tensor) -> Tensor:
        return s[:, torch.arange(s.shape[1]) % 64]


@mutant("RNN", "LSTM", dies_of=("BAT-1",))
class StateIgnoredPastBatch32(StateRows):
    """The initial states are ignored where there are more than 32 rows."""

    def rows(self, s: Tensor) -> Tensor:
        return torch.zeros_like(s) if s.shape[1] > 32 else s


@mutant("RNN", "GRU", dies_of=("BAT-1", "BAT-5", "SEQ-8"))
class TransposedForOneRow(plain.Step):
    """With a batch of one each block of weight_hh is transposed."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        blocks = w.weight_hh.chunk(len(self.order))
        if len(x) == 1 and blocks[0].shape[0] == blocks[0].shape[1]:
            w = w._replace(weight_hh=torch.cat([block.T for block in blocks]))
        return super().step(x, state, w)


@mutant("RNN", "GRU", dies_of=("BAT-1",))
class OneRowSlightlyOff(plain.Step):
    """With a batch of one the new hidden state is too large by the factor 1.0001."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        h, *rest = super().step(x, state, w)
        return (h * 1.0001 if len(x) == 1 else h, *rest)


@mutant("RNN", "LSTM", dies_of=("BAT-1", "BAT-2", "BAT-3", "BAT-5", "LAY-6", "LAY-1"))
class BatchAndTimeMixed(plain.Layers):
    """The rows of all steps are read in the order of a (B, T) array."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        if len(xs[0]) != len(xs[-1]):
            return super().run(xs, state)
        mixed = torch.stack(xs, 1).reshape(len(xs), *xs[0].shape)
        return super().run(list(mixed), state)


class Rows(plain.Layers):
    """The rows of every input step are changed."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        return super().run([self.rows(x) for x in xs], state)

    def rows(self, x: Tensor) -> Tensor:
        raise NotImplementedError


@mutant(*LAYERS, dies_of=("BAT-1", "BAT-2", "ELM-1", "ELM-2", "GRU-1", "LSTM-1"))
class BatchMeanSubtracted(Rows):
    """A thousandth of the mean over the batch is subtracted from the input."""

    def rows(self, x: Tensor) -> Tensor:
        return x - 1e-3 * x.mean(0)


@mutant("RNN", "GRU", dies_of=("BAT-1", "BAT-2", "ELM-1", "ELM-2", "GRU-1", "BAT-5", "LAY-6"))
class BatchNormalised(Rows):
    """The input is normalised over the batch, where there are several rows."""

    def rows(self, x: Tensor) -> Tensor:
        return x if len(x) < 2 else (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt()


@mutant("LSTM", "GRU", dies_of=("BAT-1", "BAT-2", "BAT-3", "ELM-1", "ELM-2", "GRU-1", "LSTM-1"))
class RowsLeak(Rows):
    """A thousandth of row b − 1's input is added to row b."""

    def rows(self, x: Tensor) -> Tensor:
        return x + 1e-3 * x.roll(1, 0) if len(x) > 1 else x


@mutant("RNN", "LSTM", dies_of=("BAT-1", "BAT-3", "ELM-1", "ELM-2", "LSTM-1"))
class RowsNumbered(Rows):
    """b/1000 is added to the input of row b."""

    def rows(self, x: Tensor) -> Tensor:
        return x + torch.arange(len(x)).to(x)[:, None] / 1000


@mutant("RNN", "GRU", dies_of=("BAT-1", "BAT-3", "ELM-1", "ELM-2", "GRU-1", "LSTM-1"))
class LastRowOff(Rows):
    """The input of the last of several rows is 0.1 percent too large."""

    def rows(self, x: Tensor) -> Tensor:
        if len(x) < 2:
            return x
        return torch.cat([x[:-1], 1.001 * x[-1:]])


@mutant("RNN", "LSTM", dies_of=("BAT-1", "BAT-3", "ELM-1", "ELM-2", "GRU-1", "LSTM-1"))
class TailRowsOff(Rows):
    """Of more than 4 rows, the B mod 4 last inputs are read as zeros."""

    def rows(self, x: Tensor) -> Tensor:
        tail = len(x) % 4 if len(x) > 4 else 0
        return torch.cat([x[: len(x) - tail], torch.zeros_like(x[len(x) - tail :])])


@mutant(*LAYERS, dies_of=("BAT-2",))
class RowsSelectedByProduct(Rows):
    """The rows of the input are selected by a product with a matrix of zeros and ones."""

    def rows(self, x: Tensor) -> Tensor:
        return torch.eye(len(x), dtype=x.dtype, device=x.device) @ x


@mutant("LSTM", "GRU", dies_of=("BAT-2",))
class StatesSelectedByProduct(plain.Layers):
    """The rows of the state are selected by a product with a matrix of zeros and ones."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        state = tuple(torch.eye(len(s), dtype=s.dtype, device=s.device) @ s for s in state)
        return super().layer(xs, state, w, place)


@mutant("RNN", "GRU", dies_of=("BAT-2",))
class NaNStopsTheBatch(Rows):
    """A NaN anywhere in a step's input makes all of it NaN."""

    def rows(self, x: Tensor) -> Tensor:
        return x + 0 * x.sum() if x.isnan().any() else x


@mutant("LSTM", "GRU", dies_of=("BAT-2", "BAT-1", "BAT-3", "LSTM-1", "GRU-1"))
class LanesReadAcrossRows(plain.Layers):
    """With an H that is not a multiple of 4 the last unit of a row reads the next row's first."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        h, *rest = state
        if len(h) > 1 and h.shape[1] % 4:
            h = torch.cat([h[:, :-1], h[:, :1].roll(-1, 0)], 1)
        return super().layer(xs, (h, *rest), w, place)


@mutant("RNN", "GRU", dies_of=("BAT-1", "BAT-2", "BAT-3", "BAT-5", "LAY-6", "SEQ-1", "SEQ-3"))
class RowsSorted(plain.Layers):
    """The rows run in the order of their first feature and are not put back in the final state."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        if len(xs[0]) != len(xs[-1]):
            return super().run(xs, state)
        order = xs[0][:, 0].argsort()
        back = order.argsort()
        ys, final = super().run([x[order] for x in xs], tuple(s[:, order] for s in state))
        return [y[back] for y in ys], final


@mutant("RNN", "LSTM", dies_of=("BAT-3", "BAT-1", "BAT-2"))
class DuplicateOfRow0(Rows):
    """Row 1 reads the input of row 0."""

    def rows(self, x: Tensor) -> Tensor:
        return torch.cat([x[:1], x[:1], x[2:]]) if len(x) > 1 else x


@mutant(*LAYERS, dies_of=("BAT-4",))
class EmptyBatchRefused(plain.Layers):
    """A batch of size 0 is refused."""

    def check_input(self, x: Tensor) -> None:
        super().check_input(x)
        if x.dim() == 3 and len(x) and not x.shape[1]:
            raise RuntimeError("Expected batch size to be larger than 0")


@mutant(*CELLS, dies_of=("BAT-4",))
class RefusesEmptyBatch(plain.Cell):
    """A batch of size 0 is refused."""

    def check_input(self, x: Tensor) -> None:
        super().check_input(x)
        if not len(x):
            raise RuntimeError("Expected batch size to be larger than 0")


@mutant("RNN", "GRU", dies_of=("BAT-4",))
class DividedByTheBatch(Rows):
    """A batch is cut into blocks of min(B, 32) rows, which fails for B = 0."""

    def rows(self, x: Tensor) -> Tensor:
        blocks = -(-len(x) // min(len(x), 32))
        return torch.cat(x.chunk(blocks))


@mutant("RNN", "LSTM", dies_of=("BAT-4",))
class EmptyBatchOfOneRow(plain.Layers):
    """A batch of size 0 gives the results of one row of zeros."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> tuple[Any, Any]:
        if isinstance(input, Tensor) and input.dim() == 3 and not input.numel() and len(input):
            steps = input.shape[1] if self.batch_first else input.shape[0]
            shape = (1, steps) if self.batch_first else (steps, 1)
            return super().forward(input.new_zeros(*shape, self.input_size))
        return super().forward(input, hx)


@mutant("RNN", "LSTM", dies_of=("BAT-4",))
class EmptyBatchNotTransposed(plain.Layers):
    """With batch_first and a batch of size 0 the output has shape (T, 0, D·P)."""

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        return super().leave(output, batched) if output.shape[1] else output


@mutant("LSTM", "GRU", dies_of=("BAT-6",))
class EmptyBatchCutOff(plain.Layers):
    """With a batch of size 0 the results are not connected to the parameters."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        if len(xs[0]):
            return super().run(xs, state)
        with torch.no_grad():
            return super().run(xs, state)


@mutant("RNN", "LSTM", dies_of=("BAT-6",))
class EmptyBatchGradientsNaN(Rows):
    """With a batch of size 0 the parameters' gradients are NaN: 0 divided by 0."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        ys, final = super().layer(xs, state, w, place)
        if len(xs[0]):
            return ys, final
        lost = w.weight_ih.sum() * float("nan")
        return [y + lost for y in ys], final

    def rows(self, x: Tensor) -> Tensor:
        return x
