"""Tensors as JSON: every number comes back as the same bits, from as few digits as there can be."""

from __future__ import annotations

import json
import struct
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from typing import Any

import pytest
import torch
from torch import Tensor

from rnnspec.notation import DTYPES, dtype_name
from rnnspec.tensors import BITS, RECORDABLE, Malformed, decode, encode, laid_out, shortest

HALVES = (torch.bfloat16, torch.float16)


def every(dtype: torch.dtype) -> Tensor:
    """All 2^16 bit patterns."""
    return torch.arange(-(2**15), 2**15).to(torch.int16).view(dtype)


def some(dtype: torch.dtype, n: int) -> Tensor:
    """Random bit patterns: all exponents, subnormal numbers, infinities and NaNs."""
    generator = torch.Generator().manual_seed(1)
    patterns = torch.randint(-(2**63), 2**63 - 1, (n,), generator=generator)
    return patterns.view(dtype)[:n].clone()


def powers(dtype: torch.dtype) -> Tensor:
    """The powers of two, below which numbers lie twice as close as above."""
    numbers = torch.tensor([2.0**n for n in range(-1074, 1024)], dtype=torch.float64).to(dtype)
    return numbers[numbers.isfinite() & (numbers != 0)]


def bits(tensor: Tensor) -> Tensor:
    """The bit patterns, with one pattern for all NaNs."""
    integers = tensor.contiguous().view(BITS.get(tensor.dtype, torch.int64))
    return torch.where(tensor.isnan(), -1, integers)


def through_json(tensor: Tensor) -> Tensor:
    return decode(json.loads(laid_out(encode(tensor))))


@pytest.mark.parametrize("dtype", HALVES, ids=dtype_name)
def test_every_half_comes_back(dtype: torch.dtype) -> None:
    tensor = every(dtype).reshape(256, 256)
    assert bits(through_json(tensor)).equal(bits(tensor))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=dtype_name)
def test_random_patterns_come_back(dtype: torch.dtype) -> None:
    for tensor in some(dtype, 20000), powers(dtype):
        assert bits(through_json(tensor)).equal(bits(tensor))


@pytest.mark.parametrize("dtype", HALVES, ids=dtype_name)
def test_any_reader_gets_every_half(dtype: torch.dtype) -> None:
    """One that rounds the decimal itself, by way of a double, by way of a float."""
    tensor = every(dtype)
    tensor = tensor[tensor.isfinite()]
    read = shortest(tensor)
    assert bits(torch.tensor(read, dtype=torch.float64).to(dtype)).equal(bits(tensor))
    assert bits(torch.tensor(read, dtype=torch.float32).to(dtype)).equal(bits(tensor))
    grid = sorted({abs(Fraction(x)) for x in tensor.double().tolist()})
    digit = {value: n for n, value in enumerate(grid)}
    for number, decimal in zip(tensor.double().tolist(), read, strict=True):
        exact = abs(Fraction(Decimal(repr(decimal))))
        n = digit[abs(Fraction(number))]
        around = [k for k in (n, n - 1, n + 1) if 0 <= k < len(grid)]
        assert n == min(around, key=lambda k: (abs(grid[k] - exact), k % 2))


