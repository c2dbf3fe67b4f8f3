"""Known deviations: what an entry says, which files are refused, and what it makes of rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from rnnspec import catalogue, result
from rnnspec.case import Case
from rnnspec.cli import app
from rnnspec.deviations import FOLDER, Deviations, Entry, Refused, load, settled
from rnnspec.deviations.entry import names
from rnnspec.deviations.reading import read
from rnnspec.loading import load as implementation
from rnnspec.maths import Maths
from rnnspec.network import Network

CPU = torch.device("cpu")

ENTRY = """
[[deviation]]
clause = "ELM-1"
implementation = "mine:Wrong"
check = "output is not what it must be"
reason = "an old bug"
link = "https://example.org/1"
seen = 2026-11-25
"""


def entry(**words: Any) -> Entry:
    return Entry("SEQ-1", "torch.nn", "an old bug", "https://example.org/1", date(2026, 11, 25), **words)


class TestShipped:
    @pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.name)
    def test_conforms_to_the_schema(self, path: Path) -> None:
        """At start that is taken for granted."""
        assert read(path) == read(path, shipped=True) != ()

    def test_ids_are_known_without_importing_the_chapters(self) -> None:
        assert catalogue.ids() == {str(clause) for clause in catalogue.every()}

    def test_no_entry_stands_twice(self) -> None:
        entries = load().entries
        assert all(one not in entries[:n] for n, one in enumerate(entries))

    def test_the_order_is_always_the_same(self, tmp_path: Path) -> None:
        """A worker may say by their places which apply."""
        (tmp_path / "mine.toml").write_text(ENTRY)
        first, again = load(["mine.toml"], tmp_path).entries, load(["mine.toml"], tmp_path).entries
        assert first == again
        assert (first[-1].implementation, first[-1].place) == ("mine:Wrong", "mine.toml:2")


NETWORK = Network(implementation("torch.nn"), Case("LSTM", H=9, seed=4, dtype=torch.bfloat16), CPU)

APPLIES: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"device": ("cpu",)}, True),
    ({"device": ("cuda", "cuda:*")}, False),
    ({"dtype": ("float32", "*16")}, True),
    ({"dtype": ("float*",)}, False),
    ({"mode": ("LSTM",)}, True),
    ({"mode": ("LSTM?*",)}, False),
    ({"case": ("LSTM-*-H9",)}, True),
    ({"case": ("LSTM-*-seed4",)}, True),
    ({"case": ("LSTM-*-seed1", "LSTM-*-H7")}, False),
    ({"mode": ("LSTM",), "dtype": ("float32",)}, False),
    ({"versions": {"torch": ">=2.0"}}, True),
    ({"versions": {"torch": "<2"}}, False),
    ({"versions": {"torch": ">=2.0", "pytest": ">=8.2"}}, True),
    ({"versions": {"torch": ">=2.0", "pytest": "<8.2"}}, False),
    ({"versions": {"no-such-distribution": ">=0"}}, False),
]


class TestApplies:
    @pytest.mark.parametrize(("words", "does"), APPLIES, ids=str)
    def test_where(self, words: dict[str, Any], does: bool) -> None:
        assert entry(**words).applies("SEQ-1", NETWORK) == does
        assert Deviations([entry(**words)]).of("SEQ-1", NETWORK) == [entry(**words)] * does

    @pytest.mark.parametrize(
        ("words", "modes"),
        [
            ({"device": ("cpu",)}, ["", "no-onednn", "deterministic+no-onednn"]),
            ({"device": ("cpu *no-onednn",)}, ["no-onednn", "deterministic+no-onednn"]),
            ({"unless": ("no-onednn",)}, [""]),
            ({"unless": ("no-onednn", "deterministic")}, [""]),
            ({"unless": ("deterministic",)}, ["", "no-onednn"]),
        ],
        ids=str,
    )
    def test_in_which_math_modes(self, words: dict[str, Any], modes: list[str]) -> None:
        asked = ("", "no-onednn", "deterministic+no-onednn")
        there = {name: replace(NETWORK, maths=Maths.named(name or "default")) for name in asked}
        assert [name for name in asked if entry(**words).applies("SEQ-1", there[name])] == modes

    def test_not_to_other_clauses_nor_to_others(self) -> None:
        assert not entry().applies("SEQ-10", NETWORK)
        assert not Deviations([entry()]).of("SEQ-10", NETWORK)
        other = Entry("SEQ-1", "mine:Wrong", "", "", date(2026, 11, 25))
        assert not other.applies("SEQ-1", NETWORK)

    @pytest.mark.parametrize(("version", "does"), [("2.9.0.dev1+cpu", True), ("1.0", False), ("odd", False)])
    def test_the_torch_that_is_imported(
        self, version: str, does: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch, "__version__", version)
        assert entry(versions={"torch": ">=2.8"}).applies("SEQ-1", NETWORK) == does

    def test_names_of_a_case(self) -> None:
        """Seed 1 has no word in a name, but has one here: without a seed a name stands for all."""
        assert names(Case("GRU")) == ("GRU-T5-B3-I4-H7", "GRU-T5-B3-I4-H7", "GRU-T5-B3-I4-H7-seed1")
        seeded = "GRU-T5-B3-I4-H7-seed2"
        assert names(Case("GRU", seed=2)) == (seeded, "GRU-T5-B3-I4-H7", seeded)


OFF = "output is not what it must be\n  got      2\n  differ   {}\n  allowed  0.1  (derived)"
RAISED = "raised ValueError: no such\n\tluck: at all\n  at       mine.py:3  raise ValueError"
DIED = "died of SIGSEGV in the middle of a clause\n  at mine.py"
LEFT = "exited with status 1 in the middle of a clause"
CRASH = ("CRASH",)

MATCHES: list[tuple[dict[str, Any], str, str, bool]] = [
    ({"check": ("is not what",)}, "FAIL", OFF, True),
    ({"check": ("h_n is", "output is")}, "FAIL", OFF, True),
    ({"check": ("derived",)}, "FAIL", OFF, False),
    ({"check": ("h_n is",)}, "FAIL", OFF, False),
    ({"check": ("output",)}, "CRASH", OFF, False),
    ({"check": ("output",)}, "ERROR", OFF, False),
    ({"check": ("output",), "differ": (0.1, 10.0)}, "FAIL", OFF.format("1e+01"), True),
    ({"check": ("output",), "differ": (0.1, 10.0)}, "FAIL", OFF.format("10.1"), False),
    ({"check": ("output",), "differ": (0.1, 10.0)}, "FAIL", OFF.format("0.0999"), False),
    ({"check": ("output",), "differ": (0.1, 10.0)}, "FAIL", OFF.format("nan"), False),
    ({"check": ("output",), "differ": (0.1, 10.0)}, "FAIL", OFF.format("inf"), False),
    ({"check": ("output",), "differ": (0.1, 10.0)}, "FAIL", OFF.format("much"), False),
    ({"check": ("output",), "differ": (0.1, 10.0)}, "FAIL", "output has another shape", False),
    ({"check": ("no such",)}, "FAIL", RAISED, False),
    ({"raises": ("ValueError",)}, "FAIL", RAISED, True),
    ({"raises": ("ValueError: such",)}, "FAIL", RAISED, True),
    ({"raises": ("TypeError", "ValueError: luck: at")}, "FAIL", RAISED, True),
    ({"raises": ("Error",)}, "FAIL", RAISED, False),
    ({"raises": ("ValueError: mine.py",)}, "FAIL", RAISED, False),
    ({"raises": ("ValueError",)}, "FAIL", OFF, False),
    ({"raises": ("KeyboardInterrupt",)}, "FAIL", "raised KeyboardInterrupt: \n  at       a.py:1", True),
    ({"outcome": CRASH, "signal": ("SIGSEGV",)}, "CRASH", DIED, True),
    ({"outcome": CRASH, "signal": ("SIGABRT", "SIGSEGV")}, "CRASH", DIED, True),
    ({"outcome": CRASH, "signal": ("SIG",)}, "CRASH", DIED, False),
    ({"outcome": CRASH, "signal": ("status 1",)}, "CRASH", LEFT, True),
    ({"outcome": CRASH, "signal": ("status 1",)}, "CRASH", LEFT.replace("1", "11"), False),
    ({"outcome": CRASH, "signal": ("SIGSEGV",)}, "FAIL", DIED, False),
    ({"outcome": ("TIMEOUT",)}, "TIMEOUT", "took longer than 300 s", True),
    ({"outcome": ("FAIL", "CRASH"), "check": ("output",), "signal": ("SIGSEGV",)}, "CRASH", DIED, True),
]


@pytest.mark.parametrize(("words", "outcome", "message", "does"), MATCHES, ids=range(len(MATCHES)))
def test_matches(words: dict[str, Any], outcome: str, message: str, does: bool) -> None:
    assert entry(**words).matches(outcome, message) == does


def test_several_clauses_of_one_cause(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(ENTRY.replace('"ELM-1"', '["ELM-1", "GRU-1"]'), "utf-8")
    first, second = read(path)
    assert (first.clause, second.clause) == ("ELM-1", "GRU-1")
    assert first.cause == second.cause == "ELM-1"
    assert first.place == second.place


class TestSettled:
    LISTED = entry(check=("output",), place="torch.toml:3")
    SEGV = entry(outcome=CRASH, signal=("SIGSEGV",), place="torch.toml:9")

    def test_as_listed(self) -> None:
        known = f"known: an old bug (https://example.org/1)\n{OFF}"
        assert settled("FAIL", OFF, [self.SEGV, self.LISTED], "torch.nn") == ("KNOWN", known)
        assert settled("CRASH", DIED, [self.SEGV, self.LISTED], "mine:Derived")[0] == "KNOWN"

    def test_otherwise_than_listed(self) -> None:
        outcome, message = settled("FAIL", RAISED, [self.LISTED], "torch.nn")
        assert outcome == "FAIL"
        assert message == f"{RAISED}\n  listed   with another signature: an old bug (torch.toml:3)"

    @pytest.mark.parametrize(("name", "outcome"), [("torch.nn", "FIXED"), ("mine:Derived", "PASS")])
    def test_gone(self, name: str, outcome: str) -> None:
        found, message = settled("PASS", "", [self.LISTED], name)
        assert found == outcome
        assert ("an old bug (torch.toml:3)" in message) == (outcome == "FIXED")

    def test_what_shows_in_some_runs_is_not_gone(self) -> None:
        """In the others it passes; where it shows it is known."""
        some = entry(check=("output",), place="torch.toml:3", sometimes=True)
        assert settled("PASS", "", [some], "torch.nn") == ("PASS", "")
        assert settled("PASS", "", [some, self.LISTED], "torch.nn")[0] == "FIXED"
        assert [settled("FAIL", text, [some], "torch.nn")[0] for text in (OFF, RAISED)] == [
            settled("FAIL", text, [self.LISTED], "torch.nn")[0] for text in (OFF, RAISED)
        ]

    @pytest.mark.parametrize("outcome", ["NOT CLAIMED", "ERROR"])
    def test_what_no_entry_is_about(self, outcome: str) -> None:
        assert settled(outcome, "so", [self.LISTED], "torch.nn") == (outcome, "so")

    @pytest.mark.parametrize("outcome", result.OUTCOMES)
    def test_not_listed(self, outcome: str) -> None:
        assert settled(outcome, "so", [], "torch.nn") == (outcome, "so")


def but(key: str, value: str = "") -> str:
    """The entry, one key changed or, without a value, left out."""
    lines = [line for line in ENTRY.splitlines() if not line.startswith(f"{key} =")]
    return "\n".join([*lines, f"{key} = {value}", ""]) if value else "\n".join([*lines, ""])


CHECKED = 'check = "output is not what it must be"\n'

REFUSED = {
    but("clause"): (2, "clause is missing: the id of a clause"),
    but("implementation"): (2, "implementation is missing"),
    but("reason"): (2, "reason is missing"),
    but("link"): (2, "link is missing: the https address of an issue"),
    but("seen"): (2, "seen is missing"),
    but("check"): (2, "a FAIL needs a check, or what it raises"),
    but("clause", '"ELM-99"'): (2, "there is no clause ELM-99"),
    but("clause", '"elm"'): (8, "clause = 'elm' is not the id of a clause"),
    but("clause", "7"): (8, "clause = 7 is not the id of a clause"),
    but("reason", '" "'): (8, "reason = ' ' is not what is wrong"),
    but("reason", "2026-11-25"): (8, "is not what is wrong"),
    but("link", '""'): (8, "link = '' is not the https address"),
    but("link", '"http://example.org/1"'): (8, "is not the https address"),
    but("seen", '"2026-11-25"'): (8, "seen = '2026-11-25' is not the date"),
    but("seen", "2026-11-25T10:00:00"): (8, "is not the date when it was last seen"),
    but("seen", "2026-02-30"): (8, "this is not TOML: Invalid date"),
    but("check", "[]"): (8, "check = [] is not a part of the first line"),
    but("check", '["a", 1]'): (8, "check = ['a', 1] is not"),
    but("dtype", "true"): (9, "dtype = True is not a dtype or several"),
    but("differ", "[1]"): (9, "differ = [1] is not the least and the largest"),
    but("differ", "[true, 1]"): (9, "differ = [True, 1] is not"),
    but("differ", "[10, 1]"): (2, "differ = [10, 1] is no band"),
    but("differ", "[0, inf]"): (2, "differ = [0, inf] is no band"),
    but("differ", "[nan, 1]"): (2, "is no band"),
    but("outcome", '"PASS"'): (9, "outcome = 'PASS' is not one of FAIL, CRASH and TIMEOUT"),
    but("outcome", '["FAIL", "FAIL"]'): (9, "is not one of"),
    but("outcome", '"CRASH"'): (2, "a CRASH needs a signal"),
    but("outcome", '"TIMEOUT"'): (2, "check and raises are about a FAIL"),
    but("signal", '"SIGSEGV"'): (2, "signal is about a CRASH"),
    but("raises", '"ValueError"'): (2, "write two entries"),
    but("check") + 'raises = "ValueError"\ndiffer = [1, 2]\n': (2, "differ needs a check"),
    but("versions", '{ torch = "two" }'): (2, "'two' for torch is no version specifier"),
    but("versions", "{ torch = 2.1 }"): (9, "is not a table of distributions"),
    but("versions", '">=2"'): (9, "versions = '>=2' is not a table"),
    but("vresions", "1"): (9, "'vresions' is not one of clause, implementation, versions"),
    ENTRY + ENTRY.replace('"an old bug"', '""'): (14, "reason = '' is not what is wrong"),
    ENTRY + "\n\n[[deviation]]\n": (11, "clause is missing"),
    "a = 1\n" + ENTRY: (1, "'a' is not one of deviation"),
    "\n[tool]\nx = 1\n": (2, "'tool' is not one of deviation"),
    ENTRY.replace("[[deviation]]", "[deviation]"): (2, "an entry begins with [[deviation]]"),
    "deviation = [7]\n": (1, "an entry begins with [[deviation]]"),
    ENTRY + "seen = 2026-11-25\n": (9, "this is not TOML: Cannot overwrite a value"),
    ENTRY + "x = '''\n\n": (9, "this is not TOML"),
    ENTRY + "x = " + "[" * 5000: (1, "this is not TOML"),
    ENTRY + "x = " + "1" * 5000: (1, "this is not TOML"),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.items(), ids=range(len(REFUSED)))
def test_refused(text: str, said: tuple[int, str], tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(Refused) as raised:
        load(["mine.toml"], tmp_path)
    line, reason = said
    assert str(raised.value).startswith(f"mine.toml:{line}: ")
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\n\n# \xff\n", "x.toml:3: this is not UTF-8"), (None, "x.toml:1: cannot be read: No such file")],
)
def test_what_cannot_be_read(content: bytes | None, said: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(Refused) as raised:
        load(["x.toml"], tmp_path)
    assert str(raised.value).startswith(said)


def test_a_file_without_entries(tmp_path: Path) -> None:
    """As when the last has been taken out."""
    (tmp_path / "none.toml").write_text("# none\n")
    assert read(tmp_path / "none.toml") == ()


CLAUSES = '''
import pytest
from rnnspec.axes import LSTM, TANH, cases, each
from rnnspec.bound import propagated
from rnnspec.check import agrees

@pytest.mark.clause(id="ELM-1", level="MUST", source="the equation")
@cases(TANH, each({}, {"H": 9}, {"H": 9, "seed": 2}, {"L": 2}))
def test_step(rnn, case):
    """A step is the equation's, to the bound."""
    agrees(rnn(case.input, case.state), *propagated(case))

