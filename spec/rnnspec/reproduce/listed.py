"""The scripts of `deviations/torch/`: one for each deviation of torch, written by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from ..case import Case
from ..notation import dtype_name

FOLDER = Path(__file__).parents[1] / "deviations" / "torch"
NAME = re.compile(r"([a-z]+)_(\d+)(?:_[a-z_]+)?\.py")
CASES = re.compile(r"^# cases: (\S+?)(?:, (\S+))?$", re.MULTILINE)


class Listed(NamedTuple):
    """A script, the clause that it is about, and the cases and dtypes in which the deviation is."""

    path: Path
    clause: str
    text: str
    case: str = "*"
    dtype: str = "*"

    def fits(self, case: Case) -> bool:
        """Whether the deviation on this case is that of the script."""
        name = str(case.but(seed=1))
        return fnmatchcase(name, self.case) and fnmatchcase(dtype_name(case.dtype), self.dtype)


def scripts() -> Iterator[Listed]:
    """All of them, by name."""
    for path in sorted(FOLDER.glob("*.py")):
        named, text = NAME.fullmatch(path.name), path.read_text("utf-8")
        assert named, f"{path.name} is not named after a clause"
        patterns = CASES.search(text)
        where = [part or "*" for part in patterns.groups()] if patterns else []
        yield Listed(path, f"{named[1].upper()}-{named[2]}", text, *where)


def listed(clause: str, case: Case) -> list[Listed]:
    """The scripts about a clause on a case, those about fewer cases first."""
    found = [script for script in scripts() if script.clause == clause and script.fits(case)]
    return sorted(found, key=lambda script: (-len(script.case), script.path.name))
