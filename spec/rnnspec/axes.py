"""The axes along which a clause's cases vary, and `cases`, which multiplies them.

Sizes are odd, distinct and not multiples of 4; every size has a case past 16, 32, 64 and 128.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import pytest

from .case import FIELDS, Case

Axis = Sequence[Mapping[str, Any]]

TANH: Axis = [{"mode": "RNN"}]
RELU: Axis = [{"mode": "RNN", "nonlinearity": "relu"}]
ELMAN: Axis = [*TANH, *RELU]
GRU: Axis = [{"mode": "GRU"}]
LSTM: Axis = [{"mode": "LSTM"}]
PROJECTED: Axis = [{"mode": "LSTM", "P": 3}]
MODES: Axis = [*ELMAN, *GRU, *LSTM, *PROJECTED]
CELLS: Axis = [
    {"mode": "RNNCell"},
    {"mode": "RNNCell", "nonlinearity": "relu"},
    {"mode": "GRUCell"},
    {"mode": "LSTMCell"},
]

LAYERS: Axis = [{"L": 1}, {"L": 2}]
DIRECTION: Mapping[str, Axis] = {
    "forward": [{}],
    "both": [{"bidirectional": True}],
    "any": [{}, {"bidirectional": True}],
}
NETWORKS: Axis = [{}, {"L": 2, "bidirectional": True}]
"""The plain network and one in which every option that has an order is in use."""

SMALL: Axis = [{}]
LONG: Axis = [{"T": 131, "B": 2, "I": 6, "H": 5}]
MANY_ROWS: Axis = [{"T": 3, "B": 131, "I": 6, "H": 5}]
WIDE_INPUT: Axis = [{"T": 3, "B": 2, "I": 135, "H": 7}]
WIDE_HIDDEN: Axis = [{"T": 3, "B": 2, "I": 6, "H": 131}]
SIZES: Axis = [*SMALL, *LONG, *MANY_ROWS, *WIDE_INPUT, *WIDE_HIDDEN]
"""One size at a time past every block that a kernel may use."""

BLOCKS: Axis = [
    {"T": 18, "B": 17, "I": 19, "H": 21},
    {"T": 37, "B": 34, "I": 35, "H": 33},
    {"T": 67, "B": 66, "I": 69, "H": 65},
]
"""All sizes at once just past 16, 32 and 64."""


def each(*changes: Mapping[str, Any]) -> Axis:
    """An axis of this clause's own."""
    return changes


def cases(*axes: Axis, scope: str = "core") -> pytest.MarkDecorator:
    """The cases of a clause: one for each combination of the axes' entries.

    `scope="full"` leaves them to the scope of that name: large sizes, long sequences, many seeds.
    """
    if scope not in ("core", "full"):
        raise ValueError(f"cases are of the scope core or full, not {scope!r}")
    return pytest.mark.cases(*(dict(entry) for entry in _product(axes)), scope=scope)


def _product(axes: Sequence[Axis]) -> Iterator[Mapping[str, Any]]:
    for combination in product(*axes):
        changes: dict[str, Any] = {}
        for entry in combination:
            changes |= entry
        unknown = set(changes) - FIELDS
        if unknown:
            raise TypeError(f"a case has no {', '.join(sorted(unknown))}")
        yield changes


def built(entries: Sequence[Mapping[str, Any]], dtype: Any) -> list[Case]:
    """The cases of a marker in one dtype; an entry that names a dtype has no other."""
    own = [entry for entry in entries if entry.get("dtype", dtype) == dtype]
    return [Case(**{"dtype": dtype, **entry}) for entry in own]


def named(entries: Sequence[Mapping[str, Any]], dtypes: Sequence[Any]) -> list[Case]:
    """The cases of the entries that name one of these dtypes themselves."""
    return [Case(**entry) for entry in entries if entry.get("dtype") in dtypes]
