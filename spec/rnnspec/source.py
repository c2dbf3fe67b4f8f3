"""Files that somebody else has written: read, or refused with the file, the line and the reason."""

from __future__ import annotations

from pathlib import Path

LONGEST = 300
"""So much of a reason is shown."""


def shown(value: object) -> str:
    """A value, cut off where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "..."


class Refused(ValueError):
    """A file is not what it is taken for."""


class Source:
    """A file by the name that messages call it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def refused(self, line: int, reason: str) -> Refused:
        """The exception to raise: the reason on one line."""
        said = " ".join(reason.split())
        return Refused(f"{self.name}:{line}: {said if len(said) <= LONGEST else said[:LONGEST] + ' ...'}")

    def text(self, path: Path) -> str:
        """What is written in it.

        Raises:
            Refused: it cannot be read, or is not UTF-8.
        """
        try:
            found = path.read_bytes()
        except (OSError, ValueError) as error:  # a name with a NUL in it is a ValueError
            reason = getattr(error, "strerror", None) or str(error)
            raise Refused(f"{self.name}:1: cannot be read: {reason}") from error
        try:
            return found.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.refused(found[: error.start].count(b"\n") + 1, "this is not UTF-8") from error
