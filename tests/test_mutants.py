"""Every clause has a mutant that dies of it, and every mutant dies of the clauses declared.

By default a clause that a mutant is not declared to fail is tried on its two smallest cases of each
mode alone; `--every-case` tries them all (hours).
"""

from __future__ import annotations

import pytest
import torch

import catalogue
import killing
import plain
from mutants import MUTANTS
from rnnspec.implementation import DropIn
from rnnspec.notation import MODES

DTYPES = (torch.float32, torch.float64)


@pytest.mark.parametrize("mode", MODES)
def test_correct_drop_in_passes(mode: str) -> None:
    """The mutants' common ancestor has no fault of its own."""
    assert killing.failing(DropIn(f"plain:{mode}", {mode: getattr(plain, mode)}), DTYPES) == []


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_fails_what_it_is_declared_to_fail(name: str, request: pytest.FixtureRequest) -> None:
    """The declared clauses, each of them, and no other."""
    mutant = MUTANTS[name]
    declared = None if request.config.getoption("every_case") else mutant.dies_of
    fails = killing.failing(DropIn(f"mutants:{name}", {mutant.mode: mutant.cls}), DTYPES, declared)
    assert sorted(fails) == sorted(mutant.dies_of), mutant.fault


def test_every_clause_has_a_mutant() -> None:
    killed = {clause for mutant in MUTANTS.values() for clause in mutant.dies_of}
    assert {str(clause) for clause in catalogue.every()} - killed == set()


def test_every_fault_is_said_in_one_line() -> None:
    for name, mutant in MUTANTS.items():
        assert mutant.fault.endswith("."), name
        assert mutant.dies_of, name
