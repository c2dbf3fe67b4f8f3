"""What `benchmarks` in the header of a file of results holds, checked: what `rnnspec bench` measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .notation import DTYPES, MODES

IDENTITY = ("implementation", "device", "dtype", "threads", "case", "way", "grad")
"""What makes an entry the same entry in another run."""

MOST = 1e100
"""No time or ratio is larger, nor is the inverse of one: what is computed of them is finite."""


def are_benchmarks(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_benchmark, value))


def is_benchmark(value: Any) -> bool:
    """Whose, where and of what; and either why there is no time, or the times."""
    if not isinstance(value, dict) or not _holds(value, WHAT):
        return False
    if "refused" in value:
        return _is_text(value["refused"]) and value["refused"] != ""
    return _holds(value, FIRST if "first" in value else FIGURES)


def identity(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    """The values of `IDENTITY`."""
    return tuple(entry[name] for name in IDENTITY)


def _holds(value: Mapping[str, Any], kinds: Mapping[str, Callable[[Any], bool]]) -> bool:
    return all(name in value and valid(value[name]) for name, valid in kinds.items())


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_size(value: Any) -> bool:
    return type(value) is int and 1 <= value < 2**63


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MOST


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and 1 / MOST <= value <= MOST


def _are_times(value: Any) -> bool:
    return isinstance(value, list) and value != [] and all(map(_is_time, value))


def _is_share(value: Any) -> bool:
    """Nothing, where the machine's best is not known."""
    return _is_time(value) or (type(value) in (int, float) and value == 0)


def _are_quartiles(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 3 and all(map(_is_time, value)) and value == sorted(value)
    )


WHAT: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("implementation", "device", "case", "way"), _is_text),
    "dtype": lambda value: _is_text(value) and value in DTYPES,
    "mode": lambda value: _is_text(value) and value in MODES,
    **dict.fromkeys(("threads", "T", "B", "I", "H", "L", "D"), _is_size),
    "grad": _is_flag,
}
"""What each entry says, as a check."""

FIRST: Mapping[str, Callable[[Any], bool]] = {
    "rounds": _is_size,
    "seconds": _are_quartiles,
    "first": _is_time,
}
"""What else it says of a time that is apart: of construction, or of the first call."""

FIGURES: Mapping[str, Callable[[Any], bool]] = {
    "rounds": _is_size,
    **dict.fromkeys(("seconds", "ratio"), _are_quartiles),
    "costs": _are_times,
    "best": _is_time,
    "steady": _is_flag,
    **dict.fromkeys(("flops", "bytes"), _is_count),
    "share": _is_share,
}
"""What else it says of calls that had their turns."""
