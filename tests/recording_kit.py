"""A small specification with recordings, run within a test, and its files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import syrupy

from rnnspec import recording

CONFTEST = """
from pathlib import Path
import pytest
from rnnspec import recording
from rnnspec.case import Case
from rnnspec.recorded import claim, recorded, refuse_update
from rnnspec.scopes import Scope

HERE = Path(__file__).parent
recording.CHAPTERS = HERE / "chapters"
recording.snapshots_folder = lambda: recording.CHAPTERS / "../snapshots"

def pytest_addoption(parser):
    parser.addoption("--implementation", default="torch.nn")
    parser.addoption("--device", default="cpu")
    parser.addoption("--modes", default="GRU,LSTM")
    parser.addoption("--factor", type=float, default=1.0)
    parser.addoption("--span", type=float, default=1.0)

def pytest_configure(config):
    config.addinivalue_line("markers", "clause(id)")
    refuse_update(config, [config.option.implementation], [config.option.device], Scope())

@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    whole = config.option.implementation == "torch.nn" and config.option.modes == "GRU,LSTM"
    claim(config, items, lambda item: item.callspec.params.get("case"), whole)

def pytest_generate_tests(metafunc):
    modes = metafunc.config.option.modes.split(",")
    cases = [Case(mode, T=3, seed=s, dtype=d) for mode in modes for s in (1, 2) for d in DTYPES]
    metafunc.parametrize("case", cases, ids=lambda case: f"{case}-{case.dtype}")

import torch
DTYPES = (torch.float32, torch.float64)

@pytest.fixture
def doubled(case, recorded, pytestconfig):
    \"\"\"The clause: the output is twice the input.\"\"\"
    def check(**changes):
        x = case.input.clone()
        wrong = 2 * x
        wrong[1, 2, 3] *= pytestconfig.option.factor
        words = dict(
            given={"input": x * pytestconfig.option.span},
            configuration={"hidden_size": case.H},
            dtype=torch.float64,
            oracle={"output": 2 * x.double()},
        )
        recorded.agrees({"output": wrong}, {"output": 1e-6}, **{**words, **changes})
    return check
"""

CHAPTERS = {
    "test_10_one": """
import pytest
@pytest.mark.clause(id="SEQ-9")
def test_it(doubled):
    doubled()
""",
    "test_20_two": """
import pytest
@pytest.mark.clause(id="INI-6")
def test_it(doubled):
    doubled()
""",
}

CASE = "GRU-T3-B3-I4-H7"
FILES = [f"{clause}-{mode}.json" for clause in ("INI-6", "SEQ-9") for mode in ("GRU", "LSTM")]

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A small specification of two clauses, each for two modes, two seeds and two dtypes."""
    for name in ("CHAPTERS", "snapshots_folder"):  # the conftest replaces them for good
        monkeypatch.setattr(recording, name, getattr(recording, name))
    monkeypatch.setattr(syrupy, "_syrupy", None)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    folder = pytester.mkdir("chapters")
    for name, text in CHAPTERS.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")

    def run(*words: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess("-p", "syrupy", *words)

    return run


@pytest.fixture
def snapshots(run: Run, pytester: pytest.Pytester) -> Path:
    """The folder of the small specification's recordings, written."""
    run("--snapshot-update").assert_outcomes(passed=8, skipped=8)
    return pytester.path / "snapshots"


def edited(path: Path, change: Callable[[Any], object]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def rewrite(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
