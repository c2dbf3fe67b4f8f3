"""What the commands have in common: the application, and files of results, or of what is none."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from ..plain import UNSEEN, plain

if TYPE_CHECKING:
    from ..report.standing import File

STATUSES = {
    0: "nothing is wrong",
    1: "something is: a row is bad, a regression, a wrong mapping, a suspect clause; or nothing is found: no "
    "clause to list, nothing to reproduce",
    2: "an argument or a file that cannot be used, which a line names; verify: interrupted",
    3: "reproduce: the script shows the calls only; verify: pytest or a plugin broke, or was ended",
    4: "verify: an option that cannot be used",
}
"""What a command exits with."""

TABLE = ["| status | |", "|---|---|", *(f"| {status} | {meaning} |" for status, meaning in STATUSES.items())]


class Commands(TyperGroup):
    """All of them."""

    def main(self, *args: Any, **words: Any) -> Any:
        """There are terminals that have no σ: it is written as it would be in Python."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        return super().main(*args, **words)


app = typer.Typer(
    cls=Commands,
    help="An executable specification of recurrent networks.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    epilog="\n".join(TABLE),
    context_settings={"help_option_names": ["-h", "--help"]},
)

AsJson = Annotated[bool, typer.Option("--json", help="JSON, for a machine.")]
Results = Annotated[list[Path], typer.Argument(metavar="RESULTS", help="Files of pytest --rnn-results.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Else to stdout.")]


@app.callback()
def main() -> None:
    """An executable specification of recurrent networks: is this RNN right?"""


def example(words: str) -> str:
    """What stands at the foot of a command's help."""
    return f"Example: `rnnspec {words}`"


def say(lines: Iterable[str]) -> None:
    typer.echo("\n".join(map(plain, lines)))


def say_json(value: Any) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    lines = (UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", line) for line in text.split("\n"))
    typer.echo("\n".join(lines))


def unusable(reason: object) -> NoReturn:
    """Ends with status 2, and the reason in a line."""
    typer.echo(f"rnnspec: {plain(str(reason))}", err=True)
    raise typer.Exit(2)


@contextmanager
def refused() -> Iterator[None]:
    """What cannot be read, or written, is said in a line, with status 2."""
    from ..source import Refused

    try:
        yield
    except (Refused, OSError) as error:
        unusable(error)


def read(paths: Sequence[Path]) -> list[File]:
    """Files of results."""
    from .. import result  # with torch, which takes seconds to import

    with refused():
        return [result.read(path) for path in paths]


def written(text: str, output: Path | None) -> None:
    """To a file, or to stdout where there is none."""
    if output is None:
        typer.echo(text.removesuffix("\n"))
        return
    with refused():
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, "utf-8", errors="backslashreplace")  # lone surrogates


def clause_ids(incomplete: str) -> list[str]:
    """For the shell's completion, from the text of the chapters."""
    from ..ids import ids

    return sorted(each for each in ids() if each.startswith(incomplete))


def adapter_names(incomplete: str) -> list[str]:
    """For the shell's completion."""
    from ..adapters import SHIPPED

    return [name for name in ("torch.nn", *SHIPPED) if name.startswith(incomplete)]
