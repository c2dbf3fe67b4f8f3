"""What the kit costs: `python tests/measure.py [PYTEST OPTIONS]` prints times and ratios, and judges nothing.

`spec` is the whole run, `collect` that of collecting alone; `calling` and `building` are spent inside
the implementation, and the last lines are what the kit adds to each second of it, imports left out.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rnnspec import result

ROOT = Path(__file__).parents[1]
PYTEST = [sys.executable, "-m", "pytest", str(ROOT / "spec"), "-q", "-p", "no:cacheprovider"]


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Three runs, the quickest counts: the others had company on the machine."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.jsonl"
        runs = []
        for _ in range(3):
            bare = seconds([sys.executable, "-c", "import torch, pytest, rnnspec.plugin"])
            collect = seconds([*PYTEST, "--collect-only", *sys.argv[1:]])
            spec = seconds([*PYTEST, "--rnn-results", str(file), *sys.argv[1:]])
            head, rows = result.read(file)
            runs.append(
                (spec, collect, bare, head["seconds"]["calling"], head["seconds"]["building"], len(rows))
            )
    spec, collect, bare, calling, building, count = min(runs)
    print(f"spec            {spec:6.1f} s for {count} rows")
    print(f"collect         {collect:6.1f} s, {collect / spec:.2f} of spec")
    print(f"imports alone   {bare:6.1f} s, {bare / spec:.2f} of spec")
    print(f"calling         {calling:6.1f} s, {calling / spec:.2f} of spec")
    print(f"building        {building:6.1f} s, {building / spec:.2f} of spec")
    print(f"kit ÷ calling   {(spec - bare - calling) / calling:6.2f}")
    inside = calling + building
    print(f"kit ÷ (calling + building) {(spec - bare - inside) / inside:.2f}")


if __name__ == "__main__":
    main()
