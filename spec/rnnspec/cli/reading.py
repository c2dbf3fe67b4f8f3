"""Commands that show what there is: list, show, adapters, deviations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .common import AsJson, app, clause_ids, example, read, refused, say, say_json, unusable, written

if TYPE_CHECKING:
    from ..catalogue import Clause
    from ..deviations import Entry

Further = Annotated[
    list[str] | None,
    typer.Option("--rnn-deviations", metavar="FILE", help="Known deviations beside those that are shipped."),
]


@app.command("list", epilog=example("list LSTM --level MUST"))
def clauses(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORD", help="Only clauses with all of these in the id, norm or source."),
    ] = None,
    level: Annotated[str | None, typer.Option(metavar="LEVEL", help="MUST, SHOULD or MAY.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the clauses: id, level and norm, in reading order.

    Exits with 1 where there is none such.
    """
    from ..catalogue import every, speed
    from ..result import LEVELS

    wanted = level.upper() if level else None
    if wanted not in (None, *LEVELS):
        unusable(f"--level: {level!r} is not one of {', '.join(LEVELS)}")
    every_one = [*every(), *speed()]
    found = [each for each in every_one if _has(each, words or []) and wanted in (None, _level(each))]
    if as_json:
        say_json([_facts(each) for each in found])
    elif found:
        _table(found)
    else:
        typer.echo("rnnspec: there is no such clause", err=True)
    raise typer.Exit(not found)


def _table(found: list[Clause]) -> None:
    """On a terminal norms are broken under one another; elsewhere a clause is a line, for grep."""
    console = Console()
    if not console.is_terminal:
        say(f"{each!s:<7} {_level(each):<6} {each.norm}" for each in found)
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for each in found:
        table.add_row(f"[bold]{each}[/]", _level(each), escape(each.norm))
    console.print(table)


def _level(clause: Clause) -> str:
    return str(clause.says["level"])


def _has(clause: Clause, words: list[str]) -> bool:
    text = f"{clause} {clause.norm} {clause.says['source']}".lower()
    return all(word.lower() in text for word in words)


def _facts(clause: Clause) -> dict[str, Any]:
    needs = sorted({claim for marker in clause.markers("needs") for claim in marker.args})
    return {**clause.says, "norm": clause.norm, "needs": needs}


@app.command(epilog=example("show PAD-10"))
def show(
    clause: Annotated[
        str, typer.Argument(metavar="CLAUSE", help="Its id, such as LSTM-1.", autocompletion=clause_ids)
    ],
    results: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Results, to see what became of it there; repeatable."),
    ] = None,
    further: Further = None,
    as_json: AsJson = False,
) -> None:
    """Show a clause: norm, level, source, what it needs and is tried on, and who deviates from it."""
    from ..catalogue import every, speed
    from ..deviations import load

    found = {str(each): each for each in [*every(), *speed()]}.get(clause.upper())
    if found is None:
        unusable(f"there is no clause {clause}; rnnspec list shows which there are")
    with refused():
        entries = [each for each in load(further or ()).entries if each.clause == str(found)]
    facts = _facts(found) | _tried_on(found) | {"deviations": [_deviation(each) for each in entries]}
    facts["results"] = list(_outcomes(str(found), results or []))
    if as_json:
        say_json(facts)
    else:
        say(_shown(facts))


def _tried_on(clause: Clause) -> dict[str, Any]:
    import inspect

    from ..clauses import CHAPTERS
    from ..notation import DTYPES

    cases = [case for dtype in (DTYPES["float32"], DTYPES["float64"]) for case in clause.cases(dtype)]
    cases += clause.named(DTYPES["float32"], DTYPES["float64"])
    return {
        "chapter": CHAPTERS[str(clause).partition("-")[0]],
        "modes": list(dict.fromkeys(case.mode for case in cases)),
        "cases": list(dict.fromkeys(str(case) for case in cases)),
        "text": inspect.getdoc(clause.function) or "",
    }


def _deviation(entry: Entry) -> dict[str, Any]:
    words = ("implementation", "reason", "link", "condition", "place")
    told = {word: getattr(entry, word) for word in words}
    return told | {"outcome": list(entry.outcome), "seen": str(entry.seen)}


def _outcomes(clause: str, results: list[Path]) -> Iterator[dict[str, Any]]:
    from ..report.standing import standings
    from ..result import OUTCOMES

    for path, file in zip(results, read(results), strict=True):
        for each in standings([file]):
            count = Counter(row.outcome for row in each.rows if row.clause == clause)
            told = {"file": str(path), "implementation": each.implementation, "device": each.device}
            yield told | {"outcomes": {each: count[each] for each in OUTCOMES if count[each]}}


def _shown(facts: dict[str, Any]) -> Iterator[str]:
    yield f"{facts['id']} ({facts['level']}), {facts['chapter']}"
    yield from (f"  {line}".rstrip() for line in facts["text"].splitlines())
    yield f"source: {facts['source']}"
    yield f"needs:  {', '.join(facts['needs']) or 'nothing beyond what its cases do'}"
    cases = facts["cases"]
    such = f"{len(cases)} case{'s, such as' if len(cases) > 1 else ','} {cases[0]}" if cases else "any size"
    if facts["chapter"] == "speed":
        such = "by rnnspec bench, which measures it"
    yield f"tried:  {'; '.join(filter(None, (', '.join(facts['modes']), such)))}"
    for each in facts["deviations"]:
        yield f"deviates: {each['implementation']}, {each['condition']}: {each['reason']}"
        yield f"    {each['link']}  seen {each['seen']}"
    if not facts["deviations"]:
        yield "nobody is known to deviate"
    for each in facts["results"]:
        count = ", ".join(f"{n} {outcome}" for outcome, n in each["outcomes"].items()) or "no row"
        yield f"{each['file']}: {each['implementation']} on {each['device']}: {count}"


@app.command(epilog=example("adapters --json"))
def adapters(as_json: AsJson = False) -> None:
    """List the adapters for other libraries: what is installed, how to install it, and what each claims."""
    from ..adapters import facts, lines

    if as_json:
        say_json(facts())
    else:
        say(lines())


@app.command(epilog=example("deviations --suggest results.jsonl"))
def deviations(
    further: Further = None,
    suggest: Annotated[
        Path | None,
        typer.Option(metavar="RESULTS", help="Print entries, ready to fill in, for what failed there."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the known deviations, or suggest entries for what failed."""
    from .. import result  # torch, which these need, takes seconds to import
    from ..deviations import load
    from ..deviations.suggesting import suggested

    if suggest and as_json:
        unusable("--suggest prints TOML: --json does not go with it")
    with refused():
        listed = load(further or ())
        if suggest:
            written(suggested(*result.read(suggest)), None)
            return
    if as_json:
        say_json([{"clause": each.clause} | _deviation(each) for each in listed.entries])
    else:
        say(listed.lines())
