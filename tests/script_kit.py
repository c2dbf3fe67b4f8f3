"""Scripts that need only torch, each in a process of its own, forked from one in which torch is imported."""

from __future__ import annotations

import os
import runpy
import sys
import warnings
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path


@dataclass(frozen=True)
class Ran:
    """What became of a script; the status is that of a signal, below 0, where one ended it."""

    returncode: int
    stdout: str
    stderr: str


def run(script: Path, folder: Path) -> Ran:
    """A script as `python -W ignore` runs it, in a folder."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["torch"])
    out, err = (folder / f"{script.parent.name}-{script.stem}.{name}" for name in ("out", "err"))
    process = context.Process(target=_script, args=(script, folder, out, err))
    process.start()
    process.join()
    assert process.exitcode is not None
    return Ran(process.exitcode, *(each.read_text("utf-8", errors="replace") for each in (out, err)))


def _script(script: Path, folder: Path, out: Path, err: Path) -> None:
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(folder)
    sys.argv = [str(script)]
    warnings.simplefilter("ignore")
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        sys.stdout.flush()
