"""What is wrong with a result before its numbers are: its shape, its dtype, its parts, that there is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch.nn.utils.rnn import PackedSequence

from ..check import Accepted, Form
from ..notation import is_cell
from ..trial import Call
from .chain import of_result, taken_apart
from .matching import Known
from .steps import Step

NAMES = {"h": "h_n", "c": "c_n", "h'": "h_n", "c'": "c_n"}
"""What the clauses about cells call the parts of a result."""


class Misshapen(NamedTuple):
    """A part of a result with another shape or dtype: of which call, which part, and what it must have."""

    call: int
    part: Known
    wanted: Any

    @property
    def calls(self) -> list[int]:
        return [self.call]


class Unrefused(NamedTuple):
    """A call that returns where it must raise `error`."""

    call: int
    error: type[Exception]

    @property
    def calls(self) -> list[int]:
        return [self.call]


def misshapen(calls: Sequence[Call], form: Form) -> Misshapen | None:
    """The last of the parts of that name that have this shape or dtype."""
    name = NAMES.get(form.what, form.what)
    for n in reversed(range(len(calls))):
        for part in taken_apart(calls[n], n)[2]:
            if name not in (of_result(part), "output" if is_cell(calls[n].network.case.mode) else ""):
                continue
            for got, wanted in seen(calls[n], part, form):
                if got == (part.value.dtype if isinstance(got, torch.dtype) else tuple(part.value.shape)):
                    return Misshapen(n, part, wanted)
    return None


def seen(call: Call, part: Known, form: Form) -> Iterator[tuple[Any, Any]]:
    """What the clause saw, and wanted, as the call itself returns it: in its layout, of one step, packed."""
    yield form.got, form.wanted
    if isinstance(form.got, torch.dtype):
        return
    got, wanted = form.got, form.wanted
    output, case = of_result(part) == "output", call.network.case
    if is_cell(case.mode):
        yield got[1:], wanted[1:]
    elif output and isinstance(call.x, PackedSequence) and got[-1:] != wanted[-1:]:
        rows = (len(part.value),)
        yield rows + got[-1:], rows + wanted[-1:]
    elif output and case.batch_first:
        yield (*got[1::-1], *got[2:]), (*wanted[1::-1], *wanted[2:])


def compared(found: Misshapen) -> list[str]:
    """The lines that compare the form."""
    dtype = isinstance(found.wanted, torch.dtype)
    got = f"{found.part.text}.dtype" if dtype else f"tuple({found.part.text}.shape)"
    return [
        f"got, wanted = {got}, {found.wanted}",
        f'print(f"{of_result(found.part)}: got {{got}}, wanted {{wanted}}")',
        "raise SystemExit(got != wanted)",
    ]


def accepted(calls: Sequence[Call], evidence: Accepted) -> Unrefused | None:
    """The last call, where it was the one that must be refused."""
    return Unrefused(len(calls) - 1, evidence.error) if evidence.calls == 1 else None


def attempt(step: Step, unrefused: Unrefused) -> list[str]:
    """The last call, which must raise: in place of it, and of what comes after."""
    return [
        "try:",
        f"    {step}",
        f"except {unrefused.error.__name__} as error:  # as it must be",
        '    print(f"refused: {error}")',
        "    raise SystemExit(0)",
        'print("accepted")',
        "raise SystemExit(1)",
    ]


def structure(step: Step, parts: Sequence[Known]) -> list[str]:
    """Lines that tell whether a result has torch's parts; none where it has."""
    case, packed = step.call.network.case, isinstance(step.call.x, PackedSequence)
    output = "torch.nn.utils.rnn.PackedSequence" if packed else "torch.Tensor"
    states = 2 if case.kind == "LSTM" else 1
    if len(parts) == states + (not is_cell(case.mode)):
        return []
    if parts:
        names, _, final = step.names.partition(", ")
        return (
            [f"print(type({names}))", f"raise SystemExit(not isinstance({names}, {output}))"] if final else []
        )
    if is_cell(case.mode) and states == 1:
        return [f"print(type({step.names}))", f"raise SystemExit(not isinstance({step.names}, torch.Tensor))"]
    return [*PAIR.format(result=step.names).splitlines(), *_both(step, output, states)]


PAIR = """\
def is_pair(value):
    return isinstance(value, (tuple, list)) and len(value) == 2
"""


def _both(step: Step, output: str, states: int) -> Iterator[str]:
    result, cell = step.names, is_cell(step.call.network.case.mode)
    if not cell and states == 2:
        yield f"good = is_pair({result}) and is_pair({result}[1])"
        inner = f"{result}[1]"
    else:
        yield f"good = is_pair({result})"
        inner = result if cell else f"{result}[1:]"
    yield f"good = good and all(isinstance(part, torch.Tensor) for part in {inner})"
    if not cell:
        yield f"good = good and isinstance({result}[0], {output})"
    yield 'print("torch\'s parts" if good else "other parts than torch\'s")'
    yield "raise SystemExit(not good)"
