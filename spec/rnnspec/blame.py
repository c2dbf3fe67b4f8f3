"""What an exception in a clause means: who is to blame, and what to say."""

from __future__ import annotations

import dis
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import pytest
import torch

from .check import Failed, NotClaimed
from .deviations import Entry, settled
from .hardware import exhausted, lacking
from .isolation.limits import Ended, Escaped, overtime
from .network import Network
from .notation import dtype_name
from .reproduce import script
from .trial import Trial

MEMORY = "out of memory"
"""Begins the message of an ERROR for which the machine was too small."""

KIT, TORCH = Path(__file__).parent, Path(torch.__file__).parent
OURS = (
    KIT / "clauses",
    KIT / "adapters",
    *(KIT / f"{name}.py" for name in ("implementation", "network", "renewed", "transformed", "gradients")),
)
"""Where an exception is the implementation's doing: in a clause that looks at it, in the seam, in what is
made of it, in its backward."""


STOPPING = ("limits.py", "pytest_timeout.py", "outcomes.py")
"""Where a row is stopped from: not the place to look at."""


class Verdict(NamedTuple):
    """The outcome and its message; and what takes long to say: the traceback where the kit broke, and the
    script that shows a failure.
    """

    outcome: str
    message: str = ""
    traceback: Callable[[], str] = str
    script: Callable[[], str] = str

    def considering(self, listed: Sequence[Entry], implementation: str) -> Verdict:
        """This verdict on a row to which these entries of known deviations apply."""
        outcome, message = settled(self.outcome, self.message, listed, implementation)
        if (outcome, message) == (self.outcome, self.message):
            return self
        return Verdict(outcome, message) if outcome != self.outcome else self._replace(message=message)


def judged(raised: pytest.ExceptionInfo[BaseException] | None, trial: Trial, network: Network) -> Verdict:
    """The verdict on one clause and case, from what it raised."""
    if raised is None:
        return Verdict("PASS")
    error = raised.value
    if isinstance(error, NotClaimed):
        return Verdict("NOT CLAIMED", str(error.msg))
    if over := overtime(error):
        return _stopped("TIMEOUT", over, error)
    if isinstance(error, Ended):
        return _stopped("CRASH", str(error), error)
    if asked := exhausted(error):
        return _without_memory(asked, error, network)
    if said := lacking(error, network.device):
        return Verdict("NOT CLAIMED", f"{network.device} lacks a dtype of the clause: {said}")
    if isinstance(error, Failed):
        message = str(error)
    elif _is_the_implementations(raised.tb):
        if isinstance(error, NotImplementedError) and _is_said_openly(raised.tb):
            return Verdict("NOT CLAIMED", f"refused with NotImplementedError: {error}")
        name = "" if isinstance(error, Escaped) else f"{type(error).__name__}: "
        message = f"raised {name}{error}\n" + _last_lines(error)
    else:
        return Verdict("ERROR", f"{type(error).__name__}: {error}", partial(_whole, error))
    message += f"\n{trial.example}" if trial.example else ""
    return Verdict("FAIL", message, script=partial(_script, error, trial, trial.drawn or network))


def _stopped(outcome: str, message: str, error: BaseException) -> Verdict:
    return Verdict(outcome, f"{message}\n{_last_lines(error)}")


def _without_memory(asked: str, error: BaseException, network: Network) -> Verdict:
    case, said = network.case, error.__cause__ or error
    where = f"{case} ({dtype_name(case.dtype)}) on {network.device}"
    message = f"{MEMORY}: {where}, {asked}\n  said     {type(said).__name__}: {said}"
    return Verdict("ERROR", message, partial(_whole, error))


def _is_the_implementations(tb: TracebackType | None) -> bool:
    """Whether the last frame of ours is the seam or a clause, and not the rest of the kit."""
    last = None
    for frame, _ in traceback.walk_tb(tb):
        path = Path(frame.f_code.co_filename)
        if KIT in path.parents:
            last = path
    return last is not None and any(own == last or own in last.parents for own in OURS)


def _is_said_openly(tb: TracebackType) -> bool:
    """Whether it was raised in so many words, outside of torch: torch's operations raise it of their own."""
    while tb.tb_next:
        tb = tb.tb_next
    code = tb.tb_frame.f_code
    raises = dis.opname[code.co_code[tb.tb_lasti]] == "RAISE_VARARGS"
    return raises and TORCH not in Path(code.co_filename).parents


def _last_lines(error: BaseException) -> str:
    """The last line of the implementation's own; where it has none, as torch.nn, the last of all."""
    every = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in every if Path(frame.filename).name not in STOPPING]
    own: list[traceback.FrameSummary] = []
    for frame in frames:
        if KIT in (parents := Path(frame.filename).parents):
            own = []
        elif TORCH not in parents:
            own.append(frame)
    frame = (own or frames)[-1]
    return f"  at       {Path(frame.filename).name}:{frame.lineno}  {frame.line}"


def _whole(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).rstrip()


def _script(error: BaseException, trial: Trial, network: Network) -> str:
    evidence = error.evidence if isinstance(error, Failed) else None
    try:
        return "\n".join(script(network, trial.calls, evidence))
    except Exception as broken:  # the failure is not to be lost with its reproducer
        return f"# could not be written: {type(broken).__name__}: {broken}"
