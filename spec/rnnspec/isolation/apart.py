"""A worker for the marked clauses, in a session that has none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def _distributing(config: pytest.Config) -> Iterator[None]:
    """As if one worker had been asked for."""
    before = config.option.dist, config.option.tx
    config.option.dist, config.option.tx = "load", ["popen"]
    try:
        yield
    finally:
        config.option.dist, config.option.tx = before


def run(session: pytest.Session, count: int) -> None:
    """A distributed session within this one; its worker is told that it is for the marked clauses."""
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
