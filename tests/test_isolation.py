"""What ends the process, hangs or ends the session costs its own row: every other is as without it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnnspec import result
from rnnspec.keeping import kept, settings
from test_plugin import CLAUSES

TESTS = Path(__file__).parent

MARK = '@pytest.mark.isolated("it may")\n@pytest.mark.clause(id'
MARKED = CLAUSES.replace("@pytest.mark.clause(id", MARK, 1)
"""The first clause, which alone has the case in which the hostile do harm, is marked."""

FATES = {
    "Segfault": ("CRASH", "died of SIGSEGV in the middle of a clause"),
    "Abort": ("CRASH", "died of SIGABRT in the middle of a clause"),
    "Leave": ("CRASH", "exited with status 0 in the middle of a clause"),
    "LeaveInC": ("CRASH", "exited with status 0 in the middle of a clause"),
    "Killed": ("CRASH", "died of SIGKILL in the middle of a clause"),
    "Hang": ("TIMEOUT", "took longer than 2 s"),
    "Deaf": ("TIMEOUT", "took longer than 2 s"),
    "Exit": ("FAIL", "raised SystemExit: 0"),
    "Interrupt": ("FAIL", "raised KeyboardInterrupt: "),
    "Greedy": ("ERROR", "out of memory: RNN-T5-B3-I4-H9 (float32) on cpu, 268435456 bytes asked for"),
    "Chatty": ("PASS", ""),
}

HARMLESS_HERE = ("Leave", "Hang", "Exit", "Interrupt", "Greedy", "Chatty")
"""Those that no process dies of."""

LIMITED = f"ulimit -v {12 * 2**20}; exec "
"""Twelve gigabytes of addresses, in which torch fits easily."""


def started(place: Path, *arguments: str, before: str = "") -> subprocess.Popen[str]:
    """pytest in a process of its own."""
    fixed = ["-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--rnn-results=out.jsonl"]
    command = [sys.executable, "-m", "pytest", *fixed, *arguments]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env |= {"PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
    quoted = before + " ".join(f"'{word}'" for word in command)
    return subprocess.Popen(
        ["bash", "-c", quoted],
        cwd=place,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(place: Path, *arguments: str, before: str = "") -> tuple[int, str]:
    """Its exit status, and what it printed."""
    process = started(place, *arguments, before=before)
    said, _ = process.communicate(timeout=300)
    return process.returncode, said


def rows(place: Path, name: str) -> list[dict[str, object]]:
    """The rows of one implementation, as they would be of another."""
    _, found = result.read(place / "out.jsonl")
    mine = [row for row in found if row.implementation == name]
    return [vars(row) | {"seconds": 0, "implementation": ""} for row in mine]


def names(hostile: Iterator[str] | tuple[str, ...]) -> list[str]:
    return [f"--rnn=hostile:{name}" for name in hostile]


@pytest.fixture(
    scope="module",
    params=[
        (CLAUSES, tuple(FATES), ["--rnn-isolate=all"]),
        (MARKED, tuple(FATES), ["-n2"]),
        (CLAUSES, HARMLESS_HERE, []),
    ],
    ids=["all", "marked, on two workers", "in one process"],
)
def together(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, tuple[str, ...], int, str]:
    """The hostile and a right one in one run."""
    place = tmp_path_factory.mktemp("hostile")
    text, hostile, how = request.param
    (place / "test_three.py").write_text(text)
    limits = ["--rnn-timeout=2", "--rnn=torch.nn:RNN", "--rnn-dtype=float32"]
    return place, hostile, *run(place, *names(hostile), *limits, *how, before=LIMITED)


Together = tuple[Path, tuple[str, ...], int, str]


class TestTheHostile:
    """In one run, in each of three ways."""

    def test_every_other_row_is_as_without(self, together: Together) -> None:
        place, hostile, status, said = together
        assert status == 1, said
        right = rows(place, "torch.nn:RNN")
        assert {row["outcome"] for row in right} == {"PASS"}
        assert len(right) == 3
        for name in hostile:
            mine = rows(place, f"hostile:{name}")
            harmed = [row for row in mine if row["case"] == "RNN-T5-B3-I4-H9"]
            assert len(harmed) == 1
            assert [row for row in mine if row not in harmed] == [
                row for row in right if row["case"] != "RNN-T5-B3-I4-H9"
            ], name

    def test_the_row_says_what_happened(self, together: Together) -> None:
        place, hostile, *_ = together
        for name in hostile:
            outcome, message = FATES[name]
            harmed = [row for row in rows(place, f"hostile:{name}") if row["case"] == "RNN-T5-B3-I4-H9"]
            for row in harmed:
                assert row["outcome"] == outcome, f"{name}: {row}"
                assert str(row["message"]).startswith(message), f"{name}: {row}"

    def test_the_last_lines_of_python_are_named(self, together: Together) -> None:
        place, hostile, *_ = together
        for name in {"Segfault", "Abort", "Leave", "Hang", "Deaf", "Exit"} & set(hostile):
            harmed = [row for row in rows(place, f"hostile:{name}") if row["outcome"] != "PASS"]
            assert all("  at       hostile.py:" in str(row["message"]) for row in harmed), harmed

    def test_the_terminal_is_complete(self, together: Together) -> None:
        place, hostile, _, said = together
        count = 3 * (1 + len(hostile))
        assert result.read(place / "out.jsonl")[0]["rows"] == count
        for name in hostile:
            outcome, message = FATES[name]
            assert f"hostile:{name} on cpu" in said
            if outcome != "PASS":
                assert f"{outcome} ELM-1 (MUST), 1 of 2 cases" in said
                assert f"first: RNN-T5-B3-I4-H9 float32: {message}" in said
            if name == "Segfault":
                how = f"--case RNN-T5-B3-I4-H9 --rnn hostile:{name} --dtype float32 --device cpu"
                assert f"As a script: rnnspec reproduce ELM-1 {how}" in said
        assert "this is not a pass" not in said
        assert len(said) < 100_000


def test_megabytes_are_not_kept(together: Together) -> None:
    place, *_ = together
    assert (place / "out.jsonl").stat().st_size < 200_000


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with the three clauses, the first of them marked."""
    (tmp_path / "test_three.py").write_text(MARKED)
    return tmp_path


