"""Chapters 30 to 32: the equations of one step."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import elu, gelu, hardsigmoid, hardtanh, leaky_relu, softplus

import plain
from mutants.registry import LAYERS, mutant
from plain import State, Weights

GATED = ("LSTM", "GRU", "LSTMCell", "GRUCell")


@mutant(
    *LAYERS, "LSTMCell", "GRUCell",
    dies_of=("PAR-4", "ELM-1", "ELM-2", "GRU-1", "LSTM-1", "SEQ-8", "SEQ-9", "LAY-6", "BAT-5"),
)  # fmt: skip
class RecurrenceTransposed(plain.Step):
    """Each block of weight_hh is transposed."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        blocks = w.weight_hh.chunk(len(self.order))
        if blocks[0].shape[0] != blocks[0].shape[1]:
            return w
        return w._replace(weight_hh=torch.cat([block.T for block in blocks]))


@mutant(
    *LAYERS, "LSTMCell", "GRUCell",
    dies_of=("PAR-4", "ELM-1", "ELM-2", "GRU-1", "LSTM-1", "SEQ-8", "LAY-6", "BAT-5"),
)  # fmt: skip
class RecurrentBiasDropped(plain.Step):
    """bias_hh is not added."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        return super().weights(layer, direction)._replace(bias_hh=None)


@mutant(*LAYERS, dies_of=("PAR-4", "ELM-1", "ELM-2", "GRU-1", "LSTM-1", "SEQ-8", "LAY-6", "BAT-5"))
class InputBiasDropped(plain.Step):
    """bias_ih is not added."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        return super().weights(layer, direction)._replace(bias_ih=None)


@mutant(*LAYERS, dies_of=("PAR-4", "ELM-1", "ELM-2", "GRU-1", "LSTM-1", "SEQ-8", "LAY-6", "BAT-5"))
class InputBiasDoubled(plain.Step):
    """bias_ih is added twice, in place of bias_hh."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(bias_hh=w.bias_ih)


@mutant(
    "RNN", "GRU",
    dies_of=("PAR-4", "ELM-1", "ELM-2", "GRU-1", "SEQ-8", "LAY-6", "BAT-5"),
)  # fmt: skip
class RecurrentBiasDoubled(plain.Step):
    """bias_hh is added twice."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w if w.bias_hh is None else w._replace(bias_hh=2 * w.bias_hh)


@mutant(
    *LAYERS, "LSTMCell", "GRUCell",
    dies_of=("ELM-1", "ELM-2", "GRU-1", "LSTM-1", "SEQ-1", "SEQ-2", "SEQ-8", "LAY-6", "BAT-5"),
)  # fmt: skip
class GivenHIgnored(plain.Step):
    """The given h_0 is ignored: the network starts from h = 0."""

    def given_state(self, hx: object) -> State:
        h, *rest = super().given_state(hx)
        return (torch.zeros_like(h), *rest)


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


@mutant("RNN", dies_of=("ELM-1", "ELM-3", "SEQ-7", "SEQ-8", "LAY-6", "BAT-5"))
class SigmoidForTanh(plain.RNN):
    """The nonlinearity is σ, whose outputs are positive, instead of tanh."""

    def tanh(self, v: Tensor) -> Tensor:
        return v.sigmoid()


@mutant("RNN", dies_of=("ELM-1", "SEQ-8", "LAY-6", "BAT-5"))
class HardTanh(plain.RNN):
    """tanh is approximated by cutting its argument off at ±1."""

    def tanh(self, v: Tensor) -> Tensor:
        return hardtanh(v)


@mutant("RNN", dies_of=("ELM-1",))
class PadeTanh(plain.RNN):
    """tanh(v) is the rational function v(27 + v²)/(27 + 9v²), cut off at ±1."""

    def tanh(self, v: Tensor) -> Tensor:
        return (v * (27 + v * v) / (27 + 9 * v * v)).clamp(-1, 1)


@mutant("RNN", dies_of=("ELM-1", "ELM-3"))
class AsymmetricTanh(plain.RNN):
    """tanh is 1e-4 too large where it is positive."""

    def tanh(self, v: Tensor) -> Tensor:
        return torch.where(v > 0, 1 + 1e-4, 1.0).to(v) * v.tanh()


@mutant("RNN", dies_of=("ELM-1", "ELM-3", "SEQ-7"))
class HiddenConstant(plain.RNN):
    """1e-4 is added to every pre-activation."""

    def activation(self, v: Tensor) -> Tensor:
        return super().activation(v + 1e-4)


