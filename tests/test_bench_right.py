"""What is wrong gets no time, in whatever way, at whatever size; and what is right is not refused."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from rnnspec import benching
from rnnspec.benchmarks import GRIDS, Contest, measured, race, refusals
from rnnspec.benchmarks.checking import checked
from rnnspec.benchmarks.figures import Entry
from rnnspec.benchmarks.ways import WAYS, Packed
from rnnspec.case import Case
from rnnspec.check import Failed
from rnnspec.implementation import DropIn
from rnnspec.loading import load
from rnnspec.network import Network

CPU = torch.device("cpu")
CASE = Case("LSTM", T=4, B=3)
TORCH = load("torch.nn")


def wrong(at: Callable[[Any], bool]) -> Network:
    class Wrong(nn.LSTM):
        def forward(self, x: Any, hx: Any = None) -> Any:
            output, state = super().forward(x, hx)
            if isinstance(x, PackedSequence):
                return (output._replace(data=1.001 * output.data), state) if at(x) else (output, state)
            return (1.001 * output, state) if at(x) else (output, state)

    return Network(DropIn("wrong", {"LSTM": Wrong}), CASE, CPU)


SPOILT: dict[str, Callable[[Any], bool]] = {
    "whole": lambda x: not isinstance(x, PackedSequence) and x.shape[:2] == (4, 3),
    "letters": lambda x: not isinstance(x, PackedSequence) and len(x) == 1,
    "rows": lambda x: not isinstance(x, PackedSequence) and x.shape[1] == 1,
    "batch first": lambda x: not isinstance(x, PackedSequence) and x.shape[:2] == (3, 4),
    "packed 0.5": lambda x: isinstance(x, PackedSequence),
}


@pytest.mark.parametrize(("name", "spoilt"), [*itertools.product(SPOILT, SPOILT)])
def test_what_is_wrong_in_a_way_is_refused_in_it(name: str, spoilt: str) -> None:
    way, network = WAYS[name], wrong(SPOILT[spoilt])
    network = network.but(batch_first=way.case(CASE).batch_first)
    if name == spoilt:
        with pytest.raises(Failed, match="output is not what it must be"):
            checked(network, way)
    else:
        checked(network, way)


@pytest.mark.parametrize("grad", [False, True], ids=["forward", "grad"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("options", [{"mode": "RNN"}, {"mode": "GRU"}, {"mode": "LSTM", "L": 2}], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_what_is_right_is_not_refused(options: Any, way: str, grad: bool, dtype: torch.dtype) -> None:
    """Be it large, or of a dtype in which nothing is exact."""
    for sizes in ({}, {"T": 37, "B": 5, "I": 20, "H": 33}):
        case = CASE.but(**options, **sizes, dtype=dtype)
        checked(Network(TORCH, WAYS[way].case(case), CPU), WAYS[way], grad)


class Slightly(nn.GRU):
    """Right where networks are small."""

    def forward(self, x: Any, hx: Any = None) -> Any:
        output, state = super().forward(x, hx)
        return (output + 1e-4 * (self.hidden_size > 30), state)


class Roughly(nn.GRU):
    """A little off where networks are small, by less than an estimate would tell."""

    def forward(self, x: Any, hx: Any = None) -> Any:
        output, state = super().forward(x, hx)
        return output + 3e-6 * (self.hidden_size < 10), state


class Forgetful(nn.GRU):
    """Its second half of the steps has no gradient."""

    def forward(self, x: Any, hx: Any = None) -> Any:
        output, state = super().forward(x, hx)
        return torch.cat([output[:20].detach(), output[20:]]), state


@pytest.mark.parametrize(
    ("cls", "grad", "said"),
    [
        (Slightly, False, "output"),
        (Roughly, False, "output"),
        (Slightly, True, "output"),
        (Forgetful, True, "gradient of input"),
    ],
)
def test_what_is_wrong_only_at_some_size_is_refused(cls: type, grad: bool, said: str) -> None:
    case = Case("GRU", T=37, B=5, I=20, H=33)
    with pytest.raises(Failed, match=said):
        checked(Network(DropIn("wrong", {"GRU": cls}), case, CPU), WAYS["whole"], grad)


@pytest.mark.parametrize("fill", [0.25, 0.5, 1.0])
def test_packed_rows_fill_so_much(fill: float) -> None:
    sizes = Packed(fill).sizes(Case("RNN", T=64, B=32))
    assert max(sizes) == 64
    assert min(sizes) >= 1
    assert sum(sizes) / (64 * 32) == pytest.approx(fill, abs=0.02)


class Raises(nn.LSTM):
    def forward(self, x: Any, hx: Any = None) -> Any:
        raise ValueError("no")


class Plain(nn.LSTM):
    """Knows no packed input, and says so."""

    def forward(self, x: Any, hx: Any = None) -> Any:
        if isinstance(x, PackedSequence):
            raise NotImplementedError("packed")
        return super().forward(x, hx)


CONTEST = Contest((CASE,), most=0.5)


def test_one_that_raises_takes_no_time_from_others() -> None:
    both = [DropIn("raises", {"LSTM": Raises}), TORCH]
    found = measured(both, CONTEST, CPU, rounds=10)
    bad, good = found[: len(found) // 2], found[len(found) // 2 :]
    assert {(m.implementation, m.refused, m.wrong) for m in bad} == {
        ("raises", "whole: raised ValueError: no", True)
    }
    assert [m.entry.way for m in good] == [m.entry.way for m in bad]
    assert {m.implementation for m in good} == {"torch.nn"}
    assert all(len(m.seconds) == 6 if m.apart else len(m.seconds) >= 10 for m in good)
    assert all(min(m.seconds) > 0 for m in good)
    assert good[0].ratio.median == 1


def test_what_is_not_claimed_is_left_out_and_the_rest_is_measured() -> None:
    found = measured([DropIn("plain", {"LSTM": Plain})], CONTEST, CPU, rounds=10)
    refused = {m.entry.way for m in found if m.refused}
    assert refused == {way for way in WAYS if way.startswith("packed")}
    assert not any(m.wrong for m in found)


def test_to_check_is_to_refuse_the_same() -> None:
    both = [DropIn("raises", {"LSTM": Raises}), DropIn("plain", {"LSTM": Plain}), TORCH]
    found = refusals(both, CONTEST, CPU)
    assert not any(m.seconds for m in found)
    assert {m.implementation: m.wrong for m in found} == {"raises": True, "plain": False, "torch.nn": False}


def test_the_first_building_and_call_are_beside_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever they compile is no part of a call in its turn."""

    class Compiles(nn.LSTM):
        compiled = False

        def forward(self, x: Any, hx: Any = None) -> Any:
            if not Compiles.compiled:
                time.sleep(0.2)
                Compiles.compiled = True
            return super().forward(x, hx)

    found = measured([DropIn("compiles", {"LSTM": Compiles})], CONTEST, CPU, rounds=10)
    first = next(m for m in found if m.entry.way == "first call")
    assert first.seconds[0] > 0.2
    assert max(first.seconds[1:]) < 0.2
    assert max(m.time.high for m in found if not m.apart) < 0.2


