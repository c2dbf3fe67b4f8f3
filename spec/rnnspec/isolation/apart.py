"""Workers for the marked clauses, when the session has come to the end of all others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

WORKERS = min(2, os.cpu_count() or 1)
"""While one of them is replaced, which takes seconds, the other goes on."""


@contextmanager
def _distributing(config: pytest.Config) -> Iterator[None]:
    """As if workers had been asked for."""
    before = config.option.dist, config.option.tx
    config.option.dist, config.option.tx = "load", ["popen"] * WORKERS
    try:
        yield
    finally:
        config.option.dist, config.option.tx = before


def run(session: pytest.Session, count: int) -> None:
    """A distributed session within this one; its workers are told that they are for the marked clauses."""
    from xdist.dsession import DSession  # type: ignore[import-untyped]  # has no stubs

    config, collected = session.config, session.testscollected
    with _distributing(config):
        config.pluginmanager.unregister(name="terminaldistreporter")  # that of the session so far
        distributed = DSession(config)
        config.pluginmanager.register(distributed, "rnnspec.apart")
        try:
            distributed.pytest_sessionstart(session)
            distributed.pytest_runtestloop()
        finally:
            distributed.pytest_sessionfinish()
            session.testscollected = collected + count
