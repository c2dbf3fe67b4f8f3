"""`tests/mutants/KILLS.md`: which mutant dies of which clause, from `kills.json` and the register.

`python tests/kill_matrix.py` writes it beside the file that it writes; `--page` writes it alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from mutants import MUTANTS
from rnnspec.catalogue import first_sentence
from rnnspec.clauses import CHAPTERS
from rnnspec.document.prose import as_markdown
from rnnspec.notation import MODES

HEAD = """\
# Which mutant dies of which clause

Written by `tests/kill_matrix.py` from `kills.json`; not to be edited. A mutant is a class with one defect in
one mode; a *defect* is the same one in several modes. A mutant is *about* the clauses that its author named;
of these, and of many others, it dies. `python tests/kill_matrix.py` says which clauses are tried on what.
"""


class Defect(NamedTuple):
    """What is wrong with the mutants of a name; by mode, the clauses they are about, and those they fail."""

    name: str
    fault: str
    about: Mapping[str, frozenset[str]]
    fails: Mapping[str, frozenset[str]]

    def modes(self, clause: str | None = None) -> str:
        """Its modes; those that are about a clause."""
        return ", ".join(mode for mode in MODES if mode in self.fails and self.is_about(clause, mode))

    def is_about(self, clause: str | None, mode: str) -> bool:
        return clause is None or clause in self.about[mode]

    def failing(self, chapter: str) -> int:
        """How many clauses of a chapter it fails, in the mode in which it fails most."""
        return max(sum(letters(clause) == chapter for clause in mine) for mine in self.fails.values())


def letters(clause: str) -> str:
    return clause.partition("-")[0]


def defects(fails: Mapping[str, Sequence[str]]) -> list[Defect]:
    """The mutants of the file that are still in the register, put together by their defect."""
    names = [name for name in fails if name in MUTANTS]
    key = lambda name: name.removeprefix(MUTANTS[name].mode)  # noqa: E731
    found = []
    for name, group in groupby(sorted(names, key=key), key=key):
        mine = list(group)
        found.append(
            Defect(
                name,
                first_sentence(MUTANTS[mine[0]].fault),
                {MUTANTS[mutant].mode: frozenset(MUTANTS[mutant].dies_of) for mutant in mine},
                {MUTANTS[mutant].mode: frozenset(fails[mutant]) for mutant in mine},
            )
        )
    return found


def page(tried: Sequence[str], fails: Mapping[str, Sequence[str]]) -> str:
    """The whole page."""
    every, chapters = defects(fails), list(dict.fromkeys(letters(clause) for clause in tried))
    parts = [HEAD, "## Chapters\n", *_totals(tried, every, chapters), "\n## Clauses\n"]
    for clause in tried:
        parts += _clause(clause, every)
    return "\n".join([*parts, "## Defects and chapters\n", *_table(every, chapters), ""])


def _totals(tried: Sequence[str], every: Sequence[Defect], chapters: Sequence[str]) -> Iterator[str]:
    yield "| chapter | clauses | mutants about it | mutants that die of it | of it alone |"
    yield "|---|---:|---:|---:|---:|"
    about = [set(map(letters, mine)) for defect in every for mine in defect.about.values()]
    fails = [set(map(letters, mine)) for defect in every for mine in defect.fails.values()]
    for chapter in chapters:
        named = sum(chapter in mine for mine in about)
        dying = sum(chapter in mine for mine in fails)
        alone = sum({chapter} == mine for mine in fails)
        count = sum(letters(clause) == chapter for clause in tried)
        yield f"| {chapter} {CHAPTERS[chapter]} | {count} | {named} | {dying} | {alone} |"


def _clause(clause: str, every: Sequence[Defect]) -> Iterator[str]:
    """How many mutants die of a clause, and the defects that are about it."""
    dying = sum(clause in mine for defect in every for mine in defect.fails.values())
    said = "mutant dies" if dying == 1 else "mutants die"
    yield f'<a id="{clause}"></a>**{clause}**: {dying} {said} of it.\n'
    about = [defect for defect in every if defect.modes(clause)]
    yield from (f"- {d.name} ({d.modes(clause)}): {as_markdown(d.fault, ())}" for d in about)
    yield from [""] if about else []


def _table(every: Sequence[Defect], chapters: Sequence[str]) -> Iterator[str]:
    """How many clauses of each chapter a defect fails."""
    yield f"| defect | modes | {' | '.join(chapters)} |"
    yield f"|---|---|{'---:|' * len(chapters)}"
    for defect in every:
        counts = [str(defect.failing(chapter) or "") for chapter in chapters]
        yield f"| {defect.name} | {defect.modes()} | {' | '.join(counts)} |"
