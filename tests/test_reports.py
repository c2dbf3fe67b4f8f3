"""`rnnspec report`: JUnit and Markdown, in which names and messages are text; and the command's own words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from rnnspec.plain import plain
from rnnspec.report import junit, markdown
from rnnspec.report.standing import STATES, standings
from rnnspec.result import BAD, OUTCOMES, Row
from rows_kit import HOSTILE, file, kept, row, run

TODAY = date(2026, 11, 26)


def xml(*rows: Row, **words: Any) -> ElementTree.Element:
    return ElementTree.fromstring(junit.document(standings([file(*rows, **words)])).encode())


class TestJUnit:
    def test_counts_are_those_of_the_cases(self) -> None:
        rows = [row(f"SEQ-{n}", outcome) for n, outcome in enumerate([*OUTCOMES, *OUTCOMES[:3]])]
        rows += [row(implementation="other", device="cuda")]
        first, second = xml(*rows).findall("testsuite")
        assert (first.get("name"), second.get("name")) == ("mine on cpu", "other on cuda")
        for suite in (first, second):
            count = Counter(child.tag for case in suite.findall("testcase") for child in case)
            tags = {"failures": "failure", "errors": "error", "skipped": "skipped"}
            assert {name: suite.get(name) for name in tags} == {n: str(count[t]) for n, t in tags.items()}
            assert suite.get("tests") == str(len(suite.findall("testcase")))
        count = Counter(each.outcome for each in rows)
        assert int(first.get("failures", "")) + int(first.get("errors", "")) == sum(count[o] for o in BAD)
        assert float(first.get("time", "")) == sum(float(case.get("time", "")) for case in first)

    def test_a_failure_has_its_message_and_script(self) -> None:
        suite = xml(row(outcome="FAIL", message="so\nand so", reproducer="import torch"), row("SEQ-2"))[0]
        bad, good = suite
        assert (bad.get("classname"), bad.get("name")) == (
            "rnnspec.SEQ",
            "SEQ-1[mine-cpu-float32-GRU-T5-B3-I4-H7]",
        )
        assert bad[0].attrib == {"message": "FAIL: so"}
        assert bad[0].text == "so\nand so\n\nimport torch"
        assert len(good) == 0

    @pytest.mark.parametrize("text", HOSTILE)
    def test_is_well_formed_whatever_the_names(self, text: str) -> None:
        """And says what can be said in XML as it is."""
        names = {"implementation": text, "device": text, "case": text}
        suite = xml(row(f"SEQ-1{text}", "FAIL", text, reproducer=text, **names), date=text)[0]
        kept_back = junit.IMPOSSIBLE.sub("", text)
        name = suite.get("name", "")
        assert len(suite) == 1
        assert [child.tag for child in suite[0]] == ["failure"]
        if kept_back == text:
            assert name == f"{text} on {text}"
            assert (suite[0][0].text or "").splitlines() == "\n\n".join(
                filter(None, (text, text))
            ).splitlines()
        assert not junit.IMPOSSIBLE.search(name)

    def test_the_command_writes_a_file_that_can_be_parsed(self, tmp_path: Path) -> None:
        path = kept(tmp_path / "rows", row("SEQ-1", "FAIL", "\ud800 größer \x00"))
        assert run("report", path, "--junit", "-o", tmp_path / "deep" / "junit.xml").exit_code == 0
        (failure,) = ElementTree.parse(tmp_path / "deep" / "junit.xml").iter("failure")
        assert failure.text == "\\xd800 größer \\x00"

    def test_no_rows(self) -> None:
        assert len(xml()) == 0


HARMLESS = {
    *("table", "thead", "tbody", "tr", "th", "td", "inline", "text", "html_inline", "html_block"),
    *("heading", "paragraph", "fence", "softbreak"),
}
"""What there is in a report, whatever the names."""


def tokens(text: str) -> Iterator[Token]:
    """What a reader of GitHub's Markdown makes of it: tables, and addresses that become links."""
    reader = MarkdownIt("gfm-like", {"linkify": False, "html": True})
    for token in reader.parse(text):
        yield token
        yield from token.children or ()


def shown(*rows: Row, **words: Any) -> str:
    words = {"date": "2026-11-26T10:00:00+00:00"} | words
    return "\n".join(markdown.lines(standings([file(*rows, **words)]), {"SEQ-1": "It is so."}, TODAY))


