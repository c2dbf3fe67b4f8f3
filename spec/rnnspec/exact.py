"""Exact networks: gates saturated to 0 or 1 and small integers, right to the bit in every dtype."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .case import Case
from .notation import GATES

OPEN = 2.0**14
"""A pre-activation at which sigmoid is 1 and tanh is 1 in every dtype; at -OPEN they are 0 and -1."""


def rows(case: Case, gate: str) -> slice:
    """The rows of one gate block in each stacked tensor."""
    number = GATES[case.kind].index(gate)
    return slice(number * case.H, (number + 1) * case.H)


def with_gates(
    case: Case, through: str = "bias_ih", weights: Mapping[str, Tensor] | None = None, **gates: float
) -> dict[str, Tensor]:
    """The weights given, or the case's, but the named gates have the given pre-activation.

    It comes through one tensor of the first layer, whatever x and h are. A matrix passes on the
    first column alone: the pre-activation is the given one times the first feature of x, or of h.
    """
    suffix = next(case.suffixes())
    weights = {name: value.clone() for name, value in (weights or case.weights).items()}
    for gate, value in gates.items():
        block = rows(case, gate)
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            weights[name + suffix][block] = 0
        tensor = weights[through + suffix][block]
        (tensor if tensor.ndim == 1 else tensor[:, 0]).fill_(value)
    return weights


def integers(like: Tensor, low: int = -3, high: int = 3) -> Tensor:
    """Small integers, distinct along the rows, of the shape and dtype of `like`."""
    count = torch.arange(like.numel(), dtype=torch.int64).reshape(like.shape)
    return (low + (5 * count + count // 7) % (high - low + 1)).to(like.dtype)


def with_matrices(case: Case, W_ih: Tensor, W_hh: Tensor) -> dict[str, Tensor]:
    """These matrices for the first layer, and zeros for all else that the case has."""
    suffix = next(case.suffixes())
    zeros = {name: torch.zeros_like(value) for name, value in case.weights.items()}
    return zeros | {f"weight_ih{suffix}": W_ih, f"weight_hh{suffix}": W_hh}
