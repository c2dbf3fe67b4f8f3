"""The page of mutants and clauses says what the file says, and all of it."""

from __future__ import annotations

import re

import kill_matrix
import kill_page
from mutants import MUTANTS

TRIED, FAILS = kill_matrix.read()


def test_the_page_is_as_kept() -> None:
    """If not: `python tests/kill_matrix.py --page`."""
    kept = kill_matrix.PAGE.read_text("utf-8")
    assert kept == kill_page.page(TRIED, FAILS), "run: python tests/kill_matrix.py --page"


def test_every_mutant_and_kill_is_counted() -> None:
    defects = kill_page.defects(FAILS)
    assert sum(len(defect.fails) for defect in defects) == len(set(FAILS) & set(MUTANTS))
    text = kill_page.page(TRIED, FAILS)
    counts = {clause: int(n) for clause, n in re.findall(r"\*\*([A-Z]+-\d+)\*\*: (\d+) mutant", text)}
    assert list(counts) == TRIED
    for clause, count in counts.items():
        assert count == sum(clause in fails for name, fails in FAILS.items() if name in MUTANTS)


def test_a_mutant_is_listed_where_its_author_named_it() -> None:
    text = kill_page.page(["GRU-1", "ELM-1", "SEQ-1"], {mutant: ["SEQ-1"] for mutant in pair()})
    name = pair()[0].removeprefix("GRU")
    listed = text.partition("## Clauses")[2].partition("## Defects")[0]
    for mutant in pair():
        for clause in set(MUTANTS[mutant].dies_of) & {"GRU-1", "ELM-1", "SEQ-1"}:
            part = listed.partition(f"**{clause}**")[2].partition("<a id")[0]
            assert re.search(rf"- {name} \(.*\b{MUTANTS[mutant].mode}\b.*\): ", part)
    assert f"| {name} | RNN, GRU |  |  | 1 |" in text
    assert "**SEQ-1**: 2 mutants die of it." in text
    assert "| SEQ sequence | 1 | " in text


def pair() -> list[str]:
    """The two mutants of a defect in GRU and RNN."""
    names = [name.removeprefix("GRU") for name in FAILS if name.startswith("GRU") and name in MUTANTS]
    first = next(n for n in names if f"RNN{n}" in MUTANTS and "SEQ-1" in MUTANTS[f"GRU{n}"].dies_of)
    return [f"GRU{first}", f"RNN{first}"]
