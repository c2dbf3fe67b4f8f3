"""`rnnspec verify`: pytest underneath, with its options and its status, and what fails as it comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from rnnspec import result

ONE = ("-m", "clause(id='SEQ-1')")
TWO = "clause(id='SEQ-1') or clause(id='SEQ-2')"

CLASSES = """
import os
import signal
import time

import torch


class FastLSTM(torch.nn.LSTM):
    pass


class IgnoresH(torch.nn.GRU):
    def forward(self, x, h=None):
        return super().forward(x, None if h is None else 0 * h)


class Odd(torch.nn.GRU):
    def forward(self, x, h=None):
        raise ValueError("\\x1b[31m[bold]odd\\ud800\\nand more")


class Slow(torch.nn.RNN):
    def forward(self, x, h=None):
        open("begun", "a").write(f"{os.getpid()}\\n")
        time.sleep(0.2)
        return super().forward(x, h)


class Ends(torch.nn.RNN):
    def forward(self, x, h=None):
        os.kill(os.getpid(), signal.SIGKILL)
"""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and groups of processes")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with classes to try, and no configuration of pytest's."""
    (tmp_path / "mypkg.py").write_text(CLASSES)
    return tmp_path


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "rnnspec", "verify", *words]


def environment(**more: str) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    return {**mine, "OMP_NUM_THREADS": "1", "COLUMNS": "100", **more}


def verify(place: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words), cwd=place, env=environment(**more), text=True, capture_output=True, timeout=300
    )


def smoke(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return verify(place, *words, "--rnn-scope", "smoke", "--rnn-device=cpu")


def test_what_passes_is_said_at_the_end(place: Path) -> None:
    ran = smoke(place, "mypkg:FastLSTM", *ONE)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "mypkg:FastLSTM on cpu\n" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("1 passed, ")
    assert "warning" not in ran.stdout


def test_torch_is_tried_where_nothing_is_named(place: Path) -> None:
    ran = smoke(place, *ONE)
    assert ran.returncode == 0
    assert "torch.nn on cpu\n" in ran.stdout


def test_what_fails_is_said_once_for_each_clause(place: Path) -> None:
    """In core a clause has dozens of cases."""
    ran = verify(
        place, "mypkg:IgnoresH", "--rnn-device=cpu", "-m", "clause(id='SEQ-1') or clause(id='SEQ-2')"
    )
    assert ran.returncode == 1
    lines = ran.stderr.splitlines()
    assert [line.partition("  ")[0] for line in lines[::3]] == ["FAIL SEQ-1 (MUST)", "FAIL SEQ-2 (MUST)"]
    assert lines[0].startswith("FAIL SEQ-1 (MUST)  mypkg:IgnoresH on cpu, GRU-T")
    assert lines[1].startswith("    Feeding a sequence step by step, carrying the state, gives output and ")
    assert lines[2].startswith("    ")
    assert len(lines) == 6
    assert "FAIL SEQ-1 (MUST), " in ran.stdout
    assert "\x1b" not in ran.stdout + ran.stderr


def test_it_is_said_as_it_comes(place: Path) -> None:
    """While pytest is still at work."""
    words = (
        "mypkg:IgnoresH",
        "mypkg:Slow",
        "--rnn-device=cpu",
        "-m",
        "clause(id='SEQ-1')",
        "-p",
        "no:randomly",
    )
    process = subprocess.Popen(
        command(*words), cwd=place, env=environment(), text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("FAIL SEQ-1")
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_a_message_is_text(place: Path) -> None:
    ran = smoke(place, "mypkg:Odd", *ONE)
    assert ran.returncode == 1
    assert "\\x1b[31m[bold]odd\\ud800" in ran.stderr
    assert "\x1b" not in ran.stderr


def test_several_names_and_then_pytests_options(place: Path) -> None:
    ran = smoke(place, "mypkg:FastLSTM", "mypkg:IgnoresH", "--rnn-results", "out.jsonl", *ONE)
    assert ran.returncode == 1
    head, rows = result.read(place / "out.jsonl")
    outcomes = {row.implementation: row.outcome for row in rows}
    assert outcomes == {"mypkg:FastLSTM": "PASS", "mypkg:IgnoresH": "FAIL"}
    assert (head["scope"], head["whole"]) == ("smoke", False)
    assert "results: " in ran.stdout


def test_the_example_of_its_help(place: Path) -> None:
    words = "mypkg:FastLSTM --rnn-scope smoke -n 2 --rnn-results fast.jsonl"
    assert f"verify {words}" in " ".join(verify(place, "-h").stdout.split())
    ran = verify(place, *words.split(), "-m", TWO)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert Counter(row.outcome for row in result.read(place / "fast.jsonl")[1]) == {"PASS": 2}


def test_failures_of_workers_come_once_too(place: Path) -> None:
    ran = verify(place, "mypkg:IgnoresH", "-n", "2", "--rnn-device=cpu", *ONE)
    assert ran.returncode == 1
    assert ran.stderr.count("FAIL SEQ-1") == 1
    assert len(ran.stderr.splitlines()) == 3


@pytest.mark.parametrize(("words", "shown"), [((), False), (("--tb=short",), True)])
def test_pytests_options_have_the_last_word(words: tuple[str, ...], shown: bool, place: Path) -> None:
    ran = smoke(place, "mypkg:IgnoresH", *ONE, *words)
    assert ("source: " in ran.stdout) is shown
    assert ("= FAILURES =" in ran.stdout) is shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--nosuch"], "unrecognized arguments: --nosuch"),
        (["--rnn-scope=half"], "--rnn-scope: 'half' is not one of smoke, core, full"),
        (["nosuch:X"], "--rnn: cannot import 'nosuch'"),
        (["mypkg:None"], "--rnn: 'mypkg' has no attribute 'None'"),
        (["mypkg:[red]x"], "--rnn: 'mypkg' has no attribute '[red]x'"),
        (["-p", "nosuch"], 'Error importing plugin "nosuch"'),
        (["--rnn-scope", "smoke", "mypkg:FastLSTM"], "not found: mypkg:FastLSTM"),
    ],
)
def test_an_option_that_cannot_be_used(words: list[str], said: str, place: Path) -> None:
    ran = verify(place, *words)
    assert ran.returncode == 4
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_no_clause_is_no_pass(place: Path) -> None:
    for words in ((), ("torch.nn",)):
        ran = smoke(place, *words, "-k", "nothing_is_called_that")
        assert ran.returncode == 1
        assert "no clause ran: this is not a pass" in ran.stdout


