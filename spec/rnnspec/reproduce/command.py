"""`rnnspec reproduce`: the case on which a clause fails, as a script that exits with 1 where it does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import torch

from .. import axes, catalogue, loading
from ..case import Case
from ..catalogue import Clause
from ..isolation.deaths import cause
from ..isolation.limits import over
from ..notation import DTYPES, dtype_name, is_cell
from ..options import DEFAULT
from ..result import BAD
from ..scopes import work
from .child import packed, unpacked
from .listed import listed

WRITTEN, PASSES, UNUSABLE, CALLS_ONLY = range(4)
"""The exit statuses."""


class Unusable(ValueError):
    """There is no such clause, case, dtype, device, math mode or implementation; in one line."""


class Reproducer(NamedTuple):
    """The exit status, the script, and what is to be said beside it."""

    status: int
    text: str
    said: str


class Child(NamedTuple):
    """What a process told, its exit status, and whether it was ended because it took too long."""

    told: list[dict[str, Any]]
    status: int
    over: bool


class Asked(NamedTuple):
    """What is to be reproduced."""

    clause: Clause
    cases: list[Case]
    rnn: str
    device: str
    seconds: float
    name: str | None  # of the case


def asked(clause: str, case: str | None, rnn: str, dtype: str | None, device: str, seconds: float) -> Asked:
    """The clause and its cases.

    Raises:
        Unusable: there is none of that name.
    """
    if dtype is not None and dtype not in DTYPES:
        raise Unusable(f"--dtype: {dtype!r} is not one of {', '.join(DTYPES)}")
    try:
        loading.place(device)
    except loading.Unusable as error:
        raise Unusable(f"--device: {error}") from error
    every = {str(each): each for each in catalogue.every()}
    if clause.upper() not in every:
        raise Unusable(f"there is no clause {clause}; {_near(clause.upper(), every)}")
    found = every[clause.upper()]
    return Asked(found, cases(found, case, dtype), rnn, device, seconds, case)


def cases(clause: Clause, name: str | None, dtype: str | None) -> list[Case]:
    """The cases of a clause by name, or all of core: small ones first, of one step or row last."""
    scope = "core" if name is None else "full"
    named = [DTYPES[dtype]] if dtype else [DTYPES[each] for each in DEFAULT]
    further = [] if dtype else [each for each in DTYPES.values() if each not in named]
    entries = clause.entries(scope)
    found = [case for each in named for case in axes.built(entries, each)] + axes.named(entries, further)
    if name is None:
        return sorted(found, key=_size)
    fitted = re.sub(r"-(before|nobhn)(?=-|$)", "", name)  # as an implementation has it of torch's
    chosen = [case for case in found if str(case) in (name, fitted)]
    if not chosen and (seed := re.search(r"-seed(\d{1,10})$", name)):
        chosen = [case.but(seed=int(seed[1])) for case in cases(clause, name[: seed.start()], dtype)]
    if not chosen:
        in_dtype = f" in {dtype}" if dtype else ""
        raise Unusable(f"{clause} has no case {name}{in_dtype}; {_near(name, map(str, found))}")
    return chosen


def _size(case: Case) -> tuple[bool, bool, int]:
    """What orders cases: those of one step or row hide what is mixed up, and a cell takes a loop."""
    return case.T < 3 or case.B < 2, is_cell(case.mode), work(case)[0] + case.T * case.B * case.I


def _near(name: str, names: Any) -> str:
    every = list(dict.fromkeys(names))
    near = get_close_matches(name, every, n=5, cutoff=0.5) or every[:5]
    return f"near it: {', '.join(near)}" if near else "it has none"


def reproduced(asked: Asked) -> Reproducer:
    """The script for the first of the cases on which the clause fails.

    Raises:
        Unusable: the implementation.
    """
    found = tried(asked)
    if found is None or found["outcome"] not in BAD:
        return Reproducer(PASSES, "", passes(asked, found))
    case, what = unpacked(found["fitted"]), found["message"].partition("\n")[0]
    tried_on = f"{asked.clause} on {case}, {dtype_name(case.dtype)}: {found['outcome']}, {what}"
    for script in listed(str(asked.clause), case, asked.rnn, loading.place(asked.device).maths):
        if shows(script.text):
            return Reproducer(WRITTEN, script.text, tried_on)
    text = "\n".join([*_heading(asked, case), *found["lines"], ""])
    if shows(text, found.get("raised", "")):
        return Reproducer(WRITTEN, text, tried_on)
    return Reproducer(
        CALLS_ONLY, text, f"{tried_on}\nthe script shows the calls only: it does not exit with 1"
    )


def _heading(asked: Asked, case: Case) -> Iterator[str]:
    yield f"# {asked.clause}: {asked.clause.norm}"
    dtype = dtype_name(case.dtype)
    yield f"# Tried: {asked.rnn}, {case}, {dtype}, {asked.device}; torch {torch.__version__}."
    yield "# This exits with 1 where the norm is broken."


def passes(asked: Asked, found: dict[str, Any] | None) -> str:
    """Why there is nothing to reproduce."""
    if found is None:
        lacks = f"no case {asked.name}" if asked.name else "none of the modes"
        return f"{asked.rnn} has {lacks} of {asked.clause}"
    if found["outcome"] == "NOT CLAIMED":
        return f"{asked.clause} is not claimed: {found['message']}"
    names = list(dict.fromkeys(map(str, asked.cases)))
    where = names[0] if len(names) == 1 else f"its cases, of which there are {len(names)}"
    return f"nothing to reproduce: {asked.clause} passes on {where}"


def tried(asked: Asked) -> dict[str, Any] | None:
    """What became of the first case that fails, or of the last, or of the last that is claimed."""
    child = _child(asked, asked.cases)
    for line in child.told:
        if "unusable" in line:
            raise Unusable(f"--rnn: {line['unusable']}")
    if not child.told:
        raise Unusable(f"--rnn: the process {cause(child.status)} while {asked.rnn!r} was imported")
    return _concluded(asked, child) if len(child.told) > 1 else None


def _concluded(asked: Asked, child: Child) -> dict[str, Any]:
    told = child.told
    begun: dict[str, Any] = {}
    calls, best = 0, None
    for line in told:
        begun, calls = (line, 0) if "case" in line else (begun, line.get("call", calls))
        if "outcome" in line and (best is None or line["outcome"] != "NOT CLAIMED"):
            best = begun | line
    if best and "outcome" in told[-1] and told[-1]["outcome"] != "CRASH":
        return best
    said = over(asked.seconds) if child.over else f"{cause(child.status)} in the middle of a clause"
    said = told[-1].get("message", said)
    outcome = "TIMEOUT" if child.over else "CRASH"
    return {**begun, "outcome": outcome, "message": said, "lines": _deadly(asked, begun["case"], calls)}


def _deadly(asked: Asked, case: int, calls: int) -> list[str]:
    """The script of a process that stops before the call that ended another."""
    again = _child(asked, [asked.cases[case]], stop=calls).told if calls else []
    lines: list[str] = again[-1].get("lines", []) if again else []
    return lines or ["# The process ended before a network was called, or between the calls."]


def _child(asked: Asked, cases: Sequence[Case], stop: int | None = None) -> Child:
    """What becomes of a process of its own that tries the cases."""
    job = {
        "clause": str(asked.clause),
        "cases": [packed(case) for case in cases],
        "name": asked.name,
        "rnn": asked.rnn,
        "device": asked.device,
        "seconds": asked.seconds,
        "stop": stop,
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "told")
        file.touch()
        command = [sys.executable, "-m", "rnnspec.reproduce.child", json.dumps(job), str(file)]
        ran = subprocess.run(command, env=_environment(), capture_output=True, check=False)
        lines = file.read_text("utf-8").splitlines()
    return Child([json.loads(line) for line in lines], ran.returncode, b"\nTimeout (" in b"\n" + ran.stderr)


def shows(text: str, raised: str = "") -> bool:
    """Whether the script exits with 1, by an exception only where the clause failed by one."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "reproducer.py")
        file.write_text(text, "utf-8")
        command = [sys.executable, str(file)]
        ran = subprocess.run(
            command, env=_environment(), capture_output=True, text=True, errors="replace", check=False
        )
    if "Traceback (most recent call last)" in ran.stderr:
        expected = raised and re.search(rf"^(\w+\.)*{re.escape(raised)}(:|$)", ran.stderr, re.MULTILINE)
        return ran.returncode == 1 and bool(expected)
    return ran.returncode == 1


def _environment() -> dict[str, str]:
    """In which a class that is importable here is importable, with warnings left as they are."""
    path = [os.getcwd(), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
