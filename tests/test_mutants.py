"""Every clause has a mutant that dies of it, and every mutant fails the clauses declared, no others.

`mutants/kills.json` declares them all, in their modes; `dies_of` beside a mutant names those that are
about its defect. A clause that a mutant is not declared to fail is tried on its smallest cases alone;
`kill_matrix.py`, which writes the file, tries more.
"""

from __future__ import annotations

import json

import pytest

import catalogue
import killing
import plain
from kill_matrix import DTYPES, FILE
from mutants import MUTANTS
from rnnspec.implementation import DropIn
from rnnspec.notation import MODES

KILLS: dict[str, list[str]] = json.loads(FILE.read_text())


@pytest.mark.parametrize("mode", MODES)
def test_correct_drop_in_passes(mode: str) -> None:
    """The mutants' common ancestor has no fault of its own."""
    assert killing.failing(DropIn(f"plain:{mode}", {mode: getattr(plain, mode)}), DTYPES) == []


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_fails_what_is_declared(name: str) -> None:
    """Each of the declared clauses, and no other."""
    mutant = MUTANTS[name]
    subject = DropIn(f"mutants:{name}", {mutant.mode: mutant.cls})
    fails = killing.failing(subject, DTYPES, KILLS[name], killing.smallest)
    assert fails == KILLS[name], mutant.fault
    assert set(mutant.dies_of) <= set(fails), mutant.fault


def test_every_clause_has_a_mutant() -> None:
    killed = {clause for mutant in MUTANTS.values() for clause in mutant.dies_of}
    assert {str(clause) for clause in catalogue.every()} - killed == set()


def test_declared_are_the_mutants_there_are() -> None:
    assert list(KILLS) == sorted(MUTANTS)


def test_every_fault_is_said_in_one_line() -> None:
    for name, mutant in MUTANTS.items():
        assert mutant.fault.endswith("."), name
        assert mutant.dies_of, name