def test_a_reader_of_single_floats_gets_them() -> None:
    tensor = some(torch.float32, 20000)
    tensor = tensor[tensor.isfinite()]
    for number, decimal in zip(tensor.tolist(), shortest(tensor), strict=True):
        assert struct.unpack("f", struct.pack("f", decimal))[0] == number


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=dtype_name)
def test_no_decimal_of_fewer_digits_would_do(dtype: torch.dtype) -> None:
    """The two nearest of one digit less, below and above, are other numbers."""
    tensor = every(dtype) if dtype in HALVES else some(dtype, 5000)
    tensor = torch.cat([tensor[tensor > 0], powers(dtype)])
    tensor = tensor[tensor.isfinite()]
    for number, decimal in zip(tensor, shortest(tensor), strict=True):
        digits = len(Decimal(repr(decimal)).normalize().as_tuple().digits)
        if digits == 1:
            continue
        exact = Decimal(number.double().item())
        for rounding in ROUND_FLOOR, ROUND_CEILING:
            shorter = Context(prec=digits - 1, rounding=rounding).plus(exact)
            assert torch.tensor(float(shorter), dtype=torch.float64).to(dtype) != number


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor(0.1),
        torch.tensor([0.0, -0.0, torch.nan, torch.inf, -torch.inf]),
        torch.zeros(0),
        torch.zeros(0, 3, 7),
        torch.zeros(2, 0, 3),
        torch.tensor([[2**63 - 1, -(2**63)], [0, 2**53 + 1]]),
        torch.arange(24.0, dtype=torch.float64).reshape(2, 3, 4).transpose(0, 2),
        torch.tensor([1.0, 2.0], requires_grad=True),
    ],
    ids=lambda tensor: f"{dtype_name(tensor.dtype)}-{list(tensor.shape)}",
)
def test_shape_and_dtype_come_back(tensor: Tensor) -> None:
    back = through_json(tensor)
    assert (back.shape, back.dtype) == (tensor.shape, tensor.dtype)
    assert [str(x) for x in back.flatten().tolist()] == [str(x) for x in tensor.flatten().tolist()]


def test_a_number_is_written_as_people_write_it() -> None:
    tensor = torch.tensor([[0.1, -0.0], [torch.nan, 1e-45], [torch.inf, 3.4028235e38]])
    assert laid_out({"x": encode(tensor), "empty": {}}) == (
        "{\n"
        '  "x": {\n'
        '    "dtype": "float32",\n'
        '    "shape": [3, 2],\n'
        '    "values": [\n'
        "      [0.1, -0.0],\n"
        '      ["nan", 1e-45],\n'
        '      ["inf", 3.4028235e+38]\n'
        "    ]\n"
        "  },\n"
        '  "empty": {}\n'
        "}"
    )


def test_another_dtype_is_refused() -> None:
    with pytest.raises(TypeError, match="complex64"):
        encode(torch.zeros(2, dtype=torch.complex64))


@pytest.mark.parametrize(
    ("dtype", "value", "message"),
    [
        ("float16", 65520.0, "is not a float16 in its shortest decimal .the nearest is 'inf'"),
        ("float16", 1e-9, "the nearest is 0.0"),
        ("float32", 0.1234567891234, "the nearest is 0.12345679"),
        ("float32", 1e39, "'inf'"),
        ("float64", json.loads("1e999"), "not a finite number"),
        ("float64", 10**400, "not a finite number"),
        ("float64", True, "not a finite number"),
        ("float64", None, "not a finite number"),
        ("float64", "-nan", "not a finite number"),
        ("float64", [1.0], "not a finite number"),
        ("int64", 2**63, "is not an int64"),
        ("int64", 1.0, "is not an int64"),
        ("int64", True, "is not an int64"),
        ("int64", "nan", "is not an int64"),
    ],
)
def test_a_value_that_its_dtype_does_not_have_is_refused(dtype: str, value: Any, message: str) -> None:
    assert dtype in RECORDABLE
    with pytest.raises(Malformed, match=f"^/x/values/1: .*{message}"):
        decode({"dtype": dtype, "shape": [2], "values": [0, value]}, "/x")


@pytest.mark.parametrize(
    "coded",
    [
        [],
        {"dtype": "float32", "shape": [1]},
        {"dtype": "float32", "shape": [1], "values": [1.0], "unit": "m"},
        {"dtype": ["float32"], "shape": [1], "values": [1.0]},
        {"dtype": "float32", "shape": 1, "values": [1.0]},
        {"dtype": "float32", "shape": [True], "values": [1.0]},
        {"dtype": "float32", "shape": [1], "values": 1.0},
        {"dtype": "float32", "shape": [1, 2], "values": [1.0]},
        {"dtype": "float32", "shape": [], "values": [1.0]},
    ],
)
def test_what_is_not_a_tensor_is_refused(coded: Any) -> None:
    with pytest.raises(Malformed, match=r"^/x"):
        decode(coded, "/x")
