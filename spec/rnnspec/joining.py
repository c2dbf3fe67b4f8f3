"""Shards of one run made into the whole of it, which is proved: no row is missing, none is there twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from . import tallies
from .profiles import verdict
from .result import Row
from .scopes import Scope
from .shards import Shard, digest, shard
from .source import Refused

Heads = Mapping[str, Mapping[str, Any]]
Verdict = tuple[bool | None, str]

ALIKE = ("rnnspec", "dtypes", "devices", "threads")
"""What the shards of a run have in common beside what may be merged at all."""


def sharded(heads: Heads) -> bool:
    """Whether these are shards.

    Raises:
        Refused: some are, and some are not.
    """
    parts = [name for name, head in heads.items() if "shard" in head]
    others = [name for name in heads if name not in parts]
    if parts and others:
        raise Refused(f"{parts[0]}:1: a shard, and {others[0]} is none: merge shards by themselves first")
    return bool(parts)


def each_once(heads: Heads) -> None:
    """These are all the shards of one run.

    Raises:
        Refused: one is missing or there twice, or is of another run.
    """
    there: dict[int, str] = {}
    first, known = next(iter(heads.items()))
    for name, head in heads.items():
        part = _part(head)
        if part.count != _part(known).count:
            raise Refused(f"{name}:1: shard {part} where {first} is {known['shard']}")
        if head["of"] != known["of"]:
            raise Refused(
                f"{name}:1: a shard of {_said(head['of'])} where {first} is of {_said(known['of'])}"
            )
        if part.number in there:
            raise Refused(f"{name}:1: shard {part} is {there[part.number]} too")
        there[part.number] = name
    count = _part(known).count
    if missing := [str(number) for number in range(1, count + 1) if number not in there]:
        *others, last = missing
        which = f"shards {', '.join(others)} and {last}" if others else f"shard {last}"
        raise Refused(f"{which} of {count} {'are' if others else 'is'} missing")


def joined(heads: Heads, rows: Sequence[Row]) -> tuple[dict[str, Any], list[Verdict]]:
    """What is to be said of all shards together, and the verdicts on the profiles that they were tried for;
    `rows` are those of all of them, no two alike.

    Raises:
        Refused: these are not the rows of the run, or not all were tried for the same profiles.
    """
    first, head = next(iter(heads.items()))
    of, found = head["of"], {"rows": len(rows), "digest": digest(row.key for row in rows)}
    if found != {key: of[key] for key in found}:
        raise Refused(f"{first}:1: the run is of {_said(of)}, and these are {_said(found)}")
    verdicts = _verdicts(heads)
    said = {"whole": of["whole"], "seconds": _sums(heads), "profiles": [said for _, said in verdicts]}
    return said, verdicts


def _verdicts(heads: Heads) -> list[Verdict]:
    first, head = next(iter(heads.items()))
    whole = tallies.read(head)
    for name, other in list(heads.items())[1:]:
        more = tallies.read(other)
        if [each.subject for each in more] != [each.subject for each in whole]:
            raise Refused(f"{name}:1: the profiles are not those of {first}")
        whole = [each.and_(its) for each, its in zip(whole, more, strict=True)]
    seed = head.get("seed")
    scope = Scope(head["scope"], tuple(seed) if isinstance(seed, list) else ())
    return [verdict(tally, scope, head["of"]["whole"]) for tally in whole]


def _part(head: Mapping[str, Any]) -> Shard:
    found = shard(head["shard"])
    assert found is not None, "or it would not have been read"
    return found


def _said(of: Mapping[str, Any]) -> str:
    part = "" if of.get("whole", True) else ", which are not all"
    return f"{of['rows']} rows with {of['digest'][:19]}{part}"


def _sums(heads: Heads) -> dict[str, float]:
    """Seconds, by what took them."""
    found: dict[str, float] = defaultdict(float)
    for head in heads.values():
        for what, seconds in (head.get("seconds") or {}).items():
            found[what] += seconds
    return {what: round(seconds, 3) for what, seconds in found.items()}
