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
    """The last part of a result whose shape, or dtype, is not what that call must give."""
    for n in reversed(range(len(calls))):
        for part in taken_apart(calls[n], n)[2]:
            if isinstance(form.wanted, torch.dtype):
                own = calls[n].network.case.dtype
                if part.value.dtype == form.got and form.wanted == own:
                    return Misshapen(n, part, own)
            elif tuple(part.value.shape) != (wanted := documented(calls[n], part)):
                return Misshapen(n, part, wanted)
    return None


def documented(call: Call, part: Known) -> tuple[int, ...]:
    """The shape of a part of the result, from that of the input: of a batch or none, padded or packed."""
    case, name = call.network.case, of_result(part)
    width = case.H if name == "c_n" else case.width
    if isinstance(call.x, PackedSequence):
        before: tuple[int, ...] = (len(call.x.data),)
        batch: tuple[int, ...] = (int(call.x.batch_sizes[0]),)
    else:
        before = tuple(call.x.shape[:-1])
        first = case.batch_first or is_cell(case.mode)
        batch = before[:1] if first and len(before) > (not is_cell(case.mode)) else before[1:]
    if is_cell(case.mode):
        return (*before, width)
    return (*before, case.D * width) if name == "output" else (case.L * case.D, *batch, width)


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
