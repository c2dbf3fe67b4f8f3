"""pytest: workers of xdist's on other machines, of which one header is to be true, and their diaries."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from . import SPECIFICATION, __version__
from .session import RUN, Run

ALIKE = "rnnspec_alike"
UNLIKE = "rnnspec_unlike"
"""Under these names a worker is told what it must be like, and says in what it is not."""

PATIENCE = 30
"""Seconds to wait for a file of another machine."""

READ = """
from contextlib import suppress
from pathlib import Path
path, found = Path(channel.receive()), b""
with suppress(OSError):
    found = path.read_bytes()
    path.unlink()
with suppress(OSError):  # another worker's is there
    path.parent.rmdir()
channel.send(found)
"""
"""Sends last, so that the file is gone when its text is here."""


def facts(run: Run) -> dict[str, str]:
    """What the header says of all rows, and what is tried there."""
    found = {"rnnspec": __version__, "specification": SPECIFICATION, "torch": str(torch.__version__)}
    for subject, _ in run.subjects:
        found |= {f"{library} for {subject.name}": version for library, version in subject.versions.items()}
    return found


def elsewhere(node: Any) -> bool:
    """Whether a worker is on another machine, as far as can be told."""
    spec = node.gateway.spec
    return not spec.popen or bool(spec.via)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput[ALIKE] = facts(node.config.stash[RUN])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodeready(node: Any) -> None:
    """One that is elsewhere may have another Python, which the header then says."""
    if elsewhere(node):
        info, spec = node.workerinfo, node.gateway.spec
        version = ".".join(map(str, info["version_info"][:3]))
        where = spec.ssh or spec.socket or spec.via
        node.config.stash[RUN].elsewhere.add(f"{where}: Python {version}, {info['sysplatform']}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """A worker that is not alike tries nothing, and says why.

    Raises:
        pytest.UsageError: it has something else installed.
    """
    told = getattr(session.config, "workerinput", {}).get(ALIKE, {})
    mine = facts(session.config.stash[RUN])
    for what in sorted(told.keys() | mine.keys()):
        if told and told.get(what) != mine.get(what):
            said = f"{what} is {mine.get(what)} in a worker and {told.get(what)} where the session is steered"
            session.config.workeroutput[UNLIKE] = said  # type: ignore[attr-defined]  # is xdist's
            raise pytest.UsageError(said)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if said := getattr(node, "workeroutput", {}).get(UNLIKE):
        pytest.exit(f"rnnspec: {said}", pytest.ExitCode.USAGE_ERROR)


def fetched(node: Any, path: Path) -> bytes:
    """A file of the machine where a worker was, by way of another gateway; nothing where there is none."""
    if not elsewhere(node):
        return b""
    spec = copy.copy(node.gateway.spec)
    spec.id = None
    try:
        gateway = node.nodemanager.group.makegateway(spec)
    except Exception:  # whatever a machine that is gone makes of it
        return b""
    channel = gateway.remote_exec(READ)
    try:
        channel.send(str(path))
        found: bytes = channel.receive(PATIENCE)
    except Exception:  # it is gone meanwhile, or takes too long
        return b""
    finally:
        gateway.exit()
    return found
