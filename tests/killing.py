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
from rnnspec.deviations import load
from rnnspec.implementation import Implementation
from rnnspec.keeping import kept
from rnnspec.network import Network
from rnnspec.result import BAD
from rnnspec.scopes import work
from rnnspec.trial import Search, trying

CPU = torch.device("cpu")
LISTED = load()


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
) -> list[str]:
    """The ids of the clauses that an implementation fails, in reading order.

    Suspects are tried on every case, the other clauses on those that `others` takes of all.
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
        if any(outcome(clause, network) in BAD for network in networks(clause))
    ]


def outcome(clause: Clause, network: Network) -> str:
    """PASS, FAIL, NOT CLAIMED or ERROR, as the plugin would say; KNOWN where it is listed."""
    with kept(network.implementation.changes.patches), trying(Search(shrinks=False)) as trial:
        try:
            bare.call(clause, network)
        except (Exception, pytest.skip.Exception) as error:
            info: pytest.ExceptionInfo[BaseException] = pytest.ExceptionInfo.from_exception(error)
            listed = LISTED.of(str(clause), network)
            return judged(info, trial, network).considering(listed, network.implementation.name).outcome
    return "PASS"
