"""A case is plain data: frozen, named, and the same numbers wherever and whenever it is drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from itertools import combinations
from typing import Any

import pytest
import torch

from rnnspec import axes
from rnnspec.axes import CELLS, DIRECTION, LAYERS, MODES, built, cases, each
from rnnspec.case import FIELDS, Case, drawn
from rnnspec.notation import DTYPES, is_cell

NETWORKS = built(cases(MODES, LAYERS, DIRECTION["any"], each({}, {"bias": False})).args, torch.float32)
STEPS = built(cases(CELLS, each({}, {"bias": False})).args, torch.float32)

OTHER: dict[str, Any] = {
    "T": 6, "B": 4, "I": 5, "H": 8, "L": 2, "P": 3, "bidirectional": True, "nonlinearity": "relu",
    "bias": False, "batch_first": True, "hx": False, "gain": 2.5, "span": 0.125, "grid": 8,
    "seed": 2, "mode": "RNN",
    "reset": "before",
    "b_hn": False,
}  # fmt: skip

FIRST = {
    "input": [-0.8778934505607527, -0.5508909868646992, -0.5314949721103213],
    "h_0": [0.16182759613847053, 0.9733199595815025, -0.7369523114589753],
    "c_0": [-0.6579642566451133, 1.2903347310148598, 0.13139357075651725],
    "weight_ih_l0": [-0.13588306257067512, 0.2827044515424765, 0.2699673876232413],
    "weight_hh_l0": [0.16113836288008557, 0.10899403247018952, -0.4730520760631907],
    "bias_ih_l0": [-0.22957286071419458, 0.4952941159303278, -0.031290823064904716],
    "bias_hh_l0": [0.39465667601963994, -0.18646015210659017, 0.21578869252972654],
}
"""The first numbers of each tensor of `Case("LSTM", dtype=torch.float64)`."""


def test_a_case_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Case("RNN").seed = 2  # type: ignore[misc]


def test_another_case_has_another_name() -> None:
    case = Case("LSTM")
    assert {"dtype", *OTHER} == FIELDS
    names = [str(case), *(str(case.but(**{name: value})) for name, value in OTHER.items())]
    assert len(set(names)) == len(names)


def test_the_dtype_is_not_part_of_the_name() -> None:
    assert {str(Case("GRU", dtype=dtype)) for dtype in DTYPES.values()} == {"GRU-T5-B3-I4-H7"}


def test_names_can_be_selected_on_any_command_line() -> None:
    for case in [Case("LSTM").but(**OTHER), *(Case("RNN", gain=g) for g in (1e-7, 1e6, 1 / 3))]:
        assert re.fullmatch(r"[A-Za-z0-9_.:/+-]+", str(case))


def test_the_numbers_are_those_on_record() -> None:
    for name, numbers in FIRST.items():
        assert drawn(Case("LSTM", dtype=torch.float64))[name].flatten()[:3].tolist() == numbers


@pytest.fixture
def elsewhere() -> Iterator[None]:
    """Another seed and another default dtype, and neither of them touched afterwards."""
    torch.manual_seed(77)
    before = torch.random.get_rng_state()
    drawn.cache_clear()
    torch.set_default_dtype(torch.float16)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("dtype", DTYPES.values())
def test_nothing_comes_from_the_surroundings(dtype: torch.dtype) -> None:
    case = Case("LSTM", dtype=dtype)
    for name, value in drawn(case).items():
        assert value.dtype == dtype
        if name in FIRST:
            assert value.flatten()[:3].tolist() == torch.tensor(FIRST[name], dtype=dtype).tolist()
    assert all(part.dtype == dtype for part in case.zeros)


@pytest.mark.parametrize("case", NETWORKS + STEPS, ids=str)
def test_all_numbers_differ(case: Case) -> None:
    parts = [value.flatten() for value in drawn(case.but(dtype=torch.float64)).values()]
    numbers = torch.cat(parts)
    assert len(set(numbers.tolist())) == len(numbers)
    assert all(bool((part != 0).all()) for part in parts)


@pytest.mark.parametrize("case", NETWORKS + STEPS, ids=str)
def test_weights_are_named_and_shaped_as_in_torch(case: Case) -> None:
    module = getattr(torch.nn, case.mode)(case.I, case.H, **case.options)
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    assert {draw.name: draw.shape for draw in case.parameters()} == wanted
    assert list(case.weights) == list(wanted)


@pytest.mark.parametrize("case", NETWORKS + STEPS, ids=str)
def test_states_are_shaped_as_the_documents_say(case: Case) -> None:
    shapes = [(case.L * case.D, case.B, case.P or case.H), (case.L * case.D, case.B, case.H)]
    wanted = shapes if case.mode.startswith("LSTM") else shapes[:1]
    assert [tuple(part.shape) for part in case.state or ()] == wanted
    assert [tuple(part.shape) for part in case.zeros] == wanted
    assert not any(part.any() for part in case.zeros)
    assert case.but(hx=False).state is None


def test_numbers_on_a_grid_are_the_same_in_every_dtype() -> None:
    case = Case("GRU", grid=5, dtype=torch.float64)
    for name, wide in drawn(case).items():
        assert torch.equal(wide * 2**5, (wide * 2**5).round())
        for dtype in DTYPES.values():
            assert torch.equal(drawn(case.but(dtype=dtype))[name].double(), wide)


@pytest.mark.parametrize(("name", "value"), [*OTHER.items()])
def test_needs_name_the_options_in_use(name: str, value: Any) -> None:
    claims = {"L": "layers", "P": "proj", "nonlinearity": "relu", "bias": "nobias"}
    claims |= {"bidirectional": "bidirectional", "batch_first": "batch_first"}
    plain = Case("LSTM", hx=False)
    assert plain.needs == {"float32"}
    if name not in ("hx", "dtype", "mode", "reset", "b_hn"):
        assert plain.but(**{name: value}).needs - {"float32"} == ({claims[name]} if name in claims else set())
    assert plain.but(hx=True, T=0, dtype=torch.float64).needs == {"hx", "empty", "float64"}
    assert plain.but(dtype=torch.float16).needs == {"half", "float16"}
    assert plain.but(mode="RNNCell").needs == {"float32", "tanh"}


def test_needs_of_the_gru_are_where_the_reset_gate_is_and_its_bias() -> None:
    gru = Case("GRU", hx=False)
    assert gru.needs == {"float32", "reset_after", "b_hn"}
    assert gru.but(reset="before", b_hn=False).needs == {"float32", "reset_before"}
    assert gru.but(bias=False).needs == {"float32", "reset_after", "nobias"}


SIZED = [*axes.SIZES, *axes.BLOCKS]


@pytest.mark.parametrize("case", built(cases(MODES, SIZED).args, torch.float32), ids=str)
def test_sizes_are_distinct_and_awkward(case: Case) -> None:
    assert case.T >= 3
    assert case.B >= 2
    assert case.I != case.H
    assert case.H % 2
    assert all(size % 4 for size in (case.T, case.B, case.H))
    assert all(a != b for a, b in combinations((case.T, case.B, case.H), 2))


@pytest.mark.parametrize("letter", "TBIH")
@pytest.mark.parametrize("block", [16, 32, 64, 128])
def test_every_size_has_a_case_past_every_block(letter: str, block: int) -> None:
    sizes = [getattr(case, letter) for case in built(cases(axes.TANH, SIZED).args, torch.float32)]
    assert any(block < size < 2 * block for size in sizes)
    assert any(size < block for size in sizes)


def test_an_axis_of_an_unknown_field_is_refused() -> None:
    with pytest.raises(TypeError, match="a case has no N"):
        cases(MODES, each({"N": 3}))


def test_an_entry_with_a_dtype_has_no_other() -> None:
    entries: list[dict[str, Any]] = [{"mode": "RNN"}, {"mode": "GRU", "dtype": torch.float64}]
    assert [case.mode for case in built(entries, torch.float32)] == ["RNN"]
    assert [case.mode for case in built(entries, torch.float64)] == ["RNN", "GRU"]


def test_a_cell_is_told_by_its_name() -> None:
    assert [case.mode for case in NETWORKS + STEPS if is_cell(case.mode)] == [c.mode for c in STEPS]
