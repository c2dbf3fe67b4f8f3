"""Times in a file of results: what is not as `rnnspec bench` writes it is refused, in whatever report."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from rnnspec import result
from rnnspec.report import badge
from rnnspec.report.standing import STATES, standings
from rnnspec.source import Refused
from rows_kit import file, kept, row, run
from speed_kit import small, speed, times, wrong

SPEED = speed(times(small()))
WRONG = speed(wrong(times(small())))


def written(path: Path, named: Any) -> Path:
    result.write(path, *named[1:])
    return path


@pytest.mark.parametrize("named", [SPEED, WRONG], ids=["right", "wrong"])
def test_what_bench_writes_is_read(named: Any, tmp_path: Path) -> None:
    head, rows = result.read(written(tmp_path / "speed.jsonl", named))
    assert head["benchmarks"] == named[1]["benchmarks"]
    assert len(rows) == len(named[2])


WHOLE, FIRST = SPEED[1]["benchmarks"][0], SPEED[1]["benchmarks"][-1]


def but(entry: dict[str, Any], *without: str, **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**entry, **changes}.items() if name not in without}


NO_QUARTILES: list[Any] = [
    *(1, [1, 2], [1, 2, 3, 4], [3, 2, 1], [0, 1, 2], [-1, 1, 2], ["1", 2, 3], [True, 1, 2], {"0": 1}),
    *([1e-200, 1, 2], [1, 2, 1e200]),
]

NO_COSTS: list[Any] = [1, [], [0], [-1.0], ["1"], [True], {}, [1, 1e200]]

SPOILT: dict[str, list[Any]] = {
    "no list": [None, {}, "times", 5, [5], [None], [[]], ["whole"]],
    "a text": [but(WHOLE, **{name: 5}) for name in ("implementation", "device", "case", "way")],
    "a word": [but(WHOLE, dtype="int8"), but(WHOLE, mode="CNN"), but(WHOLE, dtype=[]), but(WHOLE, mode={})],
    "a size": [
        but(WHOLE, **{n: v}) for n in ("T", "B", "H", "threads") for v in (0, -1, 2.0, True, "8", 2**63)
    ],
    "a flag": [but(WHOLE, grad=0), but(WHOLE, steady=None), but(WHOLE, steady="yes")],
    "quartiles": [but(WHOLE, **{name: value}) for name in ("seconds", "ratio") for value in NO_QUARTILES],
    "costs": [but(WHOLE, costs=costs) for costs in NO_COSTS] + [but(WHOLE, best=0)],
    "a share": [but(WHOLE, share=value) for value in (-0.1, "1", None, 1e200, False)],
    "work": [but(WHOLE, flops=-1), but(WHOLE, bytes=1.5), but(WHOLE, flops=10**101)],
    "missing": [but(WHOLE, name) for name in WHOLE],
    "apart": [but(FIRST, "seconds"), but(FIRST, first=0), but(FIRST, first="1"), but(FIRST, seconds=[1, 1])],
    "refused": [but(WHOLE, refused=""), but(WHOLE, refused=None), but(WHOLE, "case", refused="no")],
}


@pytest.mark.parametrize(("why", "value"), [(why, value) for why, each in SPOILT.items() for value in each])
def test_what_is_spoilt_is_refused_with_file_and_line(why: str, value: Any, tmp_path: Path) -> None:
    _, head, rows = SPEED
    every = [WHOLE, value] if isinstance(value, dict) and value else value
    path = tmp_path / "speed.jsonl"
    result.write(path, {**head, "benchmarks": every}, rows)
    with pytest.raises(
        Refused, match=r"speed\.jsonl:1: benchmarks = .* is not a list of benchmarks"
    ) as found:
        result.read(path)
    assert len(str(found.value)) < 500
    ran = run("report", path, "-o", tmp_path / "page.html")
    assert ran.exit_code == 2
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_no_number_is_refused(number: str, tmp_path: Path) -> None:
    path = written(tmp_path / "speed.jsonl", SPEED)
    path.write_text(path.read_text().replace(json.dumps(WHOLE["share"]), number, 1))
    with pytest.raises(Refused, match=r"speed\.jsonl:1: this is not JSON"):
        result.read(path)


def test_what_was_not_compared_with_a_best_has_none(tmp_path: Path) -> None:
    _, head, rows = SPEED
    path = tmp_path / "speed.jsonl"
    result.write(path, {**head, "benchmarks": [but(WHOLE, share=0.0)]}, rows)
    assert result.read(path)[0]["benchmarks"][0]["share"] == 0


def named(file: Any, **names: str) -> Any:
    """The same of an implementation of another name."""
    _, head, rows = file
    more = [entry | names for entry in head["benchmarks"]]
    entries = [{"name": names["implementation"], "versions": {}}]
    own = [result.Row(**{**vars(each), **names}) for each in rows]
    return "other.jsonl", {**head, "benchmarks": more, "implementations": entries}, own


def test_merged_times_are_those_of_all_files_once(tmp_path: Path) -> None:
    one = written(tmp_path / "a.jsonl", SPEED)
    other = written(tmp_path / "b.jsonl", named(SPEED, implementation="other"))
    ran = run("merge", one, other, "-o", tmp_path / "both.jsonl")
    assert (ran.exit_code, ran.output) == (0, "")
    head, rows = result.read(tmp_path / "both.jsonl")
    assert head["benchmarks"] == result.read(one)[0]["benchmarks"] + result.read(other)[0]["benchmarks"]
    assert len(rows) == 2 * len(SPEED[2])
    assert [len(each.get("benchmarks", ())) for each in head["merged"]] == [0, 0]


def test_one_entry_in_two_files_is_one_in_the_merged(tmp_path: Path) -> None:
    """Rows are never in two files; of an entry without a row that is possible."""
    _, head, rows = SPEED
    one = written(tmp_path / "a.jsonl", SPEED)
    result.write(tmp_path / "b.jsonl", {**head, "rows": 0}, [])
    ran = run("merge", one, tmp_path / "b.jsonl", "-o", tmp_path / "both.jsonl")
    assert ran.exit_code == 0, ran.output
    assert result.read(tmp_path / "both.jsonl")[0]["benchmarks"] == head["benchmarks"]
    assert len(result.read(tmp_path / "both.jsonl")[1]) == len(rows)


def test_other_times_of_one_entry_are_not_merged(tmp_path: Path) -> None:
    _, head, _ = SPEED
    one = written(tmp_path / "a.jsonl", SPEED)
    changed = [but(WHOLE, share=0.123), *head["benchmarks"][1:]]
    result.write(tmp_path / "b.jsonl", {**head, "rows": 0, "benchmarks": changed}, [])
    ran = run("merge", one, tmp_path / "b.jsonl", "-o", tmp_path / "both.jsonl")
    assert ran.exit_code == 2
    said = f"b.jsonl:1: the times of whole of torch.nn on {WHOLE['case']} are not those in {one}"
    assert said in ran.stderr
    assert not (tmp_path / "both.jsonl").exists()


def test_results_of_conformance_are_merged_without_times(tmp_path: Path) -> None:
    paths = [kept(tmp_path / "a", row()), kept(tmp_path / "b", row(implementation="other"))]
    assert run("merge", *paths, "-o", tmp_path / "both").exit_code == 0
    assert "benchmarks" not in result.read(tmp_path / "both")[0]


def test_a_file_of_speed_is_no_verdict_but_wrong_is_bad() -> None:
    today = date.today()
    states = {name: {each.state(today) for each in standings([each[1:]])} for name, each in BOTH.items()}
    assert states == {"right": {"speed"}, "wrong": {"bad"}}


BOTH = {"right": SPEED, "wrong": WRONG}


@pytest.mark.parametrize("change", [{}, {"whole": True, "scope": "core"}], ids=["as it is", "as if whole"])
@pytest.mark.parametrize("option", ["--markdown", "--badge", "--junit", "--html"])
def test_no_report_takes_speed_for_conformance(option: str, change: dict[str, Any], tmp_path: Path) -> None:
    _, head, rows = SPEED
    path = written(tmp_path / "speed.jsonl", ("", {**head, **change}, rows))
    ran = run("report", path, *([] if option == "--html" else [option]))
    assert ran.exit_code == 0
    assert STATES["passes"] not in ran.output
    if option == "--badge":
        said = json.loads(ran.stdout)
        assert (said["color"], said["message"]) == (
            "lightgrey",
            f"{change.get('scope', head['scope'])} · no verdict",
        )
    if option == "--markdown":
        assert STATES["speed"] in ran.stdout


@pytest.mark.parametrize(
    ("option", "seen"),
    [
        ("--markdown", lambda text: STATES["bad"] in text and "<b>FAIL <code>SPD-1</code></b>" in text),
        ("--badge", lambda text: json.loads(text)["isError"] and "clauses fail" in text),
        ("--junit", lambda text: int(ElementTree.fromstring(text)[0].attrib["failures"]) == len(WRONG[2])),
        ("--html", lambda text: "Wrong:" in text and "output is not what it must be" in text),
    ],
)
def test_every_report_shows_a_wrong_result(option: str, seen: Callable[[str], bool], tmp_path: Path) -> None:
    path = written(tmp_path / "speed.jsonl", WRONG)
    ran = run("report", path, *([] if option == "--html" else [option]))
    assert seen(ran.stdout)
    right = run("report", written(tmp_path / "right.jsonl", SPEED), *([] if option == "--html" else [option]))
    assert not seen(right.stdout)


def test_a_badge_of_results_and_times_is_that_of_the_results() -> None:
    today = date.today()
    own = standings([file(row())])
    assert badge.badge([*own, *standings([SPEED[1:]])], today) == badge.badge(own, today)
    assert badge.badge([*own, *standings([WRONG[1:]])], today).colour == "red"
