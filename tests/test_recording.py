"""The files of recordings: what is written, and that a broken one is an error with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from recording_kit import CASE, FILES, Run, contents, edited, rewrite
from recording_kit import run as run  # a fixture
from recording_kit import snapshots as snapshots  # a fixture
from rnnspec import recording
from rnnspec.recording import BadRecording, load, save


def test_one_file_per_clause_and_mode_is_written_and_read(run: Run, snapshots: Path) -> None:
    assert sorted(path.name for path in snapshots.iterdir()) == FILES
    result = run()
    result.assert_outcomes(passed=16)
    result.stdout.fnmatch_lines(["8 snapshots passed."])


def test_a_file_is_valid_sorted_and_laid_out_in_rows(snapshots: Path) -> None:
    text = (snapshots / "SEQ-9-GRU.json").read_text(encoding="utf-8")
    content = json.loads(text)
    validator().validate(content)
    assert [*content["cases"]] == [CASE, f"{CASE}-seed2"]
    entry = content["cases"][CASE]
    assert entry["written_by"]["dtype"] == entry["given"]["input"]["dtype"] == "float64"
    row = json.dumps(entry["result"]["output"]["values"][0][0])
    assert f"\n              {row},\n" in text
    assert text.endswith("}\n")
    assert "\r" not in text


def validator() -> Draft202012Validator:
    schema = json.loads((shipped() / "schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def shipped() -> Path:
    return Path(__file__).parent.parent / "snapshots"


@pytest.mark.parametrize("path", sorted(shipped().glob("*-*.json")), ids=lambda path: path.stem)
def test_a_shipped_file_is_valid(path: Path) -> None:
    validator().validate(json.loads(path.read_text(encoding="utf-8")))
    assert load(path)


def test_the_folder_is_the_checkouts() -> None:
    assert recording.snapshots_folder().resolve() == shipped().resolve()


def input_of(content: Any) -> Any:
    return content["cases"][CASE]["given"]["input"]


BROKEN: dict[str, Callable[[Any], object]] = {
    "/: there is no 'clause'": lambda c: c.pop("clause"),
    "/: 'note' is not one of": lambda c: c.update(note=""),
    "/mode: 'GRUCell' in a file of this name": lambda c: c.update(mode="GRUCell"),
    "/cases: an object": lambda c: c.update(cases={}),
    f"/cases/{CASE}: there is no 'result'": lambda c: c["cases"][CASE].pop("result"),
    f"/cases/{CASE}/written_by/device: 'cuda'": lambda c: c["cases"][CASE]["written_by"].update(
        device="cuda"
    ),
    f"/cases/{CASE}/given/input: there is no 'shape'": lambda c: input_of(c).pop("shape"),
    f"/cases/{CASE}/given/input/dtype: 'float8'": lambda c: input_of(c).update(dtype="float8"),
    f"/cases/{CASE}/given/input/shape: [3, -3, 4]": lambda c: input_of(c).update(shape=[3, -3, 4]),
    f"/cases/{CASE}/given/input/values: the shape asks for 3 entries here, not 2": lambda c: input_of(c)[
        "values"
    ].pop(),
    f"/cases/{CASE}/given/input/values/1/2: the shape asks for 4": lambda c: input_of(c)["values"][1][
        2
    ].append(0.0),
    f"/cases/{CASE}/given/input/values/0/1/2: 'Nan'": lambda c: input_of(c)["values"][0][1].__setitem__(
        2, "Nan"
    ),
    f"/cases/{CASE}/given/input/values/0/1/2: True": lambda c: input_of(c)["values"][0][1].__setitem__(
        2, True
    ),
    f"/cases/{CASE}/given/input/values/0/0/0:": lambda c: input_of(c).update(dtype="float32"),
}

BEYOND_THE_SCHEMA = ("in a file of this name", "the shape asks", "values/0/0/0")
"""What a schema cannot tell."""


@pytest.mark.parametrize("place", BROKEN)
def test_a_broken_file_is_an_error_with_its_place(run: Run, snapshots: Path, place: str) -> None:
    path = snapshots / "SEQ-9-GRU.json"
    edited(path, BROKEN[place])
    beyond = any(words in place for words in BEYOND_THE_SCHEMA)
    assert validator().is_valid(json.loads(path.read_text(encoding="utf-8"))) == beyond
    with pytest.raises(BadRecording) as raised:
        load(path)
    assert str(raised.value).startswith(f"snapshots/SEQ-9-GRU.json: {place}")
    result = run("-k", "SEQ or one")
    result.assert_outcomes(passed=4, failed=4)
    result.stdout.fnmatch_lines([f"E *BadRecording: snapshots/SEQ-9-GRU.json: {escaped(place)}*"])


def escaped(text: str) -> str:
    return text.replace("[", "[[]")


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        (b"}\n", b"", r"line \d+, column \d+: Expecting"),
        (b'"SEQ-9"', b'"SEQ-9\xff"', "'utf-8' codec"),
        (b'"mode":', b'"clause":', "the key 'clause' is there twice"),
        (b"7\n", b"NaN\n", "NaN is not JSON"),
        (b"7\n", b"7,\n", r"line \d+"),
    ],
)
def test_bad_json_is_an_error_with_its_place(snapshots: Path, old: bytes, new: bytes, place: str) -> None:
    path = snapshots / "SEQ-9-GRU.json"
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(BadRecording, match=f"^snapshots/SEQ-9-GRU.json: {place}"):
        load(path)


@pytest.mark.parametrize("body", ["doubled()", "1 / 0"])
def test_an_update_neither_mends_nor_deletes_a_broken_file(
    run: Run, snapshots: Path, pytester: pytest.Pytester, body: str
) -> None:
    path = snapshots / "INI-6-GRU.json"
    path.write_bytes(path.read_bytes()[:500])
    rewrite(pytester.path / "chapters/test_20_two.py", "doubled()", body)
    before = contents(snapshots)
    assert run("--snapshot-update").ret == pytest.ExitCode.TESTS_FAILED
    assert contents(snapshots) == before


def test_writers_of_one_file_wait_for_each_other(tmp_path: Path, snapshots: Path) -> None:
    path = tmp_path / "SEQ-9-GRU.json"
    entry = json.loads((snapshots / path.name).read_text(encoding="utf-8"))["cases"][CASE]
    names = [f"GRU-T{n:02}" for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: save(path, lambda cases: cases.update({name: entry})), names))
    assert [*load(path)] == names
    assert [*tmp_path.glob("*SEQ*")] == [path]
