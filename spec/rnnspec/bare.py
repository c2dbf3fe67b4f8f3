"""One clause tried on one network without pytest."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from . import check, recording
from .case import Case
from .catalogue import Clause
from .network import Network


class Kept:
    """The fixture `recorded` for reading: what is in `snapshots/`, without syrupy."""

    def __init__(self, clause: str, case: Case) -> None:
        self.clause, self.case = clause, case

    def read(self, clause: str, mode: str, key: str) -> recording.Entry:
        return recording.load(recording.location(clause, mode))[key]

    def agrees(self, result: Mapping[str, Tensor], within: Mapping[str, Any], **_: Any) -> None:
        wanted = self.read(self.clause, self.case.mode, str(self.case)).result
        for name, value in wanted.items():
            check.agrees(result[name].double(), value.double(), within[name], name)


def call(clause: Clause, network: Network) -> None:
    """Calls the clause with its fixtures; whatever it raises, but for warnings, is the caller's to judge."""
    network.needs(*(claim for marker in clause.markers("needs") for claim in marker.args))
    case = network.case
    fixtures = {"rnn": network, "case": case, "recorded": Kept(str(clause), case)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clause.function(**{name: fixtures[name] for name in clause.fixtures})
