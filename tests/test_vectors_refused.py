"""The C++ example refuses, with the place, whatever it cannot read or try."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vectors_kit import RECORDED, SNAPSHOTS, Program, numbers_of, recorded
from vectors_kit import program as program  # a fixture


def test_a_truncated_file_is_not_read(program: Program) -> None:
    text = RECORDED.read_text(encoding="utf-8").rstrip()
    for end in [*range(0, len(text), len(text) // 40), len(text) - 1]:
        verdict = program.text(text[:end])
        assert verdict.status == 2
        assert "file.json: line " in verdict.errors


@pytest.mark.parametrize("words", [[], ["{folder}"], ["{folder}/absent.json"], [str(RECORDED)] * 2])
def test_no_file_is_not_read(program: Program, tmp_path: Path, words: list[str]) -> None:
    assert program(*[word.format(folder=tmp_path) for word in words]).status == 2


BAD_TEXT = {
    '"seed": 1\n': '"seed": 1,\n',
    '"mode": "LSTM"': '"mode": "LSTM", "mode": "LSTM"',
    "[-0.875,": "[NaN,",
    "-0.53125": "-.53125",
    "0.109375": "00.109375",
    "0.15625": "0.15625f",
    "0.4375": "1e999",
    '"float64"': "'float64'",
    '"proj_size": 3': '"proj_size": three',
}
"""What is not JSON."""


@pytest.mark.parametrize("old", BAD_TEXT)
def test_bad_json_is_not_read(program: Program, old: str) -> None:
    text = RECORDED.read_text(encoding="utf-8")
    assert old in text
    verdict = program.text(text.replace(old, BAD_TEXT[old], 1))
    assert verdict.status == 2
    assert "file.json: line " in verdict.errors


def test_more_after_the_end_is_not_read(program: Program) -> None:
    assert program.text(RECORDED.read_text(encoding="utf-8") + "}").status == 2


BAD_FILE: dict[str, Callable[[Any], object]] = {
    "its mode is not LSTM": lambda file: file.update(mode="GRU"),
    "it holds no case": lambda file: file.update(cases={}),
    "there is no 'cases'": lambda file: file.pop("cases"),
}
BAD_CASE: dict[str, Callable[[Any], object]] = {
    "there is no 'written_by'": lambda case: case.pop("written_by"),
    "'given' is of another kind": lambda case: case.update(given=[]),
    "the dtype float8 is not known": lambda case: case["written_by"].update(dtype="float8"),
    "configuration/dropout is not known": lambda case: case["configuration"].update(dropout=0.5),
    "a size was expected": lambda case: case["configuration"].update(num_layers=1.5),
    "true or false": lambda case: case["configuration"].update(bias=0),
    "no hidden_size": lambda case: case["configuration"].pop("hidden_size"),
    "h_0 is [1, 3, 7], not [1, 3, 6]": lambda case: case["configuration"].update(hidden_size=6),
    "weight_hh_l0 is [7, 28], not [28, 7]": lambda case: case["given"]["weight_hh_l0"].update(
        shape=[7, 28], values=numbers_of(case["given"]["weight_hh_l0"]).T.tolist()
    ),
    "input is [5, 3, 4], not [5, 3, 5]": lambda case: case["configuration"].update(input_size=5),
    "given/lengths is not known": lambda case: case["given"].update(lengths=case["given"]["h_0"]),
    "given/bias_hh_l0 is not known": lambda case: case["configuration"].update(bias=False),
    "no weight_hr_l0 is given": lambda case: case["configuration"].update(proj_size=7),
    "h_0 is [1, 3, 7], not [2, 3, 7]": lambda case: case["configuration"].update(num_layers=2),
    "no weight_hh_l0 is given": lambda case: case["given"].pop("weight_hh_l0"),
    "no bias_hh_l0 is given": lambda case: case["given"].pop("bias_hh_l0"),
    "c_0 is not of the dtype of the case": lambda case: case["given"]["c_0"].update(dtype="float32"),
    "values are not nested as the shape says": lambda case: case["given"]["h_0"]["values"][0].pop(),
    "h_0 is [3, 7], not [1, 3, 7]": lambda case: case["given"]["h_0"].update(
        shape=[3, 7], values=case["given"]["h_0"]["values"][0]
    ),
    "a number was expected": lambda case: case["given"]["c_0"]["values"][0][0].__setitem__(0, "Infinity"),
    "output has no values": lambda case: case["result"]["output"].pop("values"),
    "result/grad is not known": lambda case: case["result"].update(grad=case["result"]["h_n"]),
    "no result is recorded": lambda case: case["result"].clear(),
}
"""What is JSON but cannot be tried, by what is said of it."""

PLAIN = "LSTM-T5-B3-I4-H7-grid6"


@pytest.mark.parametrize("words", [*BAD_FILE, *BAD_CASE])
def test_what_cannot_be_tried_is_refused(program: Program, words: str) -> None:
    content = recorded()
    if words in BAD_FILE:
        BAD_FILE[words](content)
    else:
        BAD_CASE[words](content["cases"][PLAIN])
    verdict = program.json(content)
    assert verdict.status == 2
    place = "" if words in BAD_FILE else f"{PLAIN}: "
    assert f"file.json: {place}" in verdict.errors
    assert words in verdict.errors


OTHERS = [path for path in sorted(SNAPSHOTS.glob("*.json")) if not path.stem.endswith("-LSTM")]


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_recordings_of_others_are_refused(program: Program, path: Path) -> None:
    verdict = program(str(path))
    assert (verdict.status, verdict.cases) == (2, {})
