"""Chapter 32: the step of an LSTM."""

from __future__ import annotations

import torch
from torch import Tensor

import plain
from mutants.registry import mutant
from plain import Place, State, Weights


@mutant("LSTM", "LSTMCell", dies_of=("LSTM-1", "LSTM-2", "LSTM-3", "SEQ-1", "SEQ-2"))
class GivenCIgnored(plain.LSTMStep):
    """The given c_0 is ignored: the network starts from c = 0."""

    def given_state(self, hx: object) -> State:
        h, c = super().given_state(hx)
        return h, torch.zeros_like(c)


@mutant("LSTM", dies_of=("LSTM-1", "LSTM-2", "SEQ-1", "SEQ-2"))
class GivenCReadFromH(plain.LSTMStep):
    """c_0 is read from h_0."""

    def given_state(self, hx: object) -> State:
        h, c = super().given_state(hx)
        return h, h.clone() if h.shape == c.shape else c


@mutant("LSTM", "LSTMCell", dies_of=("LSTM-1", "LSTM-2", "LSTM-3", "SEQ-1", "SEQ-2"))
class GivenStatesExchanged(plain.LSTMStep):
    """The given pair is read as (c_0, h_0)."""

    def given_state(self, hx: object) -> State:
        h, c = super().given_state(hx)
        return (c, h) if h.shape == c.shape else (h, c)


@mutant("LSTM", "LSTMCell", dies_of=("PAR-4", "LSTM-1", "LSTM-2"))
class SigmoidCandidateCell(plain.LSTMStep):
    """g is σ of its pre-activation."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        return self.sigmoid(f) * c + self.sigmoid(i) * self.sigmoid(g)


@mutant("LSTM", dies_of=("PAR-4", "LSTM-1", "LSTM-2"))
class TanhInputGate(plain.LSTM):
    """i is tanh of its pre-activation."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        return self.sigmoid(f) * c + self.tanh(i) * self.tanh(g)


@mutant("LSTM", "LSTMCell", dies_of=("PAR-4", "LSTM-1", "LSTM-2", "LSTM-4"))
class HiddenWithoutTanh(plain.LSTMStep):
    """The hidden state is o ⊙ c."""

    def hidden(self, o: Tensor, c: Tensor, old: Tensor) -> Tensor:
        return self.sigmoid(o) * c


@mutant("LSTM", dies_of=("PAR-4", "LSTM-1"))
class GateInsideTanh(plain.LSTM):
    """The hidden state is tanh(o ⊙ c)."""

    def hidden(self, o: Tensor, c: Tensor, old: Tensor) -> Tensor:
        return self.tanh(self.sigmoid(o) * c)


@mutant("LSTM", "LSTMCell", dies_of=("PAR-4", "LSTM-1", "LSTM-2"))
class HiddenFromOldCell(plain.LSTMStep):
    """The hidden state shows the cell as it was before the step."""

    def hidden(self, o: Tensor, c: Tensor, old: Tensor) -> Tensor:
        return super().hidden(o, old, old)


@mutant("LSTM", dies_of=("PAR-4", "LSTM-1", "LSTM-2"))
class OutputGateMissing(plain.LSTM):
    """The hidden state is tanh(c)."""

    def hidden(self, o: Tensor, c: Tensor, old: Tensor) -> Tensor:
        return self.tanh(c)


@mutant("LSTM", dies_of=("PAR-4", "LSTM-1", "LSTM-2"))
class ForgetGateMissing(plain.LSTM):
    """The cell keeps all of its old value."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        return c + self.sigmoid(i) * self.tanh(g)


@mutant("LSTM", dies_of=("PAR-4", "LSTM-1", "LSTM-2"))
class CoupledForgetGate(plain.LSTM):
    """The forget gate is 1 − i."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        return (1 - self.sigmoid(i)) * c + self.sigmoid(i) * self.tanh(g)


