"""The order of the gate blocks."""

from __future__ import annotations

from itertools import permutations

import torch
from torch import Tensor

import plain
from mutants.registry import mutant
from plain import Weights

DOCUMENTED = {"LSTM": "ifgo", "GRU": "rzn"}
BIASES = ("bias_ih", "bias_hh")


def wrong_orders(mode: str) -> list[str]:
    orders = map("".join, permutations(DOCUMENTED[mode]))
    return [order for order in orders if order != DOCUMENTED[mode]]


class Reordered(plain.Step):
    """The blocks of some tensors are read in another order."""

    read_as: str
    roles: tuple[str, ...]

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        there = {role: t for role in self.roles if (t := getattr(w, role)) is not None}
        return w._replace(**{role: self.reordered(t) for role, t in there.items()})

    def reordered(self, t: Tensor) -> Tensor:
        blocks = dict(zip(self.read_as, t.chunk(len(self.order)), strict=True))
        return torch.cat([blocks[gate] for gate in self.order])


def spelt(order: str) -> str:
    return ", ".join(order)


for mode in DOCUMENTED:
    for order in wrong_orders(mode):
        doc = f"The gate blocks are read in the order {spelt(order)}."
        part = type(f"Gates{order.upper()}", (plain.Step,), {"order": order, "__doc__": doc})
        mutant(mode, dies_of=("PAR-4", "GRU-1", "GRU-2", "GRU-3", "LSTM-1", "LSTM-2"))(part)

for mode, order in (
    ("LSTM", "ifog"), ("LSTM", "iofg"), ("LSTM", "figo"), ("LSTM", "gifo"), ("LSTM", "iogf"),
    ("GRU", "zrn"), ("GRU", "nzr"), ("GRU", "rnz"),
):  # fmt: skip
    doc = f"The biases alone are read in the order {spelt(order)}."
    body = {"read_as": order, "roles": BIASES, "__doc__": doc}
    part = type(f"BiasGates{order.upper()}", (Reordered,), body)
    mutant(mode, dies_of=("PAR-4", "GRU-1", "LSTM-1"))(part)

for mode, order in (("LSTM", "ifog"), ("GRU", "zrn")):
    for role in Weights._fields[:4]:
        doc = f"The blocks of {role} alone are read in the order {spelt(order)}."
        body = {"read_as": order, "roles": (role,), "__doc__": doc}
        label = "".join(word.capitalize() for word in role.split("_"))
        part = type(f"{label}Gates{order.upper()}", (Reordered,), body)
        mutant(mode, dies_of=("PAR-4", "GRU-1", "LSTM-1"))(part)


@mutant("LSTMCell", dies_of=("PAR-4", "LSTM-1", "LSTM-2"))
class GatesAsInTensorFlow1(plain.Step):
    """The gate blocks are read in the order i, g, f, o."""

    order = "igfo"


@mutant("LSTMCell", dies_of=("PAR-4", "LSTM-1", "LSTM-2"))
class GatesAsInONNX(plain.Step):
    """The gate blocks are read in the order i, o, f, g."""

    order = "iofg"


@mutant("GRUCell", dies_of=("PAR-4", "GRU-1", "GRU-2", "GRU-3"))
class GatesUpdateFirst(plain.Step):
    """The gate blocks are read in the order z, r, n."""

    order = "zrn"


class Interleaved(Reordered):
    """Unit j's gates are rows G·j to G·j + G − 1."""

    roles: tuple[str, ...] = Weights._fields[:4]

    def reordered(self, t: Tensor) -> Tensor:
        blocks = t.reshape(-1, len(self.order), *t.shape[1:])
        return blocks.transpose(0, 1).reshape(t.shape)


@mutant("LSTM", "GRU", "LSTMCell", "GRUCell", dies_of=("PAR-4", "GRU-1", "LSTM-1"))
class GatesInterleaved(Interleaved):
    """Row G·j + k is gate k of unit j, instead of row k·H + j."""


@mutant("LSTM", "GRU", dies_of=("PAR-4", "GRU-1", "LSTM-1"))
class BiasGatesInterleaved(Interleaved):
    """Entry G·j + k of a bias is gate k of unit j, in the biases alone."""

    roles = BIASES


@mutant("LSTM", "GRU", dies_of=("PAR-4", "GRU-1", "LSTM-1"))
class RecurrentGatesInterleaved(Interleaved):
    """Row G·j + k of weight_hh alone is gate k of unit j."""

    roles = ("weight_hh",)


@mutant("LSTM", "GRU", dies_of=("PAR-4",))
class GatesSwappedAboveLayer0(plain.Layers):
    """The first two gate blocks are exchanged in the layers above the first."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w if layer == 0 else swapped(w, len(self.order))


@mutant("LSTM", "GRU", dies_of=("PAR-4",))
class GatesSwappedInReverse(plain.Layers):
    """The first two gate blocks are exchanged in the reverse direction."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w if direction == 0 else swapped(w, len(self.order))


def swapped(w: Weights, gates: int) -> Weights:
    roles = {}
    for role in Weights._fields[:4]:
        if (t := getattr(w, role)) is not None:
            first, second, *rest = t.chunk(gates)
            roles[role] = torch.cat([second, first, *rest])
    return w._replace(**roles)
