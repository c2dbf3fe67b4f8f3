"""The base of adapters: what it makes of a library's call, and what reaches the library."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

import killing
import plain
from rnnspec import adapters, catalogue, reference
from rnnspec.adapters.base import LENGTHS, PADDING, STACKED, Adapter, turned
from rnnspec.adapters.crossing import TENSORS
from rnnspec.bound import propagated
from rnnspec.case import Case
from rnnspec.check import agrees
from rnnspec.cli import app
from rnnspec.loading import Unusable, load
from rnnspec.network import Network
from rnnspec.notation import BASIC, LAYERS
from rnnspec.ragged import packed

BLOCK = re.compile(r"^(\S+)  .*\n((?:    .*\n)+)", re.MULTILINE)
"""An adapter in the list: its name, and the lines below it."""

COVERS = ("direction", "layer", "network")
EVERY = BASIC | STACKED | LENGTHS | {"nobias", "relu", "proj", "grad", "zero_padding"}


class Library(Adapter):
    """A library of NumPy arrays, with derivatives and lengths of its own; inside it is plain torch."""

    name = "library"
    modes = LAYERS
    claims = EVERY

    def __init__(self, covers: str) -> None:
        self.covers = covers
        self.seen: list[Any] = []

    def run(self, model: Any, x: Any, state: Any, lengths: Sequence[int] | None) -> Any:
        self.seen.append((model[0], x, state, lengths))
        with torch.no_grad():
            output, *final = self.called(model, *leaves(model, x, state), lengths)
        return output.numpy(), tuple(part.numpy() for part in final)

    def vjp(
        self, model: Any, x: Any, state: Any, lengths: Sequence[int] | None, g_output: Any, g_state: Any
    ) -> Mapping[str, Any]:
        given = leaves(model, x, state)
        with torch.enable_grad():
            results = self.called(model, *given, lengths)
            asked = {"x": given[0], **dict(zip(("h_0", "c_0"), given[1] or (), strict=False)), **given[2]}
            grads = [torch.from_numpy(g) for g in (g_output, *g_state)]
            found = torch.autograd.grad(results, list(asked.values()), grads, allow_unused=True)
        return {name: g.numpy() for name, g in zip(asked, found, strict=True) if g is not None}

    def called(self, model: Any, x: Tensor, state: Any, weights: Any, lengths: Any) -> list[Tensor]:
        case: Case = model[0]
        module = getattr(plain, case.mode)(case.I, case.H, **case.options).to(x.dtype)
        if state is not None and case.kind != "LSTM":
            (state,) = state
        given = x if lengths is None else packed(x, lengths)
        output, final = torch.func.functional_call(module, weights, (given, state))
        if lengths is not None:
            output = torch.nn.utils.rnn.pad_packed_sequence(output, total_length=len(x))[0]
        return [output, *(final if case.kind == "LSTM" else (final,))]


def leaves(model: Any, x: Any, state: Any) -> tuple[Tensor, Any, dict[str, Tensor]]:
    def leaf(array: Any) -> Tensor:
        return torch.from_numpy(array).requires_grad_()

    states = None if state is None else tuple(map(leaf, state))
    return leaf(x), states, {name: leaf(w) for name, w in model[1].items()}


@pytest.mark.parametrize("covers", COVERS)
def test_a_right_library_passes(covers: str) -> None:
    """Whatever its call covers, with lengths and derivatives that are its own."""
    fails = killing.failing(Library(covers), [torch.float32], others=killing.smallest)
    assert fails == []


@pytest.mark.parametrize("covers", COVERS)
def test_parts_are_networks_of_their_own(covers: str) -> None:
    """The library sees the case and the weights of what its call covers, by torch's names."""
    library = Library(covers)
    case = Case("LSTM", L=2, bidirectional=True, P=3)
    got = Network(library, case, torch.device("cpu"))(case.input, case.state)
    agrees(got, *propagated(case))
    parts = [model for model, *_ in library.seen]
    shapes = {"network": [(2, 2)], "layer": [(1, 2)] * 2, "direction": [(1, 1)] * 4}
    assert [(part.L, part.D) for part in parts] == shapes[covers]
    if covers != "network":
        assert parts[-1].I == 2 * case.P


class OmitsTheState(Library):
    """h_0 is not used."""

    def run(self, model: Any, x: Any, state: Any, lengths: Any) -> Any:
        return super().run(model, x, None, lengths)


class IgnoresLengths(Library):
    """Every row is as long as the longest."""

    def run(self, model: Any, x: Any, state: Any, lengths: Any) -> Any:
        return super().run(model, x, state, None)


class Widens(Library):
    """The results are float64."""

    def run(self, model: Any, x: Any, state: Any, lengths: Any) -> Any:
        output, final = super().run(model, x, state, lengths)
        return output.astype(np.float64), final


class HalvesGradients(Library):
    """Half of a weight's gradient comes back."""

    def vjp(self, *given: Any) -> Mapping[str, Any]:
        return {n: g / 2 if n.startswith("weight") else g for n, g in super().vjp(*given).items()}


class AddsOneWithoutAState(Library):
    """Where no state is given it begins with ones."""

    def run(self, model: Any, x: Any, state: Any, lengths: Any) -> Any:
        if state is None:
            state = tuple(np.ones(part[:, : x.shape[1]].shape, x.dtype) for part in model[0].zeros)
        return super().run(model, x, state, lengths)


