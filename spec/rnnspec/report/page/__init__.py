"""Results as a page: one file for a browser, which asks no network for anything.

What results say is data: it is escaped where it is in the markup, and text where the script shows it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from ... import SPECIFICATION
from ...result import LEVELS, OUTCOMES
from ..standing import STALE, STATES
from .columns import File, Group, Named, groups
from .figure import HEIGHT as TALL
from .figure import WIDTH as WIDE
from .matrix import chapters, untried
from .packed import LETTERS, packed
from .plot import BOUND, HEIGHT
from .speed import apart, panels
from .text import embedded, visible

STYLES = ("page.css", "speed.css")
"""Parts of one style, in order."""

SCRIPTS = ("page.js", "filter.js", "panel.js", "chart.js", "keys.js")
"""Parts of one script, in order."""


def page(files: Sequence[Named], stale: int = STALE) -> str:
    """The page of any number of files: of each its name, header and rows.

    What is older than `stale` days when the page is read is called old.
    """
    speed, others = panels(files), apart(files)
    columns = groups(others)
    matrix = chapters(columns)
    data = {
        "outcomes": {letter: outcome for outcome, letter in LETTERS.items()},
        "columns": [_column(group, dtype) for group in columns for dtype in group.dtypes],
        **packed(matrix),
    }
    style, script = "".join(map(_kept, STYLES)), "".join(map(_kept, SCRIPTS))
    return _template().render(
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
        specification=SPECIFICATION,
        stale=stale,
        files=[File(*named[:2], len(named[2])) for named in files],
        tested=[File(*named[:2], len(named[2])) for named in others],
        speed=speed,
        measured=any("benchmarks" in head for _, head, _ in files) or bool(speed),
        groups=columns,
        standing=sorted(columns, key=lambda group: list(STATES).index(group.state)),
        chapters=matrix,
        untried=untried(matrix),
        outcomes=[o for o in OUTCOMES if any(group.standing.count[o] for group in columns)],
        levels=LEVELS,
        names=list(dict.fromkeys(group.name for group in columns)),
        everyone={*(group.name for group in columns), *(name for panel in speed for name in panel.names)},
        data=embedded(data),
        sheet=sum(len(data["columns"]) <= most for most in SHEETS),
        height=HEIGHT,
        bound=BOUND,
        wide=WIDE,
        tall=TALL,
    )


SHEETS = (41, 26, 15, 8)
"""How many columns fit on paper of A1, A2, A3 and A4."""


def _template() -> Template:
    env = Environment(
        loader=PackageLoader(__package__, "."),
        autoescape=True,
        finalize=visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return env.get_template("page.html.jinja")


def _column(group: Group, dtype: str) -> dict[str, Any]:
    (column,) = [each for each in group.columns if each.dtype == dtype]
    return {
        "key": column.key,
        "name": group.name,
        "device": group.device,
        "dtype": dtype,
        "versions": group.standing.versions,
        "day": group.day,
        "file": group.file.name,
    }


def _kept(name: str) -> str:
    return (Path(__file__).parent / name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """Nothing but this style and this script; the empty icon spares a browser the question."""
    own = f"script-src {_hash(script)}; style-src {_hash(style)}; img-src data:"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
