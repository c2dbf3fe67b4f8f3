"""The workflow for others, run as written: what is wrong is red and named, what is right green."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from rnnspec import result
from wheel_kit import CHECKOUT, built
from workflow_kit import Run, parsed

EXAMPLE = CHECKOUT / "tests" / "examples" / "torch_lstm" / "mylstm.py"
TORCH = torch.__version__.partition("+")[0]
RESULTS = f"rnnspec-torch-{TORCH}-cpu"

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> str:
    (found,) = built(tmp_path_factory.mktemp("dist")).glob("*.whl")
    return str(found)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A newcomer's: a module, no package, and the workflow that calls ours."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copy(EXAMPLE, folder / "mylstm.py")
    (folder / "right.py").write_text("import torch\n\n\nclass LSTM(torch.nn.LSTM):\n    pass\n")
    (folder / ".github" / "workflows").mkdir(parents=True)
    (folder / ".github" / "workflows" / "conformance.yml").touch()
    return folder


def call(clone: Path, folder: Path, wheel: str, *only: str, **inputs: Any) -> Run:
    """In smoke scope, with the wheel in place of a commit on GitHub."""
    usual = {"torch": json.dumps([TORCH]), "scope": "smoke", "install": "", "options": "", "rnnspec": wheel}
    return Run(clone, folder, usual | inputs, only or ("verify", "report"))


@pytest.fixture(scope="module")
def broken(clone: Path, wheel: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return call(
        clone, tmp_path_factory.mktemp("broken"), wheel, implementation="mylstm:LSTM", options="-n auto"
    )


def test_a_broken_lstm_is_red(broken: Run) -> None:
    """Both the job that tries it and the one that reports, and no step beside the two that are to."""
    assert {name: job.result for name, job in broken.jobs.items()} == {
        f"verify {TORCH} cpu": "failure",
        "report": "failure",
    }
    red = [step for job in broken.jobs.values() for step, said in job.steps.items() if said == "failure"]
    assert red == ["Verify", "Every job passed"]


def test_its_clause_is_named_in_the_logs_and_in_the_summary(broken: Run) -> None:
    verify, report = broken.jobs.values()
    assert "FAIL LSTM-1 (MUST)" in verify.log
    assert "it reads i f o g where torch writes i f g o" in verify.log
    assert "<b>FAIL <code>LSTM-1</code></b> (MUST)" in report.summary
    assert report.summary in report.log
    assert "no results" not in verify.summary


def test_its_results_page_and_badge_are_artifacts(broken: Run) -> None:
    assert {path.name for path in broken.artifacts.iterdir()} == {RESULTS, "rnnspec-report"}
    head, rows = result.read(broken.artifacts / RESULTS / f"{RESULTS}.jsonl")
    assert head["torch"].partition("+")[0] == TORCH
    assert {"LSTM-1"} <= {row.clause for row in rows if row.outcome == "FAIL"}
    report = broken.artifacts / "rnnspec-report"
    names = {"badge.json", "badge.svg", "report.html", "summary.md", f"{RESULTS}.jsonl"}
    assert {path.name for path in report.iterdir()} == names
    assert json.loads((report / "badge.json").read_text())["color"] == "red"
    assert "LSTM-1" in (report / "report.html").read_text()
    assert (report / "badge.svg").read_text().startswith("<svg")


def test_several_names_and_further_options(clone: Path, wheel: str, tmp_path: Path) -> None:
    names = "right:LSTM\n  LSTM=torch.nn:LSTM\n"
    run = call(clone, tmp_path, wheel, implementation=names, options="-q -m clause(id='SEQ-1')")
    assert run.result == "success", "".join(job.log for job in run.jobs.values())
    _, rows = result.read(run.artifacts / RESULTS / f"{RESULTS}.jsonl")
    assert {(row.clause, row.implementation) for row in rows} == {
        ("SEQ-1", "right:LSTM"),
        ("SEQ-1", "LSTM=torch.nn:LSTM"),
    }


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"implementation": " \n"}, r"::error::implementation: $' \n' is not a name"),
        ({"torch": '["2.13.0 --pre"]'}, r"::error::torch: 2.13.0\ --pre is not a version, nor latest"),
        ({"devices": '["cuda:1"]'}, "::error::devices: cuda:1 is not a type of device"),
        ({"scope": "half"}, "::error::scope: half is not smoke, core or full"),
        ({"name": "a/b"}, f"::error::name: a/b-torch-{TORCH}-cpu is not of letters, digits, dots and dashes"),
        ({"implementation": "nosuch:X"}, "--rnn: cannot import 'nosuch'"),
        ({"implementation": "right:LSTM $(touch${IFS}spoilt) `touch spoilt`"}, "--rnn: "),
        ({"install": "false"}, "## Install what is checked, and rnnspec\n## Say so"),
        ({"install": "python -m pip install 'torch<2'"}, "ResolutionImpossible"),
    ],
)
def test_what_cannot_be_used_is_red_and_said(
    inputs: dict[str, str], said: str, clone: Path, wheel: str, tmp_path: Path
) -> None:
    run = call(clone, tmp_path, wheel, "verify", **{"implementation": "right:LSTM"} | inputs)
    (verify,) = run.jobs.values()
    assert said in verify.log
    assert verify.result == "failure"
    assert "has no results: the log of its job says why" in verify.summary
    assert not list(tmp_path.rglob("spoilt"))


def test_without_results_the_badge_is_grey_and_the_report_red(
    clone: Path, wheel: str, tmp_path: Path
) -> None:
    run = call(clone, tmp_path, wheel, implementation="right:LSTM", scope="half")
    red = [step for step, said in run.jobs["report"].steps.items() if said == "failure"]
    assert red == ["Badge, page and summary", "Every job passed"]
    (report,) = run.artifacts.iterdir()
    assert {path.name for path in report.iterdir()} == {"badge.json", "badge.svg"}
    assert json.loads((report / "badge.json").read_text())["color"] == "lightgrey"


def test_the_readmes_lines_are_green_for_a_right_one(wheel: str, tmp_path: Path) -> None:
    """All of its inputs as they are, but the versions of torch, the scope and where rnnspec is from."""
    lines = caller()
    assert 0 < len(lines.splitlines()) < 10
    (job,) = parsed(lines)["jobs"].values()
    assert job["uses"].endswith("/.github/workflows/conformance.yml@main")
    assert job["permissions"] == {"contents": "read"}
    clone = package(tmp_path / "clone", job["with"]["implementation"])
    run = call(clone, tmp_path, wheel, **job["with"] | {"torch": json.dumps([TORCH])})
    assert run.result == "success", "".join(job.log for job in run.jobs.values())
    assert "what is bad" not in run.jobs["report"].summary


def caller() -> str:
    """The first block of YAML under "In your CI"."""
    _, _, chapter = (CHECKOUT / "README.md").read_text().partition("\n## In your CI\n")
    return chapter.partition("```yaml\n")[2].partition("```")[0]


def package(folder: Path, name: str) -> Path:
    """A repository with a package in which there is a right class of this name."""
    module, _, attribute = name.partition(":")
    (folder / module).mkdir(parents=True)
    (folder / module / "__init__.py").write_text(
        f"import torch\n\n\nclass {attribute}(torch.nn.LSTM):\n    pass\n"
    )
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n'
        f'[project]\nname = "{module}"\nversion = "1.0"\ndependencies = ["torch"]\n'
    )
    (folder / ".github" / "workflows").mkdir(parents=True)
    (folder / ".github" / "workflows" / "conformance.yml").write_text(caller())
    return folder