@pytest.mark.clause(id="LSTM-1", level="SHOULD", source="the equations")
@cases(LSTM)
def test_lstm(rnn, case):
    """An LSTM keeps a cell."""
    agrees(rnn(case.input, case.state), *propagated(case))
'''

MINE = """
import torch

class Wrong(torch.nn.RNN):
    def forward(self, x, hx=None):
        output, h_n = super().forward(x, hx)
        return output * 1.001, h_n

class Right(torch.nn.RNN):
    pass

class Odd(torch.nn.RNN):
    def forward(self, x, hx=None):
        if self.num_layers == 2:
            raise ValueError(f"no such luck in {object()}")
        output, h_n = super().forward(x, hx)
        if self.hidden_size == 9 and x.dtype == torch.float32 and x[0, 0, 0] < 0:
            return output + 0.5, h_n
        if self.hidden_size == 7 and x.dtype == torch.float32:
            return output, h_n[..., 1:]
        return output, h_n

class OddLSTM(torch.nn.LSTM):
    def forward(self, x, hx=None):
        raise TypeError
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
    pytester.makepyfile(test_two=CLAUSES, mine=MINE)
    return pytester


def run(project: pytest.Pytester, text: str, *options: str) -> tuple[pytest.RunResult, dict[Any, str]]:
    """A run with a list of its own; each row's outcome."""
    project.makefile(".toml", listed=text)
    found = project.runpytest_inprocess(
        "--rnn-deviations=listed.toml", "--rnn-results=out.jsonl", "--rnn-device=cpu", *options
    )
    return found, rows(project.path / "out.jsonl")


def rows(path: Path) -> dict[Any, str]:
    return {row.key: row.outcome for row in result.read(path)[1]}


class TestRuns:
    def test_known(self, project: pytest.Pytester) -> None:
        found, outcomes = run(project, ENTRY, "--rnn=mine:Wrong")
        assert found.ret == 0
        assert " 8 known deviations in " in found.outlines[-1]
        assert set(outcomes.values()) == {"KNOWN"}

    @pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
    def test_another_signature(self, workers: tuple[str, ...], project: pytest.Pytester) -> None:
        text = ENTRY.replace("reason", "differ = [1, 10]\nreason")
        found, outcomes = run(project, text, "--rnn=mine:Wrong", *workers)
        assert found.ret == 1
        assert set(outcomes.values()) == {"FAIL"}
        found.stdout.fnmatch_lines(["  listed   with another signature: an old bug (listed.toml:1)"])
        for row in result.read(project.path / "out.jsonl")[1]:
            assert row.message.endswith("  listed   with another signature: an old bug (listed.toml:1)")

    def test_gone(self, project: pytest.Pytester) -> None:
        found, outcomes = run(project, ENTRY.replace("Wrong", "Right"), "--rnn=mine:Right")
        assert found.ret == 1
        assert set(outcomes.values()) == {"FIXED"}
        found.stdout.fnmatch_lines(
            ["*FIXED ELM-1*", "*a listed deviation is gone*an old bug (listed.toml:1)"]
        )

    @pytest.mark.parametrize(("name", "outcome"), [("Wrong", "KNOWN"), ("Right", "PASS")])
    def test_derived_from_torch(self, name: str, outcome: str, project: pytest.Pytester) -> None:
        """It inherits torch's entries, and may mend them."""
        found, outcomes = run(project, ENTRY.replace("mine:Wrong", "torch.nn"), f"--rnn=mine:{name}")
        assert found.ret == 0
        assert set(outcomes.values()) == {outcome}

    def test_where_it_does_not_apply(self, project: pytest.Pytester) -> None:
        text = ENTRY + 'dtype = "float64"\ncase = "*-H9"\nversions = { pytest = ">=8" }\n'
        found, outcomes = run(project, text, "--rnn=mine:Wrong")
        assert found.ret == 1
        listed = {key for key, outcome in outcomes.items() if outcome == "KNOWN"}
        assert {key for key in outcomes if "H9" in key[3] and key[4] == "float64"} == listed
        assert len(listed) == 2

    @pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
    def test_a_file_that_is_none_is_one_clear_line(
        self, workers: tuple[str, ...], project: pytest.Pytester
    ) -> None:
        project.makefile(".toml", listed=but("link"))
        found = project.runpytest_inprocess("--rnn-deviations=listed.toml", *workers)
        assert found.ret == pytest.ExitCode.USAGE_ERROR
        (line,) = [line for line in found.errlines if line.strip()]
        assert line.startswith("ERROR: --rnn-deviations: listed.toml:1: link is missing")


class TestCommand:
    def test_lists_them(self, tmp_path: Path) -> None:
        (tmp_path / "mine.toml").write_text(ENTRY + 'mode = "RNN"\n')
        found = CliRunner().invoke(app, ["deviations", "--rnn-deviations", str(tmp_path / "mine.toml")])
        assert found.exit_code == 0
        for one in load().entries:
            for said in (one.clause, one.implementation, one.condition, one.reason, one.link, str(one.seen)):
                assert said in found.output
        assert found.output.splitlines()[-3:] == [
            "ELM-1  mine:Wrong  FAIL  RNN",
            "    an old bug",
            "    https://example.org/1  seen 2026-11-25",
        ]

    @pytest.mark.parametrize("option", ["--rnn-deviations", "--suggest"])
    def test_what_cannot_be_read_is_said_in_a_line(self, option: str, tmp_path: Path) -> None:
        found = CliRunner().invoke(app, ["deviations", option, str(tmp_path / "nothing")])
        assert found.exit_code == 2
        assert found.stdout == ""
        assert (
            found.stderr == f"rnnspec: {tmp_path / 'nothing'}:1: cannot be read: No such file or directory\n"
        )


def suggest(path: Path) -> str:
    found = CliRunner().invoke(app, ["deviations", "--suggest", str(path)])
    assert found.exit_code == 0, found.output
    return found.stdout


def filled(text: str) -> str:
    return text.replace('reason = ""', 'reason = "odd"').replace('link = ""', 'link = "https://a.b/c"')


class TestSuggestions:
    def test_make_just_what_failed_known(self, project: pytest.Pytester) -> None:
        """Of four kinds, one of them in one dtype and with one of two seeds."""
        odd = ("--rnn=mine:Odd", "--rnn=mine:OddLSTM")
        _, before = run(project, "", *odd)
        assert set(before.values()) == {"PASS", "FAIL"}
        text = suggest(project.path / "out.jsonl")
        project.makefile(".toml", bare=text)
        with pytest.raises(Refused, match="reason = '' is not"):
            read(project.path / "bare.toml")
        found, after = run(project, filled(text), *odd)
        assert found.ret == 0, found.stdout.str()
        wanted = {key: {"FAIL": "KNOWN"}.get(outcome, outcome) for key, outcome in before.items()}
        assert after == wanted
        assert suggest(project.path / "out.jsonl") == "# nothing failed\n"

    def test_are_as_narrow_as_can_be(self, project: pytest.Pytester) -> None:
        run(project, "", "--rnn=mine:Odd", "--rnn=mine:OddLSTM")
        head, _ = result.read(project.path / "out.jsonl")
        (project.path / "x.toml").write_text(filled(suggest(project.path / "out.jsonl")))
        found = {(e.clause, e.check or e.raises): e for e in read(project.path / "x.toml")}
        raising = found["ELM-1", ("ValueError: no such luck in <object object at",)]
        assert (raising.dtype, raising.case) == (("*",), ("RNN-T5-B3-I4-H7-L2",))
        assert raising.seen.isoformat() == head["date"][:10]
        assert found["LSTM-1", ("TypeError",)].mode == ("LSTM",)
        assert found["ELM-1", ("h_n has another shape",)].case == ("RNN-T5-B3-I4-H7",)
        off = found["ELM-1", ("output is not what it must be",)]
        assert (off.device, off.dtype) == (("cpu",), ("float32",))
        assert off.case == ("RNN-T5-B3-I4-H9-seed1",)
        assert off.differ == (0.167, 1.5)

    def test_of_deaths(self, tmp_path: Path) -> None:
        """What a case died of is in its message."""
        died = {"LSTM": ("CRASH", DIED), "GRU": ("CRASH", LEFT), "RNN": ("TIMEOUT", "took longer than 3 s")}
        made = [
            result.Row("ERR-7", "MUST", f"{mode}-{n}", mode, "mine", "cpu", "float32", *told, 0.0)
            for mode, (outcome, message) in died.items()
            for n, told in enumerate([(outcome, None, message), ("PASS", 0.5, "")])
        ]
        result.write(tmp_path / "out.jsonl", result.header(len(made), []), made)
        (tmp_path / "x.toml").write_text(filled(suggest(tmp_path / "out.jsonl")))
        entries = read(tmp_path / "x.toml")
        assert [(e.outcome, e.signal, e.case) for e in entries] == [
            (("CRASH",), ("status 1",), ("GRU-0",)),
            (("CRASH",), ("SIGSEGV",), ("LSTM-0",)),
            (("TIMEOUT",), (), ("RNN-0",)),
        ]
        for one, row in zip(entries, [row for row in made if row.outcome != "PASS"][1::-1], strict=False):
            assert one.matches(row.outcome, row.message)
