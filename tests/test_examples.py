"""The examples, each as its own repository: run from the built wheel, in an environment of its own."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from wheel_kit import CHECKOUT, built, environment, verify

EXAMPLES = CHECKOUT / "tests" / "examples"
PAGE = CHECKOUT / "spec" / "rnnspec" / "adapters" / "README.md"
SHOWN = ("jax_gru/mygru.py", "runtime_session/mysession.py", "third_party/src/acme_rnn/spec.py")

pytestmark = pytest.mark.filterwarnings("default")


def needs(*libraries: str) -> pytest.MarkDecorator:
    """The libraries of an extra, which not every environment of the tests has."""
    missing = [name for name in libraries if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is not installed")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("dist"))


def run(wheel: Path, folder: Path, example: str, *arguments: str, more: Path | None = None) -> Path:
    """What is left of an example's run in a copy of its repository: the terminal's text, and the rows."""
    repository = folder / "repository"
    shutil.copytree(EXAMPLES / example, repository)
    python = environment(folder, wheel, *([more] if more else []))
    found = verify(python, repository, "-q", "--rnn-results", str(folder / "rows.jsonl"), *arguments)
    (folder / "said.txt").write_text(found.stdout + found.stderr)
    (folder / "status.txt").write_text(str(found.returncode))
    return folder


def outcomes(folder: Path, key: str = "outcome") -> Counter[str]:
    _, *rows = (folder / "rows.jsonl").read_text().splitlines()
    return Counter(json.loads(row)[key] for row in rows)


def failing(folder: Path) -> set[str]:
    _, *rows = map(json.loads, (folder / "rows.jsonl").read_text().splitlines())
    return {row["clause"] for row in rows if row["outcome"] not in ("PASS", "NOT CLAIMED")}


def status(folder: Path) -> int:
    return int((folder / "status.txt").read_text())


def said(folder: Path) -> str:
    return (folder / "said.txt").read_text()


def test_torch_lstm_with_a_bug(wheel: Path, tmp_path: Path) -> None:
    """The bug is named, what it breaks fails, and what it does not passes."""
    found = run(wheel, tmp_path, "torch_lstm", "--rnn", "mylstm:LSTM")
    assert status(found) == 1
    assert "it reads i f o g where torch writes i f g o" in said(found).rpartition("= rnnspec =")[2]
    assert {"LSTM-1", "PAR-4", "SEQ-9"} <= failing(found)
    assert {"SHP-1", "SEQ-1", "BAT-1", "PAR-1"}.isdisjoint(failing(found))
    assert outcomes(found)["PASS"] > 100


@needs("jax")
def test_jax_gru(wheel: Path, tmp_path: Path) -> None:
    """At most ten lines of one's own, and nothing fails."""
    source = (EXAMPLES / "jax_gru" / "mygru.py").read_text()
    function = source[source.index("@jax_step") :]
    assert len(function.strip().splitlines()) <= 10
    found = run(wheel, tmp_path, "jax_gru", "--rnn", "mygru:gru")
    assert status(found) == 0, said(found)
    assert outcomes(found, "mode").keys() == {"GRU", "GRUCell"}
    assert outcomes(found)["PASS"] > 500


@needs("onnx", "onnxruntime")
def test_runtime_session(wheel: Path, tmp_path: Path) -> None:
    """A session conforms but for one clause, which the runtime breaks whoever asks it."""
    found = run(wheel, tmp_path, "runtime_session", "--rnn", "mysession:Session")
    assert status(found) == 1
    assert failing(found) == {"EXT-3"}
    assert outcomes(found)["PASS"] > 200


def test_third_party_package(wheel: Path, tmp_path: Path) -> None:
    """A package that registers itself is found by its name, and its CI runs what is run here."""
    acme = built(tmp_path / "acme", EXAMPLES / "third_party")
    workflow = (EXAMPLES / "third_party" / ".github" / "workflows" / "rnnspec.yml").read_text()
    assert "pytest --pyargs rnnspec --rnn acme " in workflow
    found = run(wheel, tmp_path, "third_party", "--rnn", "acme", more=acme)
    assert status(found) == 0, said(found)
    assert outcomes(found, "implementation").keys() == {"acme"}
    assert outcomes(found)["PASS"] > 400


@pytest.mark.parametrize("file", SHOWN)
def test_page_shows_the_examples_as_they_are(file: str) -> None:
    assert f"```python\n{(EXAMPLES / file).read_text()}```" in PAGE.read_text()
