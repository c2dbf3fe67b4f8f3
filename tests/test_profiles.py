"""Profiles: which rows they have, and when a run may say that an implementation conforms to one."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from rnnspec import recording, result
from rnnspec.check import NotClaimed
from rnnspec.implementation import DropIn
from rnnspec.notation import BEYOND, CELLS, CLAIMS, LAYERS, MODES
from rnnspec.profiles import PROFILES, verdict
from rnnspec.scopes import Scope
from rnnspec.tallies import Tally

CLAUSES = '''
import pytest
from rnnspec.axes import CELLS, LAYERS, LSTM, TANH, cases, each
from rnnspec.bound import propagated
from rnnspec.check import NotClaimed, agrees

@pytest.mark.clause(id="SEQ-1", level="MUST", source="the equations")
@cases([*TANH, *LSTM], LAYERS)
@cases(CELLS)
def test_all(rnn, case):
    """A network computes its equations."""
    agrees(rnn(case.input, case.state), *propagated(case))

@pytest.mark.clause(id="PCK-9", level="MUST", source="the documents")
@pytest.mark.needs("packed")
@cases(TANH)
def test_packed(rnn, case):
    """Packed input is input."""
    agrees(rnn(case.input, case.state), *propagated(case))

@pytest.mark.clause(id="DET-5", level="MAY", source="the documents")
@cases(TANH)
def test_elsewhere(rnn, case):
    """It is about something else."""
    if rnn.implementation.name != "mine:Listed":
        raise NotClaimed("it is about accelerators")
    agrees(rnn(case.input), *propagated(case))

@pytest.mark.clause(id="DET-6", level="MAY", source="the documents")
@cases(TANH)
def test_more(rnn, case):
    """It turns out to need a second layer."""
    agrees(rnn.but(L=2)(case.input), rnn.but(L=2)(case.input), 0.0)
'''

MINE = """
import torch

class Listed(torch.nn.RNN):
    pass

class Refusing(torch.nn.RNN):
    def forward(self, x, hx=None):
        raise NotImplementedError("not yet")

class Wrong(torch.nn.RNN):
    def forward(self, x, hx=None):
        output, h_n = super().forward(x, hx)
        return output + 1, h_n
"""

LISTED = """
[[deviation]]
clause = "DET-5"
implementation = "mine:Listed"
check = "output is not what it must be"
reason = "an old bug"
link = "https://example.org/1"
seen = 2026-11-25
"""

WORKERS = """
from pathlib import Path
from rnnspec import recording
recording.CHAPTERS = Path(__file__).parent
"""

CONFORMS = "conforms to rnnspec * profile"


@pytest.fixture(autouse=True)
def project(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A specification of four clauses, for the tests that ask for one."""
    if "pytester" in request.fixturenames:
        pytester = request.getfixturevalue("pytester")
        monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
        monkeypatch.setattr(recording, "CHAPTERS", pytester.path)
        pytester.makeconftest(WORKERS)
        pytester.makepyfile(test_four=CLAUSES, mine=MINE)


def says(pytester: pytest.Pytester, status: int, line: str, *options: str) -> pytest.RunResult:
    """A run that ends with this status and says so, and never the opposite."""
    run = pytester.runpytest_inprocess("--rnn-device=cpu", *options)
    assert run.ret == status, run.stdout.str()
    run.stdout.fnmatch_lines([line])
    if CONFORMS not in line:
        run.stdout.no_fnmatch_line(f"* {CONFORMS}*")
    return run


class TestRows:
    def test_of_layers_that_need_a_state_alone(self, pytester: pytest.Pytester) -> None:
        """SEQ-1 and DET-6 of one layer in two dtypes; DET-5 does not apply, and leaves nothing to miss."""
        run = says(pytester, 0, f"torch.nn on cpu {CONFORMS} sequence, scope core", "--rnn-profile=sequence")
        run.assert_outcomes(passed=6, deselected=14)

    def test_of_two_math_modes(self, pytester: pytest.Pytester) -> None:
        modes = "--rnn-math=default", "--rnn-math=no-onednn"
        run = says(pytester, 0, f"torch.nn on cpu {CONFORMS} sequence, *", "--rnn-profile=sequence", *modes)
        run.stdout.fnmatch_lines([f"torch.nn on cpu no-onednn {CONFORMS} sequence, *"])

    def test_of_two_profiles(self, pytester: pytest.Pytester) -> None:
        profiles = ("--rnn-profile=cell", "--rnn-profile=packed", "--rnn-profile=cell")
        run = says(pytester, 0, f"* {CONFORMS} packed, scope core", *profiles, "--rnn-results=out.jsonl")
        run.assert_outcomes(passed=18, deselected=2)
        assert sum("profile cell" in line for line in run.outlines) == 1
        head, _ = result.read(pytester.path / "out.jsonl")
        assert [said.split(" profile ")[1] for said in head["profiles"]] == [
            "cell, scope core",
            "packed, scope core",
        ]

    def test_nobody_asks(self, pytester: pytest.Pytester) -> None:
        assert "profile" not in pytester.runpytest_inprocess().stdout.str().partition("= rnnspec =")[2]

    def test_half_types_belong_to_all_where_they_are_asked_for(self, pytester: pytest.Pytester) -> None:
        options = ("--rnn-profile=cell", "--rnn-dtype=bfloat16")
        says(pytester, 0, f"* {CONFORMS} cell, scope core", *options).assert_outcomes(passed=3, deselected=8)