@mutant("LSTM", "LSTMCell", dies_of=("PAR-4", "LSTM-1"))
class ForgetBiasAtRunTime(plain.LSTMStep):
    """1 is added to the forget gate's pre-activation."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        return super().cell(i, f + 1, g, c)


@mutant("LSTM", dies_of=("PAR-4", "LSTM-1", "LSTM-2", "LSTM-4"))
class AccumulatedTwice(plain.LSTM):
    """i ⊙ g is added twice at every step."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        return super().cell(i, f, g, c) + self.sigmoid(i) * self.tanh(g)


@mutant("LSTM", "LSTMCell", dies_of=("PAR-4", "LSTM-1", "LSTM-3"))
class Peepholes(plain.LSTMStep):
    """The input and forget gates see a tenth of the old cell state."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        return super().cell(i + 0.1 * c, f + 0.1 * c, g, c)


@mutant("LSTM", dies_of=("PAR-4", "LSTM-1"))
class OutputPeephole(plain.LSTM):
    """The output gate sees a tenth of the new cell state."""

    def hidden(self, o: Tensor, c: Tensor, old: Tensor) -> Tensor:
        return super().hidden(o + 0.1 * c, c, old)


@mutant("LSTM", "LSTMCell", dies_of=("LSTM-1", "LSTM-2", "LSTM-3"))
class ClippedAt1(plain.LSTMStep):
    """The cell state is cut off at ±1."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        return super().cell(i, f, g, c).clamp(-1, 1)


@mutant("LSTM", dies_of=("LSTM-2", "LSTM-3"))
class ClippedAt3(plain.LSTM):
    """The cell state is cut off at ±3."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        return super().cell(i, f, g, c).clamp(-3, 3)


@mutant("LSTM", dies_of=("LSTM-3",))
class ClippedAt10(plain.LSTM):
    """The cell state is cut off at ±10."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        return super().cell(i, f, g, c).clamp(-10, 10)


@mutant("LSTM", "LSTMCell", dies_of=("LSTM-1", "LSTM-2", "LSTM-3", "SEQ-1", "SEQ-2"))
class TanhOfCReturned(plain.LSTMStep):
    """c_n is returned as tanh(c_n)."""

    def returned_state(self, state: State) -> State:
        h, c = state
        return h, c.tanh()


@mutant("LSTM", dies_of=("LSTM-1", "LSTM-2", "LSTM-3", "SEQ-1", "SEQ-2"))
class HReturnedAsC(plain.LSTM):
    """c_n is returned as h_n."""

    def final_states(self, finals: list[State]) -> State:
        h, c = super().final_states(finals)
        return (h, h.clone()) if h.shape == c.shape else (h, c)


@mutant("LSTM", "LSTMCell", dies_of=("LSTM-1", "LSTM-2", "SEQ-1", "SEQ-2", "SEQ-3"))
class ReturnedStatesExchanged(plain.LSTMStep):
    """The final pair is (c_n, h_n)."""

    def returned_state(self, state: State) -> State:
        return state[::-1]


@mutant("LSTM", "LSTMCell", dies_of=("LSTM-3",))
class FiniteCellClipped(plain.LSTMStep):
    """A finite cell state is cut off at ±10000, an infinite one is not."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        new = super().cell(i, f, g, c)
        return torch.where(new.isinf(), new, new.clamp(-1e4, 1e4))


@mutant("LSTM", dies_of=("LSTM-1",))
class ChunksFromTheInitialH(plain.LSTM):
    """Each chunk of 256 steps starts from h_0 again, and from the c of the one before."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> tuple[list[Tensor], State]:
        if len(xs[0]) != len(xs[-1]) or place[1]:
            return super().layer(xs, state, w, place)
        h_0, ys = state[0], list[Tensor]()
        for first in range(0, len(xs), 256):
            chunk, state = super().layer(xs[first : first + 256], (h_0, state[1]), w, place)
            ys += chunk
        return ys, state
