"""The workflows, and the README's caller, by actionlint with shellcheck and by zizmor."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from test_workflow import caller
from wheel_kit import CHECKOUT
from workflow_expressions import Unknown, resolve
from workflow_kit import parsed, reusable, taken

SCRIPTS = sysconfig.get_path("scripts")
OWN = "./.github/workflows/conformance.yml"
FILE = CHECKOUT / OWN
CALLS = {"ci.yml": (CHECKOUT / ".github" / "workflows" / "ci.yml").read_text(), "README": caller()}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A repository with our workflows, and with the README's caller as if it stood beside them."""
    shutil.copytree(CHECKOUT / ".github", tmp_path / ".github")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    here, many = re.subn(r"OWNER/rnnspec/(.*)@main", r"./\1", caller())
    assert many == 1
    (tmp_path / ".github" / "workflows" / "readme.yml").write_text(here)
    return tmp_path


def said(place: Path, *words: str) -> str:
    path = os.pathsep.join([SCRIPTS, os.environ["PATH"]])
    ran = subprocess.run(
        [shutil.which(words[0], path=path) or words[0], *words[1:]],
        cwd=place,
        env={**os.environ, "PATH": path},
        text=True,
        capture_output=True,
    )
    assert ran.returncode == 0 or ran.stdout, ran.stderr
    return ran.stdout if ran.returncode else ""


def actionlint(place: Path) -> str:
    return said(place, "actionlint", "-no-color")


def zizmor(place: Path) -> str:
    return said(place, "zizmor", "--offline", "--no-progress", "--color=never", ".github")


def test_nothing_is_found(place: Path) -> None:
    assert (actionlint(place), zizmor(place)) == ("", "")


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        (
            "conformance",
            "matrix.device }}\n      NAME",
            "matrix.devise }}\n      NAME",
            '"devise" is not defined',
        ),
        ("conformance", "job.workflow_sha", "job.workflow_shah", '"workflow_shah" is not defined'),
        ("conformance", "    needs: verify", "    needs: verity", '"verity" which does not exist'),
        ("conformance", '"${RNNSPEC:-$OWN}"', "$RNNSPEC", "shellcheck reported issue"),
        ("conformance", "persist-credentials", "persist-credential", '"persist-credential" is not defined'),
        ("readme", "implementation:", "implementations:", '"implementations" is not defined'),
        ("readme", "implementation:", "scope:", '"implementation" is required'),
        ("ci", "rnnspec: .", "rnn: .", '"rnn" is not defined'),
    ],
)
def test_actionlint_finds_what_is_wrong(file: str, old: str, new: str, found: str, place: Path) -> None:
    spoil(place, file, old, new)
    assert found in actionlint(place)


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        ("conformance", 'bash -eo pipefail -c "$INSTALL"', "${{ inputs.install }}", "template-injection"),
        ("conformance", "persist-credentials: false", "fetch-depth: 1", "artipacked"),
        ("readme", "    permissions: {contents: read}\n", "", "excessive-permissions"),
        ("ci", "actions/checkout@v6", "somebody/checkout@v6", "unpinned-uses"),
    ],
)
def test_zizmor_finds_what_is_unsafe(file: str, old: str, new: str, found: str, place: Path) -> None:
    spoil(place, file, old, new)
    assert f"[{found}]" in zizmor(place)


def spoil(place: Path, file: str, old: str, new: str) -> None:
    path = place / ".github" / "workflows" / f"{file}.yml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("file", ["conformance.yml", "ci.yml"])
def test_a_workflow_may_only_read_and_ends(file: str) -> None:
    workflow = parsed((FILE.parent / file).read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        assert "timeout-minutes" in job or job["uses"] == OWN
        assert all(
            re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/x@v1"))
            for step in job.get("steps", [])
        )


@pytest.mark.parametrize("text", CALLS.values(), ids=list(CALLS))
def test_a_call_gives_what_is_asked_for(text: str) -> None:
    """Types too, and lists that are JSON."""
    jobs = parsed(text)["jobs"].values()
    (given,) = [job["with"] for job in jobs if "conformance.yml" in job.get("uses", "")]
    inputs = taken(reusable()["on"]["workflow_call"]["inputs"], given)
    for axis in reusable()["jobs"]["verify"]["strategy"]["matrix"].values():
        values = resolve(axis, {"inputs": inputs})
        assert values
        assert all(isinstance(value, str) for value in values)


def test_every_input_is_in_the_readme() -> None:
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|", (CHECKOUT / "README.md").read_text(), re.MULTILINE)
    for name, of in reusable()["on"]["workflow_call"]["inputs"].items():
        (default,) = [value for names, value in rows if f"`{name}`" in names.split(", ")]
        assert str(of.get("default", "")) in default.replace("the workflow's own commit", "")


@pytest.mark.parametrize(("device", "wanted"), [("cuda", ["self-hosted", "gpu"]), ("cpu", "ubuntu-latest")])
def test_a_device_has_its_runner(device: str, wanted: object) -> None:
    context = {"inputs": {"runners": '{"cuda": ["self-hosted", "gpu"]}'}, "matrix": {"device": device}}
    assert resolve(reusable()["jobs"]["verify"]["runs-on"], context) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a-${{ inputs.x }}-${{ inputs.y }}", "a-1-2"),
        ("${{ inputs.x == '1' && 'yes' || '' }}", "yes"),
        ("${{ inputs.x == '2' && 'yes' || '' }}", ""),
        ("${{ !failure() }}", True),
        ("${{ inputs.x == 'a && b' }}", False),
        ("${{ fromJSON('{}')[inputs.x] || 'none' }}", "none"),
    ],
)
def test_expressions(text: str, wanted: object) -> None:
    assert resolve(text, {"inputs": {"x": "1", "y": "2"}, "failure": False}) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "inputs.z",
        "nosuch.x",
        "inputs.x != '1'",
        "format('{0}', inputs.x)",
        "inputs.x-y",
        "inputs",
        "a b",
        "1",
        "x[0]",
    ],
)
def test_other_expressions_are_refused(text: str) -> None:
    with pytest.raises(Unknown):
        resolve(f"no ${{{{ {text} }}}}", {"inputs": {"x": "1"}})
