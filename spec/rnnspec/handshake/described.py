"""What is off where no reading explains it: shapes, or which part, where, and by how much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..notation import dtype_name
from .probes import Answer

Off = list[tuple[str, Tensor, Tensor]]
"""Of the parts that are off: the name, by how much, and which elements by more than is allowed."""


def described(answers: Sequence[Answer]) -> str:
    """In a sentence: what is off in the first answer that is wrong, and in which of them something is."""
    wrong = [answer for answer in answers if answer.got and not answer.right]
    kinds, others = [a.kind for a in wrong], [a.kind for a in answers if a.got and a.right]
    only = ""
    if others:
        only = f", only {kinds[0]}" if len(kinds) == 1 else f", not {_listed(others)}"
    return (_shapes(wrong[0]) or _values(wrong[0])) + only


def _shapes(answer: Answer) -> str:
    """Shapes that are others."""
    sizes = ", ".join(f"{letter} = {getattr(answer.case, letter)}" for letter in "TBIH")
    said = [
        f"{name} has the shape {tuple(part.shape)} where {tuple(want.shape)} must be"
        for name, part, want, _ in answer.parts()
        if part.shape != want.shape
    ]
    return f"{_listed(said)} ({sizes})" if said else ""


def dtypes(answer: Answer) -> str:
    """Dtypes that are others."""
    wanted = answer.case.dtype
    said = [
        f"{name} has the dtype {dtype_name(part.dtype)} where {dtype_name(wanted)} must be"
        for name, part, _, _ in answer.parts()
        if part.dtype != wanted
    ]
    return _listed(said) if said else ""


def _values(answer: Answer) -> str:
    off: Off = []
    for name, part, want, bound in answer.parts():
        error = (part.double() - want).abs()
        beyond = ~(error <= bound)
        if bool(beyond.any()):
            off.append((name, error, beyond))
    names = [name for name, _, _ in off]
    are = "is" if len(names) == 1 else "are"
    said = f"no usual mistake: {_listed(names)} {are} off {_how_much(answer, off)}"
    if "output" not in names:
        said += ", while the output is right"
    return ", ".join([said, *_where(answer, off)])


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _how_much(answer: Answer, off: Off) -> str:
    if any(bool(error.isnan().any()) for _, error, _ in off):
        return "by NaN"
    most = max(float(error.max()) for _, error, _ in off)
    allowed = max(float(bound.max()) for _, _, _, bound in answer.parts())
    size = f"by at most {most:.2g}, where {allowed:.2g} is allowed"
    if answer.case.dtype == torch.float64 and 1e-9 < most < 1e-6:
        size += " (about the precision of float32)"
    return size


def _where(answer: Answer, off: Off) -> Iterator[str]:
    """From which step on; in which half, layer, rows and units, where it is not in all of them."""
    case, parts = answer.case, {name: beyond for name, _, beyond in off}
    if "output" in parts and case.D == 1:
        yield from _steps(parts["output"].flatten(1).any(1).tolist())
    if "output" in parts and case.D == 2:
        forward, reverse = (bool(half.any()) for half in parts["output"].chunk(2, -1))
        if not (forward and reverse):
            yield f"in the {'forward' if forward else 'reverse'} half only"
    if "h_n" in parts and case.L > 1:
        layers = parts["h_n"].reshape(case.L, -1).any(1).tolist()
        if sum(layers) == 1:
            yield f"in layer {layers.index(True) + 1} only"
    if "output" in parts:
        rows = parts["output"].any(2).any(0).tolist()
        if sum(rows) == 1 < len(rows):
            yield f"in row {rows.index(True)} of the batch only"
        yield from _units(parts["output"])


def _units(off: Tensor) -> Iterator[str]:
    """Of the first step that is off: from there it spreads."""
    step = off[int(off.flatten(1).any(1).nonzero()[0])].any(0).tolist()
    if sum(step) == 1 < len(step):
        yield f"at first in unit {step.index(True)} only"


def _steps(off: list[bool]) -> Iterator[str]:
    first = off.index(True)
    if not all(off[first:]):
        yield f"in the steps {_listed([str(t) for t, is_off in enumerate(off) if is_off])} only"
    elif first == 1:
        yield "from t = 1 on, while the first step is right: look at what is carried from step to step"
    else:
        yield f"from t = {first} on" if first else "from the first step on"
