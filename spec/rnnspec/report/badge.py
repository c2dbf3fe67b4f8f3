"""A badge: how much of what is claimed passes, in a colour that is green for nothing less than a verdict.

Several implementations make one badge, whose state is the worst of theirs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import jinja2

from .. import SPECIFICATION
from ..plain import plain
from .standing import STALE, STATES, Standing

COLOURS = {
    "bad": "red",
    "speed": "lightgrey",
    "nothing": "lightgrey",
    "partial": "lightgrey",
    "stale": "lightgrey",
    "listed": "yellow",
    "passes": "brightgreen",
}
"""Of each state, by the names of shields.io."""

HEX = {"red": "#c73e2b", "lightgrey": "#6a6a6a", "yellow": "#7d6608", "brightgreen": "#2f7d1b"}
"""The same for an image, dark enough to read white on."""

WIDE = 6.4
"""Of a letter, in pixels; a reader stretches the text to what this gives."""


class Badge(NamedTuple):
    label: str
    message: str
    colour: str
    title: str

    def shields(self) -> str:
        """JSON for the endpoint of shields.io."""
        words = {"label": self.label, "message": self.message, "color": self.colour}
        return json.dumps({"schemaVersion": 1, **words, "isError": self.colour == "red"}, ensure_ascii=False)

    def svg(self) -> str:
        """An image, 20 pixels high."""
        folder = jinja2.FileSystemLoader(Path(__file__).parent)
        template = jinja2.Environment(loader=folder, autoescape=True).get_template("badge.svg.jinja")
        left, right = (round(WIDE * len(text)) + 12 for text in (self.label, self.message))
        seen = self._replace(label=plain(self.label), message=plain(self.message), title=plain(self.title))
        return template.render(badge=seen, colour=HEX[self.colour], left=left, right=right)


UNREAD = Badge(f"rnnspec {SPECIFICATION}", "no results", "lightgrey", "there are no results that can be read")
"""What takes the place of an older badge where a run left nothing that can be read."""


def badge(found: Sequence[Standing], today: date, stale: int = STALE) -> Badge:
    """The badge of all of these together; what is of speed alone counts where there is nothing else."""
    found = [each for each in found if each.state(today, stale) != "speed"] or found
    states = [each.state(today, stale) for each in found] or ["nothing"]
    state = min(states, key=list(STATES).index)
    words = [" + ".join(dict.fromkeys(each.scope or "?" for each in found)), *_said(state, found)]
    versions = sorted({str(each.head.get("specification")) for each in found}) or [SPECIFICATION]
    title = "; ".join(f"{each.implementation} on {each.device}, {each.day or 'undated'}" for each in found)
    label, message = f"rnnspec {' + '.join(versions)}", " · ".join(filter(None, words))
    return Badge(label, message, COLOURS[state], f"{STATES[state]}: {title}" if title else STATES[state])


def _said(state: str, found: Sequence[Standing]) -> list[str]:
    if state in ("nothing", "speed"):
        return ["nothing passes" if state == "nothing" else "no verdict"]
    passed, claimed = sum(each.count["PASS"] for each in found), sum(each.claimed for each in found)
    share = f"{100 * passed // claimed} %"
    failing = len({clause for each in found for clause, *_ in each.failing()})
    clauses = f"{failing} clause{'' if failing == 1 else 's'} fail{'s' if failing == 1 else ''}"
    more = {
        "bad": [clauses],
        "partial": ["partial"],
        "stale": [
            f"of {min(each.day for each in found)}" if all(each.day for each in found) else "without a date"
        ],
        "listed": ["listed deviations"],
    }
    return [share, *more.get(state, [])]
