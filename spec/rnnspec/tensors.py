"""Tensors as JSON, without loss: `{"dtype": "float32", "shape": [2, 3], "values": [[...], [...]]}`.

A number is the shortest decimal that reads back to the same bits in the tensor's dtype; `"nan"`,
`"inf"` and `"-inf"` are strings, -0.0 keeps its sign. Nothing is lost but the payload of a NaN.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import copysign, isfinite
from typing import Any

import torch
from torch import Tensor

from .notation import DTYPES, dtype_name

BITS = {torch.float32: torch.int32, torch.bfloat16: torch.int16, torch.float16: torch.int16}
"""The integers whose order is that of the magnitudes of a dtype."""

RECORDABLE = {**DTYPES, "int64": torch.int64}

SPECIAL = ("nan", "inf", "-inf")


class Malformed(ValueError):
    """JSON that is not a tensor; the message begins with the place, a JSON Pointer."""


def encode(tensor: Tensor) -> dict[str, Any]:
    """The JSON value of a tensor of any shape and of a dtype in `RECORDABLE`.

    Raises TypeError for another dtype.
    """
    name = dtype_name(tensor.dtype)
    if name not in RECORDABLE:
        raise TypeError(f"a tensor of {name} cannot be recorded; write one of {[*RECORDABLE]}")
    flat = tensor.detach().cpu().flatten()
    whole = tensor.dtype == torch.int64
    numbers = flat.tolist() if whole else [_spelt(x) for x in shortest(flat)]
    shape = list(tensor.shape)
    return {"dtype": name, "shape": shape, "values": _nested(iter(numbers), shape)}


def decode(coded: Any, place: str = "") -> Tensor:
    """The tensor of a JSON value, which lies at `place` in its file.

    Raises `Malformed` where a key is missing, where `values` is not nested as `shape` says, and
    where a number is none of the dtype's: too large, too small, or of more digits than it takes.
    """
    has_keys(coded, ("dtype", "shape", "values"), place)
    dtype = RECORDABLE.get(coded["dtype"]) if isinstance(coded["dtype"], str) else None
    if dtype is None:
        raise Malformed(f"{place}/dtype: {coded['dtype']!r} is not one of {[*RECORDABLE]}")
    shape = coded["shape"]
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise Malformed(f"{place}/shape: {shape!r} is not a list of sizes")
    leaves = list(_leaves(coded["values"], shape, f"{place}/values"))
    read = _integer if dtype == torch.int64 else _float
    numbers = [read(leaf, where) for where, leaf in leaves]
    wide = torch.int64 if dtype == torch.int64 else torch.float64
    flat = torch.tensor(numbers, dtype=wide).to(dtype)
    if dtype != torch.int64:
        for (where, leaf), number, back in zip(leaves, numbers, shortest(flat), strict=True):
            if repr(number) != repr(back):
                raise Malformed(
                    f"{where}: {leaf!r} is not a {coded['dtype']} in its shortest decimal "
                    f"(the nearest is {_spelt(back)!r})"
                )
    return flat.reshape(shape)


def has_keys(coded: Any, keys: Sequence[str], place: str) -> None:
    """`coded` is an object of exactly these keys; raises `Malformed` otherwise."""
    if not isinstance(coded, dict):
        raise Malformed(f"{place or '/'}: an object was expected, not {_short(coded)}")
    for key in keys:
        if key not in coded:
            raise Malformed(f"{place or '/'}: there is no {key!r}")
    for key in coded:
        if key not in keys:
            raise Malformed(f"{place or '/'}: {key!r} is not one of {[*keys]}")


def shortest(flat: Tensor) -> list[float]:
    """Each number of a tensor (n,) as the double whose `repr` is its shortest decimal.

    Read in any correct way, directly or by way of a double, the decimal rounds to the number.
    """
    wide = flat.double()
    if flat.dtype == torch.float64:
        return list(wide.tolist())
    size = flat.abs()
    bits = size.view(BITS[flat.dtype])
    up, down = ((bits + step).view(flat.dtype).double() for step in (1, -1))
    size = size.double()
    up = torch.where(up.isinf(), 2 * size - down, up)
    columns = (wide, size, (down + size) / 2, (size + up) / 2, bits % 2 == 0)
    return [_fewest(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _fewest(number: float, size: float, low: float, high: float, even: bool) -> float:
    """The decimal of fewest digits that lies between the ties `low` and `high` around `size`.

    A tie itself rounds to `size` where that is even. Where the gaps on both sides differ, a decimal
    may lie between them only near their middle.
    """
    if size == 0 or not isfinite(size):
        return number
    middle = (low + high) / 2
    for digits in range(17):
        for near in (size,) if size == middle else (size, middle):
            text = f"{near:.{digits}e}"
            found = float(text)
            tie = even and found in (low, high) and Fraction(text) == Fraction(found)
            if low < found < high or tie:
                return copysign(found, number)
    raise AssertionError(f"{number!r} has no decimal")


def _spelt(number: float) -> float | str:
    return number if isfinite(number) else str(number)


def _nested(numbers: Iterator[Any], shape: Sequence[int]) -> Any:
    if not shape:
        return next(numbers)
    return [_nested(numbers, shape[1:]) for _ in range(shape[0])]


def _leaves(values: Any, shape: Sequence[int], place: str) -> Iterator[tuple[str, Any]]:
    """The numbers in row-major order, each with its place."""
    if not shape:
        yield place, values
        return
    if not isinstance(values, list) or len(values) != shape[0]:
        found = f"{len(values)} entries" if isinstance(values, list) else _short(values)
        raise Malformed(f"{place}: the shape asks for {shape[0]} entries here, not {found}")
    for number, value in enumerate(values):
        yield from _leaves(value, shape[1:], f"{place}/{number}")


def _integer(leaf: Any, place: str) -> int:
    if type(leaf) is not int or not -(2**63) <= leaf < 2**63:
        raise Malformed(f"{place}: {_short(leaf)} is not an int64")
    return leaf


def _float(leaf: Any, place: str) -> float:
    if isinstance(leaf, str) and leaf in SPECIAL:
        return float(leaf)
    try:
        if type(leaf) in (int, float) and isfinite(leaf):
            return float(leaf)
    except OverflowError:
        pass
    raise Malformed(f'{place}: {_short(leaf)} is not a finite number, "nan", "inf" or "-inf"')


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def laid_out(value: Any, indent: str = "") -> str:
    """JSON text to be read by people too: one line for each key and for each innermost row."""
    inner = indent + "  "
    if isinstance(value, dict) and value:
        lines = [f"{json.dumps(key)}: {laid_out(item, inner)}" for key, item in value.items()]
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        lines = [laid_out(item, inner) for item in value]
    else:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    start, end = "{}" if isinstance(value, dict) else "[]"
    return f"{start}\n{inner}" + f",\n{inner}".join(lines) + f"\n{indent}{end}"
