"""The numbers of the cases: their names, and the lines that draw them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..case import Case, Draw

DRAW = """
def draw(scale, *shape):
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
    return (scale * (2 * uniform - 1)).to(DTYPE)
"""


def suffixed(cases: Iterable[Case]) -> Iterator[tuple[Case, str]]:
    """The cases that have numbers of their own, and how the names of these end."""
    distinct: dict[Any, Case] = {}
    for case in cases:
        distinct.setdefault((*case.draws(), case.seed, case.dtype), case)
    for n, case in enumerate(distinct.values(), 1):
        yield case, "" if n == 1 else f"_{n}"


def named(draw: str, suffix: str) -> str:
    if draw in ("input", "h_0", "c_0"):
        return ("x" if draw == "input" else draw) + suffix
    return f'weights{suffix}["{draw}"]'


def drawing(cases: Iterable[Case], body: str) -> Iterator[str]:
    """The lines that draw what the body uses; all is drawn, in order, up to the last of it."""
    dtype = None
    for case, suffix in suffixed(cases):
        names = [named(draw.name, suffix).partition("[")[0] for draw in case.draws()]
        used = [bool(re.search(rf"\b{name}\b", body)) for name in names]
        if not any(used):
            continue
        yield f"generator = torch.Generator().manual_seed({case.seed})"
        if case.dtype != dtype:
            dtype = case.dtype
            yield from DRAW.replace("DTYPE", str(dtype)).split("\n")
        last = len(used) - used[::-1].index(True)
        yield from drawn_lines([*case.draws()][:last], suffix, used)
        yield ""


def drawn_lines(draws: Sequence[Draw], suffix: str, used: Sequence[bool]) -> Iterator[str]:
    weights = []
    for draw, wanted in zip(draws, used, strict=False):
        name = named(draw.name, suffix)
        value = f"draw({scale(draw)}, {str(draw.shape).strip('(,)')})"
        if name.startswith("weights"):
            weights.append(f'    "{draw.name}": {value},')
        else:
            yield f"{name} = {value}" if wanted else f"{value}  # {name}, which is not used"
    if weights:
        yield from [f"weights{suffix} = {{", *weights, "}"]


def scale(draw: Draw) -> str:
    """The scale as short as it can be written."""
    columns = draw.shape[-1]
    root = f"1.5 / {columns}**0.5"
    exact = columns > 0 and 1.5 / columns**0.5 == draw.scale
    return root if exact and len(root) < len(repr(draw.scale)) else repr(draw.scale)
