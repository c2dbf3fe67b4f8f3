"""Profiles: parts of the specification to which an implementation can conform by name.

A profile is a set of claims, for cells, for layers or for both. Its rows are those that need no other claim:
all that can be asked of an implementation which promises just these. So each profile contains those of fewer
claims, and what an implementation promises beyond a profile has no part in it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from . import SPECIFICATION
from .check import NotClaimed
from .notation import BASIC, BEYOND, CELLS, CLAIMS, LAYERS, MODES, OPTIONAL
from .result import BAD
from .scopes import Scope
from .tallies import Tally


class Profile(NamedTuple):
    """What it is about, the modes, and the claims that its rows may need."""

    meaning: str
    modes: tuple[str, ...]
    claims: frozenset[str]

    def has(self, mode: str, needs: Collection[str]) -> bool:
        """Whether a row of that mode with those needs belongs to it."""
        return mode in self.modes and set(needs) <= self.claims

    def also(self, claims: Collection[str]) -> Profile:
        """This profile with further claims."""
        return self._replace(claims=self.claims | frozenset(claims))

    def asks(self, unclaimed: NotClaimed) -> bool:
        """Whether a row that is not claimed is missed: for want of a claim of its own, or refused.

        Others do not apply: they are about an accelerator, or turned out to need more.
        """
        return unclaimed.refused or unclaimed.claim in self.claims


STEP = BASIC
STACK = STEP | {"layers", "bidirectional"}
FORWARD = STACK | {"proj", "relu", "nobias", "batch_first", "unbatched", "lengths", "packed"}
GRADIENT = FORWARD | {"grad_input", "grad"}
MODULE = FORWARD | {"module", "copy", "same_dtype"}
TRAINING = GRADIENT | MODULE | {"dropout"}
COMPLETE = frozenset(CLAIMS) - frozenset(BEYOND)
DROP_IN = COMPLETE - frozenset(OPTIONAL) - {"messages"}

PROFILES = {
    "cell": Profile("one step of a cell", CELLS, STEP),
    "sequence": Profile("sequences through one layer, forward", LAYERS, STEP),
    "bidirectional": Profile("sequences through several layers, in both directions", LAYERS, STACK),
    "packed": Profile("the same, and sequences of unequal lengths", LAYERS, STACK | {"lengths", "packed"}),
    "inference": Profile("every forward call, with given weights and any option", MODES, FORWARD),
    "gradient": Profile("every forward call and its derivatives", MODES, GRADIENT),
    "interchange": Profile(
        "a module in the place of torch's: its parameters, state dict, copies", MODES, MODULE
    ),
    "training": Profile("a module, its derivatives, its modes of execution and dropout", MODES, TRAINING),
    "reproducible": Profile("training from the parameters that torch draws", MODES, TRAINING | {"seeds"}),
    "drop-in": Profile("all that torch's constructor and call stand for", MODES, DROP_IN),
    "complete": Profile("everything that torch documents", MODES, COMPLETE),
}


def verdict(tally: Tally, scope: Scope, whole: bool) -> tuple[bool | None, str]:
    """Whether an implementation conforms to a profile, and a sentence that says so; None: not known.

    `whole` tells whether these are all rows of the profile in that scope. What fails in a part of them fails.
    """
    conforms, said = _verdict(tally, scope, whole)
    return conforms, f"{tally.implementation} on {tally.device} {said}"


def _verdict(tally: Tally, scope: Scope, whole: bool) -> tuple[bool | None, str]:
    name = tally.profile
    counts = {"failed": tally.count(*BAD), "not claimed": tally.count("NOT CLAIMED")}
    missed = ", ".join(
        f"{count} {'row' if count == 1 else 'rows'} {what}" for what, count in counts.items() if count
    )
    if missed or (whole and not tally.outcomes):
        return False, f"does not conform to profile {name}: {missed or 'no row of it was tried'}"
    if scope.name == "smoke" or scope.seeds or not whole:
        why = f"scope {scope}" if whole else "tried in part"
        return None, f"no verdict on profile {name}: {why}"
    but = f" but for the listed deviations in {', '.join(tally.known)}" if tally.known else ""
    return True, f"conforms to rnnspec {SPECIFICATION}, profile {name}, scope {scope}{but}"