@mutant("RNN", dies_of=("ELM-1", "ELM-2", "SEQ-8", "LAY-6", "BAT-5"))
class BiasAfterActivation(plain.RNN):
    """bias_hh is added after the nonlinearity."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        (h,) = super().step(x, state, w._replace(bias_hh=None))
        return (h if w.bias_hh is None else h + w.bias_hh,)


@mutant("RNN", dies_of=("ELM-1", "SEQ-8", "LAY-6", "BAT-5"))
class RecurrenceOutsideActivation(plain.RNN):
    """The recurrent product is added after the nonlinearity."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        inputs, recurrent = self.preactivations(x, state[0], w)
        return (self.activation(inputs) + recurrent,)


@mutant("RNN", dies_of=("ELM-1", "ELM-2", "SEQ-8", "LAY-6", "BAT-5"))
class Leaky(plain.RNN):
    """The new state is 0.9 times the new activation plus 0.1 times the old state."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        (h,) = super().step(x, state, w)
        return (0.9 * h + 0.1 * state[0],)


@mutant("RNN", dies_of=("ELM-2",))
class TanhForRelu(plain.RNN):
    """nonlinearity='relu' computes tanh."""

    def relu(self, v: Tensor) -> Tensor:
        return v.tanh()


@mutant("RNN", dies_of=("ELM-1", "ELM-3", "SEQ-8", "LAY-6", "BAT-5"))
class ReluForTanh(plain.RNN):
    """nonlinearity='tanh' computes relu."""

    def tanh(self, v: Tensor) -> Tensor:
        return v.relu()


@mutant("RNN", dies_of=("ELM-2",))
class Relu6(plain.RNN):
    """relu is cut off at 6."""

    def relu(self, v: Tensor) -> Tensor:
        return v.clamp(0, 6)


@mutant("RNN", dies_of=("ELM-2",))
class ReluClippedAt100(plain.RNN):
    """relu is cut off at 100."""

    def relu(self, v: Tensor) -> Tensor:
        return v.clamp(0, 100)


@mutant("RNN", dies_of=("ELM-2",))
class LeakyRelu(plain.RNN):
    """relu has slope 0.01 on the negative side."""

    def relu(self, v: Tensor) -> Tensor:
        return leaky_relu(v)


@mutant("RNN", dies_of=("ELM-2",))
class Elu(plain.RNN):
    """relu is replaced by elu."""

    def relu(self, v: Tensor) -> Tensor:
        return elu(v)


@mutant("RNN", dies_of=("ELM-2",))
class Gelu(plain.RNN):
    """relu is replaced by gelu."""

    def relu(self, v: Tensor) -> Tensor:
        return gelu(v)


@mutant("RNN", dies_of=("ELM-2", "SEQ-7"))
class Softplus(plain.RNN):
    """relu is replaced by softplus, which is positive everywhere."""

    def relu(self, v: Tensor) -> Tensor:
        return softplus(v)


@mutant("RNN", dies_of=("ELM-2",))
class TanhOfRelu(plain.RNN):
    """relu is followed by tanh."""

    def relu(self, v: Tensor) -> Tensor:
        return v.relu().tanh()


@mutant("RNN", dies_of=("ELM-2",))
class AbsoluteValue(plain.RNN):
    """relu is replaced by the absolute value."""

    def relu(self, v: Tensor) -> Tensor:
        return v.abs()


@mutant(*GATED, dies_of=("PAR-4", "GRU-1", "LSTM-1"))
class HardSigmoid(plain.Step):
    """σ is approximated by v/6 + 1/2, cut off at 0 and 1."""

    def sigmoid(self, v: Tensor) -> Tensor:
        return hardsigmoid(v)


@mutant("LSTM", "GRU", dies_of=("PAR-4", "GRU-1", "LSTM-1"))
class SteeperHardSigmoid(plain.Step):
    """σ is approximated by v/5 + 1/2, cut off at 0 and 1."""

    def sigmoid(self, v: Tensor) -> Tensor:
        return (0.2 * v + 0.5).clamp(0, 1)


@mutant("GRU", "GRUCell", dies_of=("PAR-4", "GRU-1", "GRU-2"))
class ResetBeforeProduct(plain.GRUStep):
    """The reset gate multiplies h before the matrix product."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        (h,) = state
        inputs = self.gates(plain.affine(x, w.weight_ih, w.bias_ih))
        recurrent = self.gates(plain.affine(h, w.weight_hh, w.bias_hh))
        r = self.sigmoid(inputs["r"] + recurrent["r"])
        z = self.sigmoid(inputs["z"] + recurrent["z"])
        again = self.gates(plain.affine(r * h, w.weight_hh, w.bias_hh))["n"]
        return (self.blend(z, self.tanh(inputs["n"] + again), h),)


