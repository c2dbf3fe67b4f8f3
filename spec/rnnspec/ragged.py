"""Ragged batches: sequences of different lengths, packed, and what each of them gives alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import rnn as torchs
from torch.nn.utils.rnn import PackedSequence

from .bound import predicted
from .case import Case
from .check import Failed, NotClaimed, describe
from .network import Network
from .reference import Result

State = tuple[Tensor, ...]


def packing(rnn: Network) -> Any:
    """The functions that pack and pad: torch.nn.utils.rnn, or the module's own under `packing`."""
    return getattr(rnn.module, "packing", torchs)


def own_packing(rnn: Network) -> Any:
    """The same where they are the implementation's own; torch's are torch.nn's to answer for."""
    functions = packing(rnn)
    if functions is torchs and rnn.implementation.name != "torch.nn":
        raise NotClaimed("packs and pads with torch.nn.utils.rnn, which is judged with torch.nn")
    return functions


def lengths(case: Case) -> list[int]:
    """One for each row, for an odd T: all from 1 to T, in an order that is not its own inverse."""
    return [case.T - (2 * b + 3) % case.T for b in range(case.B)]


def beyond(x: Tensor, sizes: Sequence[int], value: float) -> Tensor:
    """x (T, B, *) with `value` in the padding."""
    ended = torch.arange(len(x))[:, None] >= torch.tensor(sizes)
    return x.masked_fill(ended.reshape(*ended.shape, *[1] * (x.ndim - 2)).to(x.device), value)


def packed(x: Tensor, sizes: Sequence[int]) -> PackedSequence:
    """x (T, B, *), packed in any order."""
    return torchs.pack_padded_sequence(x, torch.tensor(sizes), enforce_sorted=False)


def padded(output: Any, T: int) -> Tensor:
    """A packed output as (T, B, *), with zeros in the padding."""
    if not isinstance(output, PackedSequence):
        raise Failed(f"the output of a packed input is not packed\n  got      {describe(output)}")
    dense: Tensor = torchs.pad_packed_sequence(output, total_length=T)[0]
    return dense


def run(rnn: Network, x: Any, state: State | None) -> Result:
    """The result of a PackedSequence, padded with zeros, detached."""
    output, final = rnn.pair(rnn.raw(x, rnn.packed(state)))
    return Result(padded(output, rnn.case.T), *final).map(Tensor.detach)


def alone(
    case: Case, sizes: Sequence[int], weights: Mapping[str, Tensor] | None = None
) -> tuple[Result, Result]:
    """What every sequence gives by itself, padded with zeros, and the bound of each element."""
    state = case.state or case.zeros
    parts: dict[int, tuple[Result, Result]] = {}
    for n in set(sizes):
        rows = [b for b, size in enumerate(sizes) if size == n]
        start = tuple(part[:, rows] for part in state)
        both = predicted(case, case.weights if weights is None else weights, case.input[:n, rows], start)
        for k, b in enumerate(rows):
            parts[b] = (_filled(both[0], k, case.T), _filled(both[1], k, case.T))
    wanted, within = (
        _side_by_side(results) for results in zip(*(parts[b] for b in range(case.B)), strict=True)
    )
    return wanted, within


def _filled(result: Result, row: int, T: int) -> Result:
    one = result.rows(slice(row, row + 1))
    missing = one.output.new_zeros((T - len(one.output), *one.output.shape[1:]))
    return Result(torch.cat([one.output, missing]), *one.state)


def _side_by_side(results: Sequence[Result]) -> Result:
    columns = zip(*(result.parts for result in results), strict=True)
    return Result(*(torch.cat(column, 1) for column in columns))
