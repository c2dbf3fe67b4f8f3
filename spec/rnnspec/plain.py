"""What others have written, on one line: nothing in it moves a cursor, changes a colour, or begins a line."""

from __future__ import annotations

import re

UNSEEN = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Control characters, breaks, what turns the direction of a text, and what is no character (a tab is one)."""


def plain(text: str) -> str:
    """The text, in which what cannot be seen is written as it would be in Python."""
    return UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)
