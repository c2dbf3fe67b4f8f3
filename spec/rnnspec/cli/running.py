"""Commands that call an implementation: verify, handshake, reproduce."""

from __future__ import annotations

from itertools import takewhile
from typing import Annotated

import typer

from ..plain import plain
from .common import AsJson, Output, adapter_names, app, clause_ids, example, say, say_json, unusable, written

Name = typer.Argument(
    metavar="NAME", help="The implementation, as pytest --rnn takes it.", autocompletion=adapter_names
)
Device = typer.Option(
    metavar="DEVICE", help='With a math mode after it, if any: "cpu no-onednn", "cuda tf32".'
)
Rnn = typer.Option(
    metavar="NAME", help="The implementation, as pytest --rnn takes it.", autocompletion=adapter_names
)


@app.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},  # -h: see below
    options_metavar="",
    epilog=example("verify mypkg:FastLSTM --rnn-scope smoke -n 2 --rnn-results fast.jsonl"),
)
def verify(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME]... [PYTEST'S OPTION",  # which is shown as [...]...
            help="Implementations, as pytest --rnn takes them (torch.nn if there is none); from the first "
            "option on, what pytest is given.",
            autocompletion=adapter_names,
        ),
    ] = None,
) -> None:
    """Try the specification, with pytest: what fails is said as it comes, and at the end what it comes to.

    The exit status is pytest's.
    """
    from .progress import tried

    given = words or []
    if "-h" in given:  # were it an option, -kpath would have it in it
        typer.echo(context.get_help())
        return
    names = list(takewhile(lambda word: not word.startswith("-"), given))
    raise typer.Exit(tried(names, given[len(names) :]))


@app.command(epilog=example("handshake mypkg:FastLSTM --dtype float64"))
def handshake(
    name: Annotated[str, Name],
    device: Annotated[str, Device] = "cpu",
    dtype: Annotated[str, typer.Option(metavar="DTYPE")] = "float32",
    as_json: AsJson = False,
) -> None:
    """Say in plain words how weights, states or equations are mapped wrongly, on a few small networks.

    Exits with 1 where something is off, and with 2 where there is nothing to try.
    """
    from ..handshake.command import Unusable, found

    try:
        findings = found(name, device, dtype)
    except Unusable as error:
        unusable(error)
    if as_json:
        say_json([{"mode": each.mode, "said": each.said, "wrong": bool(each.wrong)} for each in findings])
    else:
        say(f"{each.mode}: {each.said}" for each in findings)
    raise typer.Exit(any(each.wrong for each in findings))


@app.command(epilog=example("reproduce PAD-10 --case LSTM-T5-B3-I4-H7-P3 -o pad_10.py"))
def reproduce(
    clause: Annotated[
        str, typer.Argument(metavar="CLAUSE", help="Its id, such as LSTM-1.", autocompletion=clause_ids)
    ],
    case: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The case, such as LSTM-T5-B3-I4-H7; else the first that fails."),
    ] = None,
    rnn: Annotated[str, Rnn] = "torch.nn",
    dtype: Annotated[
        str | None, typer.Option(metavar="DTYPE", help="Else each that the clause is tried in.")
    ] = None,
    device: Annotated[str, Device] = "cpu",
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="What a case may take.")] = 300.0,
    output: Output = None,
) -> None:
    """Write a script that needs only torch, and the class under test, and exits with 1 where a clause fails.

    Exits with 1 where the clause passes, with 2 where there is no such clause or case, and with 3 where the
    script shows the calls only.
    """
    from ..reproduce import command

    try:
        found = command.reproduced(command.asked(clause, case, rnn, dtype, device, timeout))
    except command.Unusable as error:
        unusable(error)
    if found.text:
        written(found.text, output)
    typer.echo(f"rnnspec: {plain(found.said)}", err=True)
    raise typer.Exit(found.status)