WRONG: dict[type[Library], set[str]] = {
    OmitsTheState: {"LSTM-1", "SEQ-1", "PCK-9"},
    IgnoresLengths: {"PCK-9", "PCK-21", "PCK-22"},
    Widens: {"DTY-2", "DTY-9"},
    HalvesGradients: {"GRD-1"},
    AddsOneWithoutAState: {"SEQ-5", "SEQ-10"},
}


@pytest.mark.parametrize(("library", "dies_of"), WRONG.items(), ids=lambda p: getattr(p, "__name__", ""))
@pytest.mark.parametrize("covers", COVERS)
def test_a_wrong_library_fails(library: type[Library], dies_of: set[str], covers: str) -> None:
    among = [clause for clause in catalogue.every() if str(clause) in dies_of]
    assert {str(clause) for clause in among} == dies_of
    assert set(killing.failing(library(covers), [torch.float32], dies_of, among=among)) == dies_of


@pytest.mark.parametrize("covers", COVERS)
def test_an_omitted_state_reaches_the_library_as_omitted(covers: str) -> None:
    library, case = Library(covers), Case("GRU", L=2, bidirectional=True, hx=False)
    Network(library, case, torch.device("cpu"))(case.input)
    assert library.seen
    assert all(state is None for _, _, state, _ in library.seen)


def test_the_padding_is_not_zero_for_the_library() -> None:
    library, case = Library("network"), Case("RNN", T=3, B=2)
    library.build(case, case.weights, torch.device("cpu"))(packed(case.input, [1, 3]))
    ((_, x, _, lengths),) = library.seen
    assert lengths == [1, 3]
    assert (x[1:, 0] == PADDING).all()


def test_rows_are_turned_round_within_their_lengths() -> None:
    x = torch.arange(4.0)[:, None, None].expand(4, 2, 1)
    assert turned(x, None)[:, 0, 0].tolist() == [3, 2, 1, 0]
    assert turned(x, [3, 1])[:, :, 0].T.tolist() == [[2, 1, 0, 3], [0, 1, 2, 3]]


@pytest.mark.parametrize(
    "state", [torch.zeros(1, 3, 7), (torch.zeros(1, 3, 7),), (torch.zeros(2, 3, 7),) * 2, (1, 2)]
)
def test_a_state_of_another_form_is_refused_by_the_kit(state: Any) -> None:
    run = Library("direction").build(Case("LSTM"), Case("LSTM").weights, torch.device("cpu"))
    with pytest.raises((TypeError, ValueError), match="state"):
        run(Case("LSTM").input, state)


def test_tensors_cross_as_they_are() -> None:
    """What is torch's own is called with the weights that gradients are asked of."""

    class Own(Adapter):
        name, modes, claims, arrays = "own", ("RNN",), BASIC | {"grad"}, TENSORS

        def run(self, model: Any, x: Any, state: Any, lengths: Any) -> Any:
            case, weights = model
            result = reference.run(case, {n: Wide(w) for n, w in weights.items()}, x, state)
            return result.output, result.state

    class Wide:
        """A weight that the oracle takes as it is."""

        def __init__(self, tensor: Tensor) -> None:
            self.tensor, self.T = tensor, tensor.T

        def __radd__(self, other: Tensor) -> Tensor:
            return other + self.tensor

        __torch_function__ = None

    case = Case("RNN", dtype=torch.float64)
    network = Network(Own(), case, torch.device("cpu"))
    network.attached(case.input, case.state).output.sum().backward()
    assert all(weight.grad is not None for weight in network.learnable.values())


class TestTheList:
    def test_a_missing_library_is_an_error_that_names_its_extra(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(adapters, "_version", lambda distribution: "")
        with pytest.raises(Unusable, match=r"needs jax, jaxlib, equinox; pip install 'rnnspec\[jax\]'"):
            load("equinox")

    def test_every_adapter_is_listed_with_how_to_install_it(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(adapters, "_version", lambda distribution: "")
        lines = CliRunner().invoke(app, ["adapters"]).output
        for name, shipped in adapters.SHIPPED.items():
            assert f"{name}  {shipped.about}\n" in lines
            if shipped.distributions:
                assert f"    not installed: pip install 'rnnspec[{shipped.extra}]'\n" in lines

    def test_every_extra_is_one_of_the_package(self) -> None:
        import tomllib

        from wheel_kit import CHECKOUT

        project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
        for name, shipped in adapters.SHIPPED.items():
            needed = " ".join(project["optional-dependencies"].get(shipped.extra, ()))
            assert all(distribution in needed for distribution in shipped.distributions), name

    def test_what_is_installed_says_what_it_claims(self) -> None:
        """In a process of its own: libraries are not to be imported in this one."""
        command = [sys.executable, "-m", "rnnspec", "adapters"]
        run = subprocess.run(command, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        blocks = dict(BLOCK.findall(run.stdout))
        assert blocks.keys() == adapters.SHIPPED.keys()
        for name, shipped in adapters.SHIPPED.items():
            if not shipped.missing and "cannot be loaded here" not in blocks[name]:
                assert re.search(r"^    (\w+, )*\w+: .*\bhx\b", blocks[name], re.MULTILINE), name
