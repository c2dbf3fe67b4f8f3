"""What the page says of speed, by file, device, dtype and number of threads: figures, times and claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from markupsafe import Markup

from ...benchmarks.claims import CLAUSES
from ...document.prose import as_html
from ...result import BAD, Row
from ..standing import of_speed
from .columns import File, Named
from .figure import Look
from .plot import short
from .sections import Plotted, plotted
from .timings import Table, Timing, tables

KNOWN = {str(clause): clause for clause in CLAUSES}


class Where(NamedTuple):
    """What times are compared within; `threads` are 0 where they are not known."""

    device: str
    dtype: str
    threads: int


@dataclass(frozen=True)
class Claim:
    """A clause about speed, and its rows."""

    clause: str
    rows: Sequence[Row]

    @property
    def norm(self) -> Markup:
        known = KNOWN.get(self.clause)
        return Markup(as_html(known.norm, ()) if known else "Not in this specification.")

    @property
    def source(self) -> Markup:
        known = KNOWN.get(self.clause)
        return Markup(as_html(str(known.says["source"]), ()) if known else "")

    @property
    def bad(self) -> bool:
        return any(row.outcome in BAD for row in self.rows)

    @property
    def made(self) -> str:
        """How often, of the cases that got a time."""
        count = Counter(self.word(row) for row in self.rows)
        tried = count["made"] + count["not made"]
        more = [f"{count[word]} {word}" for word in ("no time", "wrong") if count[word]]
        return ", ".join([*([f"made in {count['made']} of {tried}"] if tried else []), *more])

    @staticmethod
    def word(row: Row) -> str:
        """What becomes of the claim in a case."""
        if row.outcome in BAD:
            return "wrong"
        if row.outcome == "PASS":
            return "made"
        return "no time" if row.headroom is None else "not made"

    @staticmethod
    def ratio(row: Row) -> str:
        return "" if row.headroom is None else short(row.headroom)


@dataclass(frozen=True)
class Panel:
    """What was measured in one file on one device, in one dtype, with so many threads."""

    file: File
    where: Where
    found: Sequence[Timing]
    rows: Sequence[Row]

    @cached_property
    def names(self) -> list[str]:
        """The implementations; the others' times are divided by those of the first."""
        measured = [each.implementation for each in self.found]
        return list(dict.fromkeys(measured + [row.implementation for row in self.rows]))

    @cached_property
    def looks(self) -> dict[str, Look]:
        return {name: Look(number) for number, name in enumerate(self.names)}

    @property
    def torch(self) -> str:
        """The versions: of torch, and of what else the implementations are made with."""
        named = {"torch": self.file.word("torch")}
        for entry in self.file.head.get("implementations") or ():
            named |= entry.get("versions") or {}
        return ", ".join(f"{library} {version}" for library, version in named.items())

    @property
    def merged(self) -> bool:
        """Times of several runs, between which the machine may have changed."""
        return "merged" in self.file.head

    @property
    def wrong(self) -> dict[str, str]:
        """Implementations that give a wrong result, and what is said of the first."""
        bad = [row for row in self.rows if row.outcome in BAD]
        return {row.implementation: row.message for row in reversed(bad)}

    @cached_property
    def plots(self) -> list[Plotted]:
        return list(plotted(self.found, self.looks))

    @property
    def legend(self) -> list[tuple[str, Look]]:
        """How each of which there is a line is drawn."""
        drawn = {name for each in self.plots for name in each.names}
        return [(name, look) for name, look in self.looks.items() if name in drawn]

    @cached_property
    def modes(self) -> list[tuple[str, list[Table]]]:
        """Tables of the cases of each mode."""
        modes = dict.fromkeys(each["mode"] for each in self.found)
        baseline = next((each.implementation for each in self.found), "")
        return [(m, [*tables([e for e in self.found if e["mode"] == m], baseline)]) for m in modes]

    @cached_property
    def claims(self) -> list[Claim]:
        clauses = sorted(
            {row.clause for row in self.rows}, key=lambda name: (name not in KNOWN, _number(name))
        )
        return [Claim(name, [row for row in self.rows if row.clause == name]) for name in clauses]


def _number(clause: str) -> tuple[int, str]:
    return len(clause), clause


def panels(files: Sequence[Named]) -> list[Panel]:
    return [panel for named in files for panel in _panels(*named)]


def _panels(name: str, head: Mapping[str, object], rows: Sequence[Row]) -> Iterator[Panel]:
    """A row is where its implementation was measured; it does not say with how many threads."""
    entries = head.get("benchmarks")
    own: dict[Where, tuple[list[Timing], list[Row]]] = {}
    homes: dict[tuple[str, str, str], Where] = {}
    for entry in entries if isinstance(entries, list) else ():
        where = Where(entry["device"], entry["dtype"], entry["threads"])
        own.setdefault(where, ([], []))[0].append(Timing(entry))
        homes.setdefault((entry["implementation"], *where[:2]), where)
    for row in filter(of_speed, rows):
        elsewhere = Where(row.device, row.dtype, 0)
        where = homes.get((row.implementation, row.device, row.dtype), elsewhere)
        own.setdefault(where, ([], []))[1].append(row)
    for where, (found, mine) in own.items():
        yield Panel(File(name, head, len(rows)), where, found, mine)


def apart(files: Sequence[Named]) -> list[Named]:
    """The files without what they say of speed; those that say nothing else are left out."""
    kept = [(name, head, rows, [row for row in rows if not of_speed(row)]) for name, head, rows in files]
    return [(name, head, own) for name, head, rows, own in kept if own or not (rows or "benchmarks" in head)]