class TestConforming:
    def test_in_full(self, pytester: pytest.Pytester) -> None:
        says(pytester, 0, f"* {CONFORMS} cell, scope full", "--rnn-profile=cell", "--rnn-scope=full")

    def test_on_workers(self, pytester: pytest.Pytester) -> None:
        says(pytester, 0, f"* {CONFORMS} cell, scope core", "--rnn-profile=cell", "-n2")

    def test_of_one_mode(self, pytester: pytest.Pytester) -> None:
        """A chapter of other modes does not make the run partial."""
        says(pytester, 0, f"* {CONFORMS} packed, scope core", "--rnn-profile=packed", "--rnn=torch.nn:LSTM")

    def test_what_is_promised_beyond_a_profile_has_no_part_in_it(self, pytester: pytest.Pytester) -> None:
        """DET-6 needs a second layer only once it runs."""
        options = ("--rnn-profile=sequence", "--rnn-without=packed,layers")
        says(pytester, 0, f"* {CONFORMS} sequence, scope core", *options)

    def test_but_for_listed_deviations(self, pytester: pytest.Pytester) -> None:
        pytester.makefile(".toml", listed=LISTED)
        options = ("--rnn-profile=sequence", "--rnn=mine:Listed", "--rnn-deviations=listed.toml")
        line = f"* {CONFORMS} sequence, scope core but for the listed deviations in DET-5"
        says(pytester, 0, line, *options)


class TestNotConforming:
    def test_not_claimed(self, pytester: pytest.Pytester) -> None:
        """What passes without a profile does not with it."""
        line = "torch.nn on cpu does not conform to profile packed: 2 rows not claimed"
        says(pytester, 1, line, "--rnn-profile=packed", "--rnn-without=packed")
        assert pytester.runpytest_inprocess("--rnn-without=packed").ret == 0

    def test_refused(self, pytester: pytest.Pytester) -> None:
        line = "* does not conform to profile sequence: 4 rows not claimed"
        says(pytester, 1, line, "--rnn-profile=sequence", "--rnn=mine:Refusing")

    def test_failed(self, pytester: pytest.Pytester) -> None:
        line = "* does not conform to profile sequence: 2 rows failed"
        says(pytester, 1, line, "--rnn-profile=sequence", "--rnn=mine:Wrong")

    def test_failed_in_smoke(self, pytester: pytest.Pytester) -> None:
        line = "* does not conform to profile sequence: 1 row failed"
        says(pytester, 1, line, "--rnn-profile=sequence", "--rnn=mine:Wrong", "--rnn-scope=smoke")

    def test_no_mode_in_common(self, pytester: pytest.Pytester) -> None:
        line = "mine:Wrong on cpu does not conform to profile cell: no row of it was tried"
        says(pytester, 1, line, "--rnn-profile=cell", "--rnn=mine:Wrong", "--rnn=torch.nn:LSTM")


PARTIAL = {
    ("--rnn-scope=smoke",): "scope smoke",
    ("--rnn-seed=1",): "scope core seed 1",
    ("-m", "clause(id='SEQ-1')"): "tried in part",
    ("-k", "test_all"): "tried in part",
    ("test_four.py::test_all",): "tried in part",
    ("--maxfail=1", "--rnn=mine:Wrong", "--rnn=torch.nn"): "tried in part",
}


@pytest.mark.parametrize(("options", "why"), PARTIAL.items(), ids=lambda value: " ".join(value))
def test_a_part_cannot_conform(options: tuple[str, ...], why: str, pytester: pytest.Pytester) -> None:
    status = int("--maxfail=1" in options)
    says(
        pytester,
        status,
        f"torch.nn on cpu no verdict on profile sequence: {why}",
        "--rnn-profile=sequence",
        *options,
    )


def test_an_unknown_name_is_one_clear_line(pytester: pytest.Pytester) -> None:
    run = pytester.runpytest_inprocess("--rnn-profile=cells")
    assert run.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in run.errlines if line.strip()]
    assert line.startswith("ERROR: --rnn-profile: 'cells' is not one of cell, sequence, ")


class TestTheProfiles:
    def test_are_of_claims_and_modes(self) -> None:
        for name, profile in PROFILES.items():
            assert profile.claims <= set(CLAIMS), name
            assert set(profile.modes) in ({*CELLS}, {*LAYERS}, {*MODES}), name
            assert profile.meaning

    def test_complete_has_every_row(self) -> None:
        assert all(PROFILES["complete"].has(mode, CLAIMS.keys() - BEYOND.keys()) for mode in MODES)

    def test_a_profile_of_more_claims_contains_the_others(self) -> None:
        order = (
            "sequence",
            "bidirectional",
            "packed",
            "inference",
            "gradient",
            "training",
            "reproducible",
            "drop-in",
        )
        claims = [PROFILES[name].claims for name in (*order, "complete")]
        assert all(fewer < more for fewer, more in pairwise(claims))

    def test_a_class_with_torchs_constructor_and_call_promises_a_drop_in(self) -> None:
        class Mine(torch.nn.LSTM):
            pass

        assert DropIn("mine", {"LSTM": Mine}).claimed("LSTM") == PROFILES["drop-in"].claims

    def test_what_is_missed(self) -> None:
        cell = PROFILES["cell"]
        assert cell.asks(NotClaimed("", claim="hx"))
        assert cell.asks(NotClaimed("", refused=True))
        assert not cell.asks(NotClaimed("", claim="packed"))
        assert not cell.asks(NotClaimed("it is about accelerators"))

    @pytest.mark.parametrize("outcome", sorted(result.BAD))
    def test_every_bad_outcome_is_failed(self, outcome: str) -> None:
        row = result.Row("SEQ-1", "MUST", "", "RNN", "", "", "", outcome, None, "", 0.0)
        said = "mine on cpu does not conform to profile cell: 1 row failed"
        mine = Tally("cell", "mine", "cpu")
        assert verdict(mine.of([row]), Scope(), whole=True) == (False, said)
        assert verdict(mine, Scope(), whole=False)[0] is None
