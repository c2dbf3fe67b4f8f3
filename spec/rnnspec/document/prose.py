"""Docstrings as text: their paragraphs, and the marks within them as HTML or as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from html import escape
from inspect import cleandoc

ISSUES = "https://github.com/pytorch/pytorch/issues/"

MARK = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|\*\*(?P<strong>[^*]+)\*\*"
    r"|(?<!\w)\*(?P<em>[^\s*][^*]*)\*(?!\w)"
    r"|\bpytorch\#(?P<issue>\d+)"
    r"|(?P<url>https?://[^\s)]+)"
    r"|\b(?P<clause>[A-Z]{2,4}-\d+)\b"
)
"""What the docstrings mark: code, strong, emphasised, an issue of torch's, an address, a clause."""


def paragraphs(docstring: str | None) -> list[str]:
    """The paragraphs of a docstring, each on one line."""
    return [
        " ".join(part.split()) for part in re.split(r"\n\s*\n", cleandoc(docstring or "")) if part.strip()
    ]


def as_html(text: str, ids: Collection[str]) -> str:
    """The marks as elements; ids of clauses lead to them."""

    def mark(kind: str, value: str) -> str:
        shown = escape(value, quote=False)
        if kind in ("code", "strong", "em"):
            return f"<{kind}>{shown}</{kind}>"
        if kind == "clause":
            return f'<a href="#{shown}">{shown}</a>' if value in ids else shown
        address, shown = (ISSUES + value, f"pytorch#{shown}") if kind == "issue" else (value, shown)
        return f'<a href="{escape(address)}">{shown}</a>'

    return _marked(text, mark, lambda plain: escape(plain, quote=False))


def as_markdown(text: str, ids: Collection[str]) -> str:
    """The same marks; what Markdown would take for one and is none is escaped."""

    def mark(kind: str, value: str) -> str:
        if kind == "clause":
            return f"[{value}](#{value})" if value in ids else value
        if kind == "issue":
            return f"[pytorch#{value}]({ISSUES}{value})"
        return {"code": f"`{value}`", "strong": f"**{value}**", "em": f"*{value}*"}.get(kind, value)

    return _marked(text, mark, lambda plain: re.sub(r"([\\_*<>\[\]|])", r"\\\1", plain))


def _marked(text: str, mark: Callable[[str, str], str], plain: Callable[[str], str]) -> str:
    """`text` with each mark rewritten by `mark(kind, value)`, and what is between them by `plain`."""
    done, end = [], 0
    for found in MARK.finditer(text):
        kind = found.lastgroup or ""
        done += [plain(text[end : found.start()]), mark(kind, found[kind])]
        end = found.end()
    return "".join([*done, plain(text[end:])])