@mutant("GRU", "GRUCell", dies_of=("PAR-4", "GRU-1", "GRU-2", "GRU-7"))
class BiasOutsideReset(plain.GRUStep):
    """The reset gate multiplies the recurrent product without its bias."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        if w.bias_ih is None or w.bias_hh is None:
            return super().step(x, state, w)
        moved = torch.cat([torch.zeros(2 * self.hidden_size).to(x), w.bias_hh.chunk(3)[2]])
        w = w._replace(bias_ih=w.bias_ih + moved, bias_hh=w.bias_hh - moved)
        return super().step(x, state, w)


@mutant("GRU", dies_of=("PAR-4", "GRU-1", "GRU-2", "GRU-7"))
class CandidateBiasDropped(plain.GRU):
    """The recurrent bias of the new gate is not added."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        if w.bias_hh is None:
            return w
        r, z, n = w.bias_hh.chunk(3)
        return w._replace(bias_hh=torch.cat([r, z, torch.zeros_like(n)]))


@mutant("GRU", "GRUCell", dies_of=("PAR-4", "GRU-1"))
class ResetOnInputsToo(plain.GRUStep):
    """The reset gate multiplies the input product and its bias as well."""

    def candidate(self, inputs: Tensor, r: Tensor, recurrent: Tensor) -> Tensor:
        return self.tanh(r * (inputs + recurrent))


@mutant("GRU", dies_of=("PAR-4", "GRU-1"))
class ResetOnInputBias(plain.GRU):
    """The reset gate multiplies b_in as well as the recurrent product."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        if w.bias_ih is None or w.bias_hh is None:
            return super().step(x, state, w)
        moved = torch.cat([torch.zeros(2 * self.hidden_size).to(x), w.bias_ih.chunk(3)[2]])
        w = w._replace(bias_ih=w.bias_ih - moved, bias_hh=w.bias_hh + moved)
        return super().step(x, state, w)


@mutant("GRU", dies_of=("PAR-4", "GRU-1", "GRU-2"))
class ResetIgnored(plain.GRU):
    """The reset gate is not applied."""

    def candidate(self, inputs: Tensor, r: Tensor, recurrent: Tensor) -> Tensor:
        return self.tanh(inputs + recurrent)


@mutant("GRU", dies_of=("PAR-4", "GRU-1", "GRU-2"))
class ResetAfterTanh(plain.GRU):
    """The reset gate multiplies the tanh of the recurrent product."""

    def candidate(self, inputs: Tensor, r: Tensor, recurrent: Tensor) -> Tensor:
        return self.tanh(inputs + r * self.tanh(recurrent))


@mutant("GRU", dies_of=("PAR-4", "GRU-1", "GRU-3"))
class SigmoidCandidate(plain.GRU):
    """The candidate is σ of its pre-activation."""

    def candidate(self, inputs: Tensor, r: Tensor, recurrent: Tensor) -> Tensor:
        return self.sigmoid(inputs + r * recurrent)


@mutant("GRU", "GRUCell", dies_of=("PAR-4", "GRU-1", "GRU-3"))
class UpdateConventionReversed(plain.GRUStep):
    """The update gate weighs the candidate: h' = z ⊙ n + (1 − z) ⊙ h."""

    def blend(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return z * n + (1 - z) * h


@mutant("GRU", "GRUCell", dies_of=("PAR-4", "GRU-1", "GRU-3", "GRU-4"))
class CandidateUnweighted(plain.GRUStep):
    """The candidate is added whole: h' = n + z ⊙ h."""

    def blend(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return n + z * h


@mutant("GRU", dies_of=("PAR-4", "GRU-1", "GRU-3", "GRU-4"))
class OldStateUnweighted(plain.GRU):
    """The old state is added whole: h' = (1 − z) ⊙ n + h."""

    def blend(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return (1 - z) * n + h


@mutant("GRU", dies_of=("PAR-4", "GRU-1"))
class UpdateSquared(plain.GRU):
    """The weights are 1 − z² and z²: a blend that is right at z = 0 and z = 1."""

    def blend(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return super().blend(z * z, n, h)


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
