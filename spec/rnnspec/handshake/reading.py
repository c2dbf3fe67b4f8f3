"""A reading: a mistake in plain words, and the manner in which it computes."""

from __future__ import annotations

from typing import NamedTuple

from .manner import Manner

LOCATED = "located "
"""Before the topic of a reading of a part of the network alone."""


class Reading(NamedTuple):
    """Of two readings of one topic only one is true."""

    topic: str
    said: str
    manner: Manner
