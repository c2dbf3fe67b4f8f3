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
def adapters() -> None:
    """List the adapters for other libraries: what is installed, how to install it, and what each claims."""
    from .adapters import lines

    typer.echo("\n".join(lines()))


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


@app.command()
def handshake(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The implementation, as pytest --rnn takes it.")
    ],
    device: Annotated[str, typer.Option(metavar="DEVICE")] = "cpu",
    dtype: Annotated[str, typer.Option(metavar="DTYPE")] = "float32",
) -> None:
    """Say in plain words how weights, states or equations are mapped wrongly, on a few small networks.

    Exits with 1 where something is off, and with 2 where there is nothing to try.
    """
    from .handshake.command import Unusable, found

    try:
        findings = found(name, device, dtype)
    except Unusable as error:
        typer.echo(f"rnnspec: {error}", err=True)
        raise typer.Exit(2) from error
    for finding in findings:
        typer.echo(f"{finding.mode}: {finding.said}")
    raise typer.Exit(any(finding.wrong for finding in findings))


@app.command()
def reproduce(
    clause: Annotated[str, typer.Argument(metavar="CLAUSE", help="Its id, such as LSTM-1.")],
    case: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The case, such as LSTM-T5-B3-I4-H7; else the first that fails."),
    ] = None,
    rnn: Annotated[
        str, typer.Option(metavar="NAME", help="The implementation, as pytest --rnn takes it.")
    ] = "torch.nn",
    dtype: Annotated[
        str | None, typer.Option(metavar="DTYPE", help="Else each that the clause is tried in.")
    ] = None,
    device: Annotated[str, typer.Option(metavar="DEVICE")] = "cpu",
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="What a case may take.")] = 300.0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Else to stdout.")
    ] = None,
) -> None:
    """Write a script that needs only torch, and the class under test, and exits with 1 where a clause fails.

    Exits with 1 where the clause passes, with 2 where there is no such clause or case, and with 3 where the
    script shows the calls only.
    """
    from .reproduce import command

    try:
        found = command.reproduced(command.asked(clause, case, rnn, dtype, device, timeout))
        if found.text and output:
            output.write_text(found.text, "utf-8")
    except (command.Unusable, OSError) as error:
        typer.echo(f"rnnspec: {error}", err=True)
        raise typer.Exit(2) from error
    if found.text and not output:
        typer.echo(found.text.rstrip("\n"))
    typer.echo(f"rnnspec: {found.said}", err=True)
    raise typer.Exit(found.status)


@app.command()
def conformance(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULTS...", help="Files of pytest --rnn-results.")
    ],
) -> None:
    """Print the table of implementations × chapters, as Markdown."""
    from . import result
    from .report import conformance

    with _refused():
        files = [result.read(file) for file in results]
    typer.echo("\n".join(conformance.lines(files)))


@app.command()
def suspects(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULTS...", help="Files of pytest --rnn-results.")
    ],
) -> None:
    """Name the clauses that no implementation passes: either everybody is wrong, or the clause is.

    Exits with 1 where there are some.
    """
    from . import result
    from .suspects import implementations
    from .suspects import suspects as found

    with _refused():
        files = [result.read(file) for file in results]
    names = implementations(files)
    if len(names) < 2:
        typer.echo(f"{', '.join(names) or 'no implementation'} alone is too little to suspect a clause")
        return
    suspected = found([row for _, rows in files for row in rows])
    for suspect in suspected:
        typer.echo("\n".join(suspect.lines(names)))
    many = f"{len(suspected) or 'no'} suspect clause{'' if len(suspected) == 1 else 's'}"
    typer.echo(f"{many}, for {', '.join(names)}")
    raise typer.Exit(1 if suspected else 0)


@contextmanager
def _refused() -> Iterator[None]:
    """What cannot be read is said in a line, with status 2."""
    from .source import Refused

    try:
        yield
    except Refused as error:
        typer.echo(f"rnnspec: {error}", err=True)
        raise typer.Exit(2) from error
