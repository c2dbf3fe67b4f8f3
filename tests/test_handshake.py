"""The handshake: each reading is tried with a drop-in that has it, and what has none is not given a name."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import plain
from handshake_kit import each, found, misread, of
from mutants.registry import drop_in
from plain import Weights
from rnnspec.bound import predicted
from rnnspec.case import Case
from rnnspec.handshake.manner import TORCHS, run
from rnnspec.handshake.probes import KINDS, STAGES
from rnnspec.implementation import DropIn, Implementation
from rnnspec.loading import load
from rnnspec.notation import GATES, MODES


class TestAgreement:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16], ids=str)
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("name", ["torch.nn", "plain"])
    def test_what_is_right_agrees(self, name: str, mode: str, dtype: torch.dtype) -> None:
        finding = of(load(name), mode, dtype)
        assert finding.agrees, finding.said
        assert finding.said.startswith("agrees with the equations (")
        assert len(finding.agreed) == {"RNN": 7, "GRU": 6, "LSTM": 7, "RNNCell": 3}.get(mode, 2)

    def test_it_takes_no_time(self) -> None:
        start = time.process_time()
        assert all(of(load("torch.nn"), mode).agrees for mode in MODES)
        assert time.process_time() - start < 2

    @pytest.mark.parametrize("mode", MODES)
    def test_torchs_manner_is_the_oracle(self, mode: str) -> None:
        for stage in STAGES:
            cell = mode.endswith("Cell") and stage.changes.keys() - {"nonlinearity", "bias"}
            if cell or ("P" in stage.changes and mode != "LSTM"):
                continue
            for kind in KINDS.values():
                case = Case(mode, dtype=torch.float64).but(**stage.changes).but(**kind)
                wanted, _ = predicted(case, case.weights, case.input, case.state or case.zeros)
                for (_, mine), (_, other) in zip(run(TORCHS, case).items(), wanted.items(), strict=True):
                    assert torch.allclose(mine, other, rtol=0, atol=1e-13)

    def test_what_is_not_claimed_is_not_tried(self) -> None:
        class Simple(Implementation):
            name, modes = "simple", ("GRU",)

            def build(self, case: Case, weights: Any, device: torch.device) -> Any:
                assert case.L == case.D == 1
                return DropIn("", {"GRU": nn.GRU}).build(case, weights, device)

        assert of(Simple(), "GRU").agreed == ["one layer"]

    def test_a_gru_that_resets_before_is_right_where_that_is_what_it_claims(self) -> None:
        class Before(ResetBefore):
            claims = frozenset({"reset_before"})

        assert found(Before, "GRU").agrees
        after = drop_in("GRUAfter", type("After", (plain.Step,), {"claims": {"reset_before"}}), "GRU")
        said = of(DropIn("after", {"GRU": after}), "GRU").said
        assert said.startswith("the reset gate scales the recurrent product, as torch's does")


class ResetBefore(plain.Step):
    def step(self, x: Tensor, state: Any, w: Weights) -> Any:
        (h,) = state
        i_r, i_z, i_n = plain.affine(x, w.weight_ih, w.bias_ih).chunk(3, -1)
        h_r, h_z, _ = plain.affine(h, w.weight_hh, w.bias_hh).chunk(3, -1)
        r, z = (i_r + h_r).sigmoid(), (i_z + h_z).sigmoid()
        n = (i_n + plain.affine(r * h, w.weight_hh, w.bias_hh).chunk(3, -1)[2]).tanh()
        return ((1 - z) * n + z * h,)


ORDERS = [
    (mode, order) for mode in ("GRU", "LSTM") for order in list(map("".join, permutations(GATES[mode])))[1:]
]

TENSORS = {
    "": ("weight_ih", "weight_hh", "bias_ih", "bias_hh"),
    " of the weights": ("weight_ih", "weight_hh"),
    " of the biases": ("bias_ih", "bias_hh"),
    " of weight_hh and bias_hh": ("weight_hh", "bias_hh"),
    " of weight_hh alone": ("weight_hh",),
}


class TestWeights:
    @pytest.mark.parametrize(("mode", "order"), ORDERS)
    def test_every_order_of_the_gate_blocks(self, mode: str, order: str) -> None:
        """Of all tensors or of some."""

        def reordered(value: Tensor) -> Tensor:
            blocks = dict(zip(order, value.chunk(len(order)), strict=True))
            return torch.cat([blocks[gate] for gate in GATES[mode]])

        read = f"it reads {' '.join(order)} where torch writes {' '.join(GATES[mode])}"
        what = list(TENSORS)[ORDERS.index((mode, order)) % len(TENSORS)]
        finding = found(misread(each(TENSORS[what], reordered)), mode)
        assert finding.wrong == [f"the gate blocks{what} look permuted: {read}"]

    @pytest.mark.parametrize("mode", MODES)
    def test_transposed(self, mode: str) -> None:
        def transposed(value: Tensor) -> Tensor:
            return torch.cat([block.T for block in value.chunk(len(GATES[mode.removesuffix("Cell")]))])

        by_block = "" if "RNN" in mode else " block by block"
        finding = found(misread(each(("weight_hh",), transposed)), mode)
        assert finding.wrong == [f"weight_hh looks transposed{by_block}"]

    @pytest.mark.parametrize("mode", ["GRU", "LSTM"])
    def test_reshaped(self, mode: str) -> None:
        finding = found(misread(each(("weight_ih",), lambda W: W.reshape(W.shape[1], -1).T)), mode)
        assert finding.wrong == [
            f"weight_ih looks reshaped to (columns, {len(GATES[mode])}·H), where it must be transposed"
        ]


BIASES: dict[str, tuple[tuple[str, ...], Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]]] = {
    "bias_ih is not added": (("RNN", "GRU", "LSTM"), lambda i, h: (0 * i, h)),
    "bias_hh is not added": (("RNN", "GRU", "LSTM"), lambda i, h: (i, 0 * h)),
    "no bias is added": (("RNN", "GRU", "LSTM"), lambda i, h: (0 * i, 0 * h)),
    "bias_hh is used for both biases": (("RNN", "GRU", "LSTM"), lambda i, h: (h, h)),
    "bias_ih is used for both biases": (("RNN", "GRU", "LSTM"), lambda i, h: (i, i)),
    "the biases are merged twice": (("RNN", "GRU", "LSTM"), lambda i, h: (i + h, i + h)),
    "the biases are merged into one, with b_hn": (("GRU",), lambda i, h: (i + h, 0 * h)),
    "b_in is scaled by the reset gate": (("GRU",), lambda i, h: (0 * i, i + h)),
    "bias_ih and bias_hh are exchanged": (("GRU",), lambda i, h: (h, i)),
    "1 is added to the bias of the forget gate": (
        ("LSTM",),
        lambda i, h: (i + torch.tensor([0.0, 1, 0, 0]).to(i).repeat_interleave(len(i) // 4), h),
    ),
}


@pytest.mark.parametrize(
    ("said", "mode"), [(said, mode) for said, (modes, _) in BIASES.items() for mode in modes]
)
def test_biases(said: str, mode: str) -> None:
    def changed(w: Weights) -> Weights:
        if w.bias_ih is None or w.bias_hh is None:
            return w
        bias_ih, bias_hh = BIASES[said][1](w.bias_ih, w.bias_hh)
        return w._replace(bias_ih=bias_ih, bias_hh=bias_hh)

    (told,) = found(misread(changed), mode).wrong
    assert told.startswith(said)


def replacing(**body: Any) -> type[plain.Step]:
    return type("Replacing", (plain.Step,), body)


EQUATIONS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "the sigmoid is a hard one, 0.2 a + 0.5": (
        ("GRU", "LSTM"),
        {"sigmoid": lambda self, v: (0.2 * v + 0.5).clamp(0, 1)},
    ),
    "the sigmoid is a hard one, a/6 + 0.5": (
        ("GRU", "LSTMCell"),
        {"sigmoid": lambda self, v: (v / 6 + 0.5).clamp(0, 1)},
    ),
    "the tanh is a hard one": (("GRU", "LSTM"), {"tanh": lambda self, v: v.clamp(-1, 1)}),
    "hard tanh is applied where tanh must be": (("RNN",), {"tanh": lambda self, v: v.clamp(-1, 1)}),
    "relu is applied where tanh must be": (("RNN", "RNNCell", "GRU"), {"tanh": lambda self, v: v.relu()}),
    "relu: tanh is applied where relu must be": (("RNN", "RNNCell"), {"relu": lambda self, v: v.tanh()}),
    "z and 1 - z are exchanged": (("GRU",), {"blend": lambda self, z, n, h: z * n + (1 - z) * h}),
    "the reset gate has no effect": (("GRU",), {"candidate": lambda self, i, r, n: self.tanh(i + n)}),
    "c is put out without its tanh": (("LSTM",), {"hidden": lambda self, o, c, old: self.sigmoid(o) * c}),
    "the input gate is 1 - f": (
        ("LSTM",),
        {"cell": lambda self, i, f, g, c: f.sigmoid() * c + (1 - f.sigmoid()) * g.tanh()},
    ),
}


@pytest.mark.parametrize(
    ("said", "mode"), [(said, mode) for said, (modes, _) in EQUATIONS.items() for mode in modes]
)
def test_equations(said: str, mode: str) -> None:
    finding = found(replacing(**EQUATIONS[said][1]), mode)
    assert finding.wrong
    assert finding.wrong[0].startswith(said)
    assert not finding.off


@pytest.mark.parametrize("mode", ["GRU", "GRUCell"])
def test_reset_before(mode: str) -> None:
    said = "the reset gate scales the state before the recurrent product, where torch's scales the product"
    assert found(ResetBefore, mode).wrong == [said]


class NoStateNoBias(plain.Step):
    def step(self, x: Tensor, state: Any, w: Weights) -> Any:
        (h,) = state
        if h.any() or w.bias_hh is None:
            return super().step(x, state, w)
        H = h.shape[-1]
        kept = torch.cat([w.bias_hh[: 2 * H], torch.zeros(H, dtype=h.dtype)])
        return super().step(x, state, w._replace(bias_hh=kept))


@pytest.mark.parametrize("mode", ["GRU", "GRUCell"])
def test_no_bias_of_the_candidate_where_no_state_is_given(mode: str) -> None:
    """As mlx 0.31.1 had it."""
    wrong = found(NoStateNoBias, mode).wrong
    assert wrong[0] == "b_hn is left out of the first step where no state is given"
