"""The specification as a document: complete, well-formed, and as kept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from outline import Outline
from rnnspec import clauses
from rnnspec.catalogue import every
from rnnspec.deviations import load
from rnnspec.document import FORMATS, kept, page, prose
from rnnspec.document.__main__ import main
from rnnspec.document.reading import Entry, chapters, modes_of
from rnnspec.notation import CELLS, CLAIMS, LAYERS, MODES

IDS = frozenset(str(clause) for clause in every())


@pytest.fixture(scope="module")
def html() -> str:
    return page("html")


@pytest.fixture(scope="module")
def markdown() -> str:
    return page("markdown")


@pytest.mark.parametrize("form", FORMATS)
def test_the_page_is_as_kept(form: str) -> None:
    """If not: `python -m rnnspec.document`."""
    assert kept(form).read_text("utf-8") == page(form), "run: python -m rnnspec.document"


class TestHtml:
    def test_is_well_formed_and_has_every_clause(self, html: str) -> None:
        outline = Outline(html)
        assert len(outline.ids) == len(set(outline.ids))
        assert set(outline.ids) >= IDS
        assert outline.count["h1"] == outline.count["main"] == outline.count["nav"] == 1
        assert outline.count["h3"] == outline.count["details"] == len(every())

    def test_links_lead_somewhere(self, html: str) -> None:
        outline = Outline(html)
        within = {link[1:] for link in outline.links if link.startswith("#")}
        assert within <= set(outline.ids)
        assert all(link.startswith(("#", "https://")) for link in outline.links)

    def test_is_self_contained(self, html: str) -> None:
        outline = Outline(html)
        assert not {"script", "img", "link", "iframe"} & set(outline.count)
        assert "url(" not in html
        assert "@import" not in html

    def test_says_all_of_a_clause(self, html: str) -> None:
        text = re.sub(r"\s+", " ", Outline(html).text.replace("`", ""))
        for clause in every():
            for said in (clause.norm, str(clause.says["source"])):
                assert plain(said) in text, clause
            assert f"def {clause.function.__name__}(rnn" in text
        for listed in load().entries:
            if listed.implementation == "torch.nn":
                assert f"torch.nn, {listed.condition}: {plain(listed.reason)} (" in text

    def test_names_the_others_who_deviate(self, html: str) -> None:
        for clause in every():
            names = [entry.implementation for entry in load().entries if entry.clause == str(clause)]
            others = ", ".join(name for name in dict.fromkeys(names) if name != "torch.nn")
            told = f"{others} (<code>rnnspec show {clause}</code>)"
            assert (told in html) is bool(others), clause


def plain(text: str) -> str:
    """A docstring without its marks."""
    return re.sub(r"`|\*\*|(?<!\w)\*(?=\S)|(?<=\w)\*(?!\w)", "", " ".join(text.split()))


class TestMarkdown:
    def test_has_every_clause(self, markdown: str) -> None:
        assert re.findall(r'<a id="([A-Z]+-\d+)"></a>', markdown) == [str(clause) for clause in every()]

    def test_links_lead_somewhere(self, markdown: str) -> None:
        anchors = set(re.findall(r'<a id="(.+)"></a>', markdown))
        assert set(re.findall(r"\]\(#(.+?)\)", markdown)) <= anchors
        places = re.findall(r"\[Check\]\((.+)#L(\d+)\)", markdown)
        assert len(places) == len(every())
        for (file, line), clause in zip(places, every(), strict=True):
            lines = kept("markdown").parent.joinpath(file).read_text("utf-8").splitlines()
            rest = "\n".join(lines[int(line) - 1 :])
            assert rest.startswith("@")
            assert re.search(r"def (\w+)", rest)[1] == clause.function.__name__  # type: ignore[index]


class TestBeginning:
    def test_says_how_to_read_it_and_what_conformance_is(self, html: str, markdown: str) -> None:
        words = re.findall(r"\*\*(.+?)\.\*\*", clauses.__doc__ or "")
        assert {"How to read it", "Letters", "Conformance", "Profiles", "Scopes"} <= set(words)
        for word in words:
            assert f"<strong>{word}.</strong>" in html
            assert f"**{word}.**" in markdown

    def test_has_every_claim(self, html: str) -> None:
        assert {f"claim-{claim}" for claim in CLAIMS} <= set(Outline(html).ids)


def entry(name: str) -> Entry:
    (found,) = [e for chapter in chapters() for e in chapter.clauses if e.id == name]
    return found


class TestReading:
    def test_every_clause_is_in_one_chapter_in_order(self) -> None:
        found = [e.id for chapter in chapters() for e in chapter.clauses]
        assert found == [str(clause) for clause in every()]

    def test_what_a_clause_is_tried_on(self) -> None:
        assert entry("BID-4").tried.startswith("every layer; always both directions; also ")
        assert entry("SEQ-8").tried == "RNN; always batch first; T 5, B 1, I 4, H 2"

    def test_norm_and_remarks_are_the_docstring(self) -> None:
        for clause in every():
            one = Entry(clause)
            words = " ".join([one.norm, *one.remarks]).split()
            assert words == (clause.function.__doc__ or "").split(), clause

    def test_counts(self) -> None:
        """A recording has no further seeds."""
        assert entry("SEQ-8").counts == (1, 1)
        assert entry("STK-3").counts == (5, 5 + 3 * 5)

    def test_modes(self) -> None:
        assert modes_of(MODES) == "every layer and every cell"
        assert modes_of([*CELLS, "GRU"]) == "every cell and GRU"
        assert modes_of(LAYERS[:2]) == "RNN and GRU"


class TestProse:
    def test_paragraphs(self) -> None:
        assert prose.paragraphs("One\n    line.\n\n    Two.\n    ") == ["One line.", "Two."]
        assert prose.paragraphs(None) == []

    def test_html(self) -> None:
        given = "**A.** `x < y` *all* of 2 * 3 * 4, h_0 < 1 & SEQ-1, XYZ-1, pytorch#12 & https://a.b/c_d"
        assert prose.as_html(given, {"SEQ-1"}) == (
            "<strong>A.</strong> <code>x &lt; y</code> <em>all</em> of 2 * 3 * 4, h_0 &lt; 1 &amp; "
            '<a href="#SEQ-1">SEQ-1</a>, XYZ-1, '
            '<a href="https://github.com/pytorch/pytorch/issues/12">pytorch#12</a> &amp; '
            '<a href="https://a.b/c_d">https://a.b/c_d</a>'
        )

    def test_markdown(self) -> None:
        given = "**A.** `x_i` *all* of 2 * 3, h_0 < [1] | SEQ-1, pytorch#12"
        assert prose.as_markdown(given, {"SEQ-1"}) == (
            r"**A.** `x_i` *all* of 2 \* 3, h\_0 \< \[1\] \| [SEQ-1](#SEQ-1), "
            "[pytorch#12](https://github.com/pytorch/pytorch/issues/12)"
        )


class TestCommand:
    @pytest.mark.parametrize(
        ("arguments", "form"),
        [
            (["-o", "a.html"], "html"),
            (["-o", "a.md"], "markdown"),
            (["-o", "a.txt", "--format", "markdown"], "markdown"),
        ],
    )
    def test_writes_one_page(
        self, arguments: list[str], form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        main(arguments)
        assert Path(arguments[1]).read_text("utf-8") == page(form)

    def test_an_unknown_format_is_refused(self) -> None:
        with pytest.raises(SystemExit):
            main(["--format", "pdf"])
