"""The scripts of `deviations/torch/`: they exit with 1 where the installed torch deviates, else with 0."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

from rnnspec import axes, catalogue
from rnnspec.catalogue import Clause
from rnnspec.deviations import Entry, load
from rnnspec.implementation import Network
from rnnspec.loading import load as implementation
from rnnspec.notation import DTYPES
from rnnspec.reproduce.listed import FOLDER, Listed, listed, scripts

SCRIPTS = list(scripts())
ENTRIES = [entry for entry in load().entries if entry.implementation == "torch.nn"]
UNABLE = 2
"""With this a script exits where something that it needs is not installed."""

SOME = 6
"""So many runs in which what shows in some shows at least once."""

named = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.path.stem)


@cache
def clauses() -> dict[str, Clause]:
    return {str(clause): clause for clause in catalogue.every()}


@cache
def networks(clause: str) -> list[Network]:
    """Torch's networks on which a clause is tried, in every dtype and scope, on the CPU."""
    entries, torchs = clauses()[clause].entries("full"), implementation("torch.nn")
    cases = [case for dtype in DTYPES.values() for case in axes.built(entries, dtype)]
    return [Network(torchs, case, torch.device("cpu")) for case in cases]


def entries_of(script: Listed) -> list[Entry]:
    """The entries about networks that the script is about, whatever the version of torch."""
    mine = [network for network in networks(script.clause) if script.fits(network.case)]
    return [entry for entry in ENTRIES if any(_is_about(entry, script.clause, n) for n in mine)]


def _is_about(entry: Entry, clause: str, network: Network) -> bool:
    return replace(entry, versions={}).applies(clause, network)


def deviates(script: Listed) -> bool:
    """Whether an entry says so of the torch that is installed."""
    mine = [network for network in networks(script.clause) if script.fits(network.case)]
    return any(entry.applies(script.clause, network) for entry in ENTRIES for network in mine)


Runs = dict[Listed, "Future[subprocess.CompletedProcess[str]]"]


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """The scripts that are asked for, two at a time."""
    folder = tmp_path_factory.mktemp("scripts")
    params = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    asked = dict.fromkeys(each["script"] for each in params if "script" in each)
    with ThreadPoolExecutor(2) as pool:
        yield {script: pool.submit(run, script, folder) for script in asked}


def run(script: Listed, folder: Path) -> subprocess.CompletedProcess[str]:
    """What becomes of a script; one of what shows in some runs is run until it does."""
    command = [sys.executable, "-W", "ignore", str(script.path)]
    sometimes = any(entry.sometimes for entry in entries_of(script))
    for _ in range(SOME if sometimes else 1):
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if ran.returncode:
            break
    return ran


@named
def test_shows_what_is_listed(script: Listed, runs: Runs) -> None:
    ran = runs[script].result()
    if ran.returncode == UNABLE and "needs" in script.text:
        pytest.skip(ran.stdout.strip())
    assert "Traceback" not in ran.stderr, ran.stderr
    assert ran.returncode == deviates(script), ran.stdout + ran.stderr


@named
def test_needs_only_torch(script: Listed) -> None:
    body = re.search(r'BODY = """\\\n(.*?)"""', script.text, re.DOTALL)
    for text in (script.text, body[1] if body else ""):
        for node in ast.walk(ast.parse(text)):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for module in modules:
                assert module.split(".")[0] in {"torch", *sys.stdlib_module_names}


@named
def test_says_what_it_is_about(script: Listed) -> None:
    """The norm, what torch does instead, and a link, or that there is none; and it is short."""
    lines = script.text.splitlines()
    said = " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))
    assert said.startswith(f"{script.clause}: ")
    assert "https://github.com/pytorch/pytorch/issues/" in said or "No upstream issue." in said
    assert len(lines) <= 26
    assert lines[-1].startswith("raise SystemExit(")


@named
def test_has_an_entry(script: Listed) -> None:
    assert script.clause in clauses()
    assert entries_of(script), f"{script.path.name} is about nothing that is listed"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.place)
def test_an_entry_has_a_script(entry: Entry) -> None:
    about = [network for network in networks(entry.clause) if _is_about(entry, entry.clause, network)]
    assert about, "the entry is about no case"
    without = [str(n.case) for n in about if not listed(entry.clause, n.case)]
    assert not without, f"no script in {FOLDER.name}/ is about {without}"
