"""The page of results as a text: complete, well formed, the same each time, and results are no markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import page_kit
from outline import Outline
from page_kit import Named, file, hostile, row
from rnnspec import SPECIFICATION, result
from rnnspec.catalogue import every
from rnnspec.cli import app
from rnnspec.report.page import page
from rnnspec.report.page.columns import SEVERITY
from rnnspec.report.page.matrix import cell
from rnnspec.report.page.packed import LETTERS
from rnnspec.result import LEVELS, OUTCOMES, Row


def data(text: str) -> Any:
    (found,) = re.findall(r'<script type="application/json" id="page:data">(.*?)</script>', text, re.S)
    return json.loads(found)


def rebuilt(text: str) -> list[tuple[str, ...]]:
    """The rows of a page, without its clauses: case, outcome, texts, column's name, dtype."""
    says = data(text)
    found = []
    for line in says["cells"]:
        for column, packed in zip(says["columns"], line, strict=True):
            if packed is None:
                continue
            places, letters, headrooms, spent, messages, scripts, kernels = packed
            cases = [says["cases"][place] for place in says["lists"][places]]
            letters = letters * len(cases) if len(letters) == 1 else letters
            assert len(letters) == len(spent) == len(cases)
            assert headrooms == 0 or len(headrooms) == len(cases)
            for i, (case, letter) in enumerate(zip(cases, letters, strict=True)):
                named = {"messages": messages, "scripts": scripts, "kernels": kernels}
                texts = [says[name][at[str(i)]] if str(i) in at else "" for name, at in named.items()]
                found.append((case, says["outcomes"][letter], *texts, column["name"], column["dtype"]))
    return found


def wanted(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    return sorted(
        (r.case, r.outcome, r.message, r.reproducer, r.kernels, r.implementation, r.dtype) for r in rows
    )


MIXED = [
    row(),
    row(outcome="FAIL", case="LSTM-T1-B1-I1-H1", message="off\nby one", headroom=3.5, reproducer="assert 0"),
    row(outcome="NOT CLAIMED", case="LSTM-T5-B3-I4-H7-P3", message="proj is not claimed"),
    row("LSTM-2", "KNOWN", headroom=2.0, message="known"),
    row("LSTM-2", dtype="float64", headroom=0.25, kernels="addmm mm"),
    row("SHP-1", "NOT CLAIMED", level="MUST"),
    row("XYZ-1", "CRASH", level="MAY", message="SIGSEGV"),
]


@pytest.mark.parametrize(
    "files",
    [[], [file([])], [file(MIXED)], [file(MIXED), file(MIXED, "again.jsonl")], [hostile()]],
    ids=["nothing", "no rows", "mixed", "twice", "hostile"],
)
def test_a_page_is_well_formed(files: list[Named]) -> None:
    outline = Outline(page(files))
    assert outline.count["h1"] == outline.count["main"] == outline.count["title"] == 1
    assert len(outline.ids) == len(set(outline.ids))
    assert not any(re.search(r"\s", each) or not each for each in outline.ids)


def test_nothing_on_a_page_is_elsewhere() -> None:
    outline = Outline(page([file(MIXED), hostile()]))
    assert not outline.attributes & {
        "src",
        "srcset",
        "style",
        "action",
        "ping",
        "onclick",
        "onload",
        "onerror",
    }
    assert {link for link in outline.links if not link.startswith("#")} == {"data:,"}


def test_every_link_within_a_page_has_an_end() -> None:
    outline = Outline(page([file(MIXED), file(MIXED, "again.jsonl")]))
    columns = {column["key"] for column in data(page([file(MIXED), file(MIXED, "again.jsonl")]))["columns"]}
    for link in outline.links:
        target = link.removeprefix("#").partition("?")[0]
        if link.startswith("#") and target:
            clause, _, column = target.partition("/")
            assert clause in outline.ids
            assert not column or column in columns


def test_the_policy_allows_this_style_and_script_and_nothing_else() -> None:
    text = page([file(MIXED)])
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    policy = policy.replace("&#39;", "'")
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.S)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_all_rows_are_on_the_page() -> None:
    assert sorted(rebuilt(page([file(MIXED)]))) == wanted(MIXED)


