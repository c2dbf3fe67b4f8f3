"""What handshakes found, at the head of an implementation's part of the summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..notation import MODES
from ..result import Row

AGREES = "weights, states and layouts are read as torch reads them: the failures are of something else"


class Handshake(NamedTuple):
    """What was found of the mode of a row: in a sentence, and whether it is a mistake that has a name."""

    row: Row
    said: str
    named: bool


def lines(found: Iterable[Handshake]) -> Iterator[str]:
    """Of one implementation on one device: each sentence with the modes of which it is true.

    A mistake that has a name in one dtype is not described again in another.
    """
    modes: dict[str, list[Handshake]] = {}
    for handshake in found:
        modes.setdefault(handshake.row.mode, []).append(handshake)
    said: dict[str, list[str]] = {}
    for mode, all_of_it in sorted(modes.items(), key=lambda item: MODES.index(item[0])):
        named = list(dict.fromkeys(handshake.said for handshake in all_of_it if handshake.named))
        other = [h.said for h in all_of_it if h.said != AGREES] or [AGREES]
        for sentence in named or other[:1]:
            said.setdefault(sentence, []).append(mode)
    for sentence, of in said.items():
        yield f"  handshake  {', '.join(of)}: {sentence}"
