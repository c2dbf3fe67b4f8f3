"""The command that measures: bench."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import AsJson, adapter_names, app, example, say, say_json, unusable

if TYPE_CHECKING:
    from ..benchmarks import Measured


def size(of: str) -> Any:
    """An option about the network."""
    return typer.Option(min=1, help=of, rich_help_panel="The network")


@app.command(epilog=example("bench torch.nn mypkg:FastLSTM --mode LSTM --T 64"))
def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME", help="Implementations; torch.nn if none.", autocompletion=adapter_names
        ),
    ] = None,
    mode: Annotated[str | None, typer.Option(metavar="MODE", help="RNN, GRU or LSTM; else all.")] = None,
    T: Annotated[int, size("Steps.")] = 16,
    B: Annotated[int, size("Rows of the batch.")] = 8,
    I: Annotated[int, size("Columns of the input.")] = 32,
    H: Annotated[int, size("Columns of the state.")] = 32,
    L: Annotated[int, size("Layers.")] = 1,
    dtype: Annotated[str, typer.Option(metavar="DTYPE")] = "float32",
    device: Annotated[str, typer.Option(metavar="DEVICE")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Of torch.")] = 1,
    rounds: Annotated[int, typer.Option(min=4, help="In each, every way has its turn.")] = 15,
    as_json: AsJson = False,
) -> None:
    """Measure the notebook's claim: one call over everything, beside a call a step and a call a row.

    What is wrong gets no time, and nothing passes or fails on one. Networks are of one direction, forward and
    without gradients; results are checked first, which takes minutes where networks are large.
    """
    import os
    import sys

    import torch

    from ..benchmarks import measured
    from ..case import Case
    from ..loading import Unusable, load, usable
    from ..notation import DTYPES, LAYERS

    sys.path.insert(0, os.getcwd())  # a class is importable from here
    if mode not in (None, *LAYERS):
        unusable(f"--mode: {mode!r} is not one of {', '.join(LAYERS)}")
    if dtype not in DTYPES:
        unusable(f"--dtype: {dtype!r} is not one of {', '.join(DTYPES)}")
    try:
        where, subjects = usable(device), [load(name) for name in names or ["torch.nn"]]
    except Unusable as error:
        unusable(error)
    found: list[Measured] = []
    for each in [mode] if mode else LAYERS:
        case = Case(each, T=T, B=B, I=I, H=H, L=L, dtype=DTYPES[dtype])
        found += measured([s for s in subjects if each in s.modes], case, where, rounds, threads)
    if as_json:
        say_json([_facts(each, device, threads) for each in found])
    else:
        say([f"{dtype} on {device}, {threads} thread{'s' if threads > 1 else ''}, torch {torch.__version__}"])
        say(_lines(found))


def _facts(each: Measured, device: str, threads: int) -> dict[str, Any]:
    told: dict[str, Any] = {"implementation": each.implementation, "case": str(each.case), "way": each.way}
    told |= {"device": device, "threads": threads}
    if each.refused:
        return told | {"refused": each.refused}
    times = {"seconds": list(each.seconds), "median": each.median}
    return told | times | {"ratio": each.ratio, "steady": each.steady}


def _lines(found: list[Measured]) -> Iterator[str]:
    """A line for each way: its time, and how many times that of one call it is."""
    wide = max((len(each.implementation) for each in found), default=0)
    case = ""
    for each in found:
        if str(each.case) != case:
            case = str(each.case)
            yield case
        name = f"  {each.implementation:{wide}}  {each.way:7}"
        if each.refused:
            yield f"{name}  no time: {each.refused}"
            continue
        note = "" if each.steady else "  (unsteady: measure again on a quiet machine)"
        yield f"{name}  {1e6 * each.median:10.1f} µs  {each.ratio:6.2f} ×{note}"
