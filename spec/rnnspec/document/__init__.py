"""The specification as a document: one page that is generated from the clauses, in HTML and in Markdown.

`python -m rnnspec.document` writes it. The pages that are kept beside this package are the same on every
machine, day and torch version.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from .. import SPECIFICATION, clauses
from ..notation import CLAIMS, OPTIONAL
from ..profiles import PROFILES
from ..scopes import FURTHER
from .prose import as_html, as_markdown, paragraphs
from .reading import chapters, modes_of

FORMATS = {"html": "specification.html", "markdown": "specification.md"}
"""The formats, and the file beside this package that is kept of each."""


def page(form: str) -> str:
    """The whole document in one of the `FORMATS`."""
    found = chapters()
    ids = frozenset(clause.id for chapter in found for clause in chapter.clauses)
    markup = as_html if form == "html" else as_markdown

    def prose(text: str) -> Markup:
        return Markup(markup(text, ids))

    env = Environment(
        loader=PackageLoader(__package__, "."),
        autoescape=form == "html",
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.filters["prose"] = prose
    return env.get_template(f"{FORMATS[form]}.jinja").render(
        version=SPECIFICATION,
        preface=paragraphs(clauses.__doc__),
        chapters=found,
        claims=CLAIMS,
        optional=OPTIONAL,
        profiles=PROFILES,
        modes_of=modes_of,
        further=len(FURTHER),
        style=Markup((Path(__file__).parent / "style.css").read_text("utf-8")),
    )


def kept(form: str) -> Path:
    """Where the page of a format is kept."""
    return Path(__file__).parents[1] / FORMATS[form]