def test_large_inputs_take_turns() -> None:
    """No cache holds what is gone through before one of them comes again."""
    seen: list[int] = []

    class Sees(nn.RNN):
        def forward(self, x: Any, hx: Any = None) -> Any:
            seen.append(x.data_ptr())
            return super().forward(x, hx)

    for case, many in ((Case("RNN", T=64, B=64, I=64, H=2), 64), (Case("RNN", T=4, B=64, I=64, H=2), 1)):
        entry = Entry(DropIn("sees", {"RNN": Sees}), case, "whole")
        call = race.fresh(race.network_of(entry, CPU), entry)
        seen.clear()
        for _ in range(2 * many):
            call()
        assert len(set(seen)) == many
        assert seen[:many] == seen[many:]


def test_the_grids() -> None:
    assert tuple(GRIDS) == benching.GRIDS
    for name, grid in GRIDS.items():
        contests = [contest for mode in ("RNN", "GRU", "LSTM") for contest in grid(mode, torch.float64)]
        cases = [case for contest in contests for case in contest.cases]
        assert len(set(cases)) == len(cases), name
        assert {case.dtype for case in cases} == {torch.float64}
    assert {case.T for case in cases} >= {1, 512}
    assert {case.B for case in cases} >= {1, 256}
    assert {case.H for case in cases} >= {8, 1024}
