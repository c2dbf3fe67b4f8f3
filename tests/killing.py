"""Running the specification against one implementation without pytest: which clauses fail?

The functions, networks and verdicts are those of a real run; a clause is left at its first failing case.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

import pytest
import torch

from rnnspec import bare, catalogue
from rnnspec.blame import judged
from rnnspec.case import Case
from rnnspec.catalogue import Clause
from rnnspec.check import Evidence, Failed
from rnnspec.deviations import load
from rnnspec.implementation import Implementation
from rnnspec.keeping import kept
from rnnspec.network import Network
from rnnspec.result import BAD
from rnnspec.scopes import work
from rnnspec.trial import Search, trying

CPU = torch.device("cpu")
LISTED = load()

ROUNDINGS = 64
"""More than this is no noise."""


def smallest(cases: list[Case]) -> list[Case]:
    """One case, for clauses that nobody suspects."""
    return cases[:1]


def all_but_long(cases: list[Case]) -> list[Case]:
    """The cases that plain Python runs in a few milliseconds."""
    return [case for case in cases if case.T * case.L * case.D <= 40 and case.B * case.H < 1000]


def failing(
    implementation: Implementation,
    dtypes: Sequence[torch.dtype],
    suspects: Collection[str] = (),
    others: Callable[[list[Case]], list[Case]] = list,
    among: Sequence[Clause] | None = None,
    about: Collection[str] | None = None,
) -> list[str]:
    """The ids of the clauses that an implementation fails, in reading order.

    Suspects are tried on every case, the other clauses on those that `others` takes of all. Where it is known
    what a defect is `about`, other clauses are not failed by roundings: where relu gives 0 none are allowed,
    and two calls of a network that gives something else have the same bits on one machine and not on another.
    """

    def networks(clause: Clause) -> Iterator[Network]:
        cases = [c for dtype in dtypes for c in clause.cases(dtype)] + clause.named(*dtypes)
        cases = [implementation.fitted(c) for c in cases if c.mode in implementation.modes]
        cases.sort(key=work)
        for case in cases if str(clause) in suspects else others(cases):
            yield Network(implementation, case, CPU)

    return [
        str(clause)
        for clause in (catalogue.every() if among is None else among)
        if any(
            outcome(clause, network, about is None or str(clause) in about) in BAD
            for network in networks(clause)
        )
    ]


def outcome(clause: Clause, network: Network, to_the_bit: bool = True) -> str:
    """PASS, FAIL, NOT CLAIMED or ERROR, as the plugin would say; KNOWN where it is listed."""
    with kept(network.implementation.changes.patches), trying(Search(shrinks=False)) as trial:
        try:
            bare.call(clause, network)
        except (Exception, pytest.skip.Exception) as error:
            if not to_the_bit and _by_roundings(error, network.case):
                return "PASS"
            info: pytest.ExceptionInfo[BaseException] = pytest.ExceptionInfo.from_exception(error)
            listed = LISTED.of(str(clause), network)
            return judged(info, trial, network).considering(listed, network.implementation.name).outcome
    return "PASS"


def _by_roundings(error: BaseException, case: Case) -> bool:
    """Whether all that is wrong is a number of a relu network that is off by a few roundings."""
    found = error.evidence if isinstance(error, Failed) else None
    if not isinstance(found, Evidence) or case.nonlinearity != "relu":
        return False
    magnitude = max(1.0, abs(found.got), abs(found.wanted))
    return abs(found.got - found.wanted) <= ROUNDINGS * torch.finfo(case.dtype).eps * magnitude
