"""Known deviations: what an entry says, to what it applies, and what it makes of an outcome."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import torch

from deviations_kit import DIED, ENTRY, LEFT
from rnnspec import catalogue, result
from rnnspec.case import Case
from rnnspec.deviations import FOLDER, Deviations, Entry, load, settled
from rnnspec.deviations.entry import names
from rnnspec.deviations.reading import read
from rnnspec.loading import load as implementation
from rnnspec.maths import Maths
from rnnspec.network import Network

CPU = torch.device("cpu")


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
