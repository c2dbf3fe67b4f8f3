"""One row of a result, and files of rows: JSON Lines, a header and then one row per clause and case."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NoReturn

import torch

from . import SPECIFICATION, __version__
from .notation import DTYPES, MODES
from .shards import shard
from .source import Source, shown
from .tallies import are_tallies
from .timed import are_benchmarks

LEVELS = ("MUST", "SHOULD", "MAY")
OUTCOMES = ("PASS", "FAIL", "NOT CLAIMED", "KNOWN", "FIXED", "CRASH", "TIMEOUT", "ERROR")
BAD = frozenset({"FAIL", "FIXED", "CRASH", "TIMEOUT", "ERROR"})


@dataclass(frozen=True)
class Row:
    """One clause on one case.

    `headroom` is error ÷ bound, at most 1 in a PASS, None where nothing was measured;
    `seconds` is the wall time of the clause, building included; `reproducer` the script that shows a FAIL;
    `kernels` the names of torch's operations that a call of the network ran, where they were watched.
    """

    clause: str
    level: str
    case: str
    mode: str
    implementation: str
    device: str
    dtype: str
    outcome: str
    headroom: float | None
    message: str
    seconds: float
    reproducer: str = ""
    kernels: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What makes a row the same row in another run, and its place in a file."""
        return (self.implementation, self.device, self.clause, self.case, self.dtype)


def header(expected: int, implementations: Iterable[Mapping[str, Any]], **rest: Any) -> dict[str, Any]:
    """What a reader of the rows must know: versions, machine, flags; `rows` is how many there must be."""
    return {
        "rnnspec": __version__,
        "specification": SPECIFICATION,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "arguments": sys.argv[1:],
        "implementations": list(implementations),
        "rows": expected,
        **rest,
    }


def write(path: Path, head: Mapping[str, Any], rows: Iterable[Row]) -> None:
    """The whole file or none of it: written beside its place, then moved there."""
    lines = [json.dumps({"header": head}, allow_nan=False)]
    for row in sorted(rows, key=lambda row: row.key):
        lines.append(json.dumps(asdict(row), allow_nan=False, ensure_ascii=False))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:  # lone surrogates
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read(path: Path) -> tuple[dict[str, Any], list[Row]]:
    """A file's header and rows.

    Raises:
        Refused: not a file of results, or one with fewer or more rows than its header promises: a ValueError
            that names the file and the line.
    """
    source = Source(str(path))
    first, *rest = source.text(path).removesuffix("\n").split("\n")  # other breaks may be within a message
    head = _header(source, first)
    rows: list[Row] = []
    lines: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(rest, 2):
        row = _row(source, number, line)
        if row.key in lines:
            raise source.refused(number, f"this is the row of line {lines[row.key]} once more")
        lines[row.key] = number
        rows.append(row)
    if len(rows) != head["rows"]:
        raise source.refused(1, f"there are {len(rows)} rows where {head['rows']} were expected")
    return head, rows


def _header(source: Source, line: str) -> dict[str, Any]:
    found = _object(source, 1, line)
    head = found.get("header")
    if set(found) != {"header"} or not isinstance(head, dict):
        raise source.refused(1, "this is no header of a file of results")
    if type(head.get("rows")) is not int or head["rows"] < 0:
        raise source.refused(1, f"rows = {shown(head.get('rows'))} is no number of rows")
    for name, (kind, valid) in HEAD.items():
        if name in head and not valid(head[name]):
            raise source.refused(1, f"{name} = {shown(head[name])} is not {kind}")
    if ("shard" in head) != ("of" in head):
        raise source.refused(1, "of shard and of, one is missing")
    return head


def _row(source: Source, number: int, line: str) -> Row:
    found = _object(source, number, line)
    found = {"reproducer": "", "kernels": "", **found}  # which files had not at first
    for name in KINDS.keys() ^ found.keys():
        raise source.refused(number, f"{name} is {'missing' if name in KINDS else 'no key of a row'}")
    for name, (kind, valid) in KINDS.items():
        if not valid(found[name]):
            raise source.refused(number, f"{name} = {shown(found[name])} is not {kind}")
    return Row(**found)


def _object(source: Source, number: int, line: str) -> dict[str, Any]:
    """What a line says: JSON as it is defined, in which NaN is nothing and no key stands twice."""
    try:
        found = json.loads(line, parse_constant=_no_number, parse_float=_number, object_pairs_hook=_pairs)
    except json.JSONDecodeError as error:
        raise source.refused(number, f"this is not JSON: {error.msg}, column {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise source.refused(number, f"this is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise source.refused(number, "this is no JSON object")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _number(word: str) -> float:
    """Of a size that can be written again."""
    number = float(word)
    return number if abs(number) <= sys.float_info.max else _no_number(word)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in an object")
    return found


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_subjects(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_subject, value))


def _is_subject(value: Any) -> bool:
    """An implementation's name, and the versions of what it is made with."""
    if not isinstance(value, dict) or not _is_text(value.get("name")):
        return False
    versions = value.get("versions", {})
    return isinstance(versions, dict) and all(map(_is_text, versions.values()))


def _is_amount(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= sys.float_info.max


def _is_shard(value: Any) -> bool:
    return _is_text(value) and shard(value) is not None


def _is_union(value: Any) -> bool:
    """What a shard is a part of: the number of rows, their digest, and whether they are a whole scope."""
    kinds = {"rows": int, "digest": str, "whole": bool}
    return isinstance(value, dict) and {key: type(each) for key, each in value.items()} == kinds


KINDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(
        ("clause", "case", "implementation", "device", "message", "reproducer", "kernels"),
        ("a string", _is_text),
    ),
    "dtype": (f"one of {', '.join(DTYPES)}", lambda value: _is_text(value) and value in DTYPES),
    "mode": (f"one of {', '.join(MODES)}", lambda value: _is_text(value) and value in MODES),
    "level": (f"one of {', '.join(LEVELS)}", lambda value: _is_text(value) and value in LEVELS),
    "outcome": (f"one of {', '.join(OUTCOMES)}", lambda value: _is_text(value) and value in OUTCOMES),
    "headroom": ("a number or null", lambda value: value is None or _is_amount(value)),
    "seconds": ("a number", _is_amount),
}
"""What each key of a row holds, in words and as a check."""

HEAD: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("specification", "torch", "date", "scope"), ("a string", _is_text)),
    **dict.fromkeys(("devices", "dtypes", "profiles"), ("a list of strings", _are_texts)),
    "implementations": ("a list of implementations", _are_subjects),
    "handshakes": ("a list", lambda value: isinstance(value, list)),
    "shard": ("a shard, such as 3/8", _is_shard),
    "of": ("what a shard is of", _is_union),
    "tallies": ("a list of tallies", are_tallies),
    "benchmarks": ("a list of benchmarks with their times", are_benchmarks),
}
"""The same of what is read of a header, where it has it."""
