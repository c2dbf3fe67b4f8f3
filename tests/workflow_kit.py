"""A runner for the reusable workflow: its steps as written, in order, each job in an environment of its own.

Scripts run in bash as GitHub runs them. Actions have stand-ins: checkout is a copy of a folder, setup-python
an environment with all that the tests have but rnnspec, artifacts are folders.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from wheel_kit import CHECKOUT
from workflow_expressions import HOLE, resolve

WORKFLOWS = CHECKOUT / ".github" / "workflows"

BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
"""What `shell: bash` stands for."""

Yaml = dict[str, Any]


def parsed(text: str) -> Yaml:
    """YAML 1.1, in which `on` is a truth."""
    found = yaml.safe_load(text)
    return {("on" if key is True else key): value for key, value in found.items()}


def reusable() -> Yaml:
    return parsed((WORKFLOWS / "conformance.yml").read_text())


@dataclass
class Job:
    """What became of one."""

    result: str = "success"
    log: str = ""
    summary: str = ""
    steps: dict[str, str] = field(default_factory=dict)


@dataclass
class Run:
    """A call of the workflow on a repository, in a folder of its own."""

    repository: Path
    folder: Path
    inputs: Mapping[str, Any]
    only: tuple[str, ...] = ("verify", "report")
    workflow: Yaml = field(default_factory=reusable)
    jobs: dict[str, Job] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.inputs = taken(self.workflow["on"]["workflow_call"]["inputs"], self.inputs)
        for name in self.only:
            job, before = self.workflow["jobs"][name], self.result
            for point in self._points(job):
                self.jobs[" ".join([name, *point.values()])] = self._job(job, point, before)

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @property
    def result(self) -> str:
        return together(self.jobs.values())

    def _points(self, job: Yaml) -> Iterator[Mapping[str, str]]:
        matrix = job.get("strategy", {}).get("matrix", {})
        axes = [resolve(values, {"inputs": self.inputs}) for values in matrix.values()]
        return (dict(zip(matrix, point, strict=True)) for point in itertools.product(*axes))

    def _job(self, job: Yaml, point: Mapping[str, str], before: str) -> Job:
        workspace = self.folder / f"job{len(self.jobs)}" / "workspace"
        context = {
            "inputs": self.inputs,
            "matrix": point,
            "github": {"server_url": "https://github.invalid", "workspace": str(workspace)},
            "job": {"workflow_repository": "owner/rnnspec", "workflow_sha": "0" * 40},
            "needs": {job["needs"]: {"result": before}} if "needs" in job else {},
            "cancelled": False,
        }
        assert resolve(job["runs-on"], context), "no label of a runner"
        context["env"] = {name: resolve(value, context) for name, value in job["env"].items()}
        found = Job()
        for step in job["steps"]:
            now = context | {"failure": found.result != "success", "success": found.result == "success"}
            if not resolve(_condition(step), now):
                continue
            name = step.get("name", step.get("uses"))
            good = (
                self._action(step, now, workspace) if "uses" in step else _script(step, now, workspace, found)
            )
            found.steps[name] = "success" if good else "failure"
            found.result = found.result if good else "failure"
        return found

    def _action(self, step: Yaml, context: Mapping[str, Any], workspace: Path) -> bool:
        given = {name: resolve(value, context) for name, value in step.get("with", {}).items()}
        match step["uses"].partition("@")[0]:
            case "actions/checkout":
                shutil.copytree(self.repository, workspace, dirs_exist_ok=True)
            case "actions/setup-python":
                patterns = given["cache-dependency-path"].split()
                assert any(any(workspace.glob(each)) for each in patterns), (
                    "setup-python finds nothing to cache by"
                )
                environment(workspace.parent)
            case "actions/upload-artifact":
                _upload(workspace / given["path"], self.artifacts / given["name"])
            case "actions/download-artifact":
                assert given["merge-multiple"]
                for each in self.artifacts.glob(given["pattern"]):
                    shutil.copytree(each, workspace / given["path"], dirs_exist_ok=True)
            case other:
                raise AssertionError(f"{other} has no stand-in")
        return True


def together(jobs: Any) -> str:
    """What `needs` says of the jobs of a matrix."""
    return "success" if all(job.result == "success" for job in jobs) else "failure"


def taken(declared: Yaml, given: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs as GitHub takes them: declared ones, all that are required, of their type."""
    assert given.keys() <= declared.keys(), f"no such input: {given.keys() - declared.keys()}"
    found = {name: given.get(name, of.get("default")) for name, of in declared.items()}
    for name, value in found.items():
        wanted = {"string": str, "number": int}[declared[name]["type"]]
        assert isinstance(value, wanted), f"{name}: {value!r} is no {declared[name]['type']}"
    return found


def _condition(step: Yaml) -> str:
    text = str(step.get("if", "success()"))
    return text if HOLE.search(text) else f"${{{{ {text} }}}}"


def _script(step: Yaml, context: Mapping[str, Any], workspace: Path, job: Job) -> bool:
    assert not HOLE.search(step["run"]), "an expression in a script"
    workspace.mkdir(parents=True, exist_ok=True)
    summary = workspace.parent / "summary.md"
    own = {name: resolve(value, context) for name, value in {**context["env"], **step.get("env", {})}.items()}
    script = workspace.parent / "step.sh"
    script.write_text(step["run"])
    ran = subprocess.run(
        [*BASH, str(script)],
        cwd=workspace,
        env=_around(workspace.parent) | own | {"GITHUB_STEP_SUMMARY": str(summary)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
    )
    job.log += f"## {step['name']}\n{ran.stdout}"
    job.summary = summary.read_text() if summary.exists() else ""
    return ran.returncode == 0


def _around(folder: Path) -> dict[str, str]:
    """The environment of a runner: nothing of pytest's or this Python's."""
    strange = ("PYTHON", "PYTEST_", "COV_", "PIP_EXTRA", "PIP_CONSTRAINT", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
    path = os.pathsep.join([str(folder / "env" / "bin"), os.environ["PATH"]])
    return kept | {"PATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "100", "PIP_RETRIES": "0"}


def _upload(source: Path, artifact: Path) -> None:
    """As upload-artifact does it: a name once, and where there is nothing, a warning and no artifact."""
    assert not artifact.exists(), f"an artifact {artifact.name} is there already"
    if source.is_dir():
        shutil.copytree(source, artifact)
    elif source.exists():
        artifact.mkdir(parents=True)
        shutil.copy(source, artifact)


def environment(folder: Path) -> None:
    """An environment with all that this one has but rnnspec; pip can take nothing out of it."""
    lent = folder / "lent"
    lent.mkdir()
    for place in [Path(path) for path in sys.path if path.endswith("site-packages")]:
        for each in place.iterdir():
            if "rnnspec" not in each.name and not (lent / each.name).exists():
                (lent / each.name).symlink_to(each)
    venv.create(folder / "env", with_pip=False)
    (packages,) = (folder / "env").glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(f"{lent}\n")
