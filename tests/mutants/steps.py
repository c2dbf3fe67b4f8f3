"""Chapters 30 to 32: what the equations of the modes have in common."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import hardsigmoid

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
