"""The least time that a case can take on this machine: what it computes and moves, at the machine's best.

The best is measured beside the benchmarks, in their dtype and with their threads: a product of two square
matrices, and a copy of a tensor that no cache holds.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import torch

from ..case import Case
from .timing import Timed

SIDE = 512
"""Of the matrices."""

COPIED = 2**25
"""Bytes of the tensor that is copied, which are read and written."""


class Work(NamedTuple):
    """Operations and bytes."""

    flops: int
    bytes: int


class Peak(NamedTuple):
    """Operations and bytes per second."""

    flops: float
    bytes: float

    def seconds(self, work: Work) -> float:
        """The least that the work takes."""
        return max(work.flops / self.flops, work.bytes / self.bytes)


def work(case: Case, sizes: Sequence[int], grad: bool = False) -> Work:
    """What one run over rows of these sizes takes at least.

    A multiplication and an addition of a product are 2 operations; the functions of the gates are not
    counted. Weights, input, output and states are moved once. Backward is twice as much of both again: one
    product for the gradient of each factor.
    """
    weights = [draw.shape for draw in case.parameters()]
    matrices = sum(shape[0] * shape[1] for shape in weights if len(shape) == 2)
    every = sum(torch.Size(shape).numel() for shape in weights)
    states = 2 * sum(part.numel() for part in case.zeros)
    elements = every + states + sum(sizes) * (case.I + case.D * case.width)
    times = 3 if grad else 1
    return Work(times * 2 * matrices * sum(sizes), times * elements * _size(case.dtype))


def competitors(dtype: torch.dtype, device: torch.device) -> dict[Hashable, Timed]:
    """What is measured for the peak."""
    a = torch.ones(SIDE, SIDE, dtype=dtype, device=device)
    product = torch.empty_like(a)
    source = torch.ones(COPIED // _size(dtype), dtype=dtype, device=device)
    target = torch.empty_like(source)
    return {
        "product": Timed(lambda: torch.mm(a, a, out=product)),
        "copy": Timed(lambda: target.copy_(source)),
    }


def peak(makings: Sequence[Mapping[Hashable, Sequence[float]]]) -> Peak:
    """From the quickest round of each."""
    product, copy = (min(min(found[name]) for found in makings) for name in ("product", "copy"))
    return Peak(2 * SIDE**3 / product, 2 * COPIED / copy)


def _size(dtype: torch.dtype) -> int:
    return torch.empty((), dtype=dtype).element_size()
