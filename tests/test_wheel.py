"""The wheel and the sdist: everything is in them, and the kit works from the wheel alone."""

from __future__ import annotations

import json
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import wheel_kit
from wheel_kit import CHECKOUT, environment

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of this checkout."""
    return wheel_kit.built(tmp_path_factory.mktemp("dist"))


def wanted() -> Iterator[str]:
    """Every clause, module, page and recording, by its place under `spec/` or `snapshots/`."""
    for path in (CHECKOUT / "spec" / "rnnspec").rglob("*.*"):
        if path.suffix in (".py", ".html", ".md", ".jinja", ".css", ".js", ".json", ".toml"):
            yield str(path.relative_to(CHECKOUT / "spec"))
    for path in (CHECKOUT / "snapshots").glob("*.json"):
        yield str(path.relative_to(CHECKOUT))


def test_wheel_holds_every_clause_and_recording(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in wanted():
        packaged = f"rnnspec/{name}" if name.startswith("snapshots/") else name
        assert packaged in names
    assert "rnnspec/py.typed" in names
    assert not any(name.startswith(("tests/", "conftest")) for name in names)


def test_sdist_holds_the_checkout(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in wanted():
        assert (name if name.startswith("snapshots/") else f"spec/{name}") in names
    for name in ("conftest.py", "tests/test_wheel.py", "README.md", "LICENSE", "pyproject.toml"):
        assert name in names


LSTM = """
import torch

class FastLSTM(torch.nn.LSTM):
    pass

class SlowLSTM(torch.nn.LSTM):
    def forward(self, input, hx=None):
        output, (h, c) = super().forward(input, hx)
        return output, (c, h)
"""


@pytest.fixture(scope="module")
def elsewhere(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody's repository, and an environment with the wheel in it (torch is this one's)."""
    folder = tmp_path_factory.mktemp("elsewhere")
    environment(folder, built)
    (folder / "mypkg.py").write_text(LSTM)
    return folder


def verify(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return wheel_kit.verify(folder / "env" / "bin" / "python", folder, *arguments)


def test_wheel_verifies_a_class_elsewhere(elsewhere: Path) -> None:
    run = verify(elsewhere, "--rnn", "mypkg:FastLSTM", "--rnn-results", "rows.jsonl", "-q")
    assert run.returncode == 0, run.stdout
    head, *rows = [json.loads(line) for line in (elsewhere / "rows.jsonl").read_text().splitlines()]
    assert head["header"]["rows"] == len(rows)
    assert {row["clause"] for row in rows} >= {
        "SHP-1",
        "PAR-4",
        "INI-1",
        "LSTM-1",
        "SEQ-9",
        "BAT-1",
    }
    assert str(CHECKOUT / "spec") not in run.stdout


def test_wheel_blames_a_wrong_class(elsewhere: Path) -> None:
    run = verify(elsewhere, "--rnn", "mypkg:SlowLSTM", "-q", "-m", "clause(id='LSTM-1')")
    assert run.returncode == 1
    assert "FAIL LSTM-1 (MUST)" in run.stdout


def test_wheel_refuses_to_record(elsewhere: Path) -> None:
    before = {path: path.read_bytes() for path in elsewhere.rglob("snapshots/*.json")}
    run = verify(elsewhere, "--snapshot-update")
    assert run.returncode == 4
    assert before
    assert before == {path: path.read_bytes() for path in elsewhere.rglob("snapshots/*.json")}
