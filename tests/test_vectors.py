"""The C++ example agrees with all recordings, as they are, and finds every LSTM that is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from itertools import permutations, product
from pathlib import Path
from typing import Any

import pytest
import torch

from rnnspec.case import Case
from rnnspec.notation import DTYPES, dtype_name
from vectors_kit import RECORDED, Line, Program, command, compiled, entry, innermost, numbers_of, recorded
from vectors_kit import program as program  # a fixture

FAR = 1e11
"""Bounds by which all that is wrong is off at least; the README of the example has more of them."""

# What is right.


def test_warnings_are_errors() -> None:
    assert {"-std=c++17", "-Wall", "-Wextra", "-Werror"} < {*command()}


def test_every_recorded_case_is_right(program: Program) -> None:
    verdict = program(str(RECORDED))
    assert verdict.status == 0
    assert [*verdict.cases] == [*recorded()["cases"]]
    for name, case in recorded()["cases"].items():
        sizes = [torch.Size(tensor["shape"]).numel() for tensor in case["result"].values()]
        assert verdict.cases[name].numbers == sum(sizes)


NO_YES = (False, True)


def networks() -> Iterator[Case]:
    """Every combination of options in every dtype, and sizes of one or none."""
    for dtype in DTYPES.values():
        for L, P, both, bias, hx in product((1, 2), (0, 3), NO_YES, NO_YES, NO_YES):
            case = Case(
                "LSTM", T=4, B=2, I=3, H=4, L=L, P=P, bidirectional=both, bias=bias, hx=hx, dtype=dtype
            )
            yield from (case, case.but(batch_first=True))
        yield Case("LSTM", T=1, B=1, I=1, H=1, dtype=dtype)
        yield Case("LSTM", B=0, dtype=dtype)
        yield Case("LSTM", T=12, I=9, H=20, L=3, bidirectional=True, gain=2, dtype=dtype)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning")
def test_every_kind_of_network_is_right(program: Program) -> None:
    verdict = program.of({f"{dtype_name(case.dtype)}-{case}": entry(case) for case in networks()})
    wrong = {name: line for name, line in verdict.cases.items() if not line.right}
    assert not wrong
    assert all(line.dtype == name.split("-")[0] for name, line in verdict.cases.items())


def test_infinite_numbers_and_nan_are_read_and_compared(program: Program) -> None:
    case = Case("LSTM", B=5)
    x = case.input
    for row, special in enumerate((float("nan"), float("inf"), -float("inf"), -0.0)):
        x[1, row, 0] = special
    coded = entry(case, x)
    assert {"nan", "inf", "-inf"} <= set(re.findall(r'"([^"]*)"', json.dumps(coded["given"])))
    assert program.of({"special": coded}).cases["special"].right


ROUNDED = [
    ("float64", "0.1000000000000000055", "0.1"),
    ("float64", "1e-400", "0.0"),
    ("float32", "0.1", "0.10000000149011612"),
    ("float32", "1e-45", "1.401298464324817e-45"),
    ("float16", "0.1", "0.0999755859375"),
    ("float16", "2049.0", "2048"),
    ("float16", "6e-8", "5.960464477539063e-08"),
    ("float16", "65519", "65504"),
    ("float16", "65520", '"inf"'),
    ("bfloat16", "0.1", "0.10009765625"),
    ("bfloat16", "-1.00390625", "-1.0"),
    ("bfloat16", "1e-40", "9.183549615799121e-41"),
    ("bfloat16", "3.39e+38", "338953138925153547590470800371487866880"),
    ("bfloat16", "3.4E38", '"inf"'),
]
"""Decimals that are rounded to the same number of a dtype, ties to even."""


def states(dtype: str, given: str, result: str) -> Any:
    """A network of no steps, whose h_n is its h_0: so is what is read to be compared, exactly."""
    case = Case("LSTM", T=1, B=1, I=1, H=1, dtype=DTYPES[dtype])
    coded = entry(case)
    coded["given"]["input"] |= {"shape": [0, 1, 1], "values": []}
    coded["given"]["h_0"]["values"] = [[[json.loads(given)]]]
    coded["result"] = {"h_n": {**coded["given"]["h_0"], "values": [[[json.loads(result)]]]}}
    return coded


@pytest.mark.parametrize("row", ROUNDED, ids=" ".join)
def test_numbers_are_rounded_to_the_dtype(program: Program, row: tuple[str, str, str]) -> None:
    verdict = program.of({"same": states(*row)})
    assert verdict.cases["same"].right, verdict.cases["same"].words


@pytest.mark.parametrize("dtype", DTYPES)
def test_neighbours_are_told_apart(program: Program, dtype: str) -> None:
    one = torch.tensor(1.0, dtype=DTYPES[dtype])
    other = str(float(torch.nextafter(one, 2 * one).double()))
    verdict = program.of({"one": states(dtype, "1", "1.0"), "other": states(dtype, "1", other)})
    assert [line.right for line in verdict.cases.values()] == [True, False]


# What is wrong.

ORDERS = [*permutations(range(4))][1:]


def reordered(tensor: Any, order: tuple[int, ...]) -> None:
    """The rows of a tensor as they are read by one who takes the blocks of the gates in an order."""
    values, H = tensor["values"], len(tensor["values"]) // 4
    tensor["values"] = [row for block in order for row in values[block * H : (block + 1) * H]]


def blocked(case: Any) -> list[str]:
    return [name for name in case["given"] if name.startswith(("weight_ih", "weight_hh", "bias"))]


def test_every_wrong_order_of_the_gate_blocks_is_found(program: Program) -> None:
    wrong = {}
    for name, case in recorded()["cases"].items():
        alone = [] if "-L2-" in name else [[tensor] for tensor in blocked(case)]
        for order, which in product(ORDERS, [blocked(case), *alone]):
            changed = wrong[f"{name}-{which[0]}-{len(which)}-{order}".replace(" ", "")] = deepcopy(case)
            for tensor in which:
                reordered(changed["given"][tensor], order)
    assert len(wrong) == 23 * (4 + 2 * 4)
    verdict = program.of(wrong)
    assert not any(line.right for line in verdict.cases.values())
    assert min(line.bounds for line in verdict.cases.values()) > FAR


def by_columns(case: Any) -> None:
    """weight_hh as it is read by one whose matrices are stored column by column."""
    for name, tensor in case["given"].items():
        if name.startswith("weight_hh"):
            W = numbers_of(tensor)
            tensor["values"] = W.T.reshape(W.shape).tolist()


def without(name: str) -> Callable[[Any], None]:
    """What is given by that name, or begins so, is taken for zeros."""

    def change(case: Any) -> None:
        for key, tensor in case["given"].items():
            if key.startswith(name):
                tensor["values"] = (0 * numbers_of(tensor)).tolist()

    return change


def swapped(first: str, second: str) -> Callable[[Any], None]:
    """What is given for each is given for the other."""

    def change(case: Any) -> None:
        given = case["given"]
        for key in [key for key in given if first in key]:
            other = key.replace(first, second)
            given[key], given[other] = given[other], given[key]

    return change


def states_by_direction(case: Any) -> None:
    """h_0 and c_0 as read by one who has all forward states before all backward ones."""
    for name in ("h_0", "c_0"):
        first, second, third, fourth = case["given"][name]["values"]
        case["given"][name]["values"] = [first, third, second, fourth]


MISTAKES: dict[str, tuple[str, Callable[[Any], None]]] = {
    "weight_hh-by-columns": ("", by_columns),
    "h_0-ignored": ("", without("h_0")),
    "c_0-ignored": ("", without("c_0")),
    "bias_ih-ignored": ("", without("bias_ih")),
    "bias_hh-ignored": ("", without("bias_hh")),
    "recurrence-ignored": ("", without("weight_hh")),
    "directions-swapped": ("-bi-", swapped("_l0_reverse", "_l0")),
    "directions-above-swapped": ("-bi-", swapped("_l1_reverse", "_l1")),
    "states-by-direction": ("-bi-", states_by_direction),
}
"""Mistakes of an LSTM that are the same as a change of what it is given; and in which cases they show."""


def test_every_mistake_is_found(program: Program) -> None:
    wrong: dict[str, Any] = {}
    for mistake, (where, change) in MISTAKES.items():
        for name, case in recorded()["cases"].items():
            if where in name:
                change(wrong.setdefault(f"{mistake}-{name}", deepcopy(case)))
    verdict = program.of(wrong)
    assert not any(line.right for line in verdict.cases.values())
    assert min(line.bounds for line in verdict.cases.values()) > FAR


def test_every_given_tensor_matters(program: Program) -> None:
    """Its first and its last number, changed by a thousandth."""
    wrong = {}
    for name, case in recorded()["cases"].items():
        for tensor, place in product(case["given"], (0, -1)):
            changed = wrong[f"{name}-{tensor}[{place}]"] = deepcopy(case)
            innermost(changed["given"][tensor]["values"], place)[place] += 0.001
    verdict = program.of(wrong)
    assert not any(line.right for line in verdict.cases.values())


@pytest.mark.parametrize("part", ["output", "h_n", "c_n"])
@pytest.mark.parametrize("place", [0, -1])
def test_a_result_beyond_the_bound_is_found(program: Program, part: str, place: int) -> None:
    """The line tells the bound of the number that is far off; then it is off by a little more or less."""

    def off(by: float) -> Mapping[str, Line]:
        cases = recorded()["cases"]
        for name, case in cases.items():
            innermost(case["result"][part]["values"], place)[place] += by * bounds.get(name, 1.0)
        return program.of(cases).cases

    bounds: dict[str, float] = {}
    bounds |= {name: line.off_and_allowed[1] for name, line in off(1.0).items()}
    assert max(bounds.values()) < 1e-10
    assert not any(line.right for line in off(1.1).values())
    assert not any(line.right for line in off(-1.1).values())
    assert all(line.right for line in off(0.9).values())


@pytest.mark.parametrize("special", ["nan", "inf", "-inf"])
def test_a_special_number_is_not_any_number(program: Program, special: str) -> None:
    cases = recorded()["cases"]
    for case in cases.values():
        innermost(case["result"]["c_n"]["values"], -1)[-1] = special
    assert not any(line.right for line in program.of(cases).cases.values())


def test_nan_is_found(program: Program) -> None:
    cases = recorded()["cases"]
    for case in cases.values():
        innermost(case["given"]["input"]["values"], -1)[-1] = "nan"
    assert not any(line.right for line in program.of(cases).cases.values())


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_result_of_another_shape_is_found(program: Program, axis: int) -> None:
    cases = recorded()["cases"]
    for case in cases.values():
        output = case["result"]["output"]
        output["values"] = numbers_of(output).transpose(0, axis)[1:].transpose(0, axis).tolist()
        output["shape"][axis] -= 1
    for line in program.of(cases).cases.values():
        assert not line.right
        assert re.match(r"output is \[[\d, ]+\], recorded \[[\d, ]+\]$", line.words)


def test_a_mistake_in_the_source_is_found(tmp_path: Path) -> None:
    """The backward direction's output, in the order in which it runs."""
    wrong = compiled(tmp_path, "lstm.hpp", "output.put(t, b,", "output.put(s, b,")
    found = wrong(str(RECORDED)).cases
    assert {name: line.right for name, line in found.items()} == {
        name: "-bi-" not in name for name in recorded()["cases"]
    }