SLOW = """
import os, time
import torch

class Slow(torch.nn.RNN):
    def forward(self, input, hx=None):
        with open(f"under-way-{os.getpid()}", "w"):
            time.sleep(0.4)
        os.unlink(f"under-way-{os.getpid()}")
        return super().forward(input, hx)
"""


def under_way(place: Path) -> int:
    """The process in which a row is tried, as soon as there is one."""
    for _ in range(1200):
        for path in place.glob("under-way-*"):
            return int(path.name.rpartition("-")[2])
        time.sleep(0.05)
    raise AssertionError("nothing was tried")


class TestInterruptions:
    def test_a_worker_that_is_killed_from_outside(self, place: Path) -> None:
        """One row is a CRASH, and no other is lost or counted twice."""
        (place / "mine.py").write_text(SLOW)
        process = started(place, "--rnn=mine:Slow", "--rnn-isolate=all", "-k", "test_shape or test_step")
        os.kill(under_way(place), signal.SIGKILL)
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 1, said
        head, found = result.read(place / "out.jsonl")
        assert head["rows"] == 6
        outcomes = sorted(row.outcome for row in found)
        assert outcomes == ["CRASH"] + ["PASS"] * 5, said

    @pytest.mark.parametrize("how", ["marked", "all"])
    def test_an_interrupted_run_is_no_pass_and_leaves_no_file(self, how: str, place: Path) -> None:
        (place / "mine.py").write_text(SLOW)
        process = started(place, "--rnn=mine:Slow", f"--rnn-isolate={how}")
        under_way(place)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=300)
        assert process.returncode == pytest.ExitCode.INTERRUPTED, said
        assert "no results written to" in said
        assert "the run is not complete" in said
        assert not (place / "out.jsonl").exists()

    def test_a_run_that_is_killed_leaves_no_file(self, place: Path) -> None:
        (place / "mine.py").write_text(SLOW)
        (place / "out.jsonl").write_text("of an earlier run")
        process = started(place, "--rnn=mine:Slow")
        under_way(place)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=300)
        assert process.returncode == -signal.SIGKILL
        assert not (place / "out.jsonl").exists()

    def test_no_room_for_the_results(self, place: Path) -> None:
        """A file may have one block: enough for diaries, not for rows."""
        status, said = run(place, "--rnn=torch.nn", before="ulimit -f 2; exec ")
        assert status == 1, said
        assert re.search(r"no results written to .*out.jsonl: File too large", said)
        assert not (place / "out.jsonl").exists()
        assert not list(place.glob("out.jsonl*"))

    def test_workers_that_do_not_start(self, place: Path) -> None:
        """They are not replaced for ever."""
        (place / "mine.py").write_text(
            "import os, torch\nif 'PYTEST_XDIST_WORKER' in os.environ: os.abort()\n"
            "class Mine(torch.nn.RNN): pass\n"
        )
        status, said = run(place, "--rnn=mine:Mine")
        assert status == 1, said
        assert "4 workers one after the other died before they could try a clause" in said
        assert "2 of 6 rows: this is not a pass" in said
        assert not (place / "out.jsonl").exists()


