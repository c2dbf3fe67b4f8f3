"""Write `tests/mutants/kills.json`, the clauses that each mutant fails, and KILLS.md beside it, for people.

    python tests/kill_matrix.py [--chapters PCK DRP ...] [--thorough] [--new] [NAME ...]
    python tests/kill_matrix.py --page

Without names, all mutants; with --new, those that the file lacks; with chapters, their clauses alone, the
rest as it was; with --page, the page alone, from the file as it is. The clauses that a mutant is about, or is
known to fail, are tried on every case, the others on their smallest; with --thorough, on all but the long.
Read what changes before you commit it: a clause that lets a mutant go is a defect of the clause.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import torch

import kill_page
import killing
from mutants import MUTANTS
from rnnspec import catalogue
from rnnspec.implementation import DropIn

FILE = Path(__file__).parent / "mutants" / "kills.json"
PAGE = FILE.with_name("KILLS.md")
DTYPES = (torch.float32, torch.float64)

Fails = dict[str, list[str]]


def kills(chapters: list[str], thorough: bool, known: Fails, name: str) -> tuple[str, list[str]]:
    """A mutant, and the clauses of these chapters (none named: of all) that it fails."""
    torch.set_num_threads(1)
    mutant = MUTANTS[name]
    subject = DropIn(f"mutants:{name}", {mutant.mode: mutant.cls})
    clauses = [c for c in catalogue.every() if not chapters or str(c).partition("-")[0] in chapters]
    suspects = {*mutant.dies_of, *known.get(name, [])}
    others = killing.all_but_long if thorough else killing.smallest
    return name, killing.failing(subject, DTYPES, suspects, others, clauses, mutant.dies_of)


def read() -> tuple[list[str], Fails]:
    """The clauses that have been tried, in reading order, and those of them that each mutant fails."""
    found = json.loads(FILE.read_text()) if FILE.exists() else {"tried": [], "fails": {}}
    return found["tried"], found["fails"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--chapters", nargs="*", default=[])
    parser.add_argument("--thorough", action="store_true")
    parser.add_argument("--new", action="store_true")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("names", nargs="*")
    chosen = parser.parse_args()
    before, known = read()
    if chosen.page:
        PAGE.write_text(kill_page.page(before, known), encoding="utf-8")
        return
    order = [str(clause) for clause in catalogue.every()]
    now = [c for c in order if not chosen.chapters or c.partition("-")[0] in chosen.chapters]
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        names = chosen.names or [name for name in MUTANTS if not (chosen.new and name in known)]
        work = partial(kills, chosen.chapters, chosen.thorough, dict(known))
        for name, found in pool.map(work, names, chunksize=4):
            kept = [clause for clause in known.get(name, []) if clause in order and clause not in now]
            known[name] = sorted(kept + found, key=order.index)
            spared = set(MUTANTS[name].dies_of) - set(known[name])
            print(name, *found, f"SPARED BY {' '.join(sorted(spared))}" if spared else "", flush=True)
    write([c for c in order if c in {*before, *now}], {n: known[n] for n in sorted(MUTANTS) if n in known})


def write(tried: list[str], fails: Fails) -> None:
    """A mutant a line."""
    rows = ",\n".join(f"    {json.dumps(name)}: {json.dumps(clauses)}" for name, clauses in fails.items())
    FILE.write_text(f'{{\n  "tried": {json.dumps(tried)},\n  "fails": {{\n{rows}\n  }}\n}}\n')
    PAGE.write_text(kill_page.page(tried, fails), encoding="utf-8")


if __name__ == "__main__":
    main()
