"""Filters, the search and links of the page show what they say, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from page_kit import Named, Visit, file, row
from rnnspec.catalogue import every

FILES = [
    file(
        [
            row("LSTM-1"),
            row("LSTM-1", "FAIL", case="LSTM-T9-B1-I1-H1", message="output is quite wrong", headroom=9.0),
            row("LSTM-2", "NOT CLAIMED", message="no projections here"),
            row("GRU-1", "KNOWN", mode="GRU", case="GRU-T5-B3-I4-H7", headroom=2.0),
            row("GRU-2"),
            row("DTY-12", level="MAY"),
            row("INI-2", level="SHOULD", headroom=0.1),
        ]
    ),
    file(
        [
            row("LSTM-1", implementation="other", headroom=0.5),
            row("LSTM-1", implementation="other", headroom=0.4, dtype="float64"),
            row("GRU-2", implementation="other"),
            row("PRJ-1", "CRASH", implementation="other"),
        ],
        "other.jsonl",
    ),
]

VISIBLE = "rows => rows.filter((row) => row.checkVisibility()).map((row) => row.id)"


def clauses(tab: Any) -> set[str]:
    """Those that can be seen."""
    return set(tab.locator("tr[data-level]").evaluate_all(VISIBLE))


def panel(tab: Any) -> Any:
    return tab.locator("aside")


def test_chapters_open_and_close(visit: Visit) -> None:
    tab = visit(FILES)
    assert clauses(tab) == set()
    tab.get_by_role("button", name="LSTM step").click()
    assert clauses(tab) == {"LSTM-1", "LSTM-2"}
    tab.get_by_role("button", name="Open all chapters").click()
    assert clauses(tab) == {"LSTM-1", "LSTM-2", "GRU-1", "GRU-2", "INI-2", "PRJ-1", "DTY-12"}
    tab.get_by_role("button", name="Close all chapters").click()
    assert clauses(tab) == set()


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (["fail"], {"LSTM-1"}),
        (["fail", "crash"], {"LSTM-1", "PRJ-1"}),
        (["not claimed"], {"LSTM-2"}),
        (["known"], {"GRU-1"}),
        (["pass"], {"LSTM-1", "GRU-2", "INI-2", "DTY-12"}),
        (["MAY"], {"DTY-12"}),
        (["SHOULD", "MAY"], {"DTY-12", "INI-2"}),
        (["mine", "fail"], {"LSTM-1"}),
        (["other", "fail"], set()),
        (["other", "crash", "MUST"], {"PRJ-1"}),
        (["only where columns differ"], {"LSTM-1"}),
    ],
)
def test_filters(visit: Visit, labels: list[str], shown: set[str]) -> None:
    tab = visit(FILES)
    for label in labels:
        tab.get_by_label(label, exact=True).check()
    assert clauses(tab) == shown
    assert tab.get_by_text(f"{len(shown)} of 7 clauses").is_visible()
    again = visit(FILES, tab.url.partition(".html")[2])
    assert clauses(again) == shown
    assert all(again.get_by_label(label, exact=True).is_checked() for label in labels)
    tab.get_by_role("button", name="Clear filters").click()
    assert not any(tab.get_by_label(label, exact=True).is_checked() for label in labels)
    tab.get_by_role("button", name="Open all chapters").click()
    assert len(clauses(tab)) == 7


def test_the_filter_by_chapter(visit: Visit) -> None:
    tab = visit(FILES)
    tab.get_by_label("Chapter").select_option("GRU")
    assert clauses(tab) == {"GRU-1", "GRU-2"}
    assert tab.url.endswith("#?chapter=GRU")


def test_columns_of_other_implementations_go(visit: Visit) -> None:
    tab = visit(FILES)
    tab.get_by_label("other", exact=True).check()
    assert tab.get_by_text("3 of 7 clauses").is_visible()
    assert clauses(tab) == set()
    tab.get_by_role("button", name="Open all chapters").click()
    assert clauses(tab) == {"LSTM-1", "GRU-2", "PRJ-1"}
    heads = [head.inner_text() for head in tab.locator(".matrix thead th").all() if head.is_visible()]
    assert [head.split()[0] for head in heads] == ["Clause", "Norm", "Error", "other", "float64", "float32"]
    cells = [cell.inner_text() for cell in tab.locator("#LSTM-1 > td").all() if cell.is_visible()]
    assert cells[2:] == ["1", "1"]
    of_chapter = tab.locator("tr.chapter:has-text('LSTM step') > td").all()
    assert [cell.inner_text() for cell in of_chapter if cell.is_visible()][1:] == ["1", "1"]


NORM = next(clause.norm for clause in every() if str(clause) == "GRU-2")
SOURCE = next(str(clause.says["source"]) for clause in every() if str(clause) == "INI-2")


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("gru-2", {"GRU-2"}),
        (NORM[4:40].upper(), {"GRU-2"}),
        (SOURCE, {"INI-2"}),
        ("GRU-T5", {"GRU-1"}),
        ("T9-B1", {"LSTM-1"}),
        ("quite wrong", {"LSTM-1"}),
        ("no proj", {"LSTM-2"}),
        ("<nothing>", set()),
    ],
)
def test_the_search_looks_at_everything(visit: Visit, word: str, shown: set[str]) -> None:
    tab = visit(FILES)
    tab.get_by_label("Search").fill(word)
    tab.get_by_text(f"{len(shown)} of 7 clauses").wait_for()
    assert clauses(tab) == shown
    assert clauses(visit(FILES, tab.url.partition(".html")[2])) == shown


def test_a_cell_opens_to_its_cases(visit: Visit) -> None:
    tab = visit(FILES)
    tab.get_by_role("button", name="LSTM step").click()
    cell = tab.get_by_role("button", name="fail 1/2")
    cell.click()
    assert cell.get_attribute("aria-expanded") == "true"
    text = panel(tab).inner_text()
    for said in ("LSTM-1", "2 cases", "output is quite wrong", "error ÷ bound 9 · 2 ms", "mine cpu float32"):
        assert said in text
    command = "rnnspec reproduce LSTM-1 --case LSTM-T9-B1-I1-H1 --rnn mine --dtype float32 --device cpu"
    assert command in text
    assert tab.url.endswith("#LSTM-1/mine/cpu/float32")
    tab.get_by_role("button", name="Close", exact=True).click()
    assert panel(tab).is_hidden()
    assert cell.get_attribute("aria-expanded") == "false"


def test_a_link_opens_a_cell(visit: Visit) -> None:
    tab = visit(FILES, "#LSTM-1/other/cpu/float64")
    assert "other cpu float64" in panel(tab).inner_text()
    assert "error ÷ bound 0.4" in panel(tab).inner_text()
    assert "LSTM-1" in clauses(tab)
    assert tab.locator("#LSTM-1").evaluate("(row) => row.getBoundingClientRect().top < innerHeight")


def test_a_link_opens_a_clause_and_from_there_its_cells(visit: Visit) -> None:
    tab = visit(FILES, "#LSTM-1")
    assert "Error ÷ bound" in panel(tab).inner_text()
    panel(tab).get_by_role("link", name="fail 1/2").click()
    panel(tab).get_by_text("output is quite wrong").wait_for()
    panel(tab).get_by_role("link", name="All columns of this clause").click()
    panel(tab).get_by_role("heading", name="Columns").wait_for()
    tab.go_back()
    panel(tab).get_by_text("output is quite wrong").wait_for()


def test_a_clause_opens_from_the_matrix_and_filters_stay(visit: Visit) -> None:
    tab = visit(FILES, "#?outcome=FAIL")
    tab.locator("#LSTM-1 th a").click()
    assert "Columns" in panel(tab).inner_text()
    assert tab.url.endswith("#LSTM-1?outcome=FAIL")
    assert clauses(tab) == {"LSTM-1"}


@pytest.mark.parametrize("fragment", ["#nothing", "#LSTM-1/nobody", "#%E0%A4%A", "#?outcome=%00", "#/", "#?"])
def test_a_link_to_nothing_does_no_harm(visit: Visit, fragment: str) -> None:
    tab = visit(FILES, fragment)
    tab.get_by_role("button", name="chapters").click()
    assert tab.locator("h1").is_visible()


def test_the_summary_leads_to_what_is_bad_and_to_what_is_missing(visit: Visit) -> None:
    tab = visit(FILES)
    mine = tab.locator("article", has_text="mine.jsonl")
    assert "does not conform" in mine.inner_text()
    mine.get_by_role("link", name="LSTM-1").click()
    panel(tab).get_by_text("output is quite wrong").wait_for()
    tab.keyboard.press("Escape")
    mine.get_by_role("link", name="1 not claimed").click()
    tab.get_by_text("1 of 7 clauses").wait_for()
    assert clauses(tab) == {"LSTM-2"}


def dated(day: str) -> list[Named]:
    return [file([row()], date=f"{day}T00:00:00+00:00")]


def test_what_is_old_is_said_to_be(visit: Visit) -> None:
    assert visit(dated("2020-01-01")).locator("strong.old").count() == 3
    assert "old: 2" in visit(dated("2020-01-01")).locator("article").inner_text()
    assert visit(dated("2999-01-01")).get_by_text("a day to come").count() == 3
    assert visit([file([row()])]).locator("strong.old").count() == 0