SPOILING = """
import ctypes
import torch

class Spoiling(torch.nn.RNN):
    spoilt = False

    def forward(self, input, hx=None):
        output, h_n = super().forward(input, hx)
        if self.hidden_size == 9 and Spoiling.spoilt:
            ctypes.string_at(0)
        if self.hidden_size == 7 and input.dtype == torch.float64:
            Spoiling.spoilt = True
            output = output + 1
        return output, h_n
"""
"""Fails with H = 7 in float64, after which it crashes with H = 9: there it is right by itself."""


class TestWhoIsToBlame:
    def test_not_the_row_that_an_earlier_one_has_spoilt(self, place: Path) -> None:
        (place / "test_three.py").write_text(CLAUSES.replace("@pytest.mark.clause(id", MARK))
        (place / "mine.py").write_text(SPOILING)
        order = "-ktest_step"
        status, said = run(place, "--rnn=mine:Spoiling", order, "--rnn-dtype=float64", "--rnn-dtype=float32")
        assert status == 1, said
        found = {(row.case[-2:], row.dtype): row.outcome for row in result.read(place / "out.jsonl")[1]}
        assert found == {
            ("H7", "float64"): "FAIL",
            ("H9", "float64"): "PASS",
            ("H7", "float32"): "PASS",
            ("H9", "float32"): "PASS",
        }
        assert "3 passed" in said.splitlines()[-1]

    def test_the_row_before_where_a_worker_dies_between_two(self, place: Path) -> None:
        """As of a thread that outlives its row; the other row is tried again."""
        (place / "test_three.py").write_text(CLAUSES)
        (place / "conftest.py").write_text(
            "import os\nimport pytest\n"
            "before = ['']\n"
            "@pytest.hookimpl(wrapper=True, tryfirst=True)\n"
            "def pytest_runtest_protocol(item):\n"
            "    if 'float32' in before[-1] and 'H9' in before[-1]: os.abort()\n"
            "    before.append(item.nodeid)\n"
            "    return (yield)\n"
        )
        status, said = run(place, "--rnn=torch.nn:RNN", "--rnn-isolate=all")
        assert status == 1, said
        found = {(row.case, row.dtype): row for row in result.read(place / "out.jsonl")[1]}
        crashed = found.pop(("RNN-T5-B3-I4-H9", "float32"))
        assert crashed.message.startswith("died of SIGABRT after a clause")
        assert {row.outcome for row in found.values()} == {"PASS"}


