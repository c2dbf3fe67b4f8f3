"""`rnnspec verify`: pytest in a process of its own, with a bar in place of its dots.

As a plugin this is imported before the specification, whose assertions pytest is to rewrite: so it imports
nothing else of the kit until pytest is configured.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

BROKE = 3
"""The status where pytest is ended by a signal; as where it breaks."""

QUIET = ("-q", "--tb=no", "-rN", "-p", "no:cacheprovider")
"""What the bar and the summary say is not said twice; later options have the last word."""


def tried(names: Sequence[str], options: Sequence[str]) -> int:
    """Tries the specification on implementations; pytest's exit status."""
    words = ["--pyargs", "rnnspec", *QUIET, "-p", __name__, *(f"--rnn={name}" for name in names), *options]
    path = [os.getcwd(), *filter(None, [os.environ.get("PYTHONPATH")])]  # a class is importable from here
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    with (
        subprocess.Popen([sys.executable, "-m", "pytest", *words], env=env) as process,
        _passed_on(process),
    ):
        while process.poll() is None:
            try:
                process.wait()
            except KeyboardInterrupt:  # which pytest has been sent too: it comes to an end, and says so
                continue
    if process.returncode < 0:
        print(f"rnnspec: pytest was ended by signal {-process.returncode}", file=sys.stderr)
    return process.returncode if process.returncode >= 0 else BROKE


@contextmanager
def _passed_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Whoever asks this process to end asks pytest, which comes to an end as if interrupted."""
    if os.name != "posix":
        yield
        return
    deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as in the background of a script
    asked = signal.SIGTERM if deaf else signal.SIGINT
    before = signal.signal(signal.SIGTERM, lambda *_: process.send_signal(asked))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):  # nobody sees what a worker of xdist's prints
        return
    from rich.console import Console

    from ..session import RUN
    from .bar import Bar

    config.stash[RUN].asked = True  # so that no clause is no pass
    file = os.fdopen(
        os.dup(2), "w", encoding="utf-8", errors="backslashreplace"
    )  # pytest captures the descriptor while clauses run
    config.add_cleanup(file.close)
    config.pluginmanager.register(Bar(Console(file=file, highlight=False)))
