"""A tensor as an expression of one other: a part of it, a + b times it; or of one number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor

from ..tensors import shortest


class Known(NamedTuple):
    """A tensor and the expression that gives it."""

    text: str
    value: Tensor

    def at(self, index: str, value: Tensor) -> Known:
        return Known(f"{self.text}[{index}]", value)

    def split(self) -> list[Known]:
        """Its rows along the first axis."""
        return [self.at(str(i), row) for i, row in enumerate(self.value)]

    def turned(self) -> Known:
        return Known(f"{self.text}.transpose(0, 1)", self.value.transpose(0, 1))


def first(options: Iterable[Known | None]) -> Known | None:
    """The first that is one."""
    return next(filter(None, options), None)


def bits(value: Tensor) -> Tensor:
    return value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)


def same(one: Tensor, other: Tensor) -> bool:
    alike = one.shape == other.shape and one.dtype == other.dtype
    return alike and torch.equal(bits(one), bits(other))


def shares(one: Tensor, other: Tensor) -> bool:
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


def view(known: Known, target: Tensor, turn: bool = True) -> Known | None:
    """The target as `known`, indexed, sliced or transposed."""
    value, depth = known.value, known.value.dim()
    if same(value, target):
        return known
    if value.dtype != target.dtype or depth < target.dim() or 0 in target.shape:
        return None
    start = target.detach().cpu().reshape(-1)[:1]
    if not bool((value.cpu() == start).any() | start.isnan().any()):
        return None
    outer = (rows(known, target, axis) for axis in range(depth))
    inner = (rows(part, target, 0) for part in parts(known, target))
    found = first(chain(outer, inner))
    return found or (view(known.turned(), target, False) if turn and depth > 1 else None)


def parts(known: Known, target: Tensor) -> Iterator[Known]:
    """The rows of `known`; where the target has as many axes, its blocks of the target's width."""
    depth = known.value.dim()
    if depth > target.dim():
        yield from known.split()
    elif depth > 1 and (n := target.shape[1]) < (size := known.value.shape[1]):
        yield from (some_rows(known, 1, range(s, s + n)) for s in range(size - n + 1))


def rows(known: Known, target: Tensor, axis: int) -> Known | None:
    """The target as one or some of the rows of `known` along an axis."""
    rest = other_axes(known.value, axis)
    single = list(target.shape) == rest
    if not single and other_axes(target, axis) != rest:
        return None
    at = {tuple(bits(row).tolist()): i for i, row in enumerate(known.value.unbind(axis))}
    wanted = [target] if single else target.unbind(axis)
    found = [at.get(tuple(bits(row).tolist()), -1) for row in wanted]
    if -1 in found:
        return None
    if single:
        return known.at(f"{':, ' * axis}{found[0]}", known.value.select(axis, found[0]))
    return some_rows(known, axis, found)


def other_axes(value: Tensor, axis: int) -> list[int]:
    """The sizes of all axes but this one."""
    return [*value.shape[:axis], *value.shape[axis + 1 :]]


def some_rows(known: Known, axis: int, numbers: Sequence[int]) -> Known:
    """These rows along an axis; as a slice where they are consecutive."""
    value, before, wanted = known.value, ":, " * axis, list(numbers)
    start, end = wanted[0], wanted[0] + len(wanted)
    if wanted != list(range(start, end)):
        return known.at(f"{before}{wanted}", value[(slice(None),) * axis + (wanted,)])
    index = before + span(start, end, value.shape[axis])
    return known.at(index, value.narrow(axis, start, len(wanted)))


def span(start: int, end: int, size: int) -> str:
    """`start:end`, without the ends of the axis; a single row always with both."""
    if end - start == 1 < size:
        return f"{start}:{end}"
    return f"{start or ''}:{end if end < size else ''}"


def alike(known: Known, target: Tensor) -> Iterator[Known]:
    """`known`, transposed, or a row of it, where it has the target's shape and dtype."""
    known = Known(known.text, known.value.detach().cpu())
    if known.value.dtype != target.dtype or not target.is_floating_point():
        return
    if known.value.shape == target.shape:
        yield known
    if target.dim() > 1 and known.value.shape == target.transpose(0, 1).shape:
        yield known.turned()
    if known.value.shape[1:] == target.shape:
        yield from known.split()


def affine(known: Known, target: Tensor) -> Known | None:
    """The target as a + b times `known`, for plain a and b."""
    value = known.value
    x, y = value.double().reshape(-1), target.detach().cpu().double().reshape(-1)
    if value.shape != target.shape or len(x) < 2 or x.max() == x.min():
        return None
    low, high = int(x.argmin()), int(x.argmax())
    slope = float((y[high] - y[low]) / (x[high] - x[low]))
    for digits in (0, 1, 3) if 0 < abs(slope) < 1e6 else ():
        b = round(slope, digits)
        a = round(float(y[low] - b * x[low]), digits)
        made = a + b * value if a else b * value
        if same(made, target):
            return Known(combined(a, b, known.text), made)
    return None


def combined(a: float, b: float, text: str) -> str:
    """a + b times the text."""
    size = text if abs(b) == 1 else f"{abs(b):g} * {text}"
    sign = "-" if b < 0 else "+" if a else ""
    return f"{a:g} {sign} {size}" if a else sign + size


def constant(target: Tensor) -> str | None:
    """The one number that fills the target."""
    flat = target.reshape(-1)
    one = len(flat) > 0 and same(flat, flat[:1].expand(len(flat)))
    return numbers(flat[:1])[0] if one else None


def filled(target: Tensor, value: str) -> Known:
    """The target, all of one number."""
    dtype = "" if target.dtype == torch.float32 else f", dtype={target.dtype}"
    shape = f"({', '.join(map(str, target.shape))})"
    names = {"0.0": "zeros", "1.0": "ones"}
    text = f"torch.{names[value]}{shape[:-1]}" if value in names else f"torch.full({shape}, {value}"
    return Known(f"{text}{dtype})", target.detach().cpu().contiguous())


def numbers(target: Tensor) -> list[str]:
    """Each number as the shortest decimal that is it."""
    flat = target.detach().cpu().reshape(-1)
    values = shortest(flat) if flat.is_floating_point() else flat.tolist()
    return [re.sub("^(-?)(nan|inf)$", r"\1torch.\2", repr(value)) for value in values]


def grouped(text: str) -> str:
    """An expression to which a method may be appended."""
    return f"({text})" if re.match(r"-|[\w.]+ ", text) else text