class TestMarkdown:
    @pytest.mark.parametrize(
        ("words", "outcome", "state"),
        [
            ({}, "PASS", "passes"),
            ({}, "FAIL", "bad"),
            ({}, "NOT CLAIMED", "nothing"),
            ({"whole": False}, "PASS", "partial"),
            ({"scope": "smoke"}, "PASS", "partial"),
            ({"date": "2020-01-01"}, "PASS", "stale"),
        ],
    )
    def test_verdicts(self, words: dict[str, Any], outcome: str, state: str) -> None:
        line = shown(row(outcome=outcome), **words).splitlines()[2]
        assert line.split(" | ")[2] == STATES[state]

    def test_listed_deviations(self) -> None:
        assert STATES["listed"] in shown(row(), row("SEQ-2", "KNOWN"))

    def test_every_row_is_counted(self) -> None:
        rows = [row(f"SEQ-{n}", outcome) for n, outcome in enumerate([*OUTCOMES, "PASS", "PASS"])]
        heading, _, line = shown(*rows).splitlines()[:3]
        cells = dict(zip(heading.split(" | ")[3:-1], line.split(" | ")[3:-1], strict=True))
        assert cells == {each.lower(): "3" if each == "PASS" else "1" for each in OUTCOMES}

    def test_what_is_bad_is_told_with_its_norm_case_and_script(self) -> None:
        rows = [row(outcome="FAIL", message="so\n  and so", reproducer="import torch"), row(dtype="float64")]
        text = shown(*rows)
        assert "</code></b> (MUST), 1 of 2 cases: It is so.</summary>\n" in text
        fences = [(token.info, token.content) for token in tokens(text) if token.type == "fence"]
        assert fences == [("", "so\n  and so\n"), ("python", "import torch\n")]

    @pytest.mark.parametrize("text", HOSTILE)
    def test_names_and_messages_are_text(self, text: str) -> None:
        """Whatever they are, the tree has the same parts, and they stand in it as code."""
        names = {"implementation": text, "device": text, "case": text}
        words = {"scope": text, "date": "2026-11-26", "torch": text}
        bad = row(f"SEQ-1{text}", "FAIL", text, reproducer=text or "-", **names)
        found = list(tokens(shown(bad, **words)))
        assert {token.type.removesuffix("_open").removesuffix("_close") for token in found} <= HARMLESS
        cells = [after for before, after in pairwise(found) if before.type == "td_open"]
        said = ["".join(c.content for c in cell.children or () if c.type == "text") for cell in cells]
        name = plain(" ".join(text.split()))
        assert (len(said), said[:2]) == (len(OUTCOMES) + 4, [name, name])
        assert "lib 1.0" in said[-1]
        assert [token.type for token in found].count("heading_open") == 1
        inline = {token.content for token in found if token.type == "html_inline"}
        assert inline <= {"<code>", "</code>"}
        blocks = [token.content for token in found if token.type == "html_block"]
        assert [block.partition("<code>")[0].strip() for block in blocks] == [
            "<details><summary><b>FAIL",
            "</details>",
        ]
        fences = [token.content for token in found if token.type == "fence"]
        wanted = ["\n".join(map(plain, said.split("\n"))) for said in (text, text or "-")]
        assert [fence.removesuffix("\n") for fence in fences] == [w.removesuffix("\n") for w in wanted]

    @pytest.mark.parametrize("text", HOSTILE)
    def test_nobody_is_mentioned_outside_of_code(self, text: str) -> None:
        """A reader of mentions and links goes over the text that is not in code."""
        bad = row("SEQ-1" + text, "FAIL", text, implementation=text, device=text, case=text)
        depth, outside = 0, ""
        for token in tokens(shown(bad, scope=text, torch=text)):
            if token.type == "html_inline":
                depth += 1 if token.content == "<code>" else -1
            elif token.type == "text" and not depth:
                outside += token.content
        assert not {"@", "#", "`", "[", "<", "www"} & {*outside}
        assert "example" not in outside

    def test_a_long_message_is_cut_off(self) -> None:
        text = shown(row(outcome="FAIL", message="x" * 100_000))
        assert len(text) < 6000
        assert "\n...\n" in text

    def test_a_message_of_fences_stays_within_its_own(self) -> None:
        for many in range(1, 8):
            text = shown(row(outcome="FAIL", message=f"{'`' * many}\n# no\n{'`' * many}"))
            (fence,) = [token for token in tokens(text) if token.type == "fence"]
            assert fence.content == f"{'`' * many}\n# no\n{'`' * many}\n"

    def test_no_rows(self) -> None:
        assert shown().endswith("\nThere are no rows.")


class TestCommand:
    def test_one_format_at_a_time(self, tmp_path: Path) -> None:
        path = kept(tmp_path / "rows", row())
        for words in (
            ("--markdown", "--junit"),
            ("--junit", "--badge"),
            ("--badge", "--markdown", "--junit"),
        ):
            ran = run("report", path, *words)
            assert (ran.exit_code, ran.stdout) == (2, "")
            assert ran.stderr == "rnnspec: --markdown, --junit, --badge: one at a time\n"

    @pytest.mark.parametrize("word", ["--markdown", "--junit", "--badge"])
    def test_to_a_file_as_to_stdout(self, word: str, tmp_path: Path) -> None:
        path = kept(tmp_path / "rows", row(), row("SEQ-2", "FAIL", "größer"))
        said = run("report", path, word).stdout
        assert run("report", path, word, "-o", tmp_path / "to").output == ""
        assert (tmp_path / "to").read_text("utf-8") == said

    @pytest.mark.parametrize("word", ["--markdown", "--junit", "--badge"])
    def test_a_file_of_results_is_not_written_over(self, word: str, tmp_path: Path) -> None:
        path = kept(tmp_path / "rows", row())
        before = path.read_bytes()
        (tmp_path / "link").symlink_to(path)
        for to in (path, tmp_path / "link", tmp_path / "." / "rows"):
            ran = run("report", path, word, "-o", to)
            assert ran.exit_code == 2
            assert ran.stderr == f"rnnspec: --output: {to} is one of the files of results\n"
        assert path.read_bytes() == before

    def test_the_status_says_nothing_of_the_rows(self, tmp_path: Path) -> None:
        path = kept(tmp_path / "rows", row(outcome="FAIL"))
        for word in ("--markdown", "--junit", "--badge"):
            assert run("report", path, word).exit_code == 0
