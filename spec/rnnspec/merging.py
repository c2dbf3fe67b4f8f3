"""Files of results made into one: rows of other implementations, devices or parts, none of them twice.

Parts that are shards of a run are proved to be the whole of it (see `joining`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .joining import ALIKE, Verdict, each_once, joined, sharded
from .report.standing import File, everything
from .result import Row
from .source import Refused
from .timed import identity

SAME = ("specification", "torch", "scope", "seed")
"""What must not differ: a row does not say it, and a reader would take it for one and the same."""


def merged(files: Mapping[str, File]) -> tuple[dict[str, Any], list[Row], list[Verdict]]:
    """The header and the rows of all files, given by name, and of shards the verdicts on profiles.

    The header is the first's, with the times of all; the parts' own headers are kept in `merged` without
    theirs, and the file is as old as the oldest of them. It is whole where nothing was left out of any, or
    where they are the shards of a run that left nothing out.

    Raises:
        Refused: they are of different specifications or versions, a row or a time is in two, or a shard is
            missing.
    """
    if not files:
        raise Refused("there is nothing to merge")
    heads = {name: head for name, (head, _) in files.items()}
    parts = sharded(heads)
    _same(heads, SAME + ALIKE if parts else SAME)
    _same_versions(heads)
    if parts:
        each_once(heads)
    rows = _distinct(files)
    _same_times(heads)
    more, verdicts = joined(heads, rows) if parts else ({}, [])
    return _header(list(heads.values()), len(rows)) | more, rows, verdicts


def _same(heads: Mapping[str, Mapping[str, Any]], keys: Sequence[str]) -> None:
    first = next(iter(heads))
    for name, head in heads.items():
        for key in keys:
            if head.get(key) != heads[first].get(key):
                said = f"{head.get(key)!r} where {first} has {heads[first].get(key)!r}"
                raise Refused(f"{name}:1: {key} is {said}")


def _same_versions(heads: Mapping[str, Mapping[str, Any]]) -> None:
    """An implementation is of one version, with one set of claims."""
    seen: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for name, head in heads.items():
        for entry in head.get("implementations") or ():
            first, known = seen.setdefault(entry.get("name"), (name, entry))
            for key in ("versions", "claims"):
                if entry.get(key) != known.get(key):
                    raise Refused(f"{name}:1: the {key} of {entry.get('name')} are not those in {first}")


def _distinct(files: Mapping[str, File]) -> list[Row]:
    seen: dict[tuple[str, ...], str] = {}
    for name, (_, rows) in files.items():
        for number, row in enumerate(rows, 2):
            if row.key in seen:
                said = f"{row.clause} of {row.implementation} on {row.case}, {row.dtype}, {row.device}"
                raise Refused(f"{name}:{number}: {said} is in {seen[row.key]} too")
            seen[row.key] = name
    return [row for _, rows in files.values() for row in rows]


def _same_times(heads: Mapping[str, Mapping[str, Any]]) -> None:
    """What was measured in two files was measured once: the times are those of one run."""
    seen: dict[tuple[Any, ...], tuple[str, Mapping[str, Any]]] = {}
    for name, head in heads.items():
        for entry in head.get("benchmarks") or ():
            first, known = seen.setdefault(identity(entry), (name, entry))
            if entry != known and first != name:
                said = f"{entry['way']} of {entry['implementation']} on {entry['case']}"
                raise Refused(f"{name}:1: the times of {said} are not those in {first}")


def _header(heads: Sequence[Mapping[str, Any]], rows: int) -> dict[str, Any]:
    every: dict[str, Any] = {}
    for key in ("implementations", "devices", "dtypes", "profiles", "handshakes", "benchmarks"):
        found = [item for head in heads for item in head.get(key) or ()]
        every[key] = [*{json.dumps(item, sort_keys=True): item for item in found}.values()]
    kept = [{key: value for key, value in head.items() if key != "benchmarks"} for head in heads]
    if not any("benchmarks" in head for head in heads):
        del every["benchmarks"]
    return {
        **{key: value for key, value in heads[0].items() if key not in ("shard", "of", "tallies")},
        **every,
        "rows": rows,
        "whole": all(everything(head) for head in heads),
        "date": min(head.get("date", "") for head in heads),
        "merged": kept,
    }
