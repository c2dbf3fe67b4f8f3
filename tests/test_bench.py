"""`rnnspec bench`, and the same by pytest-benchmark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rnnspec import result
from rnnspec.benchmarks.figures import APART
from rnnspec.benchmarks.ways import WAYS
from rnnspec.cli import app


def bench(*words: str) -> Result:
    return CliRunner().invoke(app, ["bench", *words])


SMALL = ("--mode", "LSTM", "--T", "4", "--B", "3", "--I", "4", "--H", "7", "--rounds", "10")

DOUBLED = """from torch import nn
class LSTM(nn.LSTM):
    def forward(self, x, hx=None):
        return super().forward(2 * x, hx)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that one is in, with a class in it."""
    (tmp_path / "benched.py").write_text(DOUBLED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_the_table(folder: Path) -> None:
    ran = bench("torch.nn", "benched:LSTM", *SMALL)
    assert ran.exit_code == 0, ran.output
    head, case, titles, *lines = ran.stdout.splitlines()
    assert head.startswith("float32 on cpu, 1 thread, torch ")
    assert case == "LSTM-T4-B3-I4-H7"
    assert titles.split() == ["time", "spread", "×", "whole", "×", "baseline", "of", "best"]
    wrong = [line for line in lines if "benched:LSTM" in line]
    right = [line for line in lines if "torch.nn" in line]
    assert len(right) == 2 * len(WAYS) + len(APART)
    assert wrong == [
        "  benched:LSTM  no time for anything: whole: output is not what it must be",
        "  benched:LSTM  rnnspec verify benched:LSTM says where, by how much and how to show it",
    ]
    assert all(" µs" in line or " ms" in line for line in right)
    assert right[0].split()[:3] == ["torch.nn", "whole", "forward"]
    assert right[0].split()[6:8] == ["1.00", "1.00"]  # to its own, and to the baseline's


def test_the_baseline_is_the_first_or_what_is_named(folder: Path) -> None:
    (folder / "slow.py").write_text(
        "import time\nfrom torch import nn\nclass LSTM(nn.LSTM):\n    def forward(self, x, hx=None):\n"
        "        time.sleep(0.003)\n        return super().forward(x, hx)\n"
    )
    ratios = {}
    for baseline in ("torch.nn", "slow:LSTM"):
        ran = bench("torch.nn", "slow:LSTM", *SMALL, "--baseline", baseline)
        lines = [line.split() for line in ran.stdout.splitlines()]
        ratios[baseline] = {line[0]: float(line[7]) for line in lines if line[1:3] == ["whole", "forward"]}
    assert ratios["torch.nn"]["torch.nn"] == ratios["slow:LSTM"]["slow:LSTM"] == 1
    assert ratios["torch.nn"]["slow:LSTM"] > 5
    assert ratios["slow:LSTM"]["torch.nn"] < 0.2


def test_what_is_not_claimed_is_one_line(folder: Path) -> None:
    (folder / "padding.py").write_text(
        "from torch import nn\nclass LSTM(nn.LSTM):\n    def forward(self, x, hx=None):\n"
        "        if hasattr(x, 'batch_sizes'): raise NotImplementedError('no packed input')\n"
        "        return super().forward(x, hx)\n"
    )
    ran = bench("padding:LSTM", *SMALL)
    packed = ", ".join(f"packed {fill}{grad}" for grad in ("", " + grad") for fill in ("0.25", "0.5", "1"))
    assert f"  padding:LSTM  no time for {packed}: no packed input\n" in ran.stdout
    assert len(ran.stdout.splitlines()) == 3 + 8 + len(APART) + 1


def test_json() -> None:
    found = json.loads(bench("--json", *SMALL).stdout)
    assert [(each["way"], each["grad"]) for each in found] == [
        *((way, grad) for grad in (False, True) for way in WAYS),
        *((way, False) for way in APART),
    ]
    for each in found:
        low, middle, high = each["seconds"]
        assert 0 < low <= middle <= high
    assert found[0]["ratio"] == [1, 1, 1]
    assert found[0]["flops"] == 2 * 4 * 3 * 4 * 7 * (4 + 7)
    assert 0 < found[0]["share"] < 1


def test_results(folder: Path) -> None:
    """The claims as rows, and all that was measured in the header; what is wrong fails."""
    ran = bench("torch.nn", "benched:LSTM", *SMALL, "-o", "speed.jsonl")
    assert ran.exit_code == 0, ran.output
    head, rows = result.read(folder / "speed.jsonl")
    assert head["scope"] == "speed, quick"
    assert not head["whole"]
    assert len(head["benchmarks"]) == 2 * (2 * len(WAYS) + len(APART))
    assert {row.level for row in rows} == {"MAY"}
    outcomes = {(row.implementation, row.outcome) for row in rows}
    assert outcomes <= {("torch.nn", "PASS"), ("torch.nn", "NOT CLAIMED"), ("benched:LSTM", "FAIL")}
    assert {row.clause for row in rows} == {"SPD-1", "SPD-2", "SPD-3"}
    for row in rows:
        if row.implementation == "torch.nn":
            assert row.headroom is not None
            assert (row.headroom <= 1) == (row.outcome == "PASS")
    assert {row.case for row in rows if row.clause == "SPD-3"} == {
        f"LSTM-T4-B3-I4-H7-fill{fill}{grad}" for fill in ("0.25", "0.5", "1") for grad in ("", "-grad")
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--mode", "LSTMCell"], "--mode: 'LSTMCell' is not one of RNN, GRU, LSTM"),
        (["--dtype", "int8"], "--dtype: 'int8' is not one of"),
        (["--grid", "huge"], "--grid: 'huge' is not one of quick, full"),
        (["--baseline", "jax"], "--baseline: 'jax' is not one of torch.nn"),
        (["--device", "abacus"], "abacus"),
        (["nowhere:Net"], "cannot import 'nowhere'"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(words: list[str], said: str) -> None:
    ran = bench(*words)
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1


BENCHMARKS = ("--pyargs", "rnnspec.benchmarks", "-q", "-p", "no:cacheprovider")


@pytest.fixture
def inside(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder that one is in, with a class in it, to run pytest, which has no workers there."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    pytester.makepyfile(benched=DOUBLED)
    pytester.syspathinsert()
    return pytester


def test_by_pytest_benchmark(inside: pytest.Pytester) -> None:
    """Its file holds the rounds of each; nothing else of rnnspec's is said."""
    words = ("--benchmark-only", "-k", "LSTM-T100", "--rnn", "torch.nn", "--benchmark-json", "times.json")
    ran = inside.runpytest_inprocess(*BENCHMARKS, *words)
    ran.assert_outcomes(passed=1 + len(APART), deselected=126)
    ran.stdout.no_fnmatch_line("*rnnspec ===*")
    times = json.loads((inside.path / "times.json").read_text())["benchmarks"]
    found = {each["params"]["way"]: each for each in times}
    assert set(found) == {"whole", *APART}
    whole = found["whole"]
    assert whole["stats"]["rounds"] == whole["extra_info"]["rounds"] >= 10
    assert whole["stats"]["median"] == pytest.approx(whole["extra_info"]["seconds"][1])
    assert whole["group"] == "LSTM-T100-B4-I32-H32, forward"


