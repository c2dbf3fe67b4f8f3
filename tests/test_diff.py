"""`rnnspec diff`: what became of every row, what broke first, and the exit status that says so."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from rnnspec.report.diff import KINDS, Diff, kind
from rnnspec.result import OUTCOMES, Row
from rows_kit import HOSTILE, file, kept, row, run

BECAME = {
    ("PASS", "PASS"): "unchanged",
    ("PASS", "FAIL"): "regression",
    ("PASS", "CRASH"): "regression",
    ("PASS", "TIMEOUT"): "regression",
    ("PASS", "ERROR"): "regression",
    ("PASS", "KNOWN"): "listed",
    ("PASS", "FIXED"): "unchanged",
    ("PASS", "NOT CLAIMED"): "lost",
    ("FAIL", "PASS"): "mended",
    ("FAIL", "FAIL"): "unchanged",
    ("FAIL", "CRASH"): "otherwise",
    ("FAIL", "KNOWN"): "listed",
    ("FAIL", "FIXED"): "mended",
    ("FAIL", "NOT CLAIMED"): "lost",
    ("KNOWN", "PASS"): "mended",
    ("KNOWN", "FIXED"): "mended",
    ("KNOWN", "FAIL"): "regression",
    ("KNOWN", "KNOWN"): "unchanged",
    ("KNOWN", "NOT CLAIMED"): "lost",
    ("FIXED", "KNOWN"): "listed",
    ("FIXED", "FAIL"): "regression",
    ("FIXED", "PASS"): "unchanged",
    ("NOT CLAIMED", "PASS"): "gained",
    ("NOT CLAIMED", "FIXED"): "gained",
    ("NOT CLAIMED", "KNOWN"): "listed",
    ("NOT CLAIMED", "FAIL"): "regression",
    ("NOT CLAIMED", "NOT CLAIMED"): "unchanged",
    ("", "PASS"): "added",
    ("", "NOT CLAIMED"): "added",
    ("", "KNOWN"): "added",
    ("", "FIXED"): "added",
    ("", "FAIL"): "new and bad",
    ("", "ERROR"): "new and bad",
    ("PASS", ""): "removed",
    ("FAIL", ""): "removed",
}
"""By the outcomes before and after; none where there is no row."""


def made(outcome: str) -> Row | None:
    return row(outcome=outcome) if outcome else None


def lines(*files: Path) -> list[str]:
    return run("diff", *files).stdout.splitlines()


@pytest.mark.parametrize(("before", "after"), BECAME, ids=lambda outcome: outcome or "none")
def test_what_becomes_of_a_row(before: str, after: str) -> None:
    assert kind(made(before), made(after)) == BECAME[before, after]


def test_every_kind_is_tried() -> None:
    assert set(BECAME.values()) == set(KINDS)


@pytest.mark.parametrize(("before", "after"), BECAME, ids=lambda outcome: outcome or "none")
def test_the_status_is_1_for_a_regression_alone(before: str, after: str, tmp_path: Path) -> None:
    stays = row("SEQ-2", "FAIL")
    old = kept(tmp_path / "old", *filter(None, [made(before)]), stays)
    new = kept(tmp_path / "new", *filter(None, [made(after)]), stays)
    for words in ((), ("--json",)):
        ran = run("diff", old, new, *words)
        assert ran.exit_code == (BECAME[before, after] == "regression")
        assert not ran.stderr
    assert json.loads(ran.stdout)["count"][BECAME[before, after]] == 1 + (
        BECAME[before, after] == "unchanged"
    )


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("differs by 1e-05 at (0, 3)", "differs by 3.25e+02 at (11, 0)", True),
        ("<x object at 0x7f3a9c>", "<x object at 0x10b>", True),
        ("differs by 3\nin a table", "differs by 4\nin another", True),
        ("is -1", "is 12", True),
        ("shape (5, 3)", "shape (5, 3, 1)", False),
        ("output differs by 1", "h_n differs by 1", False),
        ("is 1.5", "is nan", False),
    ],
)
def test_numbers_alone_are_no_difference(before: str, after: str, same: bool) -> None:
    found = kind(row(outcome="FAIL", message=before), row(outcome="FAIL", message=after))
    assert found == ("unchanged" if same else "otherwise")


ALL = [
    (row("SEQ-9", "PASS"), row("SEQ-9", "FAIL")),
    (None, row("SEQ-8", "FAIL")),
    (row("SEQ-7", "FAIL"), row("SEQ-7", "CRASH")),
    (row("SEQ-6", "PASS"), row("SEQ-6", "KNOWN")),
    (row("SEQ-5", "PASS"), row("SEQ-5", "NOT CLAIMED")),
    (row("SEQ-4", "FAIL"), row("SEQ-4", "PASS")),
    (row("SEQ-3", "NOT CLAIMED"), row("SEQ-3", "PASS")),
    (None, row("SEQ-2", "PASS")),
    (row("SEQ-1", "PASS"), None),
    (row("SHP-1", "PASS"), row("SHP-1", "PASS")),
]
"""A pair of rows for each kind, in their order; which is not that of reading."""


def both(tmp_path: Path, seed: int = 0) -> tuple[Path, Path]:
    """Two files of these rows, written in another order for each seed."""
    chance = random.Random(seed)
    files = []
    for name, index in (("old.jsonl", 0), ("new.jsonl", 1)):
        rows = [each for pair in ALL if (each := pair[index]) is not None]
        chance.shuffle(rows)
        files.append(kept(tmp_path / name, *rows, date="2026-11-26T10:00:00+00:00"))
    return files[0], files[1]


def test_what_broke_is_told_first(tmp_path: Path) -> None:
    said = lines(*both(tmp_path))
    headings = [f"{name}: {meaning}" for name, meaning in KINDS.items()]
    assert [line for line in said if line in headings] == headings[:7]
    at = said.index("regression: broke")
    assert said[at + 1 : at + 3] == [
        "  SEQ-9 (MUST)  mine on cpu  PASS → FAIL, 1 case",
        "    first: GRU-T5-B3-I4-H7 float32: so",
    ]
    assert said[-1] == ", ".join(f"1 {name}" for name in KINDS)


@pytest.mark.parametrize("before", ["KNOWN", "NOT CLAIMED"])
def test_of_what_passes_now_it_is_told_what_was_wrong(before: str) -> None:
    old, new = row(outcome=before, message="known: so\nand so"), row()
    said = list(Diff(file(old), file(new)).lines())
    assert f"    first: {new.case} float32, before: known: so" in said


def test_json_agrees_with_the_text(tmp_path: Path) -> None:
    old, new = both(tmp_path)
    found = json.loads(run("diff", old, new, "--json").stdout)
    assert found["count"] == dict.fromkeys(KINDS, 1)
    assert [each["kind"] for each in found["changes"]] == [name for name in KINDS if name != "unchanged"]
    assert found["changes"][0]["old"] == {"outcome": "PASS", "message": ""}
    assert found["changes"][0]["new"] == {"outcome": "FAIL", "message": "so"}
    assert found["changes"][1]["old"] is None
    assert found["changes"][-1]["new"] is None
    assert found["old"]["rows"] == 8
    assert found["renamed"] == {}
    text = "\n".join(lines(old, new))
    for each in found["changes"]:
        assert (f"  {each['clause']} (" in text) == (each["kind"] not in ("added", "removed"))


def test_the_order_of_the_rows_is_no_matter() -> None:
    old, new = ([pair[index] for pair in ALL if pair[index]] for index in (0, 1))
    words = {"date": "2026-11-26"}
    once = list(Diff(file(*old, **words), file(*new, **words)).lines())  # type: ignore[arg-type]
    for seed in range(5):
        random.Random(seed).shuffle(old)
        random.Random(seed + 5).shuffle(new)
        assert list(Diff(file(*old, **words), file(*new, **words)).lines()) == once  # type: ignore[arg-type]


def test_reading_order_within_a_kind() -> None:
    clauses = ["ZZZ-1", "SEQ-10", "SEQ-2", "SHP-1"]
    found = Diff(
        file(*(row(clause) for clause in clauses)), file(*(row(clause, "FAIL") for clause in clauses))
    )
    assert [change.row.clause for change in found.changes] == ["SHP-1", "SEQ-2", "SEQ-10", "ZZZ-1"]


def test_nothing_changed(tmp_path: Path) -> None:
    old = kept(tmp_path / "old", row(), row("SEQ-2", "FAIL"))
    assert lines(old, old)[-1] == "2 unchanged"
    empty = kept(tmp_path / "empty")
    assert lines(empty, empty)[-1] == "no rows"


def test_clauses_of_one_version_only(tmp_path: Path) -> None:
    old = kept(tmp_path / "old", row("SEQ-1"), row("SEQ-9"), row("SEQ-10"), specification="0.9")
    new = kept(tmp_path / "new", row("SEQ-1"), row("BAT-9", "FAIL"), specification="1.0")
    said = "\n".join(lines(old, new))
    assert "old: 3 rows, specification 0.9, 20" in said
    assert "new: 2 rows, specification 1.0, 20" in said
    assert "\nclauses only in the old file: SEQ-9, SEQ-10\n" in said
    assert "\nclauses only in the new file: BAT-9\n" in said
    assert said.endswith("1 new and bad, 2 removed, 1 unchanged")
    found = json.loads(run("diff", old, new, "--json").stdout)
    assert found["clauses_only_in_old"] == ["SEQ-9", "SEQ-10"]
    assert found["clauses_only_in_new"] == ["BAT-9"]


def test_one_implementation_of_another_name(tmp_path: Path) -> None:
    old = kept(tmp_path / "old", row(implementation="before"))
    new = kept(tmp_path / "new", row(outcome="FAIL", implementation="after"))
    ran = run("diff", old, new)
    assert ran.exit_code == 1
    assert "compared though the name is another: before, after\n" in ran.stdout
    assert "  SEQ-1 (MUST)  after on cpu  PASS → FAIL, 1 case\n" in ran.stdout
    assert json.loads(run("diff", old, new, "--json").stdout)["renamed"] == {"after": "before"}


def test_of_several_none_is_taken_for_another(tmp_path: Path) -> None:
    old = kept(tmp_path / "old", row(implementation="a"), row(implementation="b"))
    new = kept(tmp_path / "new", row(implementation="b"), row(implementation="c", outcome="FAIL"))
    ran = run("diff", old, new)
    assert ran.exit_code == 0
    assert "another" not in ran.stdout
    assert json.loads(run("diff", old, new, "--json").stdout)["renamed"] == {}
    assert ran.stdout.endswith("1 new and bad, 1 removed, 1 unchanged\n")


def test_each_implementation_and_device_is_told_by_itself(tmp_path: Path) -> None:
    """Of one clause and one change, too; the cases of each are counted for it alone."""
    subjects = [("a", "cpu"), ("a", "cuda"), ("b", "cpu")]
    rows = [
        row(implementation=name, device=device, dtype=dtype)
        for name, device in subjects
        for dtype in ("float32", "float64")
    ]
    broken = [replace(each, outcome="FAIL" if each.dtype == "float32" else "CRASH") for each in rows]
    said = lines(kept(tmp_path / "old", *rows), kept(tmp_path / "new", *broken))
    assert [line for line in said if line.startswith("  SEQ-1")] == [
        f"  SEQ-1 (MUST)  {name} on {device}  PASS → {outcome}, 1 case"
        for name, device in subjects
        for outcome in ("FAIL", "CRASH")
    ]


def test_a_clause_is_told_once_though_its_cases_alternate() -> None:
    cases = [f"GRU-T{n}" for n in range(1, 7)]
    old = file(*(row(case=case) for case in cases))
    new = file(*(row(case=case, outcome=("FAIL", "CRASH")[n % 2]) for n, case in enumerate(cases)))
    said = [line for line in Diff(old, new).lines() if line.startswith("  SEQ-1")]
    assert [line.partition("→ ")[2] for line in said] == ["FAIL, 3 cases", "CRASH, 3 cases"]


def test_a_part_of_a_run_is_said_to_be_one(tmp_path: Path) -> None:
    part = kept(tmp_path / "part", row(), whole=False)
    assert "mine on cpu, torch " in lines(part, part)[1]
    assert lines(part, part)[1].endswith(", lib 1.0, core, a part of it")
    all_of_it = kept(tmp_path / "whole", row())
    assert lines(all_of_it, all_of_it)[1].endswith(", lib 1.0, core")


@pytest.mark.parametrize("text", HOSTILE)
def test_names_and_messages_are_text_on_their_line(text: str, tmp_path: Path) -> None:
    names = {"implementation": text, "device": text, "case": text}
    old = kept(tmp_path / "old", row(text, **names))
    new = kept(tmp_path / "new", row(text, "FAIL", text, **names))
    ran = run("diff", old, new)
    assert ran.exit_code == 1
    assert len(ran.stdout.split("\n")) == 11
    assert not {*map(chr, range(32)), "\x7f", "\x9b", "\u2028", "\u202e"} - {"\n"} & {*ran.stdout}
    found = json.loads(run("diff", old, new, "--json").stdout)
    assert found["changes"][0]["new"]["message"] == text


@pytest.mark.parametrize(
    "words", [("none.jsonl", "none.jsonl"), ("{good}", "none.jsonl"), ("none", "{good}")]
)
def test_a_file_that_cannot_be_read(words: tuple[str, str], tmp_path: Path) -> None:
    good = kept(tmp_path / "good", row())
    ran = run("diff", *(word.format(good=good) for word in words))
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr.startswith("rnnspec: none")
    assert ran.stderr.count("\n") == 1


def test_outcomes_are_all_known_to_it() -> None:
    for before in OUTCOMES:
        for after in OUTCOMES:
            assert kind(row(outcome=before), row(outcome=after)) in KINDS
