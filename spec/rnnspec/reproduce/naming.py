"""Every tensor that went into a call as an expression of what has a name, or under a new name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from ..case import Case, drawn
from .drawing import named, suffixed
from .matching import (
    Known,
    affine,
    alike,
    constant,
    filled,
    first,
    grouped,
    numbers,
    same,
    shares,
    span,
    view,
)

LINES = 60
"""More lines of numbers, or of calls, are not written."""


class TooLong(Exception):
    """The script would fill pages."""


class Names:
    """What has a name so far, and the lines that give names to numbers found nowhere else."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self.made: list[Known] = []
        self.lines: list[str] = []
        self.count = self.literals = 0
        self.given = [
            Known(named(name, suffix), value)
            for case, suffix in suffixed(cases)
            for name, value in drawn(case).items()
        ]

    def spell(self, value: Any, device: torch.device) -> str:
        """Whatever a network was called with, as an expression."""
        if isinstance(value, PackedSequence):
            return self.packed(value, device)
        if isinstance(value, tuple | list):
            inner = ", ".join(self.spell(part, device) for part in value)
            return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
        if not isinstance(value, Tensor):
            return repr(value)
        text, found = laid_out(self.find(value), value)
        move = found.device.type != device.type
        return f'{grouped(text)}.to("{device}")' if move else text

    def packed(self, value: PackedSequence, device: torch.device) -> str:
        if not sound(value):
            return self.by_hand(value, device)
        padded, lengths = pad_packed_sequence(value)
        inside = (torch.arange(len(padded))[:, None] < lengths)[..., None]
        for _, whole in self.given:
            if whole.shape == padded.shape and same(padded, whole.where(inside, 0)):
                padded = whole
        loose = "" if value.sorted_indices is None else ", enforce_sorted=False"
        text = self.spell(padded, device)
        return f"torch.nn.utils.rnn.pack_padded_sequence({text}, {lengths.tolist()}{loose})"

    def by_hand(self, value: PackedSequence, device: torch.device) -> str:
        """What the packing functions do not make."""
        orders = [None if part is None else f"torch.tensor({part.tolist()})" for part in value[2:]]
        sizes = f"torch.tensor({value.batch_sizes.tolist()}, dtype={value.batch_sizes.dtype})"
        parts = [self.spell(value.data, device), sizes, *(map(str, orders) if any(orders) else ())]
        return f"torch.nn.utils.rnn.PackedSequence({', '.join(parts)})"

    def find(self, target: Tensor) -> Known:
        """An expression for the target; at worst all its numbers, under a name of their own."""
        return self.short(target) or self.changed(target) or self.literal(target)

    def short(self, target: Tensor) -> Known | None:
        """As something that has a name, indexed or scaled; what shares its memory comes first."""
        known = [*self.given, *reversed(self.made)]
        near = first(view(each, target) for each in reversed(known) if shares(each.value, target))
        if near:
            return near
        if value := constant(target):
            return filled(target, value)
        equal = first(view(each, target) for each in known)
        return equal or first(affine(part, target) for each in known for part in alike(each, target))

    def changed(self, target: Tensor) -> Known | None:
        """As something that has a name, or zeros, with one block of it replaced."""
        here = target.detach().cpu()
        zeros = filled(torch.zeros_like(here), "0.0")
        bases = [part for known in self.given for part in alike(known, target)]
        for base in (*bases, zeros):
            if not (box := differing(here, base.value)):
                continue
            index = indexed(box, here)
            was = [each.at(index, each.value[box]) for each in (base, *bases)]
            if block := self.block(here[box], was, here.numel()):
                copy = base.text if base is zeros else f"{base.text}.clone()"
                return self.name(target, [copy], f"[{index}] = {block}")
        return None

    def block(self, part: Tensor, was: Sequence[Known], whole: int) -> str | None:
        """What a block of a tensor was replaced with; its numbers only where they are few."""
        if part.numel() == whole:
            return None
        if value := constant(part):
            return value
        found = first(affine(each, part) for each in was) or self.short(part)
        if not found and 3 * part.numel() < whole:
            found = self.find(part)
        return found and found.text

    def literal(self, target: Tensor) -> Known:
        """All the numbers."""
        if target.numel() > 20 * LINES:
            raise TooLong
        lines = wrap(", ".join(numbers(target)), 96)
        self.literals += len(lines)
        if self.literals > LINES:
            raise TooLong
        shape = "" if target.dim() == 1 else f".reshape({', '.join(map(str, target.shape))})"
        end = f"], dtype={target.dtype}){shape}"
        return self.name(target, ["torch.tensor([", *("    " + line for line in lines), end])

    def name(self, target: Tensor, value: list[str], change: str = "") -> Known:
        self.count += 1
        name = f"value{self.count}"
        self.lines += [f"{name} = {value[0]}", *value[1:], *([name + change] if change else [])]
        self.given.append(Known(name, target))
        return Known(name, target.cpu().contiguous())


def sound(packed: PackedSequence) -> bool:
    """Whether it can be padded: torch reads out of bounds where it cannot."""
    sizes, order = packed.batch_sizes.tolist(), packed.unsorted_indices
    rows = sizes[:1] if order is None else [len(order)]
    return (
        sum(sizes) == len(packed.data)
        and sizes == sorted(sizes, reverse=True)
        and min(sizes, default=0) > 0
        and rows == sizes[:1]
    )


def differing(one: Tensor, other: Tensor) -> tuple[slice, ...]:
    """The smallest block outside of which the two are equal; empty where they are everywhere."""
    off = ((one != other) & ~(one.isnan() & other.isnan())).nonzero()
    if not off.numel():
        return ()
    return tuple(map(slice, off.amin(0).tolist(), (off.amax(0) + 1).tolist()))


def indexed(box: tuple[slice, ...], whole: Tensor) -> str:
    """The block's index, without the last axes where it takes all of them."""
    spans = (span(each.start, each.stop, size) for each, size in zip(box, whole.shape, strict=True))
    return re.sub("(, :)+$", "", ", ".join(spans))


def laid_out(found: Known, target: Tensor) -> Known:
    """What was found, with the target's strides."""
    axes = [axis for axis, size in enumerate(target.shape) if size > 1]
    stride = [target.stride(axis) for axis in axes]
    if stride == [found.value.stride(axis) for axis in axes] or not target.numel():
        return found
    text = grouped(found.text)
    if target.is_contiguous():
        return Known(f"{text}.contiguous()", found.value)
    if 0 in stride:
        index = ", ".join(":" if step else ":1" for step in target.stride())
        return Known(f"{text}[{index}].expand{tuple(target.shape)}", found.value)
    empty = f"torch.empty_strided({tuple(target.shape)}, {target.stride()}, dtype={target.dtype})"
    return Known(f"{empty}.copy_({found.text})", found.value)
