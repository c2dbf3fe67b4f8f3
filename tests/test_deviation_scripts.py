"""The scripts of `deviations/*/`: they exit with 1 where what is installed deviates, else with 0.

Those about a library that is not installed are only read.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
import torch

import script_kit
from rnnspec import axes, catalogue
from rnnspec.adapters import SHIPPED
from rnnspec.case import Case
from rnnspec.catalogue import Clause
from rnnspec.deviations import Entry, load
from rnnspec.loading import Unusable
from rnnspec.loading import load as implementation
from rnnspec.maths import STATEMENTS, Maths
from rnnspec.network import Network
from rnnspec.notation import DTYPES
from rnnspec.reproduce.listed import Listed, listed, scripts
from script_kit import Ran

SCRIPTS = list(scripts())
ENTRIES = load().entries
UNABLE = 2
"""With this a script exits where something that it needs is not installed."""

LINK = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+/(issues|pull)/\d+")

SOME = 6
"""So many runs in which what shows in some shows at least once."""

named = pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: f"{s.path.parent.name}/{s.path.stem}")


@cache
def clauses() -> dict[str, Clause]:
    return {str(clause): clause for clause in catalogue.every()}


@cache
def wanting(name: str) -> str:
    """Why an implementation cannot be tried here: its library, or another choice of a library's backend."""
    try:
        implementation(name)
    except Unusable as error:
        return str(error)
    return ""


def usable(names: frozenset[str]) -> list[str]:
    """Those of the implementations that can be tried here; where there is none, nothing about them is."""
    found = [name for name in sorted(names) if not wanting(name)]
    if not found:
        pytest.skip("; ".join(wanting(name) for name in sorted(names)))
    return found


@cache
def networks(clause: str, name: str, maths: Maths) -> list[Network]:
    """The networks of an implementation on which a clause is tried, in every dtype and scope, on the CPU."""
    entries, subject = clauses()[clause].entries("full"), implementation(name)
    cases = [case for dtype in DTYPES.values() for case in axes.built(entries, dtype)]
    mine = [subject.fitted(case) for case in cases if case.mode in subject.modes]
    return [Network(subject, case, torch.device("cpu"), maths=maths) for case in mine]


def about(script: Listed) -> list[Network]:
    """The networks that a script is about."""
    subjects = usable(script.implementations)
    every = [n for name in subjects for n in networks(script.clause, name, script.maths)]
    return [network for network in every if script.fits(network.case, script.maths)]


def entries_of(script: Listed) -> list[Entry]:
    """The entries about networks that the script is about, whatever the version of the library."""
    mine = about(script)
    return [entry for entry in ENTRIES if any(_is_about(entry, script.clause, n) for n in mine)]


def mode(entry: Entry) -> Maths:
    """The math mode that an entry is about."""
    said = {pattern.partition(" ")[2].strip("*") for pattern in entry.device}
    return Maths(tuple(word for word in STATEMENTS if word in said))


def _is_about(entry: Entry, clause: str, network: Network) -> bool:
    return replace(entry, versions={}).applies(clause, network)


def deviates(script: Listed) -> bool:
    """Whether an entry says so of the library that is installed."""
    mine = about(script)
    return any(entry.applies(script.clause, network) for entry in ENTRIES for network in mine)


def run(script: Listed, folder: Path) -> Ran:
    """What becomes of a script; one of what shows in some runs is run until it does."""
    sometimes = any(entry.sometimes for entry in entries_of(script))
    once = script_kit.run if modules(script) == {"torch"} else alone
    for _ in range(SOME if sometimes else 1):
        ran = once(script.path, folder)
        if ran.returncode:
            break
    return ran


def alone(path: Path, folder: Path) -> Ran:
    """In a process of its own, which imports what it needs."""
    command = [sys.executable, "-W", "ignore", str(path)]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@named
def test_shows_what_is_listed(script: Listed, tmp_path: Path) -> None:
    wanted = deviates(script)
    ran = run(script, tmp_path)
    if ran.returncode == UNABLE and "needs" in script.text:
        pytest.skip(ran.stdout.strip())
    assert "Traceback" not in ran.stderr, ran.stderr
    assert ran.returncode == wanted, ran.stdout + ran.stderr


def modules(script: Listed) -> set[str]:
    """What a script may import: its library and NumPy, and torch where it is about what torch makes of it."""
    if script.implementations == {"torch.nn"}:
        return {"torch"}
    wanted = {part for name in usable(script.implementations) for part in SHIPPED[name].distributions}
    own = {module for module, of in metadata.packages_distributions().items() if wanted & set(of)}
    return own | {"numpy"} | ({"torch"} if not wanted or "torch" in script.path.parent.name else set())


@named
def test_needs_only_the_library(script: Listed) -> None:
    allowed = modules(script) | sys.stdlib_module_names
    body = re.search(r'BODY = """\\\n(.*?)"""', script.text, re.DOTALL)
    for text in (script.text, body[1] if body else ""):
        for node in ast.walk(ast.parse(text)):
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {module.split(".")[0] for module in imported} <= allowed


@named
def test_says_what_it_is_about(script: Listed) -> None:
    """The norm, what the library does instead, and a link, or that there is none; and it is short."""
    lines = script.text.splitlines()
    said = " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))
    assert said.startswith(f"{script.clause}: ")
    assert LINK.search(said) or "No upstream issue." in said
    assert len(lines) <= (26 if script.path.parent.name == "torch" else 40)
    assert lines[-1].startswith("raise SystemExit(")


@named
def test_has_an_entry(script: Listed) -> None:
    assert script.clause in clauses()
    assert entries_of(script), f"{script.path.name} is about nothing that is listed"


@pytest.mark.parametrize(
    "entry", [entry for entry in ENTRIES if entry.clause == entry.cause], ids=lambda entry: entry.place
)
def test_an_entry_has_a_script(entry: Entry) -> None:
    (name,) = usable(frozenset({entry.implementation}))
    every = networks(entry.clause, name, mode(entry))
    about = [n for n in every if _is_about(entry, entry.clause, n)]
    assert about, "the entry is about no case"
    without = [str(n.case) for n in about if not listed(entry.clause, n.case, name, n.maths)]
    assert not without, f"no script beside {entry.place} is about {without}"


def test_a_script_about_a_mode_is_for_that_mode() -> None:
    case = Case("LSTM")
    names = [
        [script.path.stem for script in listed("ERR-25", case, "torch.nn", Maths.named(mode))]
        for mode in ("default", "onednn", "no-onednn", "deterministic+no-onednn")
    ]
    default, other, without, both = names
    assert "err_25_without" not in default + other
    assert without[0] == both[0] == "err_25_without"
    assert set(without) == {*default, "err_25_without"}
