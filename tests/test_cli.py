"""The command line: help and its examples, exit statuses, completion, and refusals in a line."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from rnnspec import catalogue
from rnnspec.adapters import SHIPPED
from rnnspec.cli import app
from rnnspec.cli.common import STATUSES
from rows_kit import HOSTILE, kept, row, run

GROUP: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = GROUP.commands


def words(name: str) -> list[str]:
    """Of the example at the foot of a command's help."""
    found = re.search(r"Example: `rnnspec (.+)`", COMMANDS[name].epilog or "")
    assert found
    return shlex.split(found[1])


class TestHelp:
    def test_there_are_commands(self) -> None:
        assert {
            "verify",
            "list",
            "show",
            "report",
            "diff",
            "merge",
            "deviations",
            "reproduce",
            "vectors",
        } <= {*COMMANDS}

    @pytest.mark.parametrize("name", COMMANDS)
    def test_every_example_can_be_parsed(self, name: str) -> None:
        """With its own options, and no argument left out; verify hands its options on, see test_verify.py."""
        first, *rest = words(name)
        assert first == name
        command = COMMANDS[name]
        with command.make_context(name, list(rest)) as context:
            assert not context.args
        known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
        given = {word for word in rest if word.startswith("-")}
        assert given <= known or name == "verify"

    @pytest.mark.parametrize("option", ["-h", "--help"])
    @pytest.mark.parametrize("name", [None, *COMMANDS])
    def test_help_tells_the_example(self, name: str | None, option: str) -> None:
        ran = run(*filter(None, [name]), option)
        assert (ran.exit_code, ran.stderr) == (0, "")
        said = " ".join(ran.stdout.split())
        if name:
            assert f"Usage: rnnspec {name}" in said or f"Usage: root {name}" in said
            assert f"Example: rnnspec {' '.join(words(name))}" in said
            assert COMMANDS[name].help.split("\n")[0].split(".")[0] in said

    @pytest.mark.parametrize("name", COMMANDS)
    def test_every_option_is_explained(self, name: str) -> None:
        for each in COMMANDS[name].params:
            assert each.help or each.name in ("device", "dtype"), each.name

    def test_the_statuses_are_in_the_help(self) -> None:
        said = " ".join(run("-h").stdout.split())
        for status, meaning in STATUSES.items():
            assert f"{status} {' '.join(meaning.split())}" in said

    def test_nothing_at_all_is_help(self) -> None:
        ran = run()
        assert "Usage: " in ran.output
        assert ran.exit_code == 2


