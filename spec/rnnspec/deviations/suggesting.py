"""Entries to paste for what failed: the narrowest that are about just these rows."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from ..result import Row
from .entry import OUTCOMES, RAISED, difference

SLACK = 3
"""A difference may be so many times larger or smaller than those that were seen."""

BEGINNING = """\
# For whoever knows why: fill in each reason, and as link the https address of an issue, or of the page of the
# documentation that is broken. What is no deviation of the implementation's is not to be listed.
"""

SETTLED = ("NOT CLAIMED", "ERROR")
"""Outcomes that no entry changes."""


class Signature(NamedTuple):
    """How rows failed that one entry is about: the key and the value that say it, and whether by a number."""

    outcome: str
    key: str
    value: str
    differs: bool


class Where(NamedTuple):
    """Where a row stands among those of its clause and implementation."""

    device: str
    dtype: str
    case: str
    mode: str


def suggested(head: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """The text of a file of entries, without reasons and links, for the rows that failed."""
    day = str(head.get("date", ""))[:10]
    seen = day if re.fullmatch(r"\d{4}-\d\d-\d\d", day) else date.today().isoformat()
    about: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        about[row.clause, row.implementation].append(row)
    entries = [text for group in about.values() for text in _entries(group, seen)]
    return "\n".join([BEGINNING, *entries]) if entries else "# nothing failed\n"


def _entries(rows: Sequence[Row], seen: str) -> Iterator[str]:
    """Those of one clause and implementation."""
    alike: dict[Signature, list[Row]] = defaultdict(list)
    for row in rows:
        if row.outcome in OUTCOMES:
            alike[signature(row)].append(row)
    others = {_where(row) for row in rows if row.outcome not in SETTLED}
    for sign, failed in alike.items():
        for part in _products({_where(row) for row in failed}):
            mine = [row for row in failed if _where(row) in part]
            yield _written(mine, sign, _conditions(part, others), seen)


def signature(row: Row) -> Signature:
    """How a row failed; what varies from run to run, such as an address, is left out."""
    first = row.message.partition("\n")[0]
    if row.outcome == "TIMEOUT":
        return Signature(row.outcome, "", "", False)
    if row.outcome == "CRASH":
        cause = re.search(r"died of (\S+(?: \d+)?)|exited with (status \d+)", first)
        return Signature(row.outcome, "signal", cause[1] or cause[2] if cause else first, False)
    raised = RAISED.match(row.message)
    if raised:
        name, text = raised.groups("")
        fragment = _lasting(text.partition("\n")[0])
        return Signature(row.outcome, "raises", f"{name}: {fragment}" if fragment else name, False)
    return Signature(row.outcome, "check", _lasting(first), _difference(row) is not None)


def _lasting(text: str) -> str:
    """The text up to an address in memory, or to what no TOML can hold."""
    return re.split(r"0x[0-9a-fA-F]{6,}|[\ud800-\udfff]", text)[0].rstrip()


def _difference(row: Row) -> float | None:
    """By how much it was off, where that is a number of which others are multiples."""
    found = difference(row.message)
    return found if found is not None and 0 < found < float("inf") else None


def _where(row: Row) -> Where:
    return Where(row.device, row.dtype, row.case, row.mode)


def _products(places: Collection[Where]) -> Iterator[set[Where]]:
    """The places in as few parts as have, for some devices and dtypes, the same cases each."""
    cases: dict[tuple[str, str], set[str]] = defaultdict(set)
    for place in places:
        cases[place.device, place.dtype].add(place.case)
    dtypes: dict[tuple[str, frozenset[str]], set[str]] = defaultdict(set)
    for (device, dtype), names in cases.items():
        dtypes[device, frozenset(names)].add(dtype)
    devices: dict[tuple[frozenset[str], frozenset[str]], set[str]] = defaultdict(set)
    for (device, names_), found in dtypes.items():
        devices[names_, frozenset(found)].add(device)
    for (names_, found_), among in devices.items():
        yield {p for p in places if p.device in among and p.dtype in found_ and p.case in names_}


def _conditions(part: set[Where], others: set[Where]) -> Iterator[tuple[str, list[str]]]:
    """The keys of an entry that is about these of all places, and no others."""
    devices, dtypes = {p.device for p in part}, {p.dtype for p in part}
    yield "device", sorted(devices)
    if dtypes != {p.dtype for p in others}:
        yield "dtype", sorted(dtypes)
    beside = {p for p in others if p.device in devices and p.dtype in dtypes} - part
    modes = {p.mode for p in part}
    if not any(p.mode in modes for p in beside):
        yield "mode", sorted(modes)
    else:
        yield "case", sorted(_cases({p.case for p in part}, {p.case for p in beside}))


def _cases(names: set[str], others: set[str]) -> set[str]:
    """The cases; those that differ by their seed are one, where it failed with every seed."""
    every = names - {_seedless(name) for name in others}
    return {_seedless(name) if _seedless(name) in every else _seeded(name) for name in names}


def _seedless(name: str) -> str:
    return re.sub(r"-seed\d+$", "", name)


def _seeded(name: str) -> str:
    """The name with its seed: without one it stands for every seed."""
    return name if name != _seedless(name) else f"{name}-seed1"


def _written(rows: Sequence[Row], sign: Signature, where: Iterator[tuple[str, list[str]]], seen: str) -> str:
    lines = ["[[deviation]]", f"clause = {_toml(rows[0].clause)}"]
    lines += [f"implementation = {_toml(rows[0].implementation)}"]
    lines += [f"{key} = {_toml(values[0] if len(values) == 1 else values)}" for key, values in where]
    lines += [f"outcome = {_toml(sign.outcome)}"] if sign.outcome != "FAIL" else []
    lines += [f"{sign.key} = {_toml(sign.value)}"] if sign.key else []
    if sign.differs:
        sizes = [size for size in map(_difference, rows) if size is not None]
        lines.append(f"differ = [{min(sizes) / SLACK:.3g}, {max(sizes) * SLACK:.3g}]")
    return "\n".join([*lines, 'reason = ""', 'link = ""', f"seen = {seen}", ""])


def _toml(value: str | list[str]) -> str:
    """A string, or a list of strings, as TOML has it: like JSON, but for what it cannot hold."""
    text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return text.encode("utf-8", "replace").decode("utf-8")
