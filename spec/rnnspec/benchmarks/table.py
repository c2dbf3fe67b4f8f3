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
        for each in group:
            yield _line(each, wide, None if alone else times.get(each.entry[1:]))


def _line(each: Measured, wide: int, base: Measured | None) -> str:
    grad = "" if each.apart else "+ grad" if each.entry.grad else "forward"
    name = f"  {each.implementation:{wide}}  {each.entry.way:12}  {grad:8}"
    if each.refused:
        return f"{name}  no time: {each.refused}"
    if each.apart:
        return f"{name}  {span(each.time.median):>8}  (the first {span(each.seconds[0])})"
    told = f"{name}  {span(each.time.median):>8}  {each.time.spread:6.0%}  {each.ratio.median:8.2f}"
    told += f"  {each.time.median / base.time.median:10.2f}" if base else ""
    return f"{told}  {each.share:7.1%}{'' if each.steady else '  ' + NOTE}"
