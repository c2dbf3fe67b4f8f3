"""The ids of all clauses, as the chapters write them: none is imported for it, nor is torch."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

ID = re.compile(r'pytest\.mark\.clause\(\s*id="([A-Z]+-[0-9]+)"')
"""How a clause says its id."""


@cache
def ids() -> frozenset[str]:
    """All there are."""
    chapters = (Path(__file__).parent / "clauses").glob("test_*.py")
    return frozenset(found for chapter in chapters for found in ID.findall(chapter.read_text("utf-8")))
