"""The handshake in a session of pytest's: at the first row of an implementation and mode that fails, once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ..check import Accepted, Failed
from ..isolation.asked import PLACE, limit, worker
from ..isolation.plugin import INTERRUPTS, LOST, marked
from ..network import Network
from ..report.handshakes import AGREES
from . import PATIENCE, diagnosed

DONE = pytest.StashKey[set[tuple[str, ...]]]()


def noticed(
    item: pytest.Item, network: Network, outcome: str, error: BaseException | None, took: float
) -> Mapping[str, Any]:
    """What goes with the note of a row that fails, as plain data; nothing where there is nothing to say.

    A row that `took` long leaves too little of its time for it: it is left to another.
    """
    refused_nothing = isinstance(error, Failed) and isinstance(error.evidence, Accepted)
    seconds, interrupts = limit(item.config), item.config.stash[INTERRUPTS]
    if outcome != "FAIL" or refused_nothing or marked(item) or took > seconds / 4:
        return {}
    if not _is_first(item, network):
        return {}
    again = any(key[:3] == _key(network)[:3] for key in item.config.stash[DONE] - {_key(network)})
    patience = 0.0 if again else min(PATIENCE, seconds / 8)
    finding = diagnosed(network, patience, seconds / 4, lambda: interrupts.came)
    said = AGREES if finding.agrees else finding.said
    return {"handshake": {"said": said, "named": bool(finding.named)}}


def _key(network: Network) -> tuple[str, ...]:
    case = network.case
    return network.implementation.name, case.mode, str(network.place), str(case.dtype)


def _is_first(item: pytest.Item, network: Network) -> bool:
    """Of all workers' rows; one whose process ends in a handshake is not followed by others."""
    key, done = _key(network), item.config.stash.setdefault(DONE, set())
    if key in done or str(network.device) in item.config.stash.get(LOST, {}):
        return False
    done.add(key)
    place = (worker(item.config) or {}).get(PLACE)
    if place is None:
        return True
    name = hashlib.sha256(repr(key).encode()).hexdigest()[:16]
    try:
        Path(place).with_name(f"handshake-{name}").touch(exist_ok=False)
    except OSError:
        return False
    return True
