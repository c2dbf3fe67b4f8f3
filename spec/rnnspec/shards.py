"""Shards: a run in N parts for N machines, each row in exactly one of them.

Which one follows from the clause, the case and the recorded seconds alone: it is the same on every machine,
whatever else is collected there. `tests/balance.py` records the seconds anew.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .scopes import ISOLATED

RECORDED = Path(__file__).parent / "milliseconds.json"
"""What each clause takes in core, of torch.nn on the CPU."""

MOST = 1000
"""Shards of a run."""

START = 4_000
"""Milliseconds until the workers for isolated clauses are there: few shards are to wait for them."""

FINE = 4
"""No piece of a clause is larger than this part of a shard."""


Piece = tuple[int, tuple[str, ...]]
"""Milliseconds, and the clauses that take them."""


@dataclass(frozen=True)
class Shard:
    """Number `number`, from 1, of `count`."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def has(self, clause: str, case: str, dtype: str) -> bool:
        """Whether this row is in it."""
        return place(clause, case, dtype, self.count) == self.number


def shard(text: str) -> Shard | None:
    """The shard that is written K/N; None where there is none."""
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    number, count = map(int, found.groups()) if found else (0, 0)
    return Shard(number, count) if 1 <= number <= count <= MOST else None


def place(clause: str, case: str, dtype: str, count: int) -> int:
    """The number of the shard, of `count`, in which this row is; of a clause without a record, any."""
    pieces = pieces_of(count).get(clause) or range(1, count + 1)
    return pieces[_number(f"{clause} {case} {dtype}") % len(pieces)]


@cache
def pieces_of(count: int) -> Mapping[str, list[int]]:
    """Of each recorded clause, the shards of its pieces. Isolated clauses are kept together."""
    costs = {clause: max(1, cost) for clause, cost in json.loads(RECORDED.read_text("utf-8")).items()}
    share = max(1, sum(costs.values()) // count)
    isolated = [(costs.pop(clause), (clause,)) for clause in ISOLATED & costs.keys()]
    few = -(-sum(cost for cost, _ in isolated) // max(1, share - START))
    pieces = [(START + cost, clauses) for cost, clauses in _spread(isolated, min(few, len(isolated)))]
    for clause, cost in costs.items():
        cuts = -(-cost * FINE // share)
        pieces += [(cost // cuts, (clause,))] * cuts
    found: dict[str, list[int]] = {}
    for number, (_, clauses) in enumerate(_spread(pieces, count), 1):
        for clause in clauses:
            found.setdefault(clause, []).append(number)
    return found


def _spread(pieces: Iterable[Piece], count: int) -> list[Piece]:
    """The pieces joined to `count` pieces: the largest first, each to what is least so far."""
    found: list[Piece] = [(0, ())] * count
    for cost, clauses in sorted(pieces, key=lambda piece: (-piece[0], piece[1])):
        least = min(range(count), key=lambda number: found[number][0])
        found[least] = (found[least][0] + cost, found[least][1] + clauses)
    return found


def digest(keys: Iterable[tuple[str, ...]]) -> str:
    """What tells one set of rows from any other: of their keys, in whatever order they come."""
    lines = sorted(json.dumps(key) for key in keys)
    return "sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _number(text: str) -> int:
    """The same in every process, as hash() is not."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
