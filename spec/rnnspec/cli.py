"""The command line: thin over pytest and over files of results. What is wrong is said in a line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="An executable specification of recurrent networks.", no_args_is_help=True, add_completion=False
)


@app.callback()
def main() -> None:
    """An executable specification of recurrent networks: `pytest --pyargs rnnspec` runs it."""


@app.command()
def deviations(
    further: Annotated[
        list[str] | None,
        typer.Option(
            "--rnn-deviations", metavar="FILE", help="Known deviations beside those that are shipped."
        ),
    ] = None,
    suggest: Annotated[
        Path | None,
        typer.Option(metavar="RESULTS", help="Print entries, ready to fill in, for what failed there."),
    ] = None,
) -> None:
    """List the known deviations, or suggest entries for what failed."""
    from . import result  # torch, which these need, takes seconds to import
    from .deviations import load
    from .deviations.suggesting import suggested

    with _refused():
        listed = load(further or ())
        text = suggested(*result.read(suggest)) if suggest else "\n".join(listed.lines())
    typer.echo(text.rstrip("\n"))


@contextmanager
def _refused() -> Iterator[None]:
    """What cannot be read is said in a line, with status 2."""
    from .source import Refused

    try:
        yield
    except Refused as error:
        typer.echo(f"rnnspec: {error}", err=True)
        raise typer.Exit(2) from error
