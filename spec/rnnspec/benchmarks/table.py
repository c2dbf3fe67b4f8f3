"""What was measured, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .claims import NOTE, span
from .figures import Measured


def lines(found: Sequence[Measured], baseline: str) -> Iterator[str]:
    """By case: time, how far the middle half is apart, and its ratio to whole and to the baseline's."""
    wide = max((len(each.implementation) for each in found), default=0)
    times = {each.entry[1:]: each for each in found if each.implementation == baseline and each.seconds}
    alone = {each.implementation for each in found} <= {baseline}
    head = f"  {'':{wide}}  {'':12}  {'':8}  {'time':>8}  {'spread':>6}  {'× whole':>8}"
    head += ("" if alone else f"  {'× baseline':>10}") + f"  {'of best':>7}"
    for case in dict.fromkeys(each.entry.case for each in found):
        group = [each for each in found if each.entry.case == case]
        yield str(case)
        yield head
        for name in dict.fromkeys(each.implementation for each in group):
            own = [each for each in group if each.implementation == name]
            yield from (_line(m, wide, None if alone else times.get(m.entry[1:])) for m in own if m.seconds)
            yield from (f"  {name:{wide}}  no time for {which}: {why}" for why, which in _refusals(own))
            if any(m.wrong for m in own):
                yield f"  {name:{wide}}  rnnspec verify {name} says where, by how much and how to show it"


def _refusals(own: Sequence[Measured]) -> Iterator[tuple[str, str]]:
    """Why some have no time, and which."""
    for why in dict.fromkeys(each.refused for each in own if each.refused):
        yield why, ", ".join(_which([each for each in own if each.refused == why], own))


def _which(refused: Sequence[Measured], own: Sequence[Measured]) -> Iterator[str]:
    if len(refused) == len(own):
        yield "anything"
        return
    for grad, said in ((False, ""), (True, " + grad")):
        some, every = ([m for m in group if m.entry.grad == grad] for group in (refused, own))
        if len(some) == len(every):
            yield f"all{said}"
        else:
            yield from (f"{each.entry.way}{said}" for each in some)


def _line(each: Measured, wide: int, base: Measured | None) -> str:
    grad = "" if each.apart else "+ grad" if each.entry.grad else "forward"
    name = f"  {each.implementation:{wide}}  {each.entry.way:12}  {grad:8}"
    if each.apart:
        return f"{name}  {span(each.time.median):>8}  (the first {span(each.seconds[0])})"
    told = f"{name}  {span(each.time.median):>8}  {each.time.spread:6.0%}  {each.ratio.median:8.2f}"
    told += f"  {each.time.median / base.time.median:10.2f}" if base else ""
    return f"{told}  {each.share:7.1%}{'' if each.steady else '  ' + NOTE}"
