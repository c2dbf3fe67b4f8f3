"""Speed on the page of results: figures whose points are where their values are, tables, claims."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from outline import Outline
from page_kit import HOSTILE, file, row
from rnnspec.benchmarks import Measured
from rnnspec.benchmarks.claims import NOTE, span
from rnnspec.benchmarks.grid import SECTIONS
from rnnspec.report.page import page
from rnnspec.report.page.figure import DASHES, HUES, MARKERS, Figure, Line, Look, Point, Scale, around
from rnnspec.report.page.sections import ALONG, MEASURES
from rnnspec.report.page.text import visible
from speed_kit import full, hostile_speed, small, speed, times, wrong

FULL = times(full(), other=3.0)
"""Of torch.nn, and of one that is three times as slow."""

TITLES = {f"{measure.title}, against {size}" for measure in MEASURES for size in ALONG}


def body(*files: Any) -> str:
    return page(files).partition("<body>")[2]


def drawings(text: str) -> dict[str, list[ElementTree.Element]]:
    """The figures by title: forward and with gradients, one of each mode."""
    found: dict[str, list[ElementTree.Element]] = {}
    for each in re.findall(r"<svg role=\"img\" class=\"figure\".*?</svg>", text, re.S):
        svg = ElementTree.fromstring(each)
        found.setdefault(svg.attrib["aria-label"].partition(", B =")[0].partition(", T =")[0], []).append(svg)
    return found


def starts(path: str) -> list[tuple[float, float]]:
    """Where the parts of a path begin."""
    return [(float(x), float(y)) for x, y in re.findall(r"M([-\d.]+) ([-\d.]+)", path)]


def part(group: ElementTree.Element, kind: str) -> str:
    (found,) = [each for each in group if each.attrib["class"] == kind]
    return found.attrib["d"]


def of(found: Sequence[Measured], way: str, name: str = "torch.nn", grad: bool = False) -> list[Measured]:
    return [
        m for m in found if (m.entry.way, m.implementation, m.entry.grad) == (way, name, grad) and m.seconds
    ]


def along(found: Sequence[Measured], size: str) -> list[Measured]:
    """Those on the section through the centre of the grid, in the order of the size."""
    fixed = {"T": 32, "B": 16, "I": 128, "H": 128, "L": 1, "D": 1}
    varied = {size} | ({"I"} if size == "H" else set())
    own = [
        m
        for m in found
        if all(getattr(m.entry.case, n) == v for n, v in fixed.items() if n not in varied)
        and (size != "H" or m.entry.case.I == m.entry.case.H)
    ]
    return sorted(own, key=lambda m: getattr(m.entry.case, size))


def test_there_is_a_figure_of_each_measure_along_each_size() -> None:
    """Forward and with gradients."""
    found = drawings(body(speed(FULL)))
    assert set(found) == TITLES
    assert all(len(each) == 2 for each in found.values())


@pytest.mark.parametrize("size", ALONG)
@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.title)
def test_points_are_where_their_values_are(measure: Any, size: str) -> None:
    """By the labels of the axes, which are logarithmic: a factor is a distance."""
    svg = drawings(body(speed(FULL)))[f"{measure.title}, against {size}"][0]
    for name, group in zip(("torch.nn", "other"), svg.findall("g"), strict=True):
        mine = along(of(FULL, measure.way, name), size)
        assert [getattr(m.entry.case, size) for m in mine] == list(SECTIONS[size])
        places = starts(part(group, "marker"))
        for (x, y), m in zip(places, mine, strict=True):
            assert x == pytest.approx(across(svg, getattr(m.entry.case, size)), abs=0.2)
            assert y == pytest.approx(upward(svg, value(m, measure.title)[1]), abs=0.3)
        joined = "L".join(f"{x:g} {y:g}" for x, y in places)
        assert part(group, "line") == f"M{joined}"


def across(svg: ElementTree.Element, size: int) -> float:
    """Where a size is, by the first and the last label."""
    texts = [t for t in svg.findall("text") if t.get("class") == "across" and (t.text or "").isdigit()]
    return between([(float(t.attrib["x"]), float(t.text or "")) for t in texts], size)


def upward(svg: ElementTree.Element, value: float) -> float:
    """Where a value is, by the lowest and the highest label; a label is 4 pixels below its line."""
    texts = [t for t in svg.findall("text") if t.get("class") == "up"]
    return between([(float(t.attrib["y"]) - 4, number(t.text or "")) for t in texts], value)


def between(labels: Sequence[tuple[float, float]], value: float) -> float:
    (start, least), (end, most) = labels[0], labels[-1]
    return start + (end - start) * math.log(value / least) / math.log(most / least)


def value(m: Measured, title: str) -> Sequence[float]:
    """What a figure shows of a benchmark."""
    if title.startswith("Time"):
        return m.time
    if title.startswith("Speed-up"):
        return m.ratio
    low, middle, high = m.time
    return (m.share * middle / high, m.share, m.share * middle / low)


def test_a_speed_up_is_letters_or_rows_beside_one_call() -> None:
    """Above 1 where one call is faster."""
    found = drawings(body(speed(FULL)))
    for way, title in (("letters", "sequence over letter by letter"), ("rows", "batch over row by row")):
        (svg, _) = found[f"Speed-up of {title}, against H"]
        for m in along(of(FULL, way), "H"):
            assert f"{m.ratio.median:.2g}".rstrip("0").rstrip(".") in svg.attrib["aria-label"]
            assert m.ratio.median > 1


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.title)
def test_bars_are_the_middle_half(measure: Any) -> None:
    svg = drawings(body(speed(FULL)))[f"{measure.title}, against T"][0]
    group = svg.findall("g")[0]
    bars = re.findall(r"M[-\d.]+ ([-\d.]+)V([-\d.]+)", part(group, "spread"))
    mine = along(of(FULL, measure.way), "T")
    for (low, high), m in zip(bars, mine, strict=True):
        for place, wanted in ((low, value(m, measure.title)[0]), (high, value(m, measure.title)[2])):
            assert float(place) == pytest.approx(upward(svg, wanted), abs=0.3)


def number(text: str) -> float:
    """What the label of an axis says."""
    amount, _, unit = text.partition(" ")
    return float(amount) * {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "×": 1.0, "%": 0.01}[unit]


def test_a_figure_says_its_numbers_in_words() -> None:
    (svg, grad) = drawings(body(speed(FULL)))["Time of one call over everything, against B"]
    for shown, wanted in ((svg, False), (grad, True)):
        said = shown.attrib["aria-label"]
        assert said.startswith("Time of one call over everything, against B, T = 32, I = 128, H = 128. ")
        for name in ("torch.nn", "other"):
            each = along(of(FULL, "whole", name, wanted), "B")
            words = [f"{span(m.time.median)} at {m.entry.case.B}" for m in each]
            assert f"{name}: {', '.join(words)}" in said


def test_axes_are_labelled_with_units() -> None:
    for title, (svg, _) in drawings(body(speed(FULL))).items():
        texts = [each.text or "" for each in svg.findall("text")]
        size = title[-1]
        assert ALONG[size] in texts
        assert {str(at) for at in SECTIONS[size]} <= set(texts)
        units = {text.partition(" ")[2] for text in texts if re.match(r"\d\S* ", text)}
        assert units
        assert units <= {"s", "ms", "µs", "×", "%"}


def test_lines_are_told_apart_without_colour() -> None:
    looks = [Look(n) for n in range(len(MARKERS) * DASHES)]
    assert len({(look.marker, look.names.split()[1]) for look in looks}) == len(looks)
    (svg, _) = drawings(body(speed(FULL)))["Share of the machine's best, against H"]
    shapes = {re.sub(r"M[-\d.]+ [-\d.]+", "", part(group, "marker")) for group in svg.findall("g")}
    assert shapes == {MARKERS[0] * 5, MARKERS[1] * 5}


def test_every_look_is_in_the_style() -> None:
    style = page([]).partition("<style>")[2].partition("</style>")[0]
    assert all(f".hue-{n} path" in style for n in range(HUES))
    assert all(f".dash-{n} .line" in style for n in range(1, DASHES))


def test_the_quick_grid_has_no_figures_but_bars() -> None:
    text = body(speed(times(small())))
    assert drawings(text) == {}
    assert "figures" not in text
    assert "dotted line" not in text
    assert text.count('<svg class="bar"') == len(of(times(small()), "whole")) * 14


def test_two_points_are_no_line() -> None:
    """And what was measured elsewhere on the grid is on no line of a section."""
    some = [m for m in FULL if m.entry.case.T in (1, 32) and m.entry.case.B == 16]
    found = drawings(body(speed(some)))
    assert set(found) == {title for title in TITLES if title.endswith("H")}


def test_what_has_another_option_is_on_no_line() -> None:
    """A case differs in the words of its name too."""
    name, head, rows = speed(of(FULL, "whole"))
    for entry in head["benchmarks"]:
        if entry["T"] != 512:
            continue
        entry["case"] += "-nobias"
    (svg,) = drawings(body((name, head, rows)))["Time of one call over everything, against T"]
    assert len(starts(part(svg.findall("g")[0], "marker"))) == 4


def test_what_is_refused_is_on_no_line_and_says_why() -> None:
    bad = [m for m in times(full(), bad=1.0) if m.implementation == "bad"]
    text = body(speed([*FULL, *wrong(bad, "letters: h_n is not <b>what</b> it must be")]))
    assert all(len(svg.findall("g")) == 2 for each in drawings(text).values() for svg in each)
    assert text.count("no time: <bdi>letters: h_n is not &lt;b&gt;what&lt;/b&gt; it must be</bdi>") == len(
        bad
    )
    assert '<strong class="fail">Wrong:</strong> <bdi>bad</bdi>: <bdi>no time: letters: h_n' in text


def rows_of(text: str) -> list[list[str]]:
    """The lines of the tables, by cell."""
    return [
        [
            re.sub(r"<[^>]+>", "", cell).strip()
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line, re.S)
        ]
        for line in re.findall(r"<tr>(.*?)</tr>", text, re.S)
    ]


def test_the_table_has_every_time() -> None:
    found = times(small(), other=3.0)
    text = body(speed(found))
    lines = [each for each in rows_of(text) if len(each) == 9 and each[0] != "Implementation"]
    assert len(lines) == len(found)
    for m, line in zip(found, lines, strict=True):
        own = [m.implementation, m.entry.way]
        if m.entry.way in ("construction", "first call"):
            assert line == [
                *own,
                "",
                span(m.time.median),
                f"{m.time.spread:.0%}",
                "",
                "",
                "",
                f"the first: {span(m.seconds[0])}",
            ]
            continue
        baseline = "1.00" if m.implementation == "torch.nn" else "3.00"
        kind = "with gradients" if m.entry.grad else "forward"
        told = [span(m.time.median), f"{m.time.spread:.0%}", f"{m.ratio.median:.2f}", baseline]
        assert line[:7] == [*own, kind, *told]
        assert float(line[7].removesuffix(" %")) == pytest.approx(100 * m.share, rel=0.06)
        assert line[8] == ""


def test_a_bar_is_as_long_as_the_time() -> None:
    found = times(small())
    lengths = [float(each) for each in re.findall(r'<path d="M0 5h([\d.]+)"/>', body(speed(found)))]
    spent = [m.time.median for m in found if m.peak]
    assert max(lengths) == 60
    assert lengths == [pytest.approx(max(0.5, 60 * s / max(spent)), abs=0.06) for s in spent]


def test_what_is_unsteady_is_marked() -> None:
    name, head, rows = speed(times(small()))
    head["benchmarks"][1]["steady"] = False
    assert [line[-1] for line in rows_of(body((name, head, rows))) if line[0] == "torch.nn"].count(NOTE) == 1


def test_claims_say_their_ratio_and_whether_they_are_made() -> None:
    name, head, rows = speed(FULL)
    text = body((name, head, rows))
    for clause in ("SPD-1", "SPD-2", "SPD-3", "SPD-4"):
        mine = [each for each in rows if each.clause == clause]
        made = sum(each.outcome == "PASS" for each in mine)
        (summary,) = re.findall(rf"<summary><bdi>{clause}</bdi>(.*?)</summary>", text, re.S)
        assert f"made in {made} of {len(mine)}" in summary
        assert re.search(r'<span class="norm">[^<]+</span>', summary)
    shown = [line for line in rows_of(text) if len(line) == 5 and line[3] in ("made", "not made")]
    assert len(shown) == len(rows)
    words = {(line[0], line[1], escape(line[4], quote=False)): (line[2], line[3]) for line in shown}
    for each in rows:
        ratio, word = words[each.implementation, each.case, escape(each.message, quote=False)]
        assert float(ratio.removeprefix(">")) == pytest.approx(each.headroom, rel=0.06)
        assert word == ("made" if each.outcome == "PASS" else "not made")


def test_a_claim_that_is_not_made_is_no_failure() -> None:
    unmade = row("SPD-1", "NOT CLAIMED", level="MAY", headroom=1.3)
    text = body((*speed(times(small()))[:2], [unmade, row("SPD-2", level="MAY", headroom=0.3)]))
    assert "made in 0 of 1" in text
    assert 'class="fail"' not in text
    assert "not made" in text


@pytest.mark.parametrize(
    ("clause", "outcome", "said"),
    [
        ("SPD-1", "FAIL", "1 wrong"),
        ("SPD-1", "NOT CLAIMED", "1 no time"),
        ("SPD-77", "PASS", "Not in this specification."),
    ],
)
def test_what_becomes_of_a_claim_without_times(clause: str, outcome: str, said: str) -> None:
    """Rows alone make a section too."""
    named = file([row(clause, outcome, level="MAY", message="no time: off")], scope="speed, quick")
    text = body(named)
    assert said in text
    assert "no time: off" in text
    assert ("Wrong:" in text) == (outcome == "FAIL")


def test_a_file_of_speed_alone_is_a_page_of_speed_alone() -> None:
    text = body(speed(FULL))
    outline = Outline(text.partition("<script")[0].partition("</main>")[0] + "</main>")
    assert outline.ids == ["page:speed", "page:speed-1"]
    for word in ("Where they stand", "Clause by clause", "Files", "passes all", "not a verdict", "in part"):
        assert word not in text
    assert 'href="#page:speed"' in text
    assert "2 implementations in 1 file" in text


def test_beside_a_file_of_results_it_is_no_column() -> None:
    both = page([file([row()]), speed(FULL)])
    (data,) = re.findall(r'id="page:data">(.*?)</script>', both)
    assert "SPD-" not in data
    assert data.count('"key"') == 1
    assert both.index("Clause by clause") < both.index(">Speed</h2>")
    without = page([file([row()])])
    assert ">Speed</h2>" not in without
    assert drawings(without) == {}


def test_each_device_dtype_and_number_of_threads_is_apart() -> None:
    name, head, rows = speed(times(small()))
    more = [
        entry | change
        for change in ({}, {"threads": 4}, {"device": "cuda"}, {"dtype": "float64"})
        for entry in head["benchmarks"]
    ]
    text = body((name, {**head, "benchmarks": more}, rows))
    heads = [
        re.sub(r"\s+", " ", re.sub("<[^>]+>", "", each)) for each in re.findall("<h3.*?</h3>", text, re.S)
    ]
    assert heads == [
        "torch.nn on cpu, float32, 1 thread",
        "torch.nn on cpu, float32, 4 threads",
        "torch.nn on cuda, float32, 1 thread",
        "torch.nn on cpu, float64, 1 thread",
    ]


def test_nothing_measured_says_so() -> None:
    text = body(speed([]))
    assert "Nothing was measured." in text
    assert drawings(text) == {}


def test_times_of_several_runs_say_so() -> None:
    assert "times may be of several runs" not in body(speed(FULL))
    assert "times may be of several runs" in body(speed(FULL, merged=[{}, {}]))


def test_a_page_of_hostile_times_is_well_formed_and_shows_them() -> None:
    text = page([hostile_speed()])
    outline, plain = Outline(text), Outline(page([hostile_speed("x")]))
    assert len(outline.ids) == len(set(outline.ids))
    for tag in ("script", "style", "img", "b", "svg", "path", "text", "figure"):
        assert outline.count[tag] == plain.count[tag]
    assert not outline.attributes & {"style", "onclick", "onload", "onerror", "src"}
    assert not re.search("[\0\x1b\u202e\u2028\ud800-\udfff]", text.partition("<body>")[2])
    for word in ("torch.nn", "bad", "cpu", "speed.jsonl"):
        assert visible(f"{HOSTILE}{word}") in outline.text


def test_a_page_with_times_is_the_same_each_time() -> None:
    named = speed(FULL, date="2026-11-26T10:00:00+00:00")
    assert page([named]) == page([named])


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([3e-5, 7e-3], (2e-5, 1e-2)),
        ([1.0], (0.5, 2.0)),
        ([2e-4, 2e-4], (1e-4, 4e-4)),
        ([1.0, 1.1], (1.0, 2.0)),
        ([0.99, 1.0], (0.5, 1.0)),
    ],
)
def test_an_axis_ends_at_round_values(values: list[float], wanted: tuple[float, float]) -> None:
    assert around(values) == pytest.approx(wanted)


@pytest.mark.parametrize("most", [1.5, 2, 7, 30, 1e3, 1e6, 1e40, 1e200])
def test_an_axis_has_two_labels_to_seven(most: float) -> None:
    scale = Scale(*around([1.0, most]), 172, 8)
    places = [scale(tick) for tick in scale.ticks]
    assert 2 <= len(places) <= 7
    assert all(a - b > 8 for a, b in pairwise(places))
    assert all(8 <= place <= 172 for place in places)


@pytest.mark.parametrize("value", [1e-100, 1.0, 1e100])
def test_figures_take_any_number(value: float) -> None:
    points = [Point(n, value, value, value) for n in (1, 2**40, 2**62)]
    drawn = Figure("of what", "", "T", "time", [Line("mine", Look(0), points)], mark=1.0)
    text = "".join((drawn.path(drawn.lines[0]), drawn.bars(drawn.lines[0]), drawn.frame, drawn.marked))
    assert "nan" not in text
    assert "inf" not in text
    assert len(list(drawn.across)) == 3
