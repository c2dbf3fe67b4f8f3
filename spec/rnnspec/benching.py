"""pytest: benchmarks are no specification, and are found only where their folder is named.

None of them is imported before.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "benchmarks"

GRIDS = ("quick", "full")
"""The names of `benchmarks.GRIDS`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("rnnspec").addoption(
        "--rnn-grid",
        default="quick",
        choices=GRIDS,
        help="which networks are measured by --pyargs rnnspec.benchmarks; default: quick",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """None leaves it to others."""
    inside = collection_path.name.startswith("test_") and collection_path.parent == HERE
    return True if inside and not any(map(named, config.args)) else None


def only(config: pytest.Config) -> bool:
    """Nothing else is asked for."""
    return bool(config.args) and all(map(named, config.args))


def named(argument: str) -> bool:
    """A file, folder or package of benchmarks."""
    place = argument.partition("::")[0]
    path = Path(place)
    if not path.exists():
        path = _package(place)
    return path.resolve().is_relative_to(HERE)


def _package(name: str) -> Path:
    try:
        found = find_spec(name)
    except (ImportError, ValueError):
        return Path("/")
    return Path(found.origin) if found and found.origin else Path("/")
