"""The page for everybody: by keys alone, read aloud, in the dark, on a phone, on paper, without script."""

from __future__ import annotations

from typing import Any

import pytest

from page_kit import Named, Visit, file, hostile, many, row, sin
from rnnspec.report.page import page

FILES = [
    file(
        [
            row("LSTM-1", headroom=0.3),
            row(
                "LSTM-1", "FAIL", case="LSTM-T9-B1-I1-H1", message="off\nby one", headroom=9.0, reproducer="x"
            ),
            row("LSTM-1", "KNOWN", dtype="float64", headroom=2.0),
            row("LSTM-2", "NOT CLAIMED", message="no"),
            row("LSTM-2", dtype="float64"),
            row("GRU-2"),
            row("XYZ-1", "CRASH"),
        ],
        whole=False,
        date="2020-01-01",
        handshakes=[{"implementation": "mine", "device": "cpu", "mode": "LSTM", "said": "h_0 is ignored"}],
    ),
    file([row("LSTM-1", implementation="other", headroom=0.5)], "other.jsonl", specification="0.9"),
]

PLACES = ["", "#LSTM-1", "#LSTM-1/mine/cpu/float32", "#?outcome=PASS", "#?q=nothing"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", PLACES)
def test_axe_finds_nothing_serious(visit: Visit, scheme: str, place: str) -> None:
    tab = visit(FILES, place, color_scheme=scheme)
    if not place:
        tab.get_by_role("button", name="Open all chapters").click()
    assert sin(tab) == []


def test_axe_would_find_a_faint_text_and_a_field_without_a_name(visit: Visit) -> None:
    text = page(FILES).replace('<label for="page:search">Search</label>', "")
    tab = visit(text.replace("<h1>Results</h1>", "<h1>Results</h1><p id=faint>faint</p>"))
    tab.locator("#faint").evaluate("(element) => { element.style.color = '#aaa'; }")
    tab.locator("#page\\:search").evaluate("(element) => element.removeAttribute('placeholder')")
    assert {each.partition(":")[0] for each in sin(tab)} >= {"color-contrast", "label"}


FOCUSED = "document.activeElement"


def focused(tab: Any) -> str:
    """What has the focus, by its text or name."""
    return str(tab.evaluate(f"{FOCUSED}.textContent.trim() || {FOCUSED}.id"))


def until(tab: Any, key: str, text: str) -> None:
    """Presses a key until what has the focus says this."""
    for _ in range(60):
        if focused(tab) == text:
            return
        tab.keyboard.press(key)
    raise AssertionError(f"{key} does not lead to {text}")


def test_keys_alone_open_a_cell_and_close_it(visit: Visit) -> None:
    tab = visit(FILES)
    tab.keyboard.press("Tab")
    assert focused(tab) == "To the matrix"
    assert tab.locator(".skip").bounding_box()["x"] >= 0
    tab.keyboard.press("Enter")
    assert tab.evaluate(f"{FOCUSED}.id") == "page:matrix"
    until(tab, "Tab", "LSTM step")
    tab.keyboard.press("Enter")
    until(tab, "Tab", "known 1/1")
    tab.keyboard.press("ArrowRight")
    assert focused(tab) == "fail 1/2"
    tab.keyboard.press("ArrowDown")
    assert focused(tab) == "–"
    tab.keyboard.press("ArrowUp")
    assert focused(tab) == "fail 1/2"
    outline = tab.evaluate(f"getComputedStyle({FOCUSED}).outline")
    assert outline.endswith(" solid 2px")
    tab.keyboard.press("Enter")
    assert focused(tab) == "LSTM-1"
    until(tab, "Tab", "Copy the script")
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Copied").wait_for()
    tab.keyboard.press("Escape")
    assert tab.locator("aside").is_hidden()
    assert focused(tab) == "fail 1/2"


def test_keys_alone_search_and_filter(visit: Visit) -> None:
    tab = visit(FILES)
    until(tab, "Tab", "page:search")
    tab.keyboard.type("gru-2")
    tab.get_by_text("1 of 4 clauses").wait_for()
    until(tab, "Tab", "Clear filters")
    tab.keyboard.press("Enter")
    assert focused(tab) == "page:search"
    tab.keyboard.press("Tab")
    tab.keyboard.press("Space")
    tab.get_by_text("3 of 4 clauses").wait_for()


def test_one_cell_of_the_matrix_is_in_the_order_of_the_tab_key(visit: Visit) -> None:
    tab = visit(FILES)
    count = "cells => cells.filter((cell) => cell.tabIndex === 0 && cell.checkVisibility()).length"
    tab.get_by_role("button", name="Open all chapters").click()
    assert tab.locator("td > button").evaluate_all(count) == 1
    tab.get_by_label("other", exact=True).check()
    assert tab.locator("td > button").evaluate_all(count) == 1


def test_the_matrix_is_a_table_with_headers(visit: Visit) -> None:
    tab = visit(FILES)
    tab.get_by_role("button", name="Open all chapters").click()
    matrix = tab.get_by_role("region", name="Matrix")
    assert matrix.get_by_role("columnheader", name="float64").count() == 1
    assert matrix.get_by_role("rowheader", name="LSTM-1 MUST").count() == 1
    assert (
        matrix.get_by_role("img").first.get_attribute("aria-label").startswith("error ÷ bound of 3 columns")
    )


@pytest.mark.parametrize("files", [FILES, [hostile()], many(4, 700)], ids=["few", "hostile", "many"])
@pytest.mark.parametrize("width", [360, 768])
def test_no_page_scrolls_sideways(visit: Visit, files: list[Named], width: int) -> None:
    tab = visit(files, viewport={"width": width, "height": 740})
    wide = "document.documentElement.scrollWidth"
    assert tab.evaluate(wide) <= width
    tab.get_by_role("button", name="Open all chapters").click()
    assert tab.evaluate(wide) <= width
    tab.locator("article ul.bad a").first.click()
    tab.locator("aside").wait_for()
    assert tab.evaluate(wide) <= width
    assert tab.locator("aside").evaluate("(panel) => panel.scrollWidth <= panel.clientWidth")


def test_a_phone_shows_clause_and_cell_side_by_side(visit: Visit) -> None:
    tab = visit(FILES, "#?q=LSTM-1", viewport={"width": 360, "height": 740})
    matrix = tab.locator(".matrix")
    assert matrix.evaluate("(region) => region.scrollWidth > region.clientWidth")
    matrix.evaluate("(region) => region.scrollTo(9999, 0)")
    head, cell = tab.locator("#LSTM-1 th"), tab.locator("#LSTM-1 td").last
    assert head.bounding_box()["x"] < cell.bounding_box()["x"] < 360


def test_paper_has_everything_and_no_controls(visit: Visit) -> None:
    tab = visit(FILES, "#LSTM-1/mine/cpu/float32")
    tab.emulate_media(media="print")
    assert tab.locator("tr[data-level]").evaluate_all("rows => rows.every((row) => row.checkVisibility())")
    assert tab.locator(".filters").is_hidden()
    matrix = tab.locator(".matrix").evaluate("(region) => getComputedStyle(region).overflow")
    head = tab.locator(".matrix thead").evaluate("(head) => getComputedStyle(head).position")
    assert (matrix, head) == ("visible", "static")
    assert len(tab.pdf()) > 10_000
    assert tab.locator("aside .case:not([open])").count() == 0


def test_a_filter_holds_on_paper(visit: Visit) -> None:
    tab = visit(FILES, "#?outcome=FAIL")
    tab.emulate_media(media="print")
    shown = "rows => rows.filter((row) => row.checkVisibility()).map((row) => row.id)"
    assert tab.locator("tr[data-level]").evaluate_all(shown) == ["LSTM-1"]


def test_without_script_the_matrix_is_there(visit: Visit) -> None:
    tab = visit(FILES, java_script_enabled=False)
    assert tab.locator("noscript p").is_visible()
    assert tab.locator("tr[data-level]").count() == 4
    assert all(row.is_visible() for row in tab.locator("tr[data-level]").all())


@pytest.mark.parametrize("outcome", ["FAIL", "KNOWN", "CRASH", "NOT CLAIMED", "PASS"])
def test_an_outcome_is_told_without_colour(visit: Visit, outcome: str) -> None:
    tab = visit([file([row(outcome=outcome)])], "#?q=LSTM-1")
    text = tab.locator("#LSTM-1 td > button").inner_text()
    word = {"PASS": "1", "NOT CLAIMED": "–"}.get(outcome, f"{outcome.lower()} 1/1")
    assert text == word
