"""The command that measures: bench."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import AsJson, adapter_names, app, example, refused, say, say_json, unusable

if TYPE_CHECKING:
    import torch

    from ..benchmarks import Contest, Measured
    from ..implementation import Implementation

SIZES = {
    "T": "Steps.",
    "B": "Rows of the batch.",
    "I": "Columns of the input.",
    "H": "Columns of the state.",
    "L": "Layers.",
}


def size(name: str) -> Any:
    """An option about the one network that is measured in place of a grid."""
    return typer.Option(
        f"--{name}", min=1, help=SIZES[name], rich_help_panel="One network in place of a grid"
    )


@app.command(epilog=example("bench torch.nn mypkg:FastLSTM --mode LSTM -o speed.jsonl"))
def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME", help="Implementations; torch.nn if none.", autocompletion=adapter_names
        ),
    ] = None,
    mode: Annotated[str | None, typer.Option(metavar="MODE", help="RNN, GRU or LSTM; else all.")] = None,
    grid: Annotated[
        str,
        typer.Option(
            metavar="GRID", help="quick: a minute; full: sections along T, B, H and L, twenty minutes."
        ),
    ] = "quick",
    T: Annotated[int | None, size("T")] = None,
    B: Annotated[int | None, size("B")] = None,
    I: Annotated[int | None, size("I")] = None,
    H: Annotated[int | None, size("H")] = None,
    L: Annotated[int | None, size("L")] = None,
    dtype: Annotated[str, typer.Option(metavar="DTYPE")] = "float32",
    device: Annotated[str, typer.Option(metavar="DEVICE")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Of torch.")] = 1,
    rounds: Annotated[int, typer.Option(min=10, help="In each, all have their turn.")] = 15,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Whose times the others' are divided by; else the first's."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Results, for `report` and `diff`.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure what the notebook claims: one call over everything, beside a call a step and a call a row.

    Packed input, the other layout, gradients, the first call and the machine's best are beside it. What is
    wrong gets no time, and nothing passes or fails on one.
    """
    import os
    import sys

    import torch

    from ..benchmarks import GRIDS
    from ..loading import Unusable, load, usable
    from ..notation import DTYPES, LAYERS

    sys.path.insert(0, os.getcwd())  # a class is importable from here
    _one_of("--mode", mode, (None, *LAYERS))
    _one_of("--dtype", dtype, DTYPES)
    _one_of("--grid", grid, GRIDS)
    names = list(dict.fromkeys(names or ["torch.nn"]))
    _one_of("--baseline", baseline, (None, *names))
    try:
        where, subjects = usable(device), [load(name) for name in names]
    except Unusable as error:
        unusable(error)
    sizes = {name: given for name, given in (("T", T), ("B", B), ("I", I), ("H", H), ("L", L)) if given}
    modes = [mode] if mode else list(LAYERS)
    contests = _contests(grid, modes, DTYPES[dtype], sizes)
    found = _measured(subjects, contests, where, rounds, threads)
    if output:
        _write(output, found, subjects, grid)
    if as_json:
        say_json([each.json() for each in found])
        return
    from ..benchmarks.table import lines

    many = f"{threads} thread{'s' if threads > 1 else ''}"
    say([f"{dtype} on {device}, {many}, torch {torch.__version__}; forward is under no_grad"])
    say(lines(found, baseline or names[0]))


def _one_of(option: str, given: str | None, known: Any) -> None:
    if given not in known:
        unusable(f"{option}: {given!r} is not one of {', '.join(filter(None, known))}")


def _contests(grid: str, modes: list[str], dtype: torch.dtype, sizes: dict[str, int]) -> Iterator[Contest]:
    from ..benchmarks import GRIDS, Contest
    from ..benchmarks.grid import SMALL
    from ..case import Case

    for mode in modes:
        if sizes:
            yield Contest((Case(mode, **{**SMALL, **sizes}, dtype=dtype),), most=20.0)
        else:
            yield from GRIDS[grid](mode, dtype)


def _measured(
    subjects: Sequence[Implementation],
    contests: Iterator[Contest],
    device: torch.device,
    rounds: int,
    threads: int,
) -> list[Measured]:
    from rich.console import Console
    from rich.progress import track

    from ..benchmarks import measured

    found: list[Measured] = []
    console = Console(stderr=True)
    for contest in track(list(contests), "measuring", console=console, disable=not console.is_terminal):
        own = [each for each in subjects if contest.mode in each.modes]
        found += measured(own, contest, device, rounds, threads)
    return found


def _write(output: Path, found: Sequence[Measured], subjects: Sequence[Implementation], grid: str) -> None:
    from .. import result
    from ..benchmarks.claims import rows

    made = list(rows(found))
    claims = [{"name": each.name, "versions": dict(each.versions)} for each in subjects]
    head = result.header(
        len(made), claims, scope=f"speed, {grid}", whole=False, benchmarks=[each.json() for each in found]
    )
    with refused():
        result.write(output, head, made)
