"""Known deviations: failures that are listed, with their signature and a reason, and are not to be forgotten.

A failure that is as listed is KNOWN; one that differs from what is listed stays what it is. A listed
deviation that passes is FIXED, which fails the run until the entry is mended, but for one that is said to
show only in some runs, such as what depends on the memory behind a tensor. A class derived from torch's
inherits torch's entries, and may mend them. Every `*.toml` of this folder is read at start; `schema.json`
describes them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from ..network import Network
from ..source import Refused
from .entry import OUTCOMES, Entry
from .reading import read

__all__ = ["Deviations", "Entry", "Refused", "load", "settled"]

FOLDER = Path(__file__).parent


class Deviations:
    """Entries, always in the same order, and which of them apply."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)
        self._about: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.entries:
            self._about[entry.clause].append(entry)

    def of(self, clause: str, network: Network) -> list[Entry]:
        """The entries that apply to a clause on a network."""
        return [entry for entry in self._about.get(clause, ()) if entry.applies(clause, network)]

    def lines(self) -> Iterator[str]:
        """What a reader of the list wants to know, three lines each."""
        for entry in self.entries:
            outcome = " or ".join(entry.outcome) + (" in some runs" if entry.sometimes else "")
            yield f"{entry.clause}  {entry.implementation}  {outcome}  {entry.condition}"
            yield f"    {entry.reason}"
            yield f"    {entry.link}  seen {entry.seen}"


def load(files: Iterable[str | Path] = (), base: Path | None = None) -> Deviations:
    """The entries that are shipped, and those of further files, whose names are seen from `base`.

    Raises:
        Refused: a file cannot be read, or an entry of it is none.
    """
    further = [entry for file in files for entry in read(Path(base or "", file), str(file))]
    return Deviations([*shipped(), *further])


@cache
def shipped() -> tuple[Entry, ...]:
    """The entries of this folder, read once in a process."""
    files = sorted(FOLDER.glob("*.toml"))
    return tuple(entry for file in files for entry in read(file, file.name, shipped=True))


def settled(outcome: str, message: str, listed: Sequence[Entry], implementation: str) -> tuple[str, str]:
    """The outcome and the message of a row to which these entries apply, from those that it had."""
    if outcome in OUTCOMES and listed:
        for entry in listed:
            if entry.matches(outcome, message):
                return "KNOWN", f"known: {entry.reason} ({entry.link})\n{message}"
        others = "; ".join(f"{entry.reason} ({entry.place})" for entry in listed)
        return outcome, f"{message}\n  listed   with another signature: {others}"
    own = [entry for entry in listed if entry.implementation == implementation and not entry.sometimes]
    if outcome == "PASS" and own:
        gone = "; ".join(f"{entry.reason} ({entry.place})" for entry in own)
        return "FIXED", f"a listed deviation is gone, mend or take out its entry: {gone}"
    return outcome, message
