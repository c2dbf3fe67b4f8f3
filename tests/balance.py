"""Seconds by clause, for shards: `python tests/balance.py RESULTS` records those of a file of results.

The file is to be of a whole run in core, of torch.nn on the CPU, without -n. What the slowest shard takes,
as a multiple of the mean, is printed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from rnnspec import result, shards
from rnnspec.report.standing import everything, place
from rnnspec.scopes import ISOLATED

DEATH = 2.5
"""Seconds until another worker is there for one that died, which no row has."""


def seconds(row: result.Row) -> float:
    """What a row takes; one in which its process died has no time."""
    return row.seconds or DEATH


def recorded(rows: Iterable[result.Row]) -> dict[str, int]:
    """Milliseconds of each clause, in reading order."""
    found: dict[str, float] = {}
    for row in rows:
        found[row.clause] = found.get(row.clause, 0.0) + seconds(row)
    return {clause: round(1000 * found[clause]) for clause in sorted(found, key=place)}


def loads(rows: Iterable[result.Row], count: int) -> list[float]:
    """Seconds of each shard, the workers for isolated clauses included."""
    found, apart = [0.0] * count, set[int]()
    for row in rows:
        number = shards.place(row.clause, row.case, row.dtype, count)
        found[number - 1] += seconds(row)
        apart |= {number} if row.clause in ISOLATED else set()
    for number in apart:
        found[number - 1] += shards.START / 1000
    return found


def main() -> None:
    head, rows = result.read(Path(sys.argv[1]))
    if not everything(head) or head["scope"] != "core":
        sys.exit(f"{sys.argv[1]} is not of a whole run in core")
    shards.RECORDED.write_text(json.dumps(recorded(rows), indent=0) + "\n", "utf-8")
    for count in (2, 4, 8, 16):
        found = loads(rows, count)
        print(f"{count:3} shards: the slowest takes {count * max(found) / sum(found):.2f} × the mean")


if __name__ == "__main__":
    main()
