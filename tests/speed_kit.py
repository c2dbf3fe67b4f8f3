"""Files of `rnnspec bench` for the tests of the page: made-up times, by the classes that write real ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import nn

from page_kit import HOSTILE, Named
from rnnspec import result
from rnnspec.benchmarks import Contest, Measured
from rnnspec.benchmarks import measured as measure
from rnnspec.benchmarks.claims import rows
from rnnspec.benchmarks.contest import entries
from rnnspec.benchmarks.figures import APART, Entry
from rnnspec.benchmarks.grid import CENTRE, growth, sections
from rnnspec.benchmarks.roofline import Peak
from rnnspec.case import Case
from rnnspec.implementation import DropIn
from rnnspec.loading import load
from rnnspec.notation import LAYERS
from rnnspec.result import Row

PEAK = Peak(1e11, 2e10)

CALL = 2e-6
"""What a call costs beside its work."""

WOBBLE = (1.0, 0.9, 1.2, 1.05, 0.97, 1.0)
"""Of six rounds."""


SHOWN = ("whole", "letters", "rows")
"""Ways of which there are figures."""


def seconds(entry: Entry, slower: float = 1.0) -> float:
    """Of a call that does its work at half the machine's best."""
    case = entry.case
    calls = {"letters": case.T, "rows": case.B}.get(entry.way, 1)
    work = Measured(entry).work if entry.way not in APART else None
    return slower * ((2 * PEAK.seconds(work) if work else 1e-4) + calls * CALL * (3 if entry.grad else 1))


def measured(entry: Entry, slower: float = 1.0) -> Measured:
    took = [w * seconds(entry, slower) for w in WOBBLE]
    if entry.way in APART:
        return Measured(entry, seconds=took)
    ratio = seconds(entry) / seconds(entry._replace(way="whole"))
    ratios = [ratio * (1 + 0.01 * i) for i in range(len(WOBBLE))]
    return Measured(entry, seconds=took, ratios=ratios, costs=ratios, best=min(ratios), peak=PEAK)


def full(mode: str = "LSTM", dtype: torch.dtype = torch.float32) -> list[Contest]:
    """The sections of the full grid, with what else it has."""
    centre = Case(mode, **CENTRE, dtype=dtype)
    return [*(Contest((case,)) for case in sections(centre)), growth(centre)]


def small(mode: str = "LSTM") -> list[Contest]:
    """One case, as of the quick grid."""
    return [Contest((Case(mode, T=16, B=8, I=32, H=32, dtype=torch.float32),))]


def times(contests: Sequence[Contest], **slower: float) -> list[Measured]:
    """Of torch.nn, and of others that are so many times as slow."""
    return list(_times(contests, slower))


def _times(contests: Sequence[Contest], slower: dict[str, float]) -> Iterator[Measured]:
    named = {"torch.nn": 1.0, **slower}
    every = [(DropIn(name, {mode: getattr(nn, mode) for mode in LAYERS}), by) for name, by in named.items()]
    for contest in contests:
        for mine, by in every:
            yield from (measured(entry, by) for entry in entries([mine], contest))


def real(*names: str) -> list[Measured]:
    """What these take, forward, on the sections of the full grid where that is no more than seconds."""
    subjects = [load(name) for name in names]
    cases = [case for contest in full() for case in contest.cases[:1] if case.H < 1024]
    contests = [Contest((case,), SHOWN, (False,), most=0.5) for case in cases]
    return [each for contest in contests for each in measure(subjects, contest, torch.device("cpu"))]


def wrong(found: Sequence[Measured], why: str = "whole: output is not what it must be") -> list[Measured]:
    """The same, refused."""
    return [Measured(each.entry, each.device, refused=why, wrong=True) for each in found]


def speed(found: Sequence[Measured], name: str = "speed.jsonl", **rest: Any) -> Named:
    """The file that `rnnspec bench` writes."""
    made = list(rows(found))
    names = dict.fromkeys(each.implementation for each in found)
    claims = [{"name": each, "versions": {}} for each in names]
    told = {"scope": "speed, full", "whole": False, "benchmarks": [each.json() for each in found]}
    return name, result.header(len(made), claims, **{**told, **rest}), made


def hostile_speed(text: str = HOSTILE, few: bool = False) -> Named:
    """A file in which every text that may be anything holds this, enough for figures; or `few` of them."""
    contests = [Contest(each.cases, SHOWN if few else each.ways) for each in full()]
    name, plain, made = speed([*times(contests, other=2.0), *wrong(times(small(), bad=1.0))])
    words = ("implementation", "device", "case", "refused")
    spoilt = [
        entry | {word: f"{text}{entry[word]}" for word in words if word in entry}
        for entry in plain["benchmarks"]
    ]
    own = ("implementation", "device", "case", "message")
    lines = [Row(**asdict(row) | {word: f"{text}{getattr(row, word)}" for word in own}) for row in made]
    head = {**plain, "benchmarks": spoilt, "scope": text, "platform": text, "torch": text}
    return f"{text}{name}", head, lines
