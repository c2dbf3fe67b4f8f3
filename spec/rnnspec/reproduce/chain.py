"""Which results hold the two numbers that were compared, and which calls lead to these."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from ..check import Evidence
from ..notation import is_cell
from ..trial import Call
from .matching import Known, same, shares

CALLS = 16
"""More calls are cut down to those that lead to the two numbers."""

PARTS = {"out": "output", "h": "h_n", "c": "c_n"}
MADE = re.compile(r"\b(out|h|c|result)(\d+)\b")


class Place(NamedTuple):
    """An element of a result: of which call and part, where, and times what.

    `alike` says how much it looks like the element in question; a common value may be elsewhere too.
    """

    alike: int
    common: bool
    call: int
    part: Known
    at: tuple[int, ...]
    factor: float

    def __str__(self) -> str:
        factor = {1.0: "", -1.0: "-"}.get(self.factor, f"{self.factor:g} * ")
        return f"{factor}{self.part.text}{list(self.at)}.item()"

    def goes_with(self, wanted: Place) -> bool:
        """Whether the two may be what was compared; a common value counts only in a like place."""
        if (self.part.text, self.at) == (wanted.part.text, wanted.at):
            return False
        if wanted.common:
            return self.call != wanted.call and (wanted.alike > 3 or self.at == wanted.at)
        return self.alike > 1 or not self.common or self.at == wanted.at


class Deviation(NamedTuple):
    """What the clause found, and where results hold what was got and wanted, as far as they do."""

    evidence: Evidence
    got: Place | None
    wanted: Place | None

    @property
    def calls(self) -> list[int]:
        return [place.call for place in (self.got, self.wanted) if place]


def flat(value: Any) -> list[Tensor]:
    """The tensors in a nested structure."""
    if isinstance(value, PackedSequence):
        return [value.data]
    if isinstance(value, tuple | list):
        return [tensor for part in value for tensor in flat(part)]
    return [value] if isinstance(value, Tensor) else []


def taken_apart(call: Call, n: int) -> tuple[str, str, list[Known]]:
    """The names that a result is assigned to, the state among them, and every part by name."""
    case, result = call.network.case, call.result
    names = [f"h{n}", f"c{n}"] if case.kind == "LSTM" else [f"h{n}"]
    two = result if isinstance(result, tuple | list) and len(result) == 2 else (None, None)
    output, states = (None, result) if is_cell(case.mode) else two
    parts: Any = states if len(names) == 2 else (states,)
    if not isinstance(parts, tuple | list) or not len(parts) == len(names) == len(flat(parts)):
        return f"result{n}", "", []
    known = [Known(*each) for each in zip(names, parts, strict=True)]
    final = f"({', '.join(names)})" if len(names) == 2 else names[0]
    if is_cell(case.mode):
        return ", ".join(names), final, known
    data = ".data" if isinstance(output, PackedSequence) else ""
    return f"out{n}, {final}", final, [*(Known(f"out{n}{data}", o) for o in flat(output)), *known]


def located(calls: Sequence[Call], evidence: Evidence) -> Deviation:
    """The elements that were got and wanted; where there are several, the best in like places."""
    got, wanted = (places(calls, value, evidence) for value in (evidence.got, evidence.wanted))
    got.sort(key=lambda place: (place.alike, place.call, place.at), reverse=True)
    wanted.sort(key=lambda place: (place.alike, -place.call), reverse=True)
    likely = ((g, w) for g, w in product(got[:300], wanted[:300]) if g.goes_with(w))
    if both := max(likely, key=lambda two: closeness(*two), default=None):
        return Deviation(evidence, *both)
    first = next((place for place in got if place.alike > 1 or not place.common), None)
    return Deviation(evidence, first, None)


def closeness(got: Place, wanted: Place) -> tuple[bool, int, bool]:
    return got.call != wanted.call, wanted.alike, got.at == wanted.at


def places(calls: Sequence[Call], value: float, evidence: Evidence) -> list[Place]:
    """Where results have this value, or half or twice or minus it."""
    parts = [(n, call, part) for n, call in enumerate(calls) for part in taken_apart(call, n)[2]]
    return [place for each in parts for place in places_in(*each, value, evidence)]


def places_in(n: int, call: Call, part: Known, value: float, evidence: Evidence) -> Iterator[Place]:
    have, there = part.value.detach().cpu().double(), evidence.at
    likely = (there, (*there[1::-1], *there[2:])) if call.network.case.batch_first else (there,)
    common = value != value or value == round(value, 1)
    right = evidence.what.startswith(of_result(part))
    for factor in (1.0,) if common else (1.0, -1.0, 2.0, 0.5):
        hits = have.isnan() if value != value else factor * have == value
        for at in map(tuple, hits.nonzero().tolist()):
            level = 2 if at in likely else at[-2:] == there[-2:]
            yield Place(2 * level + right, common, n, part, at, factor)


def of_result(part: Known) -> str:
    """Which part of a result it is: output, h_n or c_n."""
    return PARTS[MADE.sub(r"\1", part.text).removesuffix(".data")]


def choices(calls: Sequence[Call], ends: list[int]) -> Iterator[list[int]]:
    """The calls to write: those that the ends depend on, with whatever their networks did before."""
    chain = ancestors(calls, ends)
    concerned = {id(calls[n].network) for n in chain}
    before = [n for n in range(max(ends, default=-1)) if calls[n].result is not None]
    kept = sorted(chain | {n for n in before if id(calls[n].network) in concerned})
    if len(kept) <= CALLS:
        yield kept
    yield sorted(chain)


def ancestors(calls: Sequence[Call], ends: list[int]) -> set[int]:
    kept, todo = set[int](), list(ends)
    while todo:
        n = todo.pop()
        kept.add(n)
        for part in flat((calls[n].x, calls[n].state)):
            made = (i for i in reversed(range(n)) if came_from(part, flat(calls[i].result)))
            todo += [i for i in [next(made, -1)] if i >= 0 and i not in kept]
    return kept


def came_from(part: Tensor, result: list[Tensor]) -> bool:
    return any(shares(part, each) or same(part, each) for each in result)
