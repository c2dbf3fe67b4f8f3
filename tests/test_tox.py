"""The matrix of torch's releases, as tox understands pyproject.toml. Nothing is installed."""

from __future__ import annotations

import subprocess
import sys
from configparser import ConfigParser
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from rnnspec.adapters import SHIPPED

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CHECKOUT = Path(__file__).parents[1]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]

NUMPY = {"2.0.1", "2.1.2", "2.2.2"}
"""Releases that were built for the first NumPy."""


def tox(*arguments: str) -> str:
    command = [sys.executable, "-m", "tox", *arguments, "--workdir", str(CHECKOUT / ".tox")]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout


@cache
def environments() -> ConfigParser:
    """What tox would do in each environment, and in one that is not listed."""
    names = [line.partition(" ")[0] for line in tox("list", "--no-desc").splitlines()]
    asked = ",".join([*(name for name in names if name.startswith(("torch", "adapters"))), "torch-2.99.9"])
    keys = ("deps", "extras", "commands", "package", "recreate", "constrain_package_deps")
    found = ConfigParser(interpolation=None)
    found.read_string(tox("config", "-e", asked, "-k", *keys))
    return found


def of(name: str, key: str) -> list[str]:
    """A key's values of an environment."""
    return list(filter(None, environments()[f"testenv:{name}"][key].split("\n")))


def listed() -> list[str]:
    """The releases that have an environment."""
    names = [section.removeprefix("testenv:torch-") for section in environments().sections()]
    return [name for name in names if ":" not in name and name not in ("2.99.9", "latest")]


def test_each_installs_the_release_of_its_name() -> None:
    assert len(listed()) > 10
    for version in listed():
        numpy = ["numpy<2"] if version in NUMPY else []
        assert of(f"torch-{version}", "deps") == [f"torch=={version}", *numpy]


def test_the_newest_is_looked_for_each_time() -> None:
    assert of("torch-latest", "deps") == ["torch"]
    assert of("torch-latest", "recreate") == ["True"]
    assert of("torch-2.13.0", "recreate") == ["False"]


@pytest.mark.parametrize("name", ["torch-2.0.1", "torch-2.13.0", "torch-latest", "adapters"])
def test_each_writes_results_of_its_name(name: str) -> None:
    (command,) = of(name, "commands")
    assert command.startswith(f"pytest spec --rnn-results results/{name}.jsonl")
    assert of(name, "package") == ["editable"]
    assert of(name, "constrain_package_deps") == ["True"]


def test_a_name_that_is_not_listed_is_refused() -> None:
    """tox makes an environment of any version; this one runs nothing but its refusal."""
    (command,) = of("torch-2.99.9", "commands")
    assert of("torch-2.99.9", "package") == ["skip"]
    assert "raise SystemExit(" in command
    assert "torch-2.99.9 is not listed in pyproject.toml" in command


def test_the_matrix_is_from_the_oldest_to_the_newest() -> None:
    names = tox("list", "--no-desc", "-m", "matrix").split()
    assert names == ["torch-2.0.1", "torch-2.13.0", "torch-latest"]
    oldest = min(map(Version, listed()))
    (needed,) = (Requirement(each) for each in PROJECT["dependencies"] if each.startswith("torch>"))
    assert str(oldest) == "2.0.1"
    assert oldest in needed.specifier
    assert Version("1.13.1") not in needed.specifier


def test_adapters_are_those_whose_libraries_are_installed() -> None:
    (command,) = of("adapters", "commands")
    names = [word.removeprefix("--rnn=") for word in command.split() if word.startswith("--rnn=")]
    assert len(names) >= 10
    assert {SHIPPED[name].extra for name in names} == set(of("adapters", "extras"))
