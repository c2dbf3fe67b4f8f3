"""`rnnspec report --badge`: green for a verdict alone, and well formed whatever the names."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnspec.plain import plain
from rnnspec.report import badge
from rnnspec.report.standing import STALE, Standing, standings
from rnnspec.result import OUTCOMES, Row
from rows_kit import HOSTILE, file, kept, row, run

TODAY = date(2026, 11, 26)
SVG = "{http://www.w3.org/2000/svg}"


def verdict(*rows: Row, today: date = TODAY, **words: Any) -> badge.Badge:
    return badge.badge(standings([file(*rows, **{"date": "2026-11-26T10:00:00+00:00"} | words)]), today)


def green(found: badge.Badge) -> bool:
    """In either form."""
    shields, image = json.loads(found.shields()), found.svg()
    assert (shields["color"] == "brightgreen") == (badge.HEX["brightgreen"] in image)
    return bool(shields["color"] == "brightgreen")


RUNS = st.fixed_dictionaries(
    {
        "scope": st.sampled_from(["core", "core", "full", "smoke", "", "Core"]),
        "whole": st.sampled_from([True, True, True, False, None, 1, "true"]),
        "date": st.one_of(
            st.integers(-40, 40).map(lambda days: (TODAY - timedelta(days)).isoformat() + "T23:59:59+00:00"),
            st.sampled_from(["2026-11-26", "", "yesterday", "0000-00-00", "9999-12-31", "T", "26.11.2026"]),
        ),
        "dtypes": st.sampled_from(
            [["float32", "float64"], ["float32", "float64", "bfloat16"], ["float32"], []]
        ),
        "seed": st.sampled_from(["of each case", "of each case", [1, 2]]),
        "profiles": st.sampled_from([[], [], ["mine conforms to rnnspec 1.0, profile cell, scope core"]]),
    }
)
OUTCOME = st.lists(st.sampled_from(["PASS"] * 8 + ["NOT CLAIMED"] * 4 + [*OUTCOMES]), max_size=5)


def fresh(word: str) -> bool:
    """A day from yesterday's tomorrow to 30 days ago, found without the code under test."""
    return word[:10] in {(TODAY - timedelta(days)).isoformat() for days in range(-1, STALE + 1)}


def deserved(words: dict[str, Any], outcomes: list[str]) -> bool:
    """What a green badge says."""
    tried = [outcome for outcome in outcomes if outcome != "NOT CLAIMED"]
    everything = words["whole"] is True and words["scope"] in ("core", "full")
    everything = everything and {"float32", "float64"} <= {*words["dtypes"]}
    everything = everything and words["seed"] == "of each case" and not words["profiles"]
    return bool(tried) and {*tried} == {"PASS"} and everything and fresh(words["date"])


