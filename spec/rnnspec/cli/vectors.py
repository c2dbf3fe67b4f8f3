"""The command for implementers in other languages: vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import app, example, refused, say


@app.command(epilog=example("vectors folder --format npz"))
def vectors(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write them.")],
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="json, safetensors or npz (NumPy's archives).")
    ] = "json",
) -> None:
    """Write the recorded tensors, to check an implementation in any language; schema.json says how."""
    from ..vectors import write

    with refused():
        say(map(str, write(folder, form)))