def python(code: str) -> str:
    words = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(words, text=True, capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("argument", [None, "-h", "verify -h", "report -h"])
def test_help_takes_no_torch(argument: str | None) -> None:
    """Which takes seconds to import."""
    call = "" if argument is None else f"app({argument.split()}, standalone_mode=False)"
    assert (
        python(f"import sys\nfrom rnnspec.cli import app\n{call}\nassert 'torch' not in sys.modules")
        or not call
    )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of results and wrong classes, in the current folder."""
    kept(tmp_path / "good.jsonl", row(), implementations=[{"name": "mine"}])
    kept(tmp_path / "bad.jsonl", row(outcome="FAIL"))
    kept(tmp_path / "other.jsonl", row(outcome="FAIL", implementation="other"))
    (tmp_path / "spoilt.jsonl").write_text("{")
    (tmp_path / "mypkg_of_cli.py").write_text(
        "import torch\nclass Ignores(torch.nn.GRU):\n    def forward(self, x, h=None):\n"
        "        return super().forward(x, None if h is None else 0 * h)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


STATUS = [
    ("list SEQ", 0),
    ("list nothing-is-called-that", 1),
    ("list nothing-is-called-that --json", 1),
    ("list --level OUGHT", 2),
    ("list --nosuch", 2),
    ("nosuch", 2),
    ("show SEQ-1", 0),
    ("show SEQ-1 --results good.jsonl", 0),
    ("show SEQ-1 --results spoilt.jsonl", 2),
    ("show SEQ-1 --rnn-deviations spoilt.jsonl", 2),
    ("show SEQ-999", 2),
    ("show", 2),
    ("deviations --suggest bad.jsonl", 0),
    ("deviations --suggest none.jsonl", 2),
    ("diff good.jsonl good.jsonl", 0),
    ("diff good.jsonl bad.jsonl", 1),
    ("diff bad.jsonl good.jsonl", 0),
    ("diff good.jsonl spoilt.jsonl", 2),
    ("diff good.jsonl", 2),
    ("merge good.jsonl other.jsonl -o both.jsonl", 0),
    ("merge good.jsonl bad.jsonl -o both.jsonl", 2),
    ("merge good.jsonl other.jsonl", 2),
    ("report good.jsonl --junit", 0),
    ("report bad.jsonl --markdown", 0),
    ("report good.jsonl --badge", 0),
    ("report good.jsonl --badge --stale -1", 2),
    ("report spoilt.jsonl --badge", 2),
    ("report good.jsonl --junit -o good.jsonl/junit.xml", 2),
    ("conformance good.jsonl", 0),
    ("suspects good.jsonl other.jsonl", 0),
    ("suspects bad.jsonl other.jsonl", 1),
    ("suspects bad.jsonl other.jsonl --json", 1),
    ("handshake torch.nn --dtype float8", 2),
    ("handshake mypkg_of_cli:Ignores", 1),
    ("handshake mypkg_of_cli:Ignores --json", 1),
    ("reproduce SEQ-999", 2),
    ("reproduce SEQ-1 --case GRU-T3-B2-I135-H7 --dtype float64", 1),
    ("reproduce SEQ-1 --rnn mypkg_of_cli:Ignores -o deep/script.py", 0),
    ("vectors folder", 0),
    ("vectors folder --format hdf5", 2),
    ("vectors good.jsonl", 2),
]
"""Status 3 is produced in test_reproduce_command.py and test_verify.py, 4 in the latter."""


@pytest.mark.parametrize(("line", "status"), STATUS, ids=lambda each: str(each))
def test_the_status_is_as_documented(line: str, status: int, place: Path) -> None:
    ran = run(*line.split())
    assert ran.exit_code == status, ran.output
    assert ran.exit_code in STATUSES
    assert "Traceback" not in ran.output
    if status == 2 and "Usage: " not in ran.stderr:  # an argument that is none, as Typer says it
        assert re.fullmatch(r"rnnspec: .+\n", ran.stderr)
        assert not ran.stdout or "--badge" in line


def test_a_script_to_reproduce_is_written_where_it_was_asked(place: Path) -> None:
    """The folder is made; and the script shows what it is about."""
    ran = run("reproduce", "SEQ-1", "--rnn", "mypkg_of_cli:Ignores", "-o", "deep/script.py")
    assert ran.exit_code == 0
    script = place / "deep" / "script.py"
    done = subprocess.run(
        [sys.executable, script], cwd=place, capture_output=True, timeout=120, env=os.environ
    )
    assert done.returncode == 1


def completed(line: str) -> list[str]:
    """What bash is told at the end of a line."""
    count = len(line.split(" ")) - 1
    env = {"_RNNSPEC_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(count)}
    ran = CliRunner().invoke(app, [], env=env, prog_name="rnnspec")
    return ran.stdout.split()


class TestCompletion:
    def test_commands(self) -> None:
        assert completed("rnnspec re") == ["report", "reproduce"]

    @pytest.mark.parametrize("command", ["show", "reproduce"])
    def test_clauses(self, command: str) -> None:
        """Of the whole specification."""
        ids = sorted(str(clause) for clause in catalogue.every())
        assert completed(f"rnnspec {command} SEQ-") == [each for each in ids if each.startswith("SEQ-")]
        assert completed(f"rnnspec {command} SEQ-1") == [each for each in ids if each.startswith("SEQ-1")]
        assert completed(f"rnnspec {command} ZZZ") == []

    def test_ids_are_those_of_the_catalogue(self) -> None:
        assert catalogue.ids() == {str(clause) for clause in catalogue.every()}

    @pytest.mark.parametrize("words", ["verify", "handshake", "reproduce SEQ-1 --rnn", "verify torch.nn"])
    def test_adapters(self, words: str) -> None:
        wanted = ["torch.nn", *(name for name in SHIPPED if name.startswith("torch"))]
        assert completed(f"rnnspec {words} torch") == wanted

    def test_takes_no_torch(self) -> None:
        code = (
            "import sys\nfrom rnnspec.cli.common import adapter_names, clause_ids\n"
            "print(*clause_ids('SEQ-9'), *adapter_names('torch.n'))\nassert 'torch' not in sys.modules"
        )
        assert python(code).split() == ["SEQ-9", "torch.nn"]


class TestHostile:
    """Words of the command line are shown as they are, in a line, and are not markup."""

    def refusals(self, word: str) -> Iterator[tuple[str, ...]]:
        yield ("show", word)
        yield ("reproduce", word)
        yield ("list", "--level", word)
        yield ("vectors", "folder", "--format", word)
        yield ("diff", word, word)
        yield ("handshake", "torch.nn", "--dtype", word)

    @pytest.mark.parametrize(
        "word", ["[red]x[/red]", "\x1b[31mred", "a\nb", "\u202eevil", "x" * 5000, ":smile:"]
    )
    def test_in_a_refusal(self, word: str, place: Path) -> None:
        for words in self.refusals(word):
            ran = run(*words)
            assert ran.exit_code == 2, words
            assert ran.stdout == ""
            assert ran.stderr.count("\n") == 1
            assert not {*map(chr, range(32)), "\u202e"} - {"\n"} & {*ran.stderr}
            assert word[:40].isprintable() <= (word[:40] in ran.stderr)

    @pytest.mark.parametrize("word", ["[red]", "\x1b[31m", "[/]", ""])
    def test_in_a_search(self, word: str) -> None:
        ran = run("list", word)
        assert ran.exit_code == (1 if word else 0)
        assert "\x1b" not in ran.output

    @pytest.mark.parametrize("text", HOSTILE)
    @pytest.mark.parametrize(
        "command", ["show SEQ-1 --results", "conformance", "suspects", "deviations --suggest"]
    )
    def test_in_results(self, command: str, text: str, place: Path) -> None:
        mine = {"implementation": text, "device": text, "case": text}
        rows = [
            row("SEQ-1", "FAIL", text, **mine),
            row("SEQ-1", "FAIL", text, **mine | {"implementation": "other"}),
        ]
        ran = run(*command.split(), kept(place / "hostile.jsonl", *rows))
        assert ran.exit_code in (0, 1), ran.output
        assert "\x1b" not in ran.output
        assert "\x00" not in ran.output


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_without_these_letters(encoding: str, place: Path) -> None:
    for words in ("show SEQ-1", "list LSTM", "diff good.jsonl bad.jsonl", "-h"):
        done = subprocess.run(
            [sys.executable, "-m", "rnnspec", *words.split()],
            env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == ("bad" in words), done.stderr
        assert b"Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error(place: Path) -> None:
    """As in `rnnspec list | head -1`."""
    line = f"{shlex.quote(sys.executable)} -m rnnspec list --json | head -1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("[\n", "")
