"""A worker's diary: a file that says what it is about, and that is there when the worker is not.

The first line is the row under way; behind it stands that it has ended, or what faulthandler saw.
"""

from __future__ import annotations

import faulthandler
import json
import linecache
import re
from contextlib import suppress
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, NamedTuple

LOST = "lost: "
"""Before the reason why a worker ends itself."""

KIT = Path(__file__).parents[1]
FRAMES = 4
FRAME = re.compile(r'^  File "(.+)", line (\d+) in ')


class Diary:
    """Written by a worker, on whose machine there may be no such folder yet."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self.path = path
        self.file = path.open("wb", buffering=0)

    def opens(self) -> None:
        """From now on fatal errors go there too, and no longer where pytest sends them."""
        faulthandler.enable(self.file)

    def begins(self, item: str, note: dict[str, Any]) -> None:
        """This item is under way."""
        self.file.seek(0)
        self.file.truncate()
        self.file.write(json.dumps({"item": item, "note": note}).encode() + b"\n")

    def ends(self) -> None:
        """It has come to its end."""
        self.file.write(b"ended\n")

    def gives_up(self, why: str) -> None:
        """The worker is about to end itself."""
        self.file.write(f"{LOST}{why}\n".encode())

    def close(self) -> None:
        faulthandler.disable()
        self.file.close()

    def is_removed(self) -> None:
        """Where nobody else tidies up."""
        self.path.unlink(missing_ok=True)
        with suppress(OSError):  # another worker's is there
            self.path.parent.rmdir()


class Entry(NamedTuple):
    """The last entry: the item, its note, whether it had come to its end, and what was seen after that."""

    item: str
    note: dict[str, Any]
    ended: bool
    seen: list[str]

    @property
    def lost(self) -> str:
        """Why the worker ended itself; empty where it did not."""
        return next((line.removeprefix(LOST) for line in self.seen if line.startswith(LOST)), "")

    @property
    def timed_out(self) -> bool:
        return any(line.startswith("Timeout (") for line in self.seen)

    @property
    def place(self) -> str:
        """The last lines of Python, the innermost first, as messages show them; none where none was seen."""
        starts = [n for n, line in enumerate(self.seen) if "(most recent call first)" in line]
        current = [n for n in starts if self.seen[n].startswith("Current thread")]
        for start in [*current, *reversed(starts)]:  # the main thread is the last
            frames = takewhile(_is_not_ours, map(FRAME.match, self.seen[start + 1 :]))
            if lines := list(islice(map(_shown, frames), FRAMES)):
                return "\n".join(lines)
        return ""


def _is_not_ours(frame: re.Match[str] | None) -> bool:
    return frame is not None and KIT not in Path(frame[1]).parents


def _shown(frame: re.Match[str] | None) -> str:
    assert frame is not None
    file, number = frame[1], int(frame[2])
    return f"  at       {Path(file).name}:{number}  {linecache.getline(file, number).strip()}"


def read(path: Path) -> Entry | None:
    """The last entry of a diary of this machine; None where there is none, or one that was cut off."""
    try:
        return entry(path.read_bytes())
    except OSError:
        return None


def entry(text: bytes) -> Entry | None:
    """The last entry in what a diary holds; None where it was cut off."""
    try:
        first, *rest = text.decode("utf-8", errors="replace").splitlines()
        told = json.loads(first)
    except ValueError:
        return None
    return Entry(told["item"], told["note"], "ended" in rest, rest)
