"""Implementations that end the process, or hang, or end the session: each in a case with H = 9 alone."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor


class Hostile(torch.nn.RNN):
    """A right RNN, but for what it does in one case."""

    def forward(self, input: Any, hx: Tensor | None = None) -> Any:
        if self.hidden_size == 9:
            self.harm()
        return super().forward(input, hx)

    def harm(self) -> None:
        raise NotImplementedError


class Segfault(Hostile):
    def harm(self) -> None:
        ctypes.string_at(0)


class Abort(Hostile):
    def harm(self) -> None:
        os.abort()


class Leave(Hostile):
    def harm(self) -> None:
        os._exit(0)


class LeaveInC(Hostile):
    def harm(self) -> None:
        ctypes.CDLL(None)._exit(0)


class Killed(Hostile):
    def harm(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Hang(Hostile):
    def harm(self) -> None:
        while True:
            time.sleep(0.01)


class Deaf(Hostile):
    """Hangs, and does not listen to whoever interrupts."""

    def harm(self) -> None:
        while True:
            with suppress(BaseException):
                time.sleep(0.01)


class Exit(Hostile):
    def harm(self) -> None:
        sys.exit(0)


class Interrupt(Hostile):
    def harm(self) -> None:
        raise KeyboardInterrupt


class Greedy(Hostile):
    """Takes memory until there is none; under a limit that is soon."""

    def harm(self) -> None:
        kept = []
        while True:
            kept.append(torch.empty(2**26))


class Chatty(Hostile):
    """Prints megabytes, and computes what it must."""

    def harm(self) -> None:
        for _ in range(50):
            print("x" * 100_000)
            os.write(1, b"y" * 100_000)
