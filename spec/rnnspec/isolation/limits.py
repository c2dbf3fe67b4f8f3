"""Limits of a row: its time, and what an implementation raises or calls to end the session."""

from __future__ import annotations

import faulthandler
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, NoReturn

import pytest
import torch

DEFAULT = 300.0
"""Seconds that a row may take; the slowest of torch's, in a compiler, take about ten."""


class Escaped(Exception):
    """The implementation raised what would have ended the session: no Exception."""


class Ended(Exception):
    """The implementation would have ended the process."""


class Lost(RuntimeError):
    """The device no longer works, since another row."""


def overtime(error: BaseException) -> str:
    """What is said of an exception of pytest-timeout's; nothing of any other."""
    found = re.match(r"Timeout \(>([\d.]+)s\)", str(error))
    return over(float(found[1])) if found and isinstance(error, pytest.fail.Exception) else ""


def over(seconds: float) -> str:
    return f"took longer than {seconds:g} s"


@contextmanager
def hard(seconds: float, file: IO[Any] | int) -> Iterator[None]:
    """The process ends where the time is over for long and nothing in it listens: deep in C, or deaf."""
    faulthandler.dump_traceback_later(seconds + max(2.0, seconds / 4), exit=True, file=file)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


@contextmanager
def contained(interrupted: Callable[[], bool]) -> Iterator[None]:
    """What would end the session is an exception of the clause, unless somebody did interrupt."""
    try:
        with _no_exit():
            yield
    except (KeyboardInterrupt, pytest.exit.Exception) as error:
        if interrupted():
            raise
        raise Escaped(f"{type(error).__name__}: {error}").with_traceback(error.__traceback__) from error


@contextmanager
def _no_exit() -> Iterator[None]:
    """os._exit raises, in this process."""
    leave, here = os._exit, os.getpid()

    def left(status: int) -> NoReturn:
        if os.getpid() != here:  # a child of somebody's, which may leave
            leave(status)
        raise Ended(f"exited with status {status} in the middle of a clause")

    os._exit = left
    try:
        yield
    finally:
        os._exit = leave


class Interrupts:
    """Notes that somebody interrupts, and hands on."""

    def __init__(self) -> None:
        self.came = False
        self.before: Any = None

    def listen(self) -> None:
        found = signal.getsignal(signal.SIGINT)
        if callable(found) and threading.current_thread() is threading.main_thread():
            self.before = found
            signal.signal(signal.SIGINT, self._note)

    def leave(self) -> None:
        if self.before:
            signal.signal(signal.SIGINT, self.before)
            self.before = None

    def _note(self, number: int, frame: Any) -> None:
        self.came = True
        self.before(number, frame)


def fault(device: torch.device) -> str:
    """Why a device no longer works, as after a failed assertion on it; empty where it does."""
    if device.type in ("cpu", "meta"):
        return ""
    try:
        torch.ones(1, device=device).add(1).cpu()
    except Exception as error:
        return str(error).partition("\n")[0] or type(error).__name__
    return ""
