"""The conformance table: implementations × chapters, as Markdown, made of files of results."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ..clauses import CHAPTERS
from ..plain import plain
from ..result import BAD, Row
from .markdown import code
from .standing import File, Standing, chapter, standings


def lines(files: Sequence[File]) -> Iterator[str]:
    """What was run, and a table with a line for each implementation and a column for each chapter.

    A cell says how many rows pass, and of the others how many are known and how many are bad; `–` stands
    where nothing is claimed, and nothing where the chapter has no row.
    """
    rows = [row for _, found in files for row in found]
    chapters = [c for c in CHAPTERS if any(chapter(row.clause) == c for row in rows)]
    yield "| implementation | " + " | ".join(chapters) + " |"
    yield "|---" * (len(chapters) + 1) + "|"
    for name, own in _by_implementation(files):
        cells = (cell([row for row in own if chapter(row.clause) == c]) for c in chapters)
        yield f"| {_name(name)} | " + " | ".join(cells) + " |"
    yield ""
    yield "| implementation | versions | scope | dtypes | rows | pass | known | bad | not claimed | date |"
    yield "|---" * 10 + "|"
    yield from map(_run, standings(files))
    yield ""
    yield "; ".join(f"{letters} {title}" for letters, title in CHAPTERS.items() if letters in chapters) + "."


def cell(rows: Iterable[Row]) -> str:
    """The rows of one implementation and chapter in a word or two."""
    count = Counter("bad" if row.outcome in BAD else row.outcome for row in rows)
    said = [f"{count[outcome]}{word}" for outcome, word in WORDS.items() if count[outcome]]
    return ", ".join(said) or ("–" if count else "")


WORDS = {"PASS": "", "KNOWN": " known", "bad": " **bad**"}


def _by_implementation(files: Iterable[File]) -> Iterator[tuple[str, list[Row]]]:
    found: dict[str, list[Row]] = {}
    for _, rows in files:
        for row in rows:
            found.setdefault(row.implementation, []).append(row)
    yield from found.items()


def _run(each: Standing) -> str:
    count, tried = each.count, [row.dtype for row in each.rows if row.outcome != "NOT CLAIMED"]
    counts = (len(each.rows), count["PASS"], count["KNOWN"], each.bad, count["NOT CLAIMED"])
    dtypes = ", ".join(sorted(set(tried)))
    told = (word if HARMLESS.fullmatch(word) else code(word) for word in (each.versions, each.scope))
    words = (_name(each.implementation), *told, dtypes, *counts, each.day)
    return "| " + " | ".join(map(str, words)) + " |"


HARMLESS = re.compile(r"[\w .,+-]*")


def _name(name: str) -> str:
    return code(name) if re.search(r"[`|]", name) or plain(name) != name else f"`{name}`"
