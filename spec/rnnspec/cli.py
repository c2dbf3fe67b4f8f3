"""The command line: thin over pytest and over files of results. What is wrong is said in a line."""

from __future__ import annotations

import typer

app = typer.Typer(
    help="An executable specification of recurrent networks.", no_args_is_help=True, add_completion=False
)


@app.callback()
def main() -> None:
    """An executable specification of recurrent networks: `pytest --pyargs rnnspec` runs it."""
