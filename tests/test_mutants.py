"""Every clause has a mutant that dies of it, and every mutant fails the clauses declared, no others.

`dies_of` beside a mutant names the clauses that are about its defect. `mutants/kills.json`, which
`kill_matrix.py` writes, declares all that it fails among the clauses that were tried. Here a mutant is tried
on the clauses that are about it and on one in sixteen of the rest, others for each mutant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from zlib import crc32

import pytest

import kill_matrix
import killing
import plain
from kill_matrix import DTYPES
from mutants import MUTANTS
from mutants.beyond import RIGHT
from mutants.registry import drop_in
from mutants.transforms import Scripted
from rnnspec import catalogue
from rnnspec.implementation import Amended, DropIn
from rnnspec.notation import BEYOND, MODES

TRIED, FAILS = kill_matrix.read()

ONE_IN = 16
"""The share of the table that is tried here: the whole takes an hour."""

ELSEWHERE = {"DET-5", "DTY-6", "DEV-2", "DEV-5", "DEV-10", "DEV-11", "DEV-12", "TRN-10", "TRN-13", "TRN-23"}
"""Clauses about accelerators, ONNX and compilers: no mutant can die of them wherever the tests run."""


@pytest.mark.parametrize("mode", MODES)
def test_correct_drop_in_passes(mode: str) -> None:
    """The mutants' common ancestor has no fault of its own."""
    assert killing.failing(DropIn(f"plain:{mode}", {mode: getattr(plain, mode)}), DTYPES) == []


@pytest.mark.parametrize("mode", MODES)
def test_correct_drop_in_keeps_what_mutants_claim(mode: str) -> None:
    """Nor does it lack what mutants claim beside what every drop-in does; to be scripted it is prepared."""
    ancestor = drop_in(f"Prepared{mode}", Scripted, mode)
    beyond = drop_in(f"Beyond{mode}", RIGHT.get(mode, Scripted), mode)
    about: dict[frozenset[str], set[str]] = defaultdict(set)
    for mutant in MUTANTS.values():
        if mutant.mode == mode:
            about[frozenset(getattr(mutant.cls, "claims", ()))].update(mutant.dies_of)
    for claims, ids in about.items():
        if claims:
            cls = beyond if claims <= BEYOND.keys() else ancestor
            subject = Amended(DropIn(f"plain:{mode}", {mode: cls}), more=claims)
            assert killing.failing(subject, DTYPES, ids, among=clauses(ids)) == []


def clauses(ids: Iterable[str]) -> list[catalogue.Clause]:
    return [clause for clause in catalogue.every() if str(clause) in set(ids)]


def undeclared(name: str) -> list[str]:
    """The clauses about a mutant's defect that the file says nothing of."""
    return [c for c in MUTANTS[name].dies_of if name not in FAILS or c not in TRIED]


@pytest.mark.parametrize("name", [name for name in MUTANTS if undeclared(name)])
def test_mutant_dies(name: str) -> None:
    """Each clause about the defect catches it."""
    mutant, about = MUTANTS[name], undeclared(name)
    subject = DropIn(f"mutants:{name}", {mutant.mode: mutant.cls})
    fails = killing.failing(subject, DTYPES, about, among=clauses(about))
    assert sorted(fails) == sorted(about), mutant.fault


@pytest.mark.parametrize("name", FAILS)
def test_mutant_fails_what_is_declared(name: str) -> None:
    """Each of the declared clauses, and no other: of those about it all, of the others a sample."""
    mutant = MUTANTS[name]
    subject = DropIn(f"mutants:{name}", {mutant.mode: mutant.cls})
    sample = [c for c in TRIED if c in mutant.dies_of or crc32(f"{name} {c}".encode()) % ONE_IN == 0]
    fails = killing.failing(subject, DTYPES, FAILS[name], killing.smallest, clauses(sample), mutant.dies_of)
    assert fails == [c for c in FAILS[name] if c in sample], mutant.fault
    assert set(mutant.dies_of) & set(sample) <= set(fails), mutant.fault


def test_every_clause_has_a_mutant() -> None:
    killed = {clause for mutant in MUTANTS.values() for clause in mutant.dies_of}
    assert {str(clause) for clause in catalogue.every()} - killed == ELSEWHERE


def test_what_is_declared_is_still_there() -> None:
    assert set(FAILS) <= set(MUTANTS)
    assert set(TRIED) <= {str(clause) for clause in catalogue.every()}


def test_every_fault_is_said_in_one_line() -> None:
    for name, mutant in MUTANTS.items():
        assert mutant.fault.endswith("."), name
        assert mutant.dies_of, name
