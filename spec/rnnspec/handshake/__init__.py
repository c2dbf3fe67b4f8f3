"""The handshake: before two thousand rows fail, the mistake that explains them is said in plain words.

A few small networks are called. Where a result is wrong, it is compared with what the equations give under
each usual misunderstanding (`readings`); where none explains it, what is off is described.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from ..keeping import kept, pristine
from ..network import Network
from ..notation import dtype_name, is_cell
from ..trial import trying
from .described import described, dtypes
from .manner import TORCHS, Manner
from .probes import Answer, Stage, answer, applicable
from .readings import every
from .search import Search, precision, predicted

SIMPLEST = "one layer"

PATIENCE = 2.0
"""Seconds for the search of two mistakes at once, in all."""

LIMIT = 60.0
"""Seconds after which no further network is called."""


@dataclass
class Finding:
    """What a handshake found of one mode: where it agrees, and what is off, a sentence each."""

    mode: str
    agreed: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    off: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return bool(self.agreed) and not self.wrong

    @property
    def wrong(self) -> list[str]:
        """All that is off: mistakes that have a name before those that are only described."""
        return [*self.named, *self.off]

    @property
    def said(self) -> str:
        """In a line or two."""
        if self.wrong:
            return "; ".join(self.wrong)
        tried = "; ".join(self.agreed) or "nothing that it claims could be tried"
        return f"agrees with the equations ({tried})" if self.agreed else tried


def diagnosed(
    network: Network,
    patience: float = PATIENCE,
    limit: float = LIMIT,
    interrupted: Callable[[], bool] = lambda: False,
) -> Finding:
    """What is wrong with the mode of a network, in its dtype, device and math mode. What it raises is said.

    Two mistakes at once are looked for only as long as `patience` lasts; after `limit` no more is called.
    """
    finding = Finding(network.case.mode)
    judge, start = _Judge(finding, patience), time.perf_counter()
    with trying(), kept(network.implementation.changes.patches):
        network.place.say()
        for stage, cases in applicable(network):
            if judge.knows_enough(stage) or time.perf_counter() - start > limit:
                continue
            answers = [answer(network, kind, case, interrupted) for kind, case in cases.items()]
            if there := [found for found in answers if found]:
                judge.judge(stage, there)
    return finding


class _Judge:
    """Goes from the simple networks to the others, with what is known of the simple ones."""

    def __init__(self, finding: Finding, patience: float) -> None:
        self.finding, self.left = finding, patience
        self.manners: dict[str, Manner] = {}
        self.unexplained: set[str] = set()
        self.unit: torch.dtype | None = None

    def knows_enough(self, stage: Stage) -> bool:
        """What is not understood of the simple networks says nothing of those that are made of them."""
        return bool(self.unexplained & {SIMPLEST, *stage.after})

    @pristine
    def judge(self, stage: Stage, answers: Sequence[Answer]) -> None:
        """One sentence for each mistake that is new in this stage."""
        cell = is_cell(self.finding.mode) and stage.name == SIMPLEST
        prefix = "" if stage.name == SIMPLEST else f"{stage.name}: "
        given = [found for found in answers if found.got]
        before = len(self.finding.wrong)
        if any(not found.right for found in given):
            self._explain(stage, given, prefix)
        self._tell_raised(stage, answers, prefix)
        if len(self.finding.wrong) == before and all(found.right for found in given):
            self.finding.agreed.append("a cell" if cell else stage.name)

    def _explain(self, stage: Stage, given: Sequence[Answer], prefix: str) -> None:
        finding, case = self.finding, given[0].case
        self._tell_precision(given, prefix)
        start = time.perf_counter()
        search = Search(given, self._known(stage), self.unit or case.dtype, start + self.left)
        if search.explained:
            return
        found = search.found(every(case))
        self.left -= time.perf_counter() - start
        for reading in found:
            finding.named.append(prefix + reading.said)
            self._learn(stage, reading.manner)
        if not found:
            self.unexplained.add(stage.name)
            finding.off.append(prefix + described(given))

    def _tell_precision(self, given: Sequence[Answer], prefix: str) -> None:
        """Numbers of another dtype, or of its precision: once."""
        case = given[0].case
        if self.unit is not None:
            return
        if unit := precision(given):
            self.unit = unit
            computed = f"{dtype_name(case.dtype)} is computed in {dtype_name(unit)}"
            self.finding.named.append(prefix + (dtypes(given[0]) or computed))
        elif other := next(filter(None, map(dtypes, given)), ""):
            self.unit = case.dtype
            self.finding.named.append(prefix + other)

    def _known(self, stage: Stage) -> Manner:
        known = TORCHS
        for name in dict.fromkeys((SIMPLEST, *stage.after, stage.name)):
            known = known.but(self.manners.get(name, TORCHS)) or known
        return known

    def _learn(self, stage: Stage, manner: Manner) -> None:
        self.manners[stage.name] = self.manners.get(stage.name, TORCHS).but(manner) or manner

    def _tell_raised(self, stage: Stage, answers: Sequence[Answer], prefix: str) -> None:
        """What is raised, unless it follows from the mistake that is known: sizes do not fit."""
        known, given = self._known(stage), [found for found in answers if found.got]
        new = [a for a in answers if not a.got and (known is TORCHS or predicted(known, a.case) is not None)]
        if new:
            only = f", only {' and '.join(found.kind for found in new)}" if given else ""
            self.unexplained |= set() if given else {stage.name}
            self.finding.off.append(f"{prefix}{new[0].raised}{only}")
