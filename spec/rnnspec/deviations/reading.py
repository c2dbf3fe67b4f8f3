"""Files of known deviations: read whole, or refused with the file, the line and the reason."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from ..catalogue import ids
from ..source import Source, shown
from .entry import Entry

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SCHEMA = Path(__file__).parent / "schema.json"

HEADER = re.compile(r"\s*\[\[\s*deviation\s*\]\]")
LISTS = ("device", "unless", "dtype", "mode", "case", "outcome", "check", "raises", "signal")
"""What may be written as one string or as several."""


@cache
def schema() -> dict[str, Any]:
    """The JSON schema of a file, in which a TOML date is a string."""
    found: dict[str, Any] = json.loads(SCHEMA.read_text("utf-8"))
    return found


def read(path: Path, called: str | None = None, shipped: bool = False) -> tuple[Entry, ...]:
    """The entries of a file, in their order.

    Args:
        path: the file.
        called: how messages call it; its path if it is left out.
        shipped: a file of the package, which its tests hold against the schema.

    Raises:
        Refused: it cannot be read, or an entry of it is none.
    """
    source = Listing(called or str(path))
    text = source.text(path)
    document = source.document(text)
    if not shipped:
        source.conforms(text, document)
    tables = document.get("deviation", [])
    lines = _headers(text, len(tables))
    return tuple(
        source.entry({**table, "clause": clause, "cause": _several(table["clause"])[0]}, line)
        for table, line in zip(tables, lines, strict=True)
        for clause in _several(table["clause"])
    )


class Listing(Source):
    """A file of known deviations."""

    def document(self, text: str) -> dict[str, Any]:
        try:
            return tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            found = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", str(error))
            reason = str(error)[: found.start()] if found else str(error)
            last = text.rstrip("\n").count("\n") + 1
            line = int(found[1] or last) if found else 1
            raise self.refused(line, f"this is not TOML: {reason}") from error

    def conforms(self, text: str, document: Mapping[str, Any]) -> None:
        """The document is one that the schema describes."""
        import jsonschema  # slow to import, and not needed without files of a user's own

        errors = jsonschema.Draft202012Validator(schema()).iter_errors(_as_json(document))
        for error in errors:
            number, key, reason = _explained(error, document)
            raise self.refused(_line(text, document, number, key), reason)

    def entry(self, table: Mapping[str, Any], line: int) -> Entry:
        """The entry that stands at this line, where its keys go together."""
        if table["clause"] not in ids():
            raise self.refused(line, f"there is no clause {table['clause']}")
        for distribution, specifier in table.get("versions", {}).items():
            try:
                SpecifierSet(specifier)
            except InvalidSpecifier as error:
                said = f"{specifier!r} for {distribution} is no version specifier, such as '>=2.1,<3'"
                raise self.refused(line, said) from error
        words: dict[str, Any] = {name: _several(table[name]) for name in LISTS if name in table}
        words |= {"differ": tuple(table["differ"])} if "differ" in table else {}
        words |= {name: " ".join(table[name].split()) for name in ("reason", "link")}
        entry = Entry(**{**table, **words, "place": f"{self.name}:{line}"})
        for reason in _at_odds(entry):
            raise self.refused(line, reason)
        return entry


def _headers(text: str, count: int) -> list[int]:
    """The lines at which the entries begin; all at the first where they are not written one by one."""
    found = [number for number, line in enumerate(text.split("\n"), 1) if HEADER.match(line)]
    return found if len(found) == count else [1] * count


def _line(text: str, document: Mapping[str, Any], number: int | None, key: str | None) -> int:
    """The line of a key, or else of the entry with this number, or else the first."""
    lines, start, end = text.split("\n"), 1, text.count("\n") + 1
    if number is not None:
        starts = [*_headers(text, len(document["deviation"])), end + 1]
        start, end = starts[number], max(starts[number], starts[number + 1] - 1)
    for line in range(start, end + 1) if key else ():
        if re.match(rf"\s*\[*\s*{re.escape(key or '')}\s*[.=\]]", lines[line - 1]):
            return line
    return start


def _as_json(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the dates of `seen` as strings, and no string in their place."""
    tables = document.get("deviation")
    if not isinstance(tables, list):
        return dict(document)
    return {**document, "deviation": [_dated(table) for table in tables]}


def _dated(table: Any) -> Any:
    if not isinstance(table, dict) or "seen" not in table:
        return table
    return {**table, "seen": table["seen"].isoformat() if type(table["seen"]) is date else None}


def _explained(error: Any, document: Mapping[str, Any]) -> tuple[int | None, str | None, str]:
    """The number of the entry, the key and the reason, in the words of the schema."""
    where = dict(enumerate(error.absolute_path))
    number, key = where.get(1), where.get(2)
    about = schema()["properties"]["deviation"]["items"]["properties"]
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return number, None, f"{missing} is missing: {about[missing]['description']}"
    if error.validator == "additionalProperties":
        unknown = next(name for name in error.instance if name not in error.schema["properties"])
        return number, unknown, f"{unknown!r} is not one of {', '.join(error.schema['properties'])}"
    if key is None:
        return None, "deviation", "an entry begins with [[deviation]]"
    value = shown(document["deviation"][number][key])
    return number, key, f"{key} = {value} is not {about[key]['description']}"


def _at_odds(entry: Entry) -> Iterator[str]:
    """What in an entry does not go together."""
    if "FAIL" in entry.outcome and not (entry.check or entry.raises):
        yield "a FAIL needs a check, or what it raises"
    if "CRASH" in entry.outcome and not entry.signal:
        yield "a CRASH needs a signal"
    if "FAIL" not in entry.outcome and (entry.check or entry.raises):
        yield "check and raises are about a FAIL, which is not its outcome"
    if "CRASH" not in entry.outcome and entry.signal:
        yield "signal is about a CRASH, which is not its outcome"
    if entry.check and entry.raises:
        yield "a clause fails by a check or by what it raises: write two entries"
    if entry.differ is not None and not entry.check:
        yield "differ needs a check"
    if entry.differ is not None and not 0 <= entry.differ[0] <= entry.differ[1] < float("inf"):
        yield f"differ = {list(entry.differ)} is no band from a smaller to a larger number"


def _several(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
