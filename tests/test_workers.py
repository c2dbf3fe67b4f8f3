"""Workers of xdist's that are reached over a socket, as those on another machine are."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import execnet
import pytest

import rnnspec
from rnnspec import result, workers

TESTS, SPEC = Path(__file__).parent, Path(rnnspec.__file__).parents[1]
TRIED = "clause(id='ELM-1') or clause(id='ERR-33')"
"""Two clauses, of which the second runs apart."""


def environment(place: Path) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    path = os.pathsep.join(map(str, (place, SPEC, TESTS)))
    return {**mine, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


@pytest.fixture
def near(tmp_path: Path) -> Path:
    (tmp_path / "near").mkdir()
    return tmp_path / "near"


@pytest.fixture
def far(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address of execnet's server in it."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    place = tmp_path / "far"
    place.mkdir()
    command = [sys.executable, "-u", "-m", "execnet.script.socketserver", address]
    server = subprocess.Popen(command, cwd=place, env=environment(place), stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert "Entering Accept loop" in server.stdout.readline()
    yield place, address
    server.kill()
    server.communicate()


def run(near: Path, *options: str) -> subprocess.CompletedProcess[str]:
    fixed = ["--pyargs", "rnnspec", "-q", "-p", "no:cacheprovider", "--rnn-device=cpu", "-m", TRIED]
    command = [sys.executable, "-m", "pytest", *fixed, *options]
    env = environment(near)
    return subprocess.run(command, cwd=near, env=env, capture_output=True, text=True, timeout=300)


WRONG = """
import torch

class Wrong(torch.nn.RNN):
    def forward(self, x, hx=None):
        output, h_n = super().forward(x, hx)
        return output * 1.001, h_n
"""


def test_rows_handshakes_and_what_runs_apart_come_through(near: Path, far: tuple[Path, str]) -> None:
    place, address = far
    for folder in (near, place):
        (folder / "theirs.py").write_text(WRONG)
    names = ("--rnn=torch.nn", "--rnn=theirs:Wrong")
    here = run(near, *names, "--rnn-results=here.jsonl")
    there = run(near, *names, "--rnn-results=there.jsonl", "--dist=load", f"--tx=socket={address}")
    assert here.returncode == there.returncode == 1, there.stdout + there.stderr
    (one, rows), (other, found) = (result.read(near / name) for name in ("here.jsonl", "there.jsonl"))
    assert [vars(row) | {"seconds": 0} for row in found] == [vars(row) | {"seconds": 0} for row in rows]
    assert {row.clause for row in found} == {"ELM-1", "ERR-33"}
    assert {row.outcome for row in found if row.implementation == "theirs:Wrong"} >= {"FAIL"}
    assert other["handshakes"] == one["handshakes"] != []
    version = ".".join(map(str, sys.version_info[:3]))
    assert other["workers"] == [f"{address}: Python {version}, {sys.platform}"]
    assert "workers" not in one


VERSIONED = """
import torch
from rnnspec.implementation import DropIn

class Mine(DropIn):
    versions = {{"theirs": "{}"}}

mine = Mine("theirs:mine", {{"RNN": torch.nn.RNN}})
"""


def test_a_worker_with_something_else_installed_tries_nothing(near: Path, far: tuple[Path, str]) -> None:
    place, address = far
    for folder, said in ((near, "1.0"), (place, "2.0")):
        (folder / "theirs.py").write_text(VERSIONED.format(said))
    ran = run(near, "--rnn=theirs:mine", "--rnn-results=x.jsonl", "--dist=load", f"--tx=socket={address}")
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    said = "theirs for theirs:mine is 2.0 in a worker and 1.0 where the session is steered"
    assert f"Exit: rnnspec: {said}" in ran.stdout
    assert "INTERNALERROR" not in ran.stdout
    assert not (near / "x.jsonl").exists()


LEAKS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""execnet leaves sockets to the collector."""


@LEAKS
def test_a_file_of_another_machine_is_fetched_and_gone(far: tuple[Path, str]) -> None:
    """As the diary of a worker that died there, and then that of another."""
    place, address = far
    (place / "folder").mkdir()
    (place / "folder" / "diary").write_bytes(b"one line\n\xff")
    (place / "folder" / "another").write_bytes(b"more")
    node = SimpleNamespace(gateway=SimpleNamespace(spec=execnet.XSpec(f"socket={address}//id=gw0")))
    node.nodemanager = SimpleNamespace(group=execnet.Group())
    assert workers.fetched(node, place / "folder" / "diary") == b"one line\n\xff"
    assert [path.name for path in (place / "folder").iterdir()] == ["another"]
    assert workers.fetched(node, place / "folder" / "another") == b"more"
    assert not (place / "folder").exists()
    assert workers.fetched(node, place / "folder" / "diary") == b""


@LEAKS
def test_nothing_is_fetched_from_a_machine_that_is_gone() -> None:
    node = SimpleNamespace(gateway=SimpleNamespace(spec=execnet.XSpec("socket=127.0.0.1:1")))
    node.nodemanager = SimpleNamespace(group=execnet.Group())
    assert workers.fetched(node, Path("diary")) == b""
