"""Calls that are to be refused: inputs and states of another size or dtype than the network's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from .case import Case
from .check import rejects
from .network import Network
from .notation import is_cell

State = tuple[Tensor, ...]

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.complex64)


def refuses(rnn: Network, what: str, x: Any, state: Any = None, error: type[Exception] = Exception) -> None:
    """The bare call raises; `error` is torch's own class, which others need not have."""
    __tracebackhide__ = True
    rejects(lambda: rnn.raw(x, state), what, error if rnn.claims("messages") else Exception)


def forms(rnn: Network, case: Case) -> Iterator[tuple[str, Tensor, State]]:
    """Input and states as the bare call takes them: of a batch and, where claimed, without a batch axis."""
    x, state = case.input, case.state or case.zeros
    if is_cell(case.mode):
        x, state = x[0], tuple(part[0] for part in state)
    yield "batched", x, state
    if rnn.claims("unbatched"):
        yield "unbatched", x.select(-2, 1), tuple(part.select(-2, 1) for part in state)


def three(case: Case) -> PackedSequence:
    """The input of three rows, packed as sequences of 5, 3 and 1 steps."""
    return pack_padded_sequence(case.input, torch.tensor([5, 3, 1]))


def even(case: Case) -> PackedSequence:
    """The input, packed as sequences that all have its steps."""
    return pack_padded_sequence(case.input, torch.tensor([case.T] * case.B))


def others(size: int) -> list[int]:
    """One less, one more, twice as many, one and none."""
    return sorted({size - 1, size + 1, 2 * size, 1, 0} - {size})


def resized(part: Tensor, axis: int, size: int) -> Tensor:
    """Cut, or repeated, along one axis."""
    return torch.cat([part, part], axis).narrow(axis, 0, size)


def replaced(state: State, new: Mapping[int, Any]) -> tuple[Any, ...]:
    """The states with some of them, by number, replaced."""
    return tuple(new.get(k, part) for k, part in enumerate(state))


def of_other_sizes(state: State, axes: Iterable[int]) -> Iterator[tuple[str, State]]:
    """h_0, then c_0, then both with another size of one axis; and their shapes in words."""
    parts = ((0,), (1,), (0, 1)) if len(state) == 2 else ((0,),)
    for axis, which in product(axes, parts):
        for size in others(state[which[0]].shape[axis]):
            other = replaced(state, {k: resized(state[k], axis, size) for k in which})
            yield f"state of {' and '.join(str(tuple(part.shape)) for part in other)}", other


def other_dtypes(case: Case) -> list[torch.dtype]:
    """Those of neither the input nor the weights."""
    return [dtype for dtype in DTYPES if dtype != case.dtype]
