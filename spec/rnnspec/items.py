"""What an item of pytest's is to the kit: the network on which a clause is tried, its needs, its profiles."""

from __future__ import annotations

import pytest

from .check import NotClaimed
from .network import Network
from .session import RUN


def network_of(item: pytest.Item) -> Network | None:
    """The network of a clause and case; None if the item is no clause."""
    callspec = getattr(item, "callspec", None)
    found = callspec.params.get("rnn") if callspec and item.get_closest_marker("clause") else None
    return found if isinstance(found, Network) else None


def needs(item: pytest.Item) -> tuple[str, ...]:
    """What the clause and its chapter say that it needs, beside the options of its cases."""
    return tuple(claim for marker in item.iter_markers("needs") for claim in marker.args)


def profiles(item: pytest.Item) -> list[str]:
    """The profiles, of those that were asked for, to which a row belongs."""
    network = network_of(item)
    if network is None:
        return []
    needed = {*needs(item), *network.case.needs}
    asked = item.config.stash[RUN].profiles
    return [name for name, profile in asked.items() if profile.has(network.case.mode, needed)]


def counted(item: pytest.Item, error: BaseException | None) -> list[str]:
    """The profiles of which a row counts: all of its own, or those that miss what is not claimed."""
    asked = item.config.stash[RUN].profiles
    found = profiles(item)
    return [name for name in found if not isinstance(error, NotClaimed) or asked[name].asks(error)]
