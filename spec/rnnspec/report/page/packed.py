"""The rows as the page's script reads them: tables of texts, and for each cell the places in them.

A text that occurs often is stored once, and so is a list of cases, which most columns share.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

from ...result import OUTCOMES, Row
from .matrix import Chapter

LETTERS = dict(zip(OUTCOMES, "PFNKXCTE", strict=True))
"""An outcome in a letter."""


class Table(dict[Any, int]):
    """Values in the order in which they first came, each with its place."""

    def __missing__(self, value: Any) -> int:
        self[value] = len(self)
        return self[value]


def packed(chapters: Sequence[Chapter]) -> dict[str, Any]:
    """What is embedded: `cells[line][column]` is null, or [list of cases, outcomes, headrooms, milliseconds,
    {place: message}, {place: script}, {place: kernels}]."""
    cases, lists, messages, scripts, kernels = (Table() for _ in range(5))

    def cell(rows: Sequence[Row]) -> list[Any] | None:
        if not rows:
            return None
        return [
            lists[tuple(cases[row.case] for row in rows)],
            _outcomes(rows),
            _headrooms(rows),
            [_milliseconds(row.seconds) for row in rows],
            {i: messages[row.message] for i, row in enumerate(rows) if row.message},
            {i: scripts[row.reproducer] for i, row in enumerate(rows) if row.reproducer},
            {i: kernels[row.kernels] for i, row in enumerate(rows) if row.kernels},
        ]

    cells = [[cell(rows) for rows in line.rows] for chapter in chapters for line in chapter.lines]
    texts = {"cases": cases, "lists": lists, "messages": messages, "scripts": scripts, "kernels": kernels}
    return {**{name: list(table) for name, table in texts.items()}, "cells": cells}


def _outcomes(rows: Sequence[Row]) -> str:
    """A letter for each row, or one where all are the same."""
    letters = "".join(LETTERS[row.outcome] for row in rows)
    return letters[0] if len(set(letters)) == 1 else letters


def _headrooms(rows: Sequence[Row]) -> list[float] | int:
    """Three digits of each, -1 where nothing was measured; 0 for the list where nothing was at all."""
    if all(row.headroom is None for row in rows):
        return 0
    return [-1 if row.headroom is None else _digits(row.headroom, 3) for row in rows]


def _milliseconds(seconds: float) -> float:
    return _digits(min(1000 * seconds, sys.float_info.max), 2)


def _digits(value: float, many: int) -> float:
    """Rounded, but not across the bound."""
    rounded = float(f"{value:.{many}g}")
    kept = rounded if (rounded > 1) == (value > 1) and math.isfinite(rounded) else value
    return int(kept) if kept == int(kept) and kept < 1e6 else kept
