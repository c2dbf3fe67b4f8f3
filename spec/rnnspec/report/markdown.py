"""Results as Markdown, for the summary of a CI job: verdicts first, then what is bad, with its first case."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from html import escape

from ..plain import plain
from ..result import OUTCOMES, Row
from .standing import STALE, STATES, Standing, first_line

MEANING = r"""[&<>"'|`*_\[\]\\~$@#:]|(?<=www)\."""
"""Letters that mean something in HTML or Markdown, those of addresses included."""

LONGEST = 4000
"""Characters that are shown of a message or a script."""


def lines(found: Sequence[Standing], norms: dict[str, str], today: date, stale: int = STALE) -> Iterator[str]:
    """A table of implementations, and below it a paragraph for each clause that is bad."""
    yield "| implementation | device | verdict | " + " | ".join(o.lower() for o in OUTCOMES) + " | run |"
    yield "|---" * (len(OUTCOMES) + 4) + "|"
    for each in found:
        counts = [str(each.count[outcome] or "") for outcome in OUTCOMES]
        run = ", ".join(filter(None, (each.versions, each.scope, each.day)))
        verdict = STATES[each.state(today, stale)]
        words = [code(each.implementation), code(each.device), verdict, *counts, code(run)]
        yield f"| {' | '.join(words)} |"
    if not found:
        yield "\nThere are no rows."
    for each in found:
        if each.bad:
            yield f"\n### {code(each.implementation)} on {code(each.device)}: what is bad\n"
        for clause, rows, tried in each.failing():
            yield from _clause(clause, rows, tried, norms.get(clause, ""))


def _clause(clause: str, rows: Sequence[Row], tried: int, norm: str) -> Iterator[str]:
    first = rows[0]
    said = f"<b>{first.outcome} {code(clause)}</b> ({first.level}), {len(rows)} of {tried} cases"
    what = escape(norm) or code(first_line(first.message))
    yield f"<details><summary>{said}: {what}</summary>\n"
    yield f"First: {code(first.case)}, {first.dtype}\n"
    yield from fenced(first.message)
    if first.reproducer:
        yield from fenced(first.reproducer, "python")
    yield "\n</details>"


def fenced(message: str, language: str = "") -> Iterator[str]:
    """A text as it is, between fences longer than any in it."""
    shown = message if len(message) <= LONGEST else message[:LONGEST] + "\n..."
    fence = "`" * (1 + max(2, *map(len, ["", *re.findall("`+", shown)])))
    yield from (f"{fence}{language}", *map(plain, shown.split("\n")), fence)


def code(word: str) -> str:
    """A name in a line of text or a cell of a table, whatever is in it.

    What means something to HTML or Markdown is written so that it means nothing; nobody is mentioned, nor
    anything linked, in code.
    """
    words = plain(" ".join(word.split()))
    return f"<code>{re.sub(MEANING, lambda found: f'&#{ord(found[0])};', words)}</code>"
