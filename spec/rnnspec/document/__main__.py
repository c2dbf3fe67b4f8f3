"""`python -m rnnspec.document [-o FILE] [--format html|markdown]`; without -o both pages are kept anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import FORMATS, kept, page


def main(arguments: list[str] | None = None) -> None:
    """Write one page, by the ending of FILE if no format is given; or keep both."""
    parser = argparse.ArgumentParser(prog="python -m rnnspec.document", description=__doc__)
    parser.add_argument("-o", "--output", metavar="FILE", type=Path)
    parser.add_argument("--format", choices=FORMATS)
    chosen = parser.parse_args(arguments)
    if chosen.output is None:
        written = {form: kept(form) for form in FORMATS if chosen.format in (form, None)}
    else:
        by_ending = "markdown" if chosen.output.suffix == ".md" else "html"
        written = {chosen.format or by_ending: chosen.output}
    for form, path in written.items():
        path.write_text(page(form), encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
