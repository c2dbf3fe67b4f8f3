"""Networks rewired: biases moved, hidden units renumbered, two networks made into one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from .case import Case
from .exact import rows
from .reference import Result

Weights = Mapping[str, Tensor]


def into_b_ih(b_ih: Tensor, b_hh: Tensor) -> tuple[Tensor, Tensor]:
    return b_ih + b_hh, torch.zeros_like(b_hh)


def into_b_hh(b_ih: Tensor, b_hh: Tensor) -> tuple[Tensor, Tensor]:
    return torch.zeros_like(b_ih), b_ih + b_hh


def exchanged(b_ih: Tensor, b_hh: Tensor) -> tuple[Tensor, Tensor]:
    return b_hh, b_ih


def with_biases(
    case: Case, weights: Weights, gates: str, change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
) -> dict[str, Tensor]:
    """The weights, with (b_ih, b_hh) of some gates changed in every layer and direction."""
    weights = {name: value.clone() for name, value in weights.items()}
    for suffix in case.suffixes():
        pair = weights[f"bias_ih{suffix}"], weights[f"bias_hh{suffix}"]
        for gate in gates:
            changed = change(*(bias[rows(case, gate)].clone() for bias in pair))
            for bias, value in zip(pair, changed, strict=True):
                bias[rows(case, gate)] = value
    return weights


def shuffled(size: int) -> Tensor:
    """The numbers below `size` in another order."""
    order = torch.randperm(size, generator=torch.Generator().manual_seed(size))
    return order.flip(0) if torch.equal(order, torch.arange(size)) else order


def renumbered(case: Case, units: Tensor, columns: Tensor) -> dict[str, Tensor]:
    """The case's weights for hidden units in another order, and for that of the P features of h."""
    stacked = torch.cat([units + gate * case.H for gate in range(case.G)])
    below = torch.cat([columns + d * case.width for d in range(case.D)])
    weights = {}
    for name, value in case.weights.items():
        role, _, place = name.partition("_l")
        if role == "weight_hr":
            weights[name] = value[columns][:, units]
        elif role == "weight_hh":
            weights[name] = value[stacked][:, columns]
        elif role == "weight_ih" and place[0] != "0":
            weights[name] = value[stacked][:, below]
        else:
            weights[name] = value[stacked]
    return weights


def block_diagonal(blocks: int, left: Tensor, right: Tensor) -> Tensor:
    """Gate by gate: two matrices along the diagonal of one, two biases one after the other."""
    join = torch.block_diag if left.ndim == 2 else lambda *pair: torch.cat(pair)
    return torch.cat([join(*pair) for pair in zip(left.chunk(blocks), right.chunk(blocks), strict=True)])


def beside(left: Result, right: Result) -> Result:
    """Two results, feature by feature."""
    pairs = zip(left.items(), right.items(), strict=True)
    return Result(*(torch.cat([a, b], -1) for (_, a), (_, b) in pairs))
