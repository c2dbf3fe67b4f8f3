"""The scripts about listed deviations, written by hand: those of `deviations/torch.toml` are in
`deviations/torch/`, and those of every other file are in the folder of its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ..case import Case
from ..deviations import FOLDER
from ..deviations.reading import read
from ..maths import DEFAULT, Maths
from ..notation import dtype_name

NAME = re.compile(r"([a-z]+)_(\d+)(?:_[a-z_]+)?\.py")
CASES = re.compile(r"^# cases: (\S+?)(?:, (\S+?))?(?:, (\S+))?$", re.MULTILINE)


class Listed(NamedTuple):
    """A script, the clause that it is about, and the cases, dtypes and math mode that have the deviation."""

    path: Path
    clause: str
    text: str
    case: str = "*"
    dtype: str = "*"
    maths: Maths = DEFAULT

    @property
    def implementations(self) -> frozenset[str]:
        """Those whose deviations its folder is about."""
        return _implementations(self.path.parent.name)

    def fits(self, case: Case, maths: Maths) -> bool:
        """Whether the deviation on this case, in this mode, is that of the script."""
        within = set(self.maths.words) <= set(maths.words)
        name = str(case.but(seed=1))
        return within and fnmatchcase(name, self.case) and fnmatchcase(dtype_name(case.dtype), self.dtype)


@cache
def _implementations(folder: str) -> frozenset[str]:
    entries = read(FOLDER / f"{folder}.toml", shipped=True)
    return frozenset(entry.implementation for entry in entries)


def scripts() -> Iterator[Listed]:
    """All of them, by folder and name."""
    for path in sorted(FOLDER.glob("*/*.py")):
        named, text = NAME.fullmatch(path.name), path.read_text("utf-8")
        assert named, f"{path.name} is not named after a clause"
        clause = f"{named[1].upper()}-{named[2]}"
        case, dtype, mode = patterns.groups() if (patterns := CASES.search(text)) else (None, None, None)
        yield Listed(path, clause, text, case or "*", dtype or "*", Maths.named(mode or "default"))


def listed(clause: str, case: Case, implementation: str, maths: Maths = DEFAULT) -> list[Listed]:
    """The scripts about a clause on a case of an implementation, those about fewer cases first."""
    mine = [script for script in scripts() if script.clause == clause and script.fits(case, maths)]
    found = [script for script in mine if implementation in script.implementations]
    return sorted(found, key=lambda script: (-len(script.maths.words), -len(script.case), script.path.name))
