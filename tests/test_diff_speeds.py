"""`rnnspec diff` names what became slower, whatever the machine, and does not call it a regression."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from rnnspec import result
from rnnspec.report import speeds
from rnnspec.report.diff import Diff
from rows_kit import run

Costs = list[float]


def entry(costs: Costs, **more: Any) -> dict[str, Any]:
    told = {"implementation": "mine", "device": "cpu", "dtype": "float32", "threads": 1}
    told |= {"case": "LSTM-T16-B8-I32-H32", "way": "whole", "grad": False, "costs": costs}
    told["best"] = min(costs, default=1.0)
    return told | more


def found(old: list[dict[str, Any]], new: list[dict[str, Any]], **renamed: str) -> dict[str, float]:
    changes = speeds.changes({"benchmarks": old}, {"benchmarks": new}, renamed)
    return {change.entry["way"]: round(change.factor, 3) for change in changes}


BEFORE = [0.100, 0.098, 0.102, 0.101, 0.099]


def times(factor: float, costs: Costs = BEFORE) -> Costs:
    return [factor * cost for cost in costs]


@pytest.mark.parametrize(
    ("costs", "factor"),
    [
        (times(1.2), 1.2),
        (times(3.0), 3.0),
        (times(0.5), 0.5),
        (times(1.0), None),
        (times(1.08), None),  # within a tenth
        ([0.12, 0.14, 0.15, 0.15, 0.15], 1.5),
        ([0.104, 0.14, 0.15, 0.15, 0.15], None),  # one was hardly slower than before
        (times(0.92), None),
        ([0.3, 0.3, 0.3, 0.3, 0.101], None),  # one of them was as quick as before
        ([0.05, 0.05, 0.05, 0.05, 0.099], None),
    ],
)
def test_what_has_changed(costs: Costs, factor: float | None) -> None:
    assert found([entry(BEFORE)], [entry(costs)]) == ({} if factor is None else {"whole": factor})


@pytest.mark.parametrize(
    "other",
    [
        {"way": "rows"},
        {"grad": True},
        {"threads": 2},
        {"dtype": "float64"},
        {"device": "cuda"},
        {"case": "LSTM-T16"},
    ],
    ids=str,
)
def test_only_the_same_is_compared(other: dict[str, Any]) -> None:
    assert not found([entry(BEFORE)], [entry(times(2.0), **other)])


def test_the_best_must_have_changed_too() -> None:
    assert not found([entry(BEFORE)], [entry(times(1.2), best=0.1)])
    assert not found([entry(BEFORE, best=0.05)], [entry(times(0.5), best=0.05)])


def test_what_has_no_costs_is_not_compared() -> None:
    refused = {name: value for name, value in entry([]).items() if name != "costs"}
    assert not found([refused], [entry(BEFORE)])
    assert not found([entry(BEFORE)], [refused])
    assert speeds.changes({}, {}, {}) == []


def test_under_another_name_it_is_the_same() -> None:
    new = [entry(times(1.2), implementation="other")]
    assert not found([entry(BEFORE)], new)
    assert found([entry(BEFORE)], new, other="mine") == {"whole": 1.2}


def test_the_worst_is_first() -> None:
    factors = {"letters": 1.2, "whole": 0.5, "rows": 2.0}
    old = [entry(BEFORE, way=way) for way in factors]
    new = [entry(times(factor), way=way) for way, factor in factors.items()]
    assert [*found(old, new)] == ["rows", "letters", "whole"]


@pytest.mark.parametrize("noise", [0.02, 0.05])
def test_noise_is_no_change_and_a_fifth_is_one(noise: float) -> None:
    """Of a hundred entries in ten pairs of runs nothing is named; and with a fifth more many are."""
    drawn = random.Random(1)

    def costs(factor: float) -> list[dict[str, Any]]:
        spread = [[factor * drawn.gauss(0.1, 0.1 * noise) for _ in range(5)] for _ in range(100)]
        return [entry(own, case=str(number)) for number, own in enumerate(spread)]

    alike = [speeds.changes({"benchmarks": costs(1)}, {"benchmarks": costs(1)}, {}) for _ in range(10)]
    slower = speeds.changes({"benchmarks": costs(1)}, {"benchmarks": costs(1.2)}, {})
    assert sum(map(len, alike)) <= 1
    assert len(slower) >= (80 if noise < 0.03 else 20)
    assert all(change.slower for change in slower)


def kept(at: Path, costs: Costs) -> Path:
    sizes = {"mode": "LSTM", "T": 16, "B": 8, "I": 32, "H": 32, "L": 1, "D": 1, "rounds": 15, "steady": True}
    figures = {"seconds": [1.0, 1.0, 1.0], "ratio": [1.0, 1.0, 1.0], "flops": 1, "bytes": 1, "share": 0.5}
    whole = entry(costs, **sizes, **figures)
    result.write(at, result.header(0, [{"name": "mine"}], benchmarks=[whole]), [])
    return at


def test_it_is_named_and_breaks_nothing(tmp_path: Path) -> None:
    old, new = kept(tmp_path / "old", BEFORE), kept(tmp_path / "new", times(1.25))
    ran = run("diff", str(old), str(new))
    assert ran.exit_code == 0
    assert "slower\n   1.25 ×  mine on cpu  LSTM-T16-B8-I32-H32 float32, whole\n" in ran.stdout
    back = run("diff", str(new), str(old))
    assert "quicker\n   0.80 ×  mine on cpu" in back.stdout
    assert "slower" not in run("diff", str(old), str(old)).stdout


def test_json_has_it(tmp_path: Path) -> None:
    files = [result.read(kept(tmp_path / name, times(f))) for name, f in (("old", 1.0), ("new", 1.25))]
    (change,) = Diff(*files).json()["speeds"]
    assert change["factor"] == pytest.approx(1.25)
    assert change["way"] == "whole"
