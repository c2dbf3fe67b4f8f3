"""The conformance table: implementations × chapters, as Markdown, made of files of results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..clauses import CHAPTERS
from ..result import BAD, Row

File = tuple[Mapping[str, Any], Sequence[Row]]


def lines(files: Sequence[File]) -> Iterator[str]:
    """What was run, and a table with a line for each implementation and a column for each chapter.

    A cell says how many rows pass, and of the others how many are known and how many are bad; `–` stands
    where nothing is claimed, and nothing where the chapter has no row.
    """
    rows = [row for _, found in files for row in found]
    chapters = [c for c in CHAPTERS if any(_chapter(row) == c for row in rows)]
    yield "| implementation | " + " | ".join(chapters) + " |"
    yield "|---" * (len(chapters) + 1) + "|"
    for name, own in _by_implementation(files):
        cells = (cell([row for row in own if _chapter(row) == chapter]) for chapter in chapters)
        yield f"| `{name}` | " + " | ".join(cells) + " |"
    yield ""
    yield "| implementation | versions | scope | dtypes | rows | pass | known | bad | not claimed | date |"
    yield "|---" * 10 + "|"
    for head, found in files:
        for name in dict.fromkeys(row.implementation for row in found):
            yield _run(head, name, [row for row in found if row.implementation == name])
    yield ""
    yield "; ".join(f"{letters} {title}" for letters, title in CHAPTERS.items() if letters in chapters) + "."


def cell(rows: Iterable[Row]) -> str:
    """The rows of one implementation and chapter in a word or two."""
    count = Counter("bad" if row.outcome in BAD else row.outcome for row in rows)
    said = [f"{count[outcome]}{word}" for outcome, word in WORDS.items() if count[outcome]]
    return ", ".join(said) or ("–" if count else "")


WORDS = {"PASS": "", "KNOWN": " known", "bad": " **bad**"}


def _chapter(row: Row) -> str:
    return row.clause.partition("-")[0]


def _by_implementation(files: Iterable[File]) -> Iterator[tuple[str, list[Row]]]:
    found: dict[str, list[Row]] = {}
    for _, rows in files:
        for row in rows:
            found.setdefault(row.implementation, []).append(row)
    yield from found.items()


def _run(head: Mapping[str, Any], name: str, rows: Sequence[Row]) -> str:
    count = Counter(row.outcome for row in rows)
    bad = sum(count[outcome] for outcome in BAD)
    counts = (len(rows), count["PASS"], count["KNOWN"], bad, count["NOT CLAIMED"])
    dtypes = ", ".join(sorted({row.dtype for row in rows if row.outcome != "NOT CLAIMED"}))
    words = (f"`{name}`", _versions(head, name), head.get("scope", ""), dtypes, *counts, _day(head))
    return "| " + " | ".join(map(str, words)) + " |"


def _versions(head: Mapping[str, Any], name: str) -> str:
    entries = [entry for entry in head.get("implementations", ()) if entry.get("name") == name]
    own = {library: v for entry in entries for library, v in entry.get("versions", {}).items()}
    return ", ".join(f"{library} {version}" for library, version in {"torch": head["torch"], **own}.items())


def _day(head: Mapping[str, Any]) -> str:
    return str(head.get("date", "")).partition("T")[0]
