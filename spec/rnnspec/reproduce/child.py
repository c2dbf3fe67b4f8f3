"""A process of its own, which may die: tries a clause on cases until one fails, and writes the script.

What it finds are JSON lines in a file, each flushed: the number of the case, and of each call before it is
made, then the outcome. After a death the case is tried once more up to the call that was the last.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from .. import bare, bound, catalogue, check, loading
from ..blame import judged
from ..case import Case
from ..catalogue import Clause
from ..check import Accepted, Failed
from ..isolation.limits import contained, hard
from ..keeping import kept
from ..network import Network
from ..notation import DTYPES, dtype_name
from ..result import BAD
from ..trial import Call, Trial, trying
from .writing import script

STARTING = 10
"""Seconds that a process may take to import torch."""

Tell = Callable[..., None]


class Stop(BaseException):
    """The call before which to stop is reached."""


class Watched(list[Call]):
    """Calls that are told before they are made; that with the number `stop` is not made."""

    def __init__(self, tell: Tell, stop: int | None) -> None:
        super().__init__()
        self.tell, self.stop, self.made = tell, stop, 0

    def append(self, call: Call) -> None:
        super().append(call)
        self.made += 1
        self.tell(call=self.made)
        if self.made == self.stop:
            raise Stop


def packed(case: Case) -> dict[str, Any]:
    """A case as JSON."""
    fields = asdict(case) | {"dtype": dtype_name(case.dtype)}
    del fields["factors"]  # the implementation says them again
    return fields


def unpacked(fields: dict[str, Any]) -> Case:
    return Case(**fields | {"dtype": DTYPES[fields["dtype"]]})


def run(job: dict[str, Any], tell: Tell) -> None:
    """Tries the cases in turn, up to the first that fails."""
    clause = next(each for each in catalogue.every() if str(each) == job["clause"])
    try:
        implementation = loading.load(job["rnn"])
    except loading.Unusable as error:
        tell(unusable=str(error))
        return
    tell(modes=implementation.modes)
    place = loading.place(job["device"])
    for number, case in enumerate(map(unpacked, job["cases"])):
        if case.mode not in implementation.modes:
            continue
        case = implementation.fitted(case)
        if job["name"] not in (None, str(case)):
            continue
        tell(case=number, fitted=packed(case))
        network = Network(implementation, case, place.device, maths=place.maths)
        found = attempt(clause, network, job["seconds"], Watched(tell, job["stop"]))
        tell(**found)
        if found["outcome"] in BAD:
            return
        network.forget()


def attempt(clause: Clause, network: Network, seconds: float, calls: Watched) -> dict[str, Any]:
    """The outcome on one network, and what is said of it; the lines of the script where it fails."""
    raised: Any = None
    own = network.implementation.changes.patches
    with hard(seconds, sys.stderr), bound.threads(1), kept(own), trying() as trial:
        trial.calls = calls
        network.place.say()
        try:
            with contained(lambda: False):
                bare.call(clause, network)
        except Stop as stop:
            return {"outcome": "CRASH", "message": "", "lines": deadly(network, calls, stop, seconds)}
        except (Exception, pytest.skip.Exception, pytest.fail.Exception) as error:
            raised = pytest.ExceptionInfo.from_exception(error)
    verdict = judged(raised, trial, network)
    found = {"outcome": verdict.outcome, "message": verdict.message, "raised": ""}
    if verdict.outcome not in BAD:
        return found
    if not isinstance(raised.value, Failed):
        found["raised"] = type(raised.value).__name__
    return found | {"lines": written(trial.drawn or network, trial, raised.value)}


def written(network: Network, trial: Trial, error: BaseException) -> list[str]:
    evidence = error.evidence if isinstance(error, Failed) else None
    try:
        return script(network, trial.calls, evidence, loaded=not isinstance(error, Failed))
    except Exception as broken:
        return [f"# could not be written: {type(broken).__name__}: {broken}"]


def deadly(network: Network, calls: Sequence[Call], stop: Stop, seconds: float) -> list[str]:
    """The script in which the last call is made in another process: there it returns, or raises, in time."""
    error = None
    for frame, _ in traceback.walk_tb(stop.__traceback__):
        if frame.f_code is check.rejects.__code__:
            error = frame.f_locals["error"]
    lines = script(calls[-1].network, calls, Accepted(error or Exception, 1))
    begin = max(n for n, line in enumerate(lines) if line == "try:")
    made = lines[begin + 1].strip()
    limit = seconds + STARTING
    end = (
        ["try:", f"    {made}", f"except {error.__name__}:", '    print("alive")']
        if error
        else [
            made,
            'print("alive")',
        ]
    )
    return [
        "import subprocess",
        "import sys",
        "",
        'BODY = """\\',
        *(line.replace("\\", r"\\").replace('"""', r"\"\"\"") for line in [*lines[:begin], *end]),
        '"""',
        "# what is asked here "
        + ("must be refused" if error else "may be asked")
        + ", and the process lives on",
        "command = [sys.executable, '-c', BODY]",
        "try:",
        f"    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout={limit:g})",
        "except subprocess.TimeoutExpired:",
        f'    print("not so: it took longer than {seconds:g} s")',
        "    raise SystemExit(True) from None",
        'print(ran.stdout or f"not so: it ended with status {ran.returncode}")',
        'raise SystemExit(ran.stdout != "alive\\n")',
    ]


def main(job: str, file: str) -> None:
    def tell(**what: Any) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    with Path(file).open("w", encoding="utf-8") as out:
        run(json.loads(job), tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
