"""Every clause has an id, a level, a source, a norm that is a fact, cases, and ends in a verb."""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import pytest
import torch

from rnnspec import check
from rnnspec.case import Case
from rnnspec.catalogue import Clause, every
from rnnspec.clauses import CHAPTERS
from rnnspec.notation import CLAIMS, DTYPES
from rnnspec.reporting import norm

LETTERS = re.compile(r"([A-Z]+)-([1-9][0-9]*)")
NO_FACT = ("should", "test that", "tests that", "verify", "verifies", "check that", "must")

VERBS = {name for name, f in vars(check).items() if isinstance(f, FunctionType) and name.islower()}
VERBS -= {"place", "describe"}

clauses = pytest.mark.parametrize("clause", every(), ids=str)


def test_there_are_clauses() -> None:
    assert every()


@clauses
def test_markers(clause: Clause) -> None:
    (marker,) = clause.markers("clause")
    assert marker.args == ()
    assert set(marker.kwargs) == {"id", "level", "source"}
    assert LETTERS.fullmatch(marker.kwargs["id"])
    assert marker.kwargs["level"] in ("MUST", "SHOULD", "MAY")
    assert marker.kwargs["source"].strip()
    assert {claim for needs in clause.markers("needs") for claim in needs.args} <= set(CLAIMS)


def test_ids_are_unique() -> None:
    counts = Counter(str(clause) for clause in every())
    assert {name for name, count in counts.items() if count > 1} == set()


def test_letters_belong_to_one_chapter() -> None:
    """All clauses of one file begin with the same letters, which no file of another number has."""
    homes = {(str(c).partition("-")[0], c.chapter.__name__) for c in every()}
    assert len(homes) == len({file for _, file in homes})
    numbers = {(letters, re.search(r"test_\d\d", file)[0]) for letters, file in homes}  # type: ignore[index]
    assert len(numbers) == len({letters for letters, _ in numbers})
    assert {letters for letters, _ in homes} <= set(CHAPTERS)


def test_chapters_are_in_reading_order() -> None:
    order = list(CHAPTERS)
    numbers = [order.index(str(clause).partition("-")[0]) for clause in every()]
    assert numbers == sorted(numbers)


@clauses
def test_the_norm_is_a_fact(clause: Clause) -> None:
    item: Any = SimpleNamespace(function=clause.function)
    text = norm(item)
    assert text.endswith(".")
    assert len(text) > 20
    assert text == (inspect.getdoc(clause.function) or "")[: len(text)].replace("\n", " ")
    assert not [word for word in NO_FACT if re.search(rf"\b{word}\b", text, re.IGNORECASE)]


@clauses
def test_the_function_is_about_rnn(clause: Clause) -> None:
    names = list(inspect.signature(clause.function).parameters)
    assert names[0] == "rnn"
    assert set(names) <= {"rnn", "case", "recorded", "monkeypatch", "recwarn", "tmp_path"}


SLOW = {"TRN-13"}
"""Clauses that only the scope full has time for."""


@clauses
def test_names_of_cases_are_unique(clause: Clause) -> None:
    assert clause.entries("core") or str(clause) in SLOW
    cases = [case for dtype in DTYPES.values() for case in clause.cases(dtype, "full")]
    counts = Counter((str(case), case.dtype) for case in cases)
    assert counts
    assert {name for name, count in counts.items() if count > 1} == set()


def test_one_name_stands_for_one_case() -> None:
    cases = {case for clause in every() for case in clause.cases(torch.float32, "full")}
    assert len({str(case) for case in cases}) == len(cases)


DEGENERATE = {"SHP-5", "BAT-4", "BAT-6"}
"""Clauses whose subject is a size of 0."""


@clauses
def test_no_clause_has_only_degenerate_sizes(clause: Clause) -> None:
    """Each mode has a case with T ≥ 3, B ≥ 2, and sizes that cannot be mixed up.

    Where the notebook's numbers are looked at, the sizes are the notebook's.
    """
    cases = [case for dtype in DTYPES.values() for case in clause.cases(dtype)]
    if str(clause) in DEGENERATE:
        assert all(0 in (case.T, case.B) for case in cases)
        return
    if clause.mentions("notebook"):
        return
    for mode in {case.mode for case in cases}:
        assert any(is_telling(case) for case in cases if case.mode == mode), mode


def is_telling(case: Case) -> bool:
    distinct = len({case.T, case.B, case.H}) == 3 and case.I != case.H and case.P != case.H
    return distinct and case.T >= 3 and case.B >= 2 and case.I >= 2 and case.H % 4 != 0


@clauses
def test_the_body_ends_in_a_verb(clause: Clause) -> None:
    assert speaks(clause.function, set())


def speaks(function: Any, seen: set[str]) -> bool:
    """Whether a verb is reached whatever the case is: at the top level, in a loop or a `with`."""
    function = inspect.unwrap(function)
    (tree,) = ast.parse(inspect.getsource(function).lstrip()).body
    assert isinstance(tree, ast.FunctionDef)
    return any(is_verb(call, function, seen) for call in unconditional(tree.body))


def unconditional(body: list[ast.stmt]) -> Iterator[ast.Call]:
    """The calls that are statements, in order; those under an `if` only where it has two branches."""
    for statement in body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            yield statement.value
        elif isinstance(statement, ast.For | ast.With | ast.Try):
            yield from unconditional(statement.body)
        elif isinstance(statement, ast.If) and statement.orelse:
            other = list(unconditional(statement.orelse))
            yield from list(unconditional(statement.body)) if other else ()


def is_verb(call: ast.Call, function: Any, seen: set[str]) -> bool:
    """A verb of `check`, `recorded.agrees`, or a helper of the kit that reaches one."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="recorded"), attr="agrees"):
            return True
        case ast.Name(id=name):
            found = function.__globals__.get(name)
        case ast.Attribute(value=ast.Name(id=place), attr=name):
            found = getattr(function.__globals__.get(place), name, None)
        case _:
            return False
    if not isinstance(found, FunctionType):
        return False
    if found.__module__ == check.__name__:
        return found.__name__ in VERBS
    ours = found.__module__.split(".")[0] in ("rnnspec", __name__)
    return ours and name not in seen and speaks(found, seen | {name})


def test_a_body_without_a_verb_is_seen() -> None:
    assert not speaks(silent, set())
    assert speaks(outspoken, set())


def silent(rnn: Any) -> None:
    if rnn:
        check.has_shape(rnn, ())
    assert rnn


def outspoken(rnn: Any) -> None:
    for part in rnn:
        told(part)


def told(part: Any) -> None:
    has_shape(part, ())


has_shape = check.has_shape


@clauses
def test_the_chapter_is_a_chapter(clause: Clause) -> None:
    """A title of one line that begins with the file's number, and a file of at most 300 lines."""
    number = re.search(r"test_(\d\d)_", clause.chapter.__name__)
    assert number
    assert (clause.chapter.__doc__ or "").startswith(number[1] + " ")
    assert len(Path(clause.chapter.__file__ or "").read_text("utf-8").splitlines()) <= 300