class TestHarm:
    def test_a_marked_clause_that_breaks_the_kit_is_a_crash(self, place: Path) -> None:
        """Memory may have been written that is the kit's; no other row of that worker is to suffer."""
        broken = MARKED.replace("agrees(rnn(case.input, case.state)", "agrees(7 / (case.H - 9)", 1)
        (place / "test_three.py").write_text(broken)
        status, said = run(place, "--rnn=torch.nn:RNN", "--rnn-dtype=float32", "-ktest_step")
        assert status == 1, said
        found = {row.case[-2:]: row for row in result.read(place / "out.jsonl")[1]}
        assert found["H9"].outcome == "CRASH"
        assert found["H9"].message.startswith("the process was harmed: ZeroDivisionError")

    def test_what_cannot_be_put_back_hides_no_failure(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def cannot(*args: object) -> None:
            raise RuntimeError("Invalid mt19937 state")

        monkeypatch.setattr(settings, "write", cannot)
        with pytest.raises(ZeroDivisionError), kept():
            raise ZeroDivisionError
        with pytest.raises(RuntimeError, match="mt19937"), kept():
            pass


BREAKING = """
import torch
from rnnspec.isolation import limits

class Breaking(torch.nn.RNN):
    def forward(self, input, hx=None):
        if self.hidden_size == 9:
            limits.fault = lambda device: "an assertion on the device failed"
            raise RuntimeError("CUDA error: device-side assert triggered")
        return super().forward(input, hx)
"""


class TestDevices:
    """A device that no longer works; no device here does that, so what asks it is made to say so."""

    def test_it_ends_its_worker_and_not_the_run(self, place: Path) -> None:
        (place / "mine.py").write_text(BREAKING)
        status, said = run(place, "--rnn=mine:Breaking", "--rnn-isolate=all")
        assert status == 1, said
        found = {row.case: row for row in result.read(place / "out.jsonl")[1] if row.dtype == "float32"}
        harmed = found.pop("RNN-T5-B3-I4-H9")
        assert harmed.outcome == "CRASH"
        assert harmed.message == (
            "cpu no longer works: an assertion on the device failed; "
            "raised RuntimeError: CUDA error: device-side assert triggered"
        )
        assert {row.outcome for row in found.values()} == {"PASS"}

    def test_without_a_worker_its_further_rows_are_errors(self, place: Path) -> None:
        """Nobody is blamed for them."""
        (place / "test_three.py").write_text(CLAUSES)
        (place / "mine.py").write_text(BREAKING)
        status, said = run(place, "--rnn=mine:Breaking", "--rnn-dtype=float32", "--rnn-isolate=never")
        assert status == 1, said
        found = result.read(place / "out.jsonl")[1]
        assert sorted((row.case, row.clause, row.outcome) for row in found) == [
            ("RNN-T5-B3-I4-H7", "ELM-1", "PASS"),
            ("RNN-T5-B3-I4-H7", "ELM-12", "ERROR"),
            ("RNN-T5-B3-I4-H9", "ELM-1", "FAIL"),
        ]
        (error,) = (row for row in found if row.outcome == "ERROR")
        assert "cpu no longer works since ELM-1 on RNN-T5-B3-I4-H9" in error.message


class TestOptions:
    @pytest.mark.parametrize(
        ("arguments", "wanted"),
        [
            (["--rnn-isolate=some"], "--rnn-isolate: 'some' is not one of never, marked, all"),
            (["--rnn-isolate=all", "-pno:xdist"], "--rnn-isolate: all needs pytest-xdist, which is switched"),
            (["-pno:xdist"], "--rnn-isolate: marked needs pytest-xdist, which is switched off; write never"),
            (["--rnn-timeout=soon"], "--rnn-timeout: 'soon' is not a number of seconds, such as 60"),
            (["--rnn-timeout=0"], "--rnn-timeout: '0' is not a number of seconds, such as 60"),
        ],
    )
    def test_a_wrong_option_is_one_clear_line(
        self, arguments: list[str], wanted: str, place: Path, pytester: pytest.Pytester
    ) -> None:
        pytester.makepyfile(test_three=MARKED)
        done = pytester.runpytest_inprocess("-pno:hypothesispytest", "--rnn=torch.nn", *arguments)
        assert done.ret == pytest.ExitCode.USAGE_ERROR
        lines = [line for line in done.errlines if line.strip()]
        assert len(lines) == 1
        assert wanted in lines[0]

    def test_never_is_in_this_process(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(test_three=MARKED)
        done = pytester.runpytest_inprocess(
            "-pno:hypothesispytest", "-pno:xdist", "--rnn=torch.nn", "--rnn-isolate=never"
        )
        assert done.ret == 0
        done.assert_outcomes(passed=8)