def test_all_rows_of_a_hostile_file_are_on_the_page_as_they_are() -> None:
    (_, _, rows) = named = hostile()
    assert sorted(rebuilt(page([named]))) == wanted(rows)


def test_a_text_that_occurs_often_is_stored_once() -> None:
    rows = [row(case=f"LSTM-T{t}-B3-I4-H7", outcome="FAIL", message="the same") for t in range(50)]
    text = page([file(rows, f"{n}.jsonl") for n in range(3)])
    _, _, embedded = text.partition('<script type="application/json"')
    assert embedded.count("the same") == 1
    assert text.count("LSTM-T7-B3-I4-H7") == 1


def test_a_page_is_the_same_each_time() -> None:
    files = [file(MIXED, date="2026-11-01T00:00:00+00:00"), page_kit.many(1, 300)[0]]
    assert page(files) == page(files)


def test_a_page_does_not_change_with_the_day() -> None:
    old = file(MIXED, date="2020-01-01T00:00:00+00:00")
    assert re.findall(r"<time [^>]+>", page([old]))[0] == '<time datetime="2020-01-01">'
    assert "days" not in re.sub(r"<script>.*?</script>", "", page([old]), flags=re.S)


def test_counts_agree_with_the_rows() -> None:
    files = page_kit.many(2, 1500)
    outline = Outline(page(files))
    for (_, _, rows), name in zip(files, ("lib0.rnn:Net", "lib1.rnn:Net"), strict=True):
        (card,) = [text for text in outline.texts["article"] if name in text]
        for outcome, many in Counter(each.outcome for each in rows).items():
            assert f"{many:,} {outcome.lower()}\n" in card
    clauses = Counter(each.clause for _, _, rows in files for each in rows)
    lines = [text for text in outline.texts["tr"] if re.match(r"[A-Z]+-\d+ ", text)]
    assert {line.split(" ")[0] for line in lines} == set(clauses)


def of(*outcomes: str) -> list[Row]:
    return [row(outcome=outcome, case=str(i)) for i, outcome in enumerate(outcomes)]


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        (of("PASS", "PASS"), "2"),
        (of("PASS", "NOT CLAIMED", "PASS"), "2 of 3"),
        (of("NOT CLAIMED"), "–"),
        (of("PASS", "FAIL", "NOT CLAIMED"), "fail 1/2"),
        (of("FAIL", "CRASH", "PASS"), "crash 2/3"),
        (of("TIMEOUT", "KNOWN"), "timeout 1/2"),
        (of("ERROR"), "error 1/1"),
        (of("FIXED", "PASS"), "fixed 1/2"),
        (of("KNOWN", "PASS", "KNOWN"), "known 2/3"),
    ],
)
def test_a_cell_says_its_worst_outcome_and_how_often(rows: Sequence[Row], word: str) -> None:
    found = cell(rows)
    assert found is not None
    assert found.word == word
    assert cell([]) is None


def test_every_outcome_has_a_place_and_a_letter() -> None:
    assert set(SEVERITY) == set(OUTCOMES) == set(LETTERS)
    assert len(set(LETTERS.values())) == len(OUTCOMES)
    assert all(outcome in SEVERITY[:5] for outcome in result.BAD)


def test_norm_level_and_source_are_those_of_the_specification() -> None:
    clause = next(clause for clause in every() if str(clause) == "LSTM-1")
    (line,) = [text for text in Outline(page([file(MIXED)])).texts["tr"] if text.startswith("LSTM-1 ")]
    assert clause.norm in line
    assert str(clause.says["source"]) in line
    assert str(clause.says["level"]) in line


def test_what_is_not_in_the_specification_says_so() -> None:
    (line,) = [text for text in Outline(page([file(MIXED)])).texts["tr"] if text.startswith("XYZ-1 ")]
    assert "Not in this specification." in line
    assert "MAY" in line
    assert "crash 1/1" in line


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ({"whole": False}, "in part"),
        ({}, "passes all that it claims"),
        ({"scope": "smoke"}, "this is not a verdict"),
        ({"date": "long ago"}, "it is not known when this was run"),
        ({"specification": "0.9"}, "Another specification:"),
        (
            {
                "handshakes": [
                    {
                        **dict.fromkeys("ab"),
                        "implementation": "mine",
                        "device": "cpu",
                        "mode": "GRU",
                        "said": "x",
                    }
                ]
            },
            "GRU: x",
        ),
    ],
)
def test_what_is_to_be_known_of_a_run_is_said(rest: dict[str, Any], said: str) -> None:
    text = page([file([row()], **rest)])
    assert said in text.partition("<body>")[2].partition("Clause by clause")[0]