class TestBadge:
    @given(st.lists(st.tuples(RUNS, st.lists(OUTCOME, min_size=1, max_size=2)), min_size=1, max_size=3))
    def test_is_green_for_a_verdict_alone(self, runs: list[tuple[dict[str, Any], list[list[str]]]]) -> None:
        files, wanted = [], []
        for words, subjects in runs:
            rows = [
                row(f"SEQ-{n}", outcome, implementation=f"mine{number}")
                for number, outcomes in enumerate(subjects)
                for n, outcome in enumerate(outcomes)
            ]
            files.append(file(*rows, **words))
            wanted += [deserved(words, outcomes) for outcomes in subjects if outcomes]
        found = badge.badge(standings(files), TODAY)
        assert green(found) == (bool(wanted) and all(wanted))
        assert green(found) <= (" 100 %" in found.message)

    @pytest.mark.parametrize("scope", ["core", "full"])
    def test_is_green_for_one(self, scope: str) -> None:
        found = verdict(row(), row("SEQ-2", "NOT CLAIMED"), scope=scope, specification="1.0")
        assert json.loads(found.shields()) == {
            "schemaVersion": 1,
            "label": "rnnspec 1.0",
            "message": f"{scope} · 100 %",
            "color": "brightgreen",
            "isError": False,
        }

    @pytest.mark.parametrize(
        ("words", "rows", "colour", "said"),
        [
            ({}, [("SEQ-1", "FAIL")], "red", "core · 0 % · 1 clause fails"),
            ({}, [("SEQ-1", "PASS"), ("SEQ-2", "CRASH"), ("SEQ-3", "FIXED")], "red", "33 % · 2 clauses fail"),
            ({"scope": "smoke"}, [("SEQ-1", "FAIL")], "red", "smoke · 0 % · 1 clause fails"),
            ({"scope": "smoke"}, [("SEQ-1", "PASS")], "lightgrey", "smoke · 100 % · partial"),
            ({"whole": False}, [("SEQ-1", "PASS")], "lightgrey", "core · 100 % · partial"),
            ({"profiles": ["no"]}, [("SEQ-1", "PASS")], "lightgrey", "core · 100 % · partial"),
            ({"date": "2026-10-26"}, [("SEQ-1", "PASS")], "lightgrey", "core · 100 % · of 2026-10-26"),
            ({"date": "2026-11-28"}, [("SEQ-1", "PASS")], "lightgrey", "core · 100 % · of 2026-11-28"),
            ({"date": "<now>"}, [("SEQ-1", "PASS")], "lightgrey", "core · 100 % · without a date"),
            ({}, [("SEQ-1", "KNOWN"), ("SEQ-2", "PASS")], "yellow", "core · 50 % · listed deviations"),
            ({}, [("SEQ-1", "NOT CLAIMED")], "lightgrey", "core · nothing passes"),
            ({}, [("SEQ-1", "KNOWN")], "lightgrey", "core · nothing passes"),
        ],
    )
    def test_says_why_it_is_not(
        self, words: dict[str, Any], rows: list[tuple[str, str]], colour: str, said: str
    ) -> None:
        found = verdict(*(row(*each) for each in rows), **words)
        assert found.colour == colour
        assert found.message.endswith(said)
        assert json.loads(found.shields())["isError"] is (colour == "red")

    @pytest.mark.parametrize(
        ("days", "is_green"), [(-2, False), (-1, True), (0, True), (30, True), (31, False)]
    )
    def test_is_green_for_thirty_days(self, days: int, is_green: bool) -> None:
        assert green(verdict(row(), today=TODAY + timedelta(days))) is is_green

    def test_of_the_worst(self) -> None:
        good, bad = file(row(), date="2026-11-26"), file(row(outcome="FAIL"), date="2026-11-26")
        part = file(row(), date="2026-11-26", whole=False)
        for files, colour in (([good, bad], "red"), ([good, part], "lightgrey"), ([part, bad], "red")):
            assert badge.badge(standings(files), TODAY).colour == colour

    @given(st.integers(1, 3), st.integers(0, 5000))
    def test_the_share_is_never_rounded_up(self, known: int, passed: int) -> None:
        each = Standing({"scope": "core"}, "mine", "cpu", [row()] * passed + [row(outcome="KNOWN")] * known)
        assert "100 %" not in badge.badge([each], TODAY).message

    @pytest.mark.parametrize("text", HOSTILE)
    def test_is_well_formed_whatever_the_names(self, text: str) -> None:
        mine = row(implementation=text, device=text)
        found = verdict(mine, specification=text, scope=text, date=text)
        image = ElementTree.fromstring(found.svg())
        assert image.tag == f"{SVG}svg"
        assert {child.tag.removeprefix(SVG) for child in image.iter()} <= {
            "svg",
            "title",
            "clipPath",
            "rect",
            "g",
            "text",
        }
        assert image.find(f"{SVG}title") is not None
        assert plain(found.label) in [each.text for each in image.iter(f"{SVG}text")]
        assert json.loads(found.shields())["label"] == f"rnnspec {text}"

    def test_no_results_at_all(self) -> None:
        assert badge.badge([], TODAY).message == "nothing passes"

    @pytest.mark.parametrize("name", ["badge.json", "badge.svg"])
    @pytest.mark.parametrize("content", [None, "", "{}", '{"header": {"rows": 1, "whole": true}}\n'])
    def test_takes_the_place_of_a_green_one(self, name: str, content: str | None, tmp_path: Path) -> None:
        """Where nothing can be read of what is to be shown."""
        good, results, to = kept(tmp_path / "good", row()), tmp_path / "rows", tmp_path / name
        assert run("report", good, "--badge", "-o", to).exit_code == 0
        assert "100 %" in to.read_text()
        if content is not None:
            results.write_text(content)
        ran = run("report", good, results, "--badge", "-o", to)
        assert ran.exit_code == 2
        assert ran.stderr.startswith(f"rnnspec: {results}:1: ")
        assert "no results" in to.read_text()
        assert "lightgrey" in to.read_text() or badge.HEX["lightgrey"] in to.read_text()

    def test_days_are_an_option(self, tmp_path: Path) -> None:
        path = kept(tmp_path / "rows", row(), date=(date.today() - timedelta(5)).isoformat())
        for days, colour in ((4, "lightgrey"), (5, "brightgreen"), (6, "brightgreen")):
            assert json.loads(run("report", path, "--badge", "--stale", days).stdout)["color"] == colour
