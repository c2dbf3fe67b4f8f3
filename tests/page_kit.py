"""Files of results for the tests of the page, made in code."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from rnnspec import result
from rnnspec.catalogue import every
from rnnspec.result import Row

Named = tuple[str, Mapping[str, Any], Sequence[Row]]

Visit = Callable[..., Any]
"""Opens a page in a browser and gives its tab."""


def missing(what: str) -> NoReturn:
    """Skips a test for want of something, or fails it where all is required."""
    if os.environ.get("RNNSPEC_BROWSER") == "required":
        pytest.fail(f"{what}, and RNNSPEC_BROWSER=required")
    pytest.skip(what)


def sin(tab: Any) -> list[str]:
    """What axe-core finds that is serious, by rule and place."""
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ModuleNotFoundError:
        missing("there is no axe: pip install rnnspec[browser]")
    found = Axe().run(tab).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node.get('failureSummary')}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


REFUSED = "{claim} (of torch's constructor) is not claimed\nnot among its claims"
FAILED = "output is not what it must be\n  where    output[t={t}, b=1, h=2]\n  got      0.5\n  wanted   0.25"


def row(clause: str = "LSTM-1", outcome: str = "PASS", **rest: Any) -> Row:
    """A row in which only what matters is said."""
    plain = {"level": "MUST", "case": "LSTM-T5-B3-I4-H7", "mode": "LSTM", "implementation": "mine"}
    more = {"device": "cpu", "dtype": "float32", "headroom": None, "message": "", "seconds": 0.002}
    return Row(**{**plain, **more, "clause": clause, "outcome": outcome, **rest})


def file(rows: Sequence[Row], name: str = "mine.jsonl", **rest: Any) -> Named:
    """A whole run of core, today."""
    names = sorted({row.implementation for row in rows})
    entries = [{"name": name, "versions": {"lib": "1.2"}} for name in names]
    return name, {**result.header(len(rows), entries, scope="core", whole=True), **rest}, rows


def many(files: int, rows: int) -> list[Named]:
    """Files as large as real ones: rows on all clauses in two dtypes, of one implementation each."""
    return [
        file(list(_rows(f"lib{n}.rnn:Net", rows, random.Random(n))), f"run-{n}.jsonl") for n in range(files)
    ]


def _rows(name: str, rows: int, draw: random.Random) -> Iterator[Row]:
    clauses = every()
    for i in range(rows):
        clause, turn = clauses[i % len(clauses)], i // len(clauses)
        outcome = draw.choices(("PASS", "NOT CLAIMED", "KNOWN", "FAIL"), (60, 30, 8, 2))[0]
        bad = outcome in ("FAIL", "KNOWN")
        yield row(
            str(clause),
            outcome,
            level=str(clause.says["level"]),
            case=f"LSTM-T{turn // 2}-B3-I4-H7",
            implementation=name,
            dtype=("float64", "float32")[turn % 2],
            headroom=None if outcome == "NOT CLAIMED" else 10 ** draw.uniform(*((0, 6) if bad else (-5, 0))),
            message={"PASS": "", "NOT CLAIMED": REFUSED.format(claim=f"claim{i % 9}")}.get(
                outcome, FAILED.format(t=draw.random())
            ),
            seconds=draw.uniform(1e-4, 0.02),
            reproducer="import torch\n" * 20 + f"assert {i}\n" if outcome == "FAIL" else "",
        )


HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)><b>\"'`{{ 7*7 }}{% raw %}${8*8}<!-- ]]>"
    "&lt;\u2028\u2029\u202eabc\u2066\ud800\0\x1b[201~\r\n--><style>*{display:none}</style>"
)
"""A text that is markup, script, template and order of letters, if it is let."""


def hostile(text: str = HOSTILE) -> Named:
    """A file in which every text is this, or holds it."""
    own = {"implementation": f"{text}impl", "device": f"{text}dev", "reproducer": f"# {text}"}
    rows = [
        row(f"{text}clause", "FAIL", case=f"{text}case", message=f"{text}message", headroom=2.0, **own),
        row("LSTM-1", "FAIL", case=f"{text}case", message=f"{text}message", **own),
        row(f"{text}clause", case=f"{text}case 2", **own),
        row("LSTM-1' autofocus onfocus='alert(3)", "KNOWN", message=text, **own),
    ]
    words = dict.fromkeys(("specification", "torch", "date", "scope", "platform"), text)
    entries = [{"name": f"{text}impl", "versions": {text: text}}]
    said = [{"implementation": f"{text}impl", "device": f"{text}dev", "mode": text, "said": text}]
    name, head, _ = file(rows, f"{text}.jsonl", **words, implementations=entries, handshakes=said)
    return name, head, rows


CHAPTERS = ("test_32_lstm", "test_33_projection", "test_40_sequence", "test_42_batch")


def real(folder: Path, *names: str) -> Named:
    """A real run of a few chapters in scope smoke; `names` are what pytest --rnn takes."""
    path = folder / "run.jsonl"
    chosen = [word for name in names for word in ("--rnn", name)]
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", str(folder), "--tb=no", "--rnn-scope", "smoke"]
    chapters = ["--pyargs", *(f"rnnspec.clauses.{chapter}" for chapter in CHAPTERS)]
    command = [sys.executable, "-m", "pytest", *options, *chosen, "--rnn-results", str(path), *chapters]
    run = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert path.exists(), run.stdout + run.stderr
    return (path.name, *result.read(path))


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}
"""In which the wrong classes of the tests can be imported."""
