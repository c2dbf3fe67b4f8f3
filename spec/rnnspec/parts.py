"""A deep network taken apart: one direction of one layer as a network of its own."""

from __future__ import annotations

from torch import Tensor

from .network import Network


def part(rnn: Network, layer: int, direction: int = 0) -> Network:
    """The network of one layer that has the weights of this layer and direction (1: reverse)."""
    case, suffix = rnn.case, f"_l{layer}" + ("_reverse" if direction else "")
    weights = {
        name.removesuffix(suffix) + "_l0": value
        for name, value in rnn.weights.items()
        if name.endswith(suffix)
    }
    columns = case.D * case.width if layer else case.I
    return rnn.but(weights=weights, I=columns, L=1, bidirectional=False)


def state_of(state: tuple[Tensor, ...], number: int) -> tuple[Tensor, ...]:
    """The state of one direction of one layer, number k·D + d, as such a network takes it."""
    return tuple(row[number : number + 1] for row in state)
