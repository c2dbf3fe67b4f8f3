"""`pytest --pyargs rnnspec.benchmarks --benchmark-only`: what `rnnspec bench` measures, by pytest-benchmark.

A contest is measured, all in turns, when the first of its entries comes; here the rounds of each entry are
told to pytest-benchmark, which counts, compares and keeps them. Where it is disabled, which it is under
pytest-xdist, all is only checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from rnnspec.benchmarks import GRIDS, Contest, Measured, measured, refusals
from rnnspec.benchmarks.contest import entries
from rnnspec.benchmarks.figures import Entry
from rnnspec.implementation import Implementation
from rnnspec.notation import LAYERS, dtype_name
from rnnspec.session import RUN, Run


class Told:
    """A clock that moves by what it is told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


CLOCK = Told()


class Contested(NamedTuple):
    """An entry, and the contest that it is in."""

    entry: Entry
    contest: Contest
    subjects: tuple[Implementation, ...]
    device: torch.device

    def __str__(self) -> str:
        implementation, case, way, grad = self.entry
        words = [
            implementation.name,
            str(self.device),
            dtype_name(case.dtype),
            str(case),
            way.replace(" ", ""),
        ]
        return "-".join([*words, *(["grad"] if grad else [])])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    config = metafunc.config
    found = list(_contested(config.stash[RUN], config.getoption("rnn_grid"), config.getoption("rnn_dtype")))
    metafunc.parametrize("contested", found, ids=map(str, found))


def _contested(run: Run, grid: str, dtypes: list[str] | None) -> Iterator[Contested]:
    """float32, unless dtypes are asked for."""
    for device in dict.fromkeys(place.device for _, place in run.subjects):
        for dtype in run.dtypes if dtypes else [torch.float32]:
            for mode in LAYERS:
                subjects = tuple(
                    dict.fromkeys(s for s, p in run.subjects if p.device == device and mode in s.modes)
                )
                for contest in GRIDS[grid](mode, dtype):
                    for entry in entries(subjects, contest):
                        yield Contested(entry, contest, subjects, device)


@pytest.fixture(scope="module")
def results() -> dict[tuple[Contest, torch.device], dict[Entry, Measured]]:
    return {}


@pytest.mark.benchmark(timer=CLOCK)
def test_speed(
    contested: Contested,
    benchmark: BenchmarkFixture,
    results: dict[tuple[Contest, torch.device], dict[Entry, Measured]],
    pytestconfig: pytest.Config,
) -> None:
    """Of what is right, the time."""
    entry, contest, subjects, device = contested
    tell = cast(Any, benchmark)  # untyped
    threads = pytestconfig.stash[RUN].threads
    if (contest, device) not in results:
        race = refusals if tell.disabled else measured
        results[contest, device] = {m.entry: m for m in race(subjects, contest, device, threaded=threads)}
    found = results[contest, device][entry]
    if found.refused:
        refuse = pytest.fail if found.wrong else pytest.skip  # what is not claimed is no failure
        tell.pedantic(refuse, args=(f"no time: {found.refused}",))
    if tell.disabled:
        tell.pedantic(lambda: None)
        return
    rounds = iter(found.seconds)
    kind = "apart" if found.apart else "with gradients" if entry.grad else "forward"
    tell.group, tell.params, tell.extra_info = f"{entry.case}, {kind}", found.what(), found.figures()
    tell.pedantic(lambda: _pass(next(rounds)), rounds=len(found.seconds))


def _pass(seconds: float) -> None:
    CLOCK.now += seconds
