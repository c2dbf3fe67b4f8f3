"""What is made of times: claims as rows, work and its share of the machine's best, costs."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import pytest
import torch

from rnnspec.benchmarks import Contest, Measured, contest, measured
from rnnspec.benchmarks.claims import CLAUSES, rows
from rnnspec.benchmarks.figures import Entry
from rnnspec.benchmarks.race import MAKINGS
from rnnspec.benchmarks.roofline import COPIED, SIDE, Peak, Work, peak, work
from rnnspec.case import Case
from rnnspec.implementation import DropIn
from rnnspec.loading import load
from rnnspec.result import Row

TORCH = load("torch.nn")
CASE = Case("GRU", T=16, B=8, I=32, H=32)
ROUNDS = (0.99, 1.0, 1.01, 1.0, 1.0)


def of(
    way: str, seconds: float, case: Case = CASE, spread: Sequence[float] = ROUNDS, **more: Any
) -> Measured:
    grad = more.pop("grad", False)
    return Measured(Entry(TORCH, case, way, grad), seconds=[seconds * by for by in spread], **more)


def claimed(*found: Measured) -> dict[tuple[str, str], Row]:
    return {(row.clause, row.case): row for row in rows(found)}


@pytest.mark.parametrize(
    ("clause", "way", "seconds", "at", "ratio"),
    [
        ("SPD-1", "letters", 4.0, "", 0.25),
        ("SPD-1", "letters", 0.5, "", 2.0),
        ("SPD-2", "rows", 8.0, "", 0.125),
        ("SPD-2", "rows", 0.8, "", 1.25),
        ("SPD-3", "packed 0.25", 0.5, "-fill0.25", 0.5),
        ("SPD-3", "packed 0.5", 2.0, "-fill0.5", 2.0),
        ("SPD-3", "packed 1", 1.0, "-fill1", 1.0),
    ],
)
@pytest.mark.parametrize("grad", [False, True])
def test_a_claim_is_its_ratio(
    clause: str, way: str, seconds: float, at: str, ratio: float, grad: bool
) -> None:
    """One call takes a second: how many times as long as the other is the headroom, for packing as short."""
    found = claimed(of("whole", 1.0, grad=grad), of(way, seconds, grad=grad))
    (row,) = found.values()
    assert (row.clause, row.case) == (clause, f"GRU-T16-B8-I32-H32{at}{'-grad' if grad else ''}")
    assert row.headroom == pytest.approx(ratio)
    assert row.outcome == ("PASS" if ratio <= 1 else "NOT CLAIMED")
    assert row.level == "MAY"


@pytest.mark.parametrize(("seconds", "ratio"), [(4.0, 0.8), (5.0, 1.0), (10.0, 2.0)])
def test_growth_is_at_most_fivefold(seconds: float, ratio: float) -> None:
    short, long = (of("whole", s, CASE.but(T=T)) for T, s in ((100, 1.0), (400, seconds)))
    other = of("whole", 9.0, CASE.but(T=400, H=64))
    found = claimed(short, long, other)
    assert [clause for clause, _ in found] == ["SPD-4"]
    row = found["SPD-4", "GRU-T400-B8-I32-H32"]
    assert row.headroom == pytest.approx(ratio)
    assert row.outcome == ("PASS" if ratio <= 1 else "NOT CLAIMED")


def test_what_is_unsteady_says_so() -> None:
    steady, not_so = (of("letters", 4.0, spread=by) for by in (ROUNDS, (0.5, 1.0, 2.0, 0.7, 1.5)))
    for other, said in ((steady, False), (not_so, True)):
        (row,) = claimed(of("whole", 1.0), other).values()
        assert ("unsteady" in row.message) == said


@pytest.mark.parametrize(("wrong", "outcome"), [(True, "FAIL"), (False, "NOT CLAIMED")])
def test_what_has_no_time_makes_no_claim(wrong: bool, outcome: str) -> None:
    refused = Measured(Entry(TORCH, CASE, "rows"), refused="so", wrong=wrong)
    (row,) = claimed(of("whole", 1.0), refused).values()
    assert (row.outcome, row.headroom, row.message) == (outcome, None, "no time: so")


def test_every_claim_has_a_norm_and_a_source() -> None:
    assert [str(clause) for clause in CLAUSES] == ["SPD-1", "SPD-2", "SPD-3", "SPD-4"]
    for clause in CLAUSES:
        assert clause.norm.endswith(".")
        assert clause.says["source"]


@pytest.mark.parametrize(
    ("case", "matrices", "parameters", "states"),
    [
        (Case("RNN", T=3, B=2, I=5, H=7), 7 * (5 + 7), 7 * (5 + 7) + 14, 14),
        (Case("GRU", T=3, B=2, I=5, H=7, bias=False), 21 * (5 + 7), 21 * (5 + 7), 14),
        (Case("LSTM", T=3, B=2, I=5, H=7), 28 * (5 + 7), 28 * (5 + 7) + 56, 28),
        (Case("LSTM", T=3, B=2, I=5, H=7, P=4), 28 * (5 + 4) + 28, 28 * (5 + 4) + 28 + 56, 8 + 14),
        (
            Case("RNN", T=3, B=2, I=5, H=7, L=2, bidirectional=True),
            2 * 7 * (5 + 7) + 2 * 7 * (14 + 7),
            2 * 7 * (5 + 7) + 2 * 7 * (14 + 7) + 56,
            56,
        ),
    ],
    ids=str,
)
def test_work(case: Case, matrices: int, parameters: int, states: int) -> None:
    """A product is 2 operations for each element of a matrix and each row and step."""
    wide = (case.P or case.H) * case.D
    moved = parameters + 2 * states + 6 * (5 + wide)
    assert work(case, [3, 3]) == Work(2 * 6 * matrices, 4 * moved)
    assert work(case, [3, 3], grad=True) == Work(3 * 2 * 6 * matrices, 3 * 4 * moved)
    assert work(case.but(dtype=torch.float64), [3, 3]).bytes == 8 * moved
    assert work(case, [3, 1]).flops == 2 * 4 * matrices


def test_the_best_is_the_quickest_round_and_the_share_what_it_takes_longer() -> None:
    makings: list[dict[Hashable, list[float]]] = [
        {"product": [2.0, 0.5], "copy": [3.0]},
        {"product": [1.0], "copy": [0.25, 9.0]},
    ]
    found = peak(makings)
    assert found == Peak(2 * SIDE**3 / 0.5, 2 * COPIED / 0.25)
    slow = Peak(flops=100.0, bytes=1e30)
    flops = work(CASE, [16] * 8).flops
    assert of("whole", 2 * flops / 100, peak=slow).share == pytest.approx(0.5)
    moves = work(CASE, [16] * 8).bytes
    assert of("whole", 4 * moves, peak=Peak(flops=1e30, bytes=1.0)).share == pytest.approx(0.25)


def test_what_a_contest_makes_of_its_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ratios by round, costs by making, and the best of all."""
    makings = [(1.0, 3.0, 10.0), (2.0, 3.0, 5.0)]

    def raced(able: Sequence[Entry], *_: object) -> list[dict[Any, list[float]]]:
        rest = {"product": [1.0], "copy": [1.0]}
        return [
            {e: [whole, 2 * whole] if e.way == "whole" else [other, other] for e in able}
            | {"yardstick": [yard, 2 * yard]}
            | rest
            for whole, other, yard in makings
        ]

    monkeypatch.setattr(contest, "raced", raced)
    small = Contest((CASE.but(T=4, B=2, I=3, H=3),), ("whole", "letters"), (False,))
    whole, letters, *_ = measured([TORCH], small, torch.device("cpu"))
    assert whole.seconds == [1.0, 2.0, 2.0, 4.0]
    assert letters.ratios == [3.0, 1.5, 1.5, 0.75]
    assert letters.costs == [0.3, 0.6]
    assert letters.best == 3.0 / 5.0
    assert whole.costs == [0.1, 0.4]
    assert whole.best == 1.0 / 5.0


def test_all_is_built_anew_and_large_inputs_take_turns_in_a_race() -> None:
    built: list[int] = []
    seen: set[int] = set()

    class Sees(torch.nn.RNN):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            built.append(id(self))

        def forward(self, x: Any, hx: Any = None) -> Any:
            seen.add(x.data_ptr())
            return super().forward(x, hx)

    subject = DropIn("sees", {"RNN": Sees})
    subject.claimed("RNN")
    built.clear()
    large = Contest((Case("RNN", T=64, B=64, I=64, H=2),), ("whole",), (False,), most=3.0)
    (found, *_) = measured([subject], large, torch.device("cpu"), rounds=10)
    assert len(found.costs) == MAKINGS
    assert len(built) >= MAKINGS + 1
    assert len(seen) > 4 * MAKINGS  # in each making 64 copies, as many as there was time for
