"""Every clause there is, read from the markers of the chapters."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
import torch

from . import axes, clauses, scopes
from .case import Case
from .ids import ids as ids
from .notation import DTYPES


@dataclass(frozen=True)
class Clause:
    """A test of a chapter, and what its markers say."""

    chapter: ModuleType
    function: Any

    def __str__(self) -> str:
        return str(self.says.get("id", self.function.__name__))

    def markers(self, name: str) -> list[pytest.Mark]:
        """The markers of that name on the function and on its chapter."""
        found = []
        for place in (self.function, self.chapter):
            marks = getattr(place, "pytestmark", [])
            found += [m for m in (marks if isinstance(marks, list) else [marks]) if m.name == name]
        return found

    @property
    def says(self) -> Mapping[str, Any]:
        """id, level and source."""
        return self.markers("clause")[0].kwargs

    @property
    def norm(self) -> str:
        """The first sentence of its docstring."""
        return first_sentence(self.function.__doc__)

    def entries(self, scope: str = "full") -> list[Mapping[str, Any]]:
        return scopes.chosen(self.markers("cases"), scope)

    def cases(self, dtype: torch.dtype, scope: str = "core") -> list[Case]:
        """Its cases of a scope in one dtype; of full without the further seeds."""
        return axes.built(self.entries(scope), dtype)

    def named(self, *others: torch.dtype) -> list[Case]:
        """Its cases of core that name a dtype, and none of the others."""
        return axes.named(self.entries("core"), [d for d in DTYPES.values() if d not in others])

    @property
    def fixtures(self) -> tuple[str, ...]:
        """The names of its arguments."""
        return tuple(inspect.signature(self.function).parameters)

    def mentions(self, name: str) -> bool:
        """Whether the clause, or a helper in its chapter that it calls, uses a name."""
        return name in set(_names(inspect.unwrap(self.function), set()))


def first_sentence(docstring: str | None) -> str:
    """The norm of a clause, on one line."""
    return " ".join((docstring or "").split()).partition(". ")[0].rstrip(".") + "."


def _names(function: Callable[..., Any], seen: set[str]) -> Iterator[str]:
    for name in _of_code(function.__code__):
        yield name
        helper = function.__globals__.get(name)
        if not isinstance(helper, FunctionType) or name in seen:
            continue
        if helper.__module__ == function.__module__:
            yield from _names(helper, seen | {name})


def _of_code(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _of_code(inner)


@cache
def every() -> list[Clause]:
    """All clauses in reading order."""
    found = []
    for module in sorted(pkgutil.iter_modules(clauses.__path__), key=lambda module: module.name):
        if module.name.startswith("test_"):
            chapter = importlib.import_module(f"{clauses.__name__}.{module.name}")
            tests = [f for n, f in vars(chapter).items() if n.startswith("test_")]
            found += [Clause(chapter, test) for test in tests if isinstance(test, FunctionType)]
    return found


def speed() -> list[Clause]:
    """The claims about speed, which no test states: `rnnspec bench` measures them, and nobody fails them."""
    from .benchmarks.claims import CLAUSES

    return CLAUSES
