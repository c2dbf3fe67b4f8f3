"""What the document says of each chapter and clause, read from the clauses themselves."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import torch

from .. import axes
from ..case import Case
from ..catalogue import Clause, every
from ..deviations import load
from ..notation import CELLS, CLAIMS, LAYERS, MODES, dtype_name
from ..scopes import Scope
from .prose import ISSUES, paragraphs

FEATURES: Mapping[str, Callable[[Case], bool]] = {
    "relu": lambda case: case.nonlinearity == "relu",
    "projection": lambda case: case.P > 0,
    "several layers": lambda case: case.L > 1,
    "both directions": lambda case: case.bidirectional,
    "no biases": lambda case: not case.bias,
    "batch first": lambda case: case.batch_first,
    "no initial state": lambda case: not case.hx,
    "axes of size 0": lambda case: 0 in (case.T, case.B),
    "large weights": lambda case: case.gain > 1,
    "large inputs": lambda case: case.span > 1,
    "numbers exact in every dtype": lambda case: case.grid is not None,
}
"""What a case may have beyond the plainest network, in the order of its name."""

TORCH = "torch.nn"


@dataclass(frozen=True)
class Entry:
    """One clause, as the document shows it."""

    clause: Clause

    @property
    def id(self) -> str:
        return str(self.clause)

    @property
    def level(self) -> str:
        return str(self.clause.says["level"])

    @property
    def source(self) -> str:
        return str(self.clause.says["source"])

    @property
    def norm(self) -> str:
        return self.clause.norm

    @property
    def remarks(self) -> list[str]:
        """What the docstring says after its first sentence, by paragraphs."""
        first, *rest = paragraphs(self.clause.function.__doc__)
        more = first.partition(". ")[2]
        return [more, *rest] if more else rest

    @property
    def needs(self) -> Mapping[str, str]:
        """The claims that it asks for, with their meanings."""
        named = {claim for marker in self.clause.markers("needs") for claim in marker.args}
        return {claim: meaning for claim, meaning in CLAIMS.items() if claim in named}

    @property
    def deviations(self) -> Iterator[tuple[str, str]]:
        """What is listed of torch.nn: where in a few words, and the reason with its link."""
        for entry in load().entries:
            if entry.clause == self.id and entry.implementation == TORCH:
                link = entry.link.replace(ISSUES, "pytorch#")
                yield f"`{entry.condition}`", f"{entry.reason} ({link})"

    @property
    def others(self) -> list[str]:
        """Of which other implementations something is listed."""
        names = [entry.implementation for entry in load().entries if entry.clause == self.id]
        return [name for name in dict.fromkeys(names) if name != TORCH]

    @cached_property
    def cases(self) -> list[Case]:
        """All its cases, in one dtype, and those that name another."""
        return self._cases("full")

    def _cases(self, scope: str) -> list[Case]:
        named = [entry["dtype"] for entry in self.clause.entries(scope) if "dtype" in entry]
        dtypes = dict.fromkeys([torch.float32, *named])
        return [case for dtype in dtypes for case in self._of(dtype, scope)]

    def _of(self, dtype: torch.dtype, scope: str) -> list[Case]:
        entries = self.clause.entries(scope)
        mine = [e for e in entries if dtype == torch.float32 or e.get("dtype") == dtype]
        return axes.built(mine, dtype)

    @property
    def counts(self) -> tuple[int, int]:
        """How many cases there are in core and in full."""
        full = Scope("full").cases(self.id, self.cases, "recorded" in self.clause.fixtures)
        return len(self._cases("core")), len(full)

    @property
    def tried(self) -> str:
        """Modes, options and sizes of its cases, in a few words."""
        always = [name for name, has in FEATURES.items() if all(map(has, self.cases))]
        some = [name for name, has in FEATURES.items() if name not in always and any(map(has, self.cases))]
        named = sorted({dtype_name(e["dtype"]) for e in self.clause.entries() if "dtype" in e})
        sizes = ", ".join(f"{axis} {_span({getattr(case, axis) for case in self.cases})}" for axis in "TBIH")
        parts = [modes_of([case.mode for case in self.cases])]
        parts += [f"always {_listed(always)}"] if always else []
        parts += [f"also {_listed(some)}"] if some else []
        parts += [f"in {_listed(named)}"] if named else []
        return "; ".join([*parts, sizes])

    @cached_property
    def check(self) -> str:
        """The text of the check."""
        return inspect.getsource(inspect.unwrap(self.clause.function)).rstrip()

    @property
    def place(self) -> str:
        """The check's file and line, seen from the package's folder."""
        function = inspect.unwrap(self.clause.function)
        file = Path(inspect.getsourcefile(function) or "")
        return f"clauses/{file.name}#L{inspect.getsourcelines(function)[1]}"


@dataclass(frozen=True)
class Chapter:
    """One file of clauses."""

    name: str
    title: str
    remarks: list[str]
    clauses: list[Entry]


def chapters() -> list[Chapter]:
    """Every chapter in reading order."""
    found = []
    for module, group in groupby(every(), key=lambda clause: clause.chapter):
        title, *remarks = paragraphs(module.__doc__)
        name = module.__name__.rpartition(".test_")[2]
        found.append(Chapter(name, title.rstrip("."), remarks, [Entry(clause) for clause in group]))
    return found


def modes_of(modes: Sequence[str]) -> str:
    """Modes in the usual order; all layers and all cells by their name."""
    names, rest = [], set(modes)
    for word, group in (("every layer", LAYERS), ("every cell", CELLS)):
        if set(group) <= rest:
            names.append(word)
            rest -= set(group)
    return _listed([*names, *(mode for mode in MODES if mode in rest)])


def _span(sizes: Collection[int]) -> str:
    """From the smallest to the largest."""
    least, most = min(sizes), max(sizes)
    return str(most) if least == most else f"{least} to {most}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
