"""Commands about files of results: report, diff, merge, conformance, suspects."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from .common import AsJson, Output, Results, app, example, read, refused, say, say_json, unusable, written

PANEL = "Formats; a page in HTML if there is none"
Markdown = Annotated[bool, typer.Option("--markdown", rich_help_panel=PANEL, help="For a CI job's summary.")]
JUnit = Annotated[bool, typer.Option("--junit", rich_help_panel=PANEL, help="XML, for CI systems.")]
Badge = Annotated[
    bool,
    typer.Option("--badge", rich_help_panel=PANEL, help="JSON for shields.io, or an image if FILE is *.svg."),
]


@app.command(epilog=example("report results/*.jsonl -o report.html"))
def report(
    results: Results,
    output: Output = None,
    markdown: Markdown = False,
    junit: JUnit = False,
    badge: Badge = False,
    stale: Annotated[
        int, typer.Option(metavar="DAYS", min=0, help="Results that are older are no verdict.")
    ] = 30,
) -> None:
    """Write results for people, or for other programs.

    A badge is written even where nothing can be read, lest an older one stay. The exit status says nothing of
    what is in the results.
    """
    from ..report import badge as badges

    if markdown + junit + badge > 1:
        unusable("--markdown, --junit, --badge: one at a time")
    if output is not None and any(_same(output, path) for path in results):
        unusable(f"--output: {output} is one of the files of results")
    image = badge and output is not None and output.suffix == ".svg"
    try:
        files = read(results)
    except typer.Exit:
        if badge:
            written(badges.UNREAD.svg() if image else badges.UNREAD.shields() + "\n", output)
        raise
    from ..report import junit as xml
    from ..report import markdown as summary
    from ..report.standing import standings

    found, today = standings(files), date.today()
    if badge:
        made = badges.badge(found, today, stale)
        text = made.svg() if image else made.shields() + "\n"
    elif junit:
        text = xml.document(found)
    elif markdown:
        text = "\n".join([*summary.lines(found, _norms(), today, stale), ""])
    else:
        from ..report.page import page

        text = page([(path.name, *file) for path, file in zip(results, files, strict=True)], stale)
    written(text, output)


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _norms() -> dict[str, str]:
    from ..catalogue import every

    return {str(clause): clause.norm for clause in every()}


@app.command(epilog=example("diff torch-2.13.jsonl torch-2.14.jsonl"))
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Results before.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Results after.")],
    as_json: AsJson = False,
) -> None:
    """Say what changed from one run to another, what broke first.

    Exits with 1 where something broke: a row is bad that was not.
    """
    files = read([old, new])
    from ..report.diff import Diff

    found = Diff(*files)
    if as_json:
        say_json(found.json())
    else:
        say(found.lines())
    raise typer.Exit(found.regressed)


@app.command(epilog=example("merge cpu.jsonl cuda.jsonl -o both.jsonl"))
def merge(
    results: Results,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")],
) -> None:
    """Make one file of several: of other implementations, devices or parts, and of one version each.

    Of shards that were tried for a profile it says the verdict on the whole, and exits with 1 if that is bad.
    """
    twice = [path for number, path in enumerate(results) if path in results[:number]]
    if twice:
        unusable(f"{twice[0]} is given twice")
    files = read(results)
    from .. import result
    from ..merging import merged

    with refused():
        head, rows, verdicts = merged(dict(zip(map(str, results), files, strict=True)))
        result.write(output, head, rows)
    if verdicts:
        say(said for _, said in verdicts)
        raise typer.Exit(any(conforms is False for conforms, _ in verdicts))


@app.command(epilog=example("conformance results/*.jsonl"))
def conformance(results: Results) -> None:
    """Print the table of implementations × chapters, as Markdown."""
    files = read(results)
    from ..report import conformance

    say(conformance.lines(files))


@app.command(epilog=example("suspects results/*.jsonl"))
def suspects(results: Results, as_json: AsJson = False) -> None:
    """Name the clauses that no implementation passes: either everybody is wrong, or the clause is.

    Exits with 1 where there are some.
    """
    files = read(results)
    from ..suspects import implementations
    from ..suspects import suspects as found

    names = implementations(files)
    enough = len(names) >= 2
    suspected = found([row for _, rows in files for row in rows]) if enough else []
    if as_json:
        say_json({each.clause: {name: dict(n) for name, n in each.outcomes.items()} for each in suspected})
        raise typer.Exit(bool(suspected))
    if not enough:
        say([f"{', '.join(names) or 'no implementation'} alone is too little to suspect a clause"])
        return
    for suspect in suspected:
        say(suspect.lines(names))
    many = f"{len(suspected) or 'no'} suspect clause{'' if len(suspected) == 1 else 's'}"
    say([f"{many}, for {', '.join(names)}"])
    raise typer.Exit(bool(suspected))
