"""One row of a result, and files of rows: JSON Lines, a header and then one row per clause and case."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from . import SPECIFICATION, __version__

OUTCOMES = ("PASS", "FAIL", "NOT CLAIMED", "KNOWN", "FIXED", "CRASH", "TIMEOUT", "ERROR")
BAD = frozenset({"FAIL", "FIXED", "CRASH", "TIMEOUT", "ERROR"})


@dataclass(frozen=True)
class Row:
    """One clause on one case.

    `headroom` is error ÷ bound, at most 1 in a PASS, None where nothing was measured;
    `seconds` is the wall time of the clause, building included.
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
        with os.fdopen(handle, "w", encoding="utf-8") as file:
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
        ValueError: not a file of results, or one with fewer or more rows than its header promises.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    try:
        head = json.loads(lines[0])["header"]
        names = {field.name for field in fields(Row)}
        rows = [Row(**{k: v for k, v in json.loads(line).items() if k in names}) for line in lines[1:]]
    except (IndexError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no file of rnnspec results: {error!r}") from error
    if len(rows) != head["rows"]:
        raise ValueError(f"{path} has {len(rows)} rows where {head['rows']} were expected")
    return head, rows
