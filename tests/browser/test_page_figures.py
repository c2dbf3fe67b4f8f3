"""The section on speed in a browser: seen by axe, on a phone, in the dark, on paper, without a script."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from page_kit import Visit, file, row, sin
from rnnspec.report.page import page
from speed_kit import SHOWN, full, hostile_speed, real, small, speed, times, wrong

SECTIONS = [m for m in times(full(), **{"mypkg:Fast": 0.6}) if m.entry.way in SHOWN]

FULL = speed([*SECTIONS, *wrong(times(small("GRU")))])
QUICK = speed(times(small()), "quick.jsonl")
FILES = {
    "full": [FULL],
    "quick": [QUICK],
    "hostile": [hostile_speed(few=True)],
    "both": [file([row()]), FULL, QUICK],
}

STROKE = "path => getComputedStyle(path).stroke"


def opened(visit: Visit, name: str, **options: Any) -> Any:
    """A page with all that it can open to open."""
    tab = visit(FILES[name], **options)
    tab.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    return tab


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", FILES)
def test_axe_finds_nothing_serious(visit: Visit, name: str, scheme: str) -> None:
    assert sin(opened(visit, name, color_scheme=scheme)) == []


def test_axe_would_find_a_figure_without_words(visit: Visit) -> None:
    said = 'aria-label="Time of one call over everything, against T'
    text = page([FULL])
    assert said in text
    tab = visit(text.replace(said, f"data-{said}"))
    assert any(each.startswith("svg-img-alt") for each in sin(tab))


def luminance(colour: str) -> float:
    """Of `rgb(1, 2, 3)`."""
    parts = [int(word) / 255 for word in colour.partition("(")[2].rstrip(")").split(",")[:3]]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_stand_out_from_the_paper(visit: Visit, scheme: str) -> None:
    many = {f"mypkg:Net{n}": 1.0 + n for n in range(5)}
    tab = visit([speed(times(full(), **many))], color_scheme=scheme)
    first = tab.locator("svg.figure[role=img]").first
    paper = tab.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    strokes = [each.evaluate(STROKE) for each in first.locator("path.marker").all()]
    assert len(set(strokes)) == 6
    for stroke in strokes:
        dark, light = sorted((luminance(stroke), luminance(paper)))
        assert (light + 0.05) / (dark + 0.05) >= 3


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("width", [360, 768])
def test_no_page_scrolls_sideways(visit: Visit, name: str, width: int) -> None:
    tab = opened(visit, name, viewport={"width": width, "height": 740})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    for drawn in tab.locator("svg.figure[role=img]").all()[:6]:
        box = drawn.bounding_box()
        assert 0 <= box["x"] < box["x"] + box["width"] <= width


def test_no_label_of_a_figure_touches_another(visit: Visit) -> None:
    tab = opened(visit, "full")
    boxes = (
        "svgs => svgs.map((svg) => [...svg.querySelectorAll('text')].map((t) => t.getBoundingClientRect()))"
    )
    found = tab.locator("svg.figure[role=img]").evaluate_all(boxes)
    assert len(found) == 24
    for labels in found:
        for i, one in enumerate(labels):
            for other in labels[:i]:
                apart = one["x"] >= other["x"] + other["width"] or other["x"] >= one["x"] + one["width"]
                above = one["y"] >= other["y"] + other["height"] or other["y"] >= one["y"] + one["height"]
                assert apart or above


def test_a_hostile_file_shows_as_text(visit: Visit) -> None:
    tab = opened(visit, "hostile")
    for tag, many in {"script": 2, "style": 1, "img": 0, "b": 5, "body": 1}.items():
        assert tab.locator(tag).count() == many


def test_paper_has_everything(visit: Visit) -> None:
    tab = visit(FILES["full"])
    tab.emulate_media(media="print")
    seen = "rows => rows.every((row) => row.checkVisibility())"
    assert tab.locator(".speed tbody tr").count() > 200
    assert tab.locator(".speed tbody tr").evaluate_all(seen)
    assert tab.locator("svg.figure[role=img]").evaluate_all(seen)


def test_without_script_it_is_all_there(visit: Visit) -> None:
    tab = visit(FILES["full"], java_script_enabled=False)
    assert tab.locator("svg.figure[role=img]").first.is_visible()
    assert not tab.locator("noscript").count()


def test_the_first_key_leads_to_the_times(visit: Visit) -> None:
    tab = visit(FILES["quick"])
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "page:speed"


def test_how_fast_is_it(visit: Visit, pictured: Callable[[Any, str], None]) -> None:
    """The picture shows real times, for which it takes minutes."""
    asked = "RNNSPEC_SCREENSHOTS" in os.environ
    about = {"platform": "Linux", "scope": "speed, sections"}
    tab = visit([speed(real("torch.nn", "plain:LSTM"), **about)] if asked else FILES["full"])
    assert tab.get_by_role("img", name="Time of one call over everything, against T").is_visible()
    tab.evaluate("document.querySelector('article').scrollIntoView()")
    pictured(tab, "how-fast")