def test_files_of_other_specifications_are_told_apart() -> None:
    text = page([file(MIXED), file(MIXED, "old.jsonl", specification="0.9")])
    assert "Not the same specification:" in text
    assert "<bdi>old.jsonl</bdi> is of 0.9" in text
    assert f"<bdi>mine.jsonl</bdi> is of {SPECIFICATION}" in text
    assert "specification:</strong>" not in page([file(MIXED)])


def test_versions_of_one_implementation_stand_side_by_side() -> None:
    mine, other = [row()], [row(implementation="other")]
    says = data(page([file(mine, "a"), file(other, "b"), file(mine, "c")]))
    assert [(column["name"], column["file"]) for column in says["columns"]] == [
        ("mine", "a"),
        ("mine", "c"),
        ("other", "b"),
    ]
    keys = [column["key"] for column in says["columns"]]
    assert keys == ["mine/cpu/float32", "mine/cpu/float32/2", "other/cpu/float32"]


def test_the_first_failure_is_told_in_the_card() -> None:
    """The first in reading order, and as much of its message as is seen at a glance."""
    long = "\n".join(f"line {n}" for n in range(20))
    rows = [row("SEQ-1", "FAIL", message="later"), row("LSTM-1", "FAIL", message=long), row("SHP-1")]
    (shown,) = Outline(page([file(rows)])).texts["pre"]
    assert shown == "\n".join([*(f"line {n}" for n in range(8)), "..."])
    assert "pre" not in Outline(page([file([row()])])).texts


def test_when_results_are_old_can_be_said() -> None:
    assert 'data-stale="30"' in page([file([row()])])
    assert 'data-stale="7"' in page([file([row()])], 7)


def test_clauses_of_which_there_is_no_row_are_named() -> None:
    text = page([file([row()])])
    (last,) = [each for each in Outline(text).texts["details"] if "in none of these files" in each]
    assert "LSTM-2" in last
    assert "LSTM-1," not in last


@pytest.mark.parametrize("tag", ["script", "style", "img", "b"])
def test_markup_in_results_is_text(tag: str) -> None:
    plain, spoilt = Outline(page([file(hostile("x")[2], "x")])), Outline(page([hostile()]))
    assert plain.count[tag] == spoilt.count[tag]


def test_hidden_characters_are_written_out() -> None:
    body = page([hostile()]).partition("<body>")[2].partition('<script type="application/json"')[0]
    assert not re.search("[\0\x1b\u202e\u2028\ud800-\udfff]", body)
    assert r"\u202e" in body
    assert r"\u001b" in body
    page([hostile()]).encode("utf-8")


def test_numbers_as_large_as_they_come_are_embedded() -> None:
    most = 1.7976931348623157e308
    text = page([file([row(headroom=most, seconds=most), row(headroom=1.0000001, outcome="FAIL", case="b")])])
    (packed,) = data(text)["cells"][0]
    assert packed[2] == [most, 1.0000001]


def test_a_large_page_is_small() -> None:
    text = page(page_kit.many(20, 5000))
    assert len(text.encode()) < 6_000_000


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    _, head, rows = hostile()
    source, target = tmp_path / "rows.jsonl", tmp_path / "page.html"
    result.write(source, head, rows)
    run = CliRunner().invoke(app, ["report", str(source), "-o", str(target)])
    assert run.exit_code == 0, run.output
    Outline(target.read_text("utf-8"))


def test_today_is_the_date_of_a_run_of_today() -> None:
    head = file([row()])[1]
    assert f'<time datetime="{head["date"][:10]}">' in page([("mine.jsonl", head, [row()])])


def test_each_level_that_there_is_can_be_chosen() -> None:
    assert all(f'value="{level}"' in page([file([row()])]) for level in LEVELS)
