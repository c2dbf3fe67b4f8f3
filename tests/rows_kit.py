"""Rows and files of results, made without a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from rnnspec import result
from rnnspec.cli import app
from rnnspec.report.standing import File
from rnnspec.result import Row

HOSTILE = (
    "<script>alert(1)</script>",
    "a|b`c``d",
    "[red]x[/red] [x](https://example.org) ![i](https://example.org/i)",
    "@everyone #1 *bold* _it_ ~~gone~~ $x$ www.example.org",
    "\x1b[31mred\x1b[0m\x07\x00\x9b31m",
    "]]> <![CDATA[ &amp; \"'",
    "half \ud800 of a letter, \ufffe",
    "one\nand\n\n# two\r\n\r```\n</details>\n<!-- ",
    "a\u2028b\u202ec\x85d",
    "it's C:\\x",
    "   ",
    "",
)
"""Names and messages of which each means something somewhere."""


def row(clause: str = "SEQ-1", outcome: str = "PASS", message: str | None = None, **words: Any) -> Row:
    said = ("" if outcome == "PASS" else "so") if message is None else message
    told = {
        "level": "MUST",
        "case": "GRU-T5-B3-I4-H7",
        "mode": "GRU",
        "implementation": "mine",
        "device": "cpu",
        "dtype": "float32",
        "headroom": None,
        "seconds": 0.5,
    }
    return Row(clause=clause, outcome=outcome, message=said, **told | words)


def head(rows: Sequence[Row], **words: Any) -> dict[str, Any]:
    """Of a whole run in core, now."""
    told = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "devices": list(dict.fromkeys(each.device for each in rows)),
        "dtypes": ["float32", "float64"],
        "scope": "core",
        "whole": True,
        "seed": "of each case",
        "profiles": [],
        "handshakes": [],
    }
    names = dict.fromkeys(each.implementation for each in rows)
    entries = [{"name": name, "versions": {"lib": "1.0"}, "claims": {"GRU": ["hx"]}} for name in names]
    return result.header(len(rows), entries) | told | words


def file(*rows: Row, **words: Any) -> File:
    return head(rows, **words), rows


def kept(path: Path, *rows: Row, **words: Any) -> Path:
    """A file of results."""
    result.write(path, *file(*rows, **words))
    return path


def run(*words: object) -> Result:
    """`rnnspec` with these words."""
    return CliRunner().invoke(app, [str(word) for word in words])