def test_an_option_with_an_h_in_it_is_no_cry_for_help(place: Path) -> None:
    ran = smoke(place, "-knothing_with_h")
    assert "no clause ran" in ran.stdout


def test_where_pytest_is_ended_it_is_said(place: Path) -> None:
    (place / "breaks.py").write_text(
        "import os\ndef pytest_collection_finish(session):\n    os.kill(os.getpid(), 9)\n"
    )
    ran = smoke(place, "-p", "breaks")
    assert (ran.returncode, ran.stderr) == (3, "rnnspec: pytest was ended by signal 9\n")


def test_where_a_plugin_breaks(place: Path) -> None:
    (place / "breaks.py").write_text("def pytest_collection_finish(session):\n    raise RuntimeError\n")
    assert smoke(place, "-p", "breaks").returncode == 3


def alive(pid: int) -> bool:
    """Whether a process is there, and no mere entry of one that has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("words", [(), ("-n", "2")])
@pytest.mark.parametrize("asked", ["all", "parent"])
def test_interrupted_it_ends_with_2_and_so_do_its_children(
    words: tuple[str, ...], asked: str, place: Path
) -> None:
    """By the terminal, which asks all, or by somebody who asks this process only to end."""
    process = subprocess.Popen(
        command("mypkg:Slow", "--rnn-device=cpu", "--rnn-results=out.jsonl", *words), cwd=place,
        env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        begun, deadline = place / "begun", time.monotonic() + 120
        while not (begun.exists() and len({*begun.read_text().split()}) >= (2 if words else 1)):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        if asked == "all":
            os.killpg(process.pid, signal.SIGINT)
        else:
            os.kill(process.pid, signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 2, err
        assert "Traceback" not in err
        assert "this is not a pass" in out
        assert not (place / "out.jsonl").exists()
        pids = {int(pid) for pid in begun.read_text().split()}
        while any(map(alive, pids)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not any(map(alive, pids))
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