def test_what_is_wrong_fails_there_and_has_no_time(inside: pytest.Pytester) -> None:
    words = ("--benchmark-only", "-k", "LSTM-T100 and whole", "--rnn", "benched:LSTM")
    ran = inside.runpytest_inprocess(*BENCHMARKS, *words)
    ran.assert_outcomes(failed=1, deselected=ran.parseoutcomes()["deselected"])
    ran.stdout.fnmatch_lines(["*no time: whole: output is not what it must be*"])
    ran.stdout.no_fnmatch_line("*Median*")


@pytest.mark.parametrize(("name", "outcome"), [("torch.nn", "passed"), ("benched:LSTM", "failed")])
def test_where_it_is_disabled_all_is_only_checked(inside: pytest.Pytester, name: str, outcome: str) -> None:
    words = ("--benchmark-disable", "-k", "LSTM-T100 and whole", "--rnn", name)
    ran = inside.runpytest_inprocess(*BENCHMARKS, *words)
    assert ran.parseoutcomes()[outcome] == 1
    ran.stdout.no_fnmatch_line("*Median*")


@pytest.mark.parametrize("package", ["rnnspec", "rnnspec.clauses"])
def test_the_specification_has_no_benchmarks(inside: pytest.Pytester, package: str) -> None:
    words = ("--pyargs", package, "--collect-only", "-q", "--rnn-scope", "smoke")
    ran = inside.runpytest_inprocess(*words)
    assert ran.ret == 0
    ran.stdout.fnmatch_lines(["*test_32_lstm*"])
    ran.stdout.no_fnmatch_line("*test_speed*")
