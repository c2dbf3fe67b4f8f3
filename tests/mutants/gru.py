"""Chapter 31: the step of a GRU."""

from __future__ import annotations

import torch
from torch import Tensor

import plain
from mutants.registry import mutant
from plain import State, Weights


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
