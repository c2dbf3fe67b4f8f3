"""Wheels, and environments of their own in which they are tried."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]


def built(folder: Path, project: Path = CHECKOUT) -> Path:
    """The folder with the wheel and the sdist of a project."""
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(project)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return folder


def environment(folder: Path, *dists: Path) -> Path:
    """The interpreter of an environment with the wheels of these folders in it; all else is this one's."""
    venv.create(folder / "env", with_pip=False)
    (packages,) = (folder / "env").glob("lib/python*/site-packages")
    wheels = [str(wheel) for dist in dists for wheel in dist.glob("*.whl")]
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(packages), *wheels]
    subprocess.run(command, check=True, capture_output=True)
    here = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "borrowed.pth").write_text("\n".join(here) + "\n")
    return folder / "env" / "bin" / "python"


def verify(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The specification as somebody runs it who has installed it: `pytest --pyargs rnnspec` in a folder."""
    command = [str(python), "-m", "pytest", "--pyargs", "rnnspec", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)
