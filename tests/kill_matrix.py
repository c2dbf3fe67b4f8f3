"""Write `tests/mutants/kills.json`: `python tests/kill_matrix.py [NAME...]`, the clauses each mutant fails.

The clauses that a mutant is declared to die of are tried on every case, the rest on all but the long ones.
Read what changes before you commit it: a clause that lets a mutant go is a defect of the clause.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

import killing
from mutants import MUTANTS
from rnnspec.implementation import DropIn

FILE = Path(__file__).parent / "mutants" / "kills.json"
DTYPES = (torch.float32, torch.float64)


def kills(name: str) -> tuple[str, list[str]]:
    """A mutant and the clauses that it fails."""
    torch.set_num_threads(1)
    mutant = MUTANTS[name]
    subject = DropIn(f"mutants:{name}", {mutant.mode: mutant.cls})
    return name, killing.failing(subject, DTYPES, mutant.dies_of, killing.all_but_long)


def main(names: list[str]) -> None:
    known = json.loads(FILE.read_text()) if names and FILE.exists() else {}
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for name, clauses in pool.map(kills, names or sorted(MUTANTS), chunksize=4):
            known[name] = clauses
            spared = set(MUTANTS[name].dies_of) - set(clauses)
            print(name, *clauses, f"SPARED BY {' '.join(sorted(spared))}" if spared else "", flush=True)
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(known[name])}" for name in sorted(known))
    FILE.write_text("{\n" + rows + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
