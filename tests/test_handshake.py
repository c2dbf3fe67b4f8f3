"""The handshake: each reading is tried with a drop-in that has it, and what has none is not given a name."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import mutants
import plain
from mutants.registry import MUTANTS, drop_in
from plain import Weights
from rnnspec.bound import predicted
from rnnspec.case import Case
from rnnspec.handshake import Finding, diagnosed
from rnnspec.handshake.manner import TORCHS, run
from rnnspec.handshake.probes import KINDS, STAGES
from rnnspec.implementation import DropIn, Implementation
from rnnspec.loading import load
from rnnspec.network import Network
from rnnspec.notation import GATES, MODES

CPU = torch.device("cpu")


def found(part: type[nn.Module], mode: str, dtype: torch.dtype = torch.float32) -> Finding:
    """What is found of a defect, put into the plain drop-in."""
    cls = drop_in(mode + part.__name__, part, mode) if issubclass(part, plain.Step) else part
    return of(DropIn(part.__name__, {mode: cls}), mode, dtype)


def of(implementation: Implementation, mode: str, dtype: torch.dtype = torch.float32) -> Finding:
    return diagnosed(Network(implementation, Case(mode, dtype=dtype), CPU), patience=0.2)


def misread(change: Callable[[Weights], Weights]) -> type[plain.Step]:
    """A drop-in that takes its weights for others."""

    class Misread(plain.Step):
        def weights(self, layer: int = 0, direction: int = 0) -> Weights:
            return change(super().weights(layer, direction))

    return Misread


def each(roles: tuple[str, ...], change: Callable[[Tensor], Tensor]) -> Callable[[Weights], Weights]:
    return lambda w: w._replace(**{r: change(t) for r in roles if (t := getattr(w, r)) is not None})


Call = Callable[..., Any]


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


NAMED = {
    "LSTMGivenStatesExchanged": "the initial state is read as (c, h), where torch's is (h, c)",
    "LSTMCellGivenStatesExchanged": "the initial state is read as (c, h), where torch's is (h, c)",
    "LSTMReturnedStatesExchanged": "the final state is returned as (c, h), where torch's is (h, c)",
    "LSTMGivenHIgnored": "h_0 is ignored",
    "LSTMCellGivenCIgnored": "c_0 is ignored",
    "LSTMGivenCReadFromH": "h_0 is used for c_0 too",
    "LSTMHReturnedAsC": "h_n is returned for c_n too",
    "GRUInitialStateReturned": "the initial state is returned as the final one",
    "RNNStateOfTheFirstLayerOnly": "two layers: h_0 is used in the first layer only",
    "GRUOnlyTheLastLayersState": "two layers: only the last layer's final state is returned",
    "LSTMStatesFromTheTop": "two layers: the states are in the order of the layers from the top",
    "GRUStatesByDirection": "two bidirectional layers: the states are direction by direction, row d·L + k",
    "RNNFinalReverseFromTheEnd": "bidirectional: the reverse half of h_n is that of the last step",
    "RNNFinalStatesReverseFirst": "bidirectional: the final states are returned with the reverse direction's",
    "RNNNotFlippedBack": "bidirectional: the reverse half of the output is not flipped back",
    "GRUHalvesExchanged": "bidirectional: the reverse half of the output comes first",
    "LSTMHalvesInterleaved": "bidirectional: forward and reverse units take turns in the output",
    "RNNForwardWeightsTwice": "bidirectional: both directions have the forward direction's weights",
    "GRUGatesSwappedInReverse": "bidirectional: in the reverse direction the gate blocks look permuted",
    "LSTMGatesSwappedAboveLayer0": "two layers: above the first layer the gate blocks look permuted",
    "LSTMUpperLayersWithoutRecurrentBias": "two layers: above the first layer bias_hh is not added",
    "LSTMGatesInterleaved": "the gate blocks look interleaved: row 4j + k is gate k of unit j",
    "RNNBatchFirstIgnored": "batch_first: batch_first=True has no effect",
    "GRUOutputNotTransposed": "batch_first: batch_first=True is ignored in the output",
    "GRUInputReshaped": "batch_first: the input for batch_first is reshaped, where it must be transposed",
    "RNNOutputReshaped": "batch_first: the output for batch_first is reshaped, where it must be transposed",
    "LSTMLayerAxisMissing": "the final state lacks the axis of the layers",
    "LSTMOutputInFloat64": "output has the dtype float64 where float32 must be",
}
"""Mutants that are mistakes of mapping, and the beginning of what is to be said of them."""


@pytest.mark.parametrize("name", NAMED)
def test_mutants_that_have_a_name(name: str) -> None:
    mutant = MUTANTS[name]
    finding = of(DropIn(name, {mutant.mode: mutant.cls}), mutant.mode)
    assert finding.wrong
    assert finding.wrong[0].startswith(NAMED[name]), finding.said


def calling(mode: str, change: Callable[[Call, Tensor, Any], Any]) -> type[nn.Module]:
    """torch's class with something around its call."""
    base: Any = getattr(nn, mode)

    def forward(self: Any, x: Tensor, hx: Any = None) -> Any:
        return change(lambda x, hx=None: base.forward(self, x, hx), x, hx)

    return type("Calling", (base,), {"forward": forward})


def loading(mode: str, change: Callable[[str, Tensor], Tensor]) -> type[nn.Module]:
    """torch's class with something done to the weights that it is given."""
    base: Any = getattr(nn, mode)

    def load_state_dict(self: Any, weights: Mapping[str, Tensor]) -> Any:
        return base.load_state_dict(self, {name: change(name, value) for name, value in weights.items()})

    return type("Loading", (base,), {"load_state_dict": load_state_dict})


class TestAroundTorch:
    """What a newcomer does around a library of his own."""

    def test_batch_first(self) -> None:
        def change(call: Call, x: Tensor, hx: Any) -> Any:
            output, h_n = call(x.transpose(0, 1), hx)
            return output.transpose(0, 1), h_n

        said = "input and output are batch first: it reads (B, T, I) where torch has (T, B, I)"
        assert found(calling("GRU", change), "GRU").wrong[0] == said

    def test_output_batch_first(self) -> None:
        def change(call: Call, x: Tensor, hx: Any) -> Any:
            output, state = call(x, hx)
            return output.transpose(0, 1), state

        said = "the output is batch first: (B, T, H) where torch has (T, B, H)"
        assert found(calling("LSTM", change), "LSTM").wrong == [said]

    def test_states_of_all_steps(self) -> None:
        finding = found(calling("RNN", lambda call, x, hx: (call(x, hx)[0],) * 2), "RNN")
        assert finding.wrong[0] == "the states of all steps are returned, not the last"

    def test_the_state_of_the_first_step(self) -> None:
        finding = found(calling("RNN", lambda call, x, hx: (call(x, hx)[0], call(x[:1], hx)[1])), "RNN")
        assert finding.wrong[0] == "the state of the first step is returned, not of the last"

    def test_exchanged_both_ways(self) -> None:
        def change(call: Call, x: Tensor, hx: Any) -> Any:
            output, state = call(x, hx and hx[::-1])
            return output, state[::-1]

        assert (
            found(calling("LSTM", change), "LSTM").wrong[0] == "the state is (c, h), where torch's is (h, c)"
        )

    def test_computed_in_float32(self) -> None:
        def forward(self: Any, x: Tensor, hx: Any = None) -> Any:
            output, h_n = nn.GRU.forward(self.float(), x.float(), None if hx is None else hx.float())
            return output.to(x.dtype), h_n.to(x.dtype)

        single = type("Single", (nn.GRU,), {"forward": forward})
        assert found(single, "GRU", torch.float64).wrong == ["float64 is computed in float32"]

    def test_a_transpose_shows_only_where_it_fits(self) -> None:
        stored = loading("RNN", lambda name, value: value.T if name == "weight_ih_l0" else value)
        assert found(stored, "RNN").wrong[0] == "weight_ih looks transposed"

    def test_two_mistakes_at_once(self) -> None:
        def change(name: str, value: Tensor) -> Tensor:
            i, f, g, o = value.chunk(4) if "hr" not in name else [value] * 4
            if "hr" in name or name.startswith("bias_hh"):
                return value if "hr" in name else 0 * value
            return torch.cat([i, f, o, g])

        mapped = DropIn("mapped", {"LSTM": loading("LSTM", change)})
        one, other = diagnosed(Network(mapped, Case("LSTM"), CPU)).wrong
        assert one.endswith("look permuted: it reads i f o g where torch writes i f g o")
        assert other == "bias_hh is not added"


class TestPlain:
    def test_reverse_forwards(self) -> None:
        class Forwards(plain.Layers):
            def layer(self, xs: Any, state: Any, w: Weights, place: Any) -> Any:
                return super().layer(xs, state, w, (place[0], 0))

        assert found(Forwards, "RNN").wrong == ["bidirectional: the reverse direction runs forwards"]

    def test_the_projection_transposed(self) -> None:
        finding = found(misread(each(("weight_hr",), lambda W: W.reshape(W.shape[1], -1).T)), "LSTM")
        assert finding.wrong == ["projection: weight_hr looks transposed"]

    def test_the_projection_left_out(self) -> None:
        class Cut(plain.Step):
            def project(self, h: Tensor, w: Weights) -> Tensor:
                return h if w.weight_hr is None else h[..., : len(w.weight_hr)]

        said = "projection: the projection is not applied: the state is the first columns of h"
        assert found(Cut, "LSTM").wrong == [said]

    def test_mistakes_of_different_networks_are_all_told(self) -> None:
        class Two(plain.Layers):
            def join(self, *ways: Tensor) -> Tensor:
                return torch.cat(ways[::-1], -1)

            def weights(self, layer: int = 0, direction: int = 0) -> Weights:
                return each(("bias_ih",), torch.zeros_like)(super().weights(layer, direction))

        assert found(Two, "RNN").wrong == [
            "bias_ih is not added",
            "bidirectional: the reverse half of the output comes first",
        ]


class TestWhatHasNoName:
    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (ValueError("no\nsuch luck"), "it raises ValueError: no such luck"),
            (SystemExit(3), "it raises SystemExit: 3"),
            (KeyboardInterrupt(), "it raises KeyboardInterrupt:"),
        ],
    )
    def test_an_exception(self, error: BaseException, said: str) -> None:
        def change(call: Call, x: Tensor, hx: Any) -> Any:
            raise error

        assert found(calling("GRU", change), "GRU").wrong == [said]

    def test_an_exception_with_a_state_only(self) -> None:
        def change(call: Call, x: Tensor, hx: Any) -> Any:
            if hx is not None:
                raise ValueError("no state, please")
            return call(x)

        said = "it raises ValueError: no state, please, only with a state and where T = B and I = H"
        assert found(calling("GRU", change), "GRU").wrong[0] == said

    def test_a_shape(self) -> None:
        def change(call: Call, x: Tensor, hx: Any) -> Any:
            output, h_n = call(x, hx)
            return output[..., 1:], h_n

        said = "output has the shape (5, 3, 6) where (5, 3, 7) must be (T = 5, B = 3, I = 4, H = 7)"
        assert found(calling("GRU", change), "GRU").wrong == [said]

    def test_no_pair(self) -> None:
        finding = found(calling("GRU", lambda call, x, hx: call(x, hx)[0]), "GRU")
        assert finding.wrong[0].startswith("a call does not return a pair")

    @pytest.mark.parametrize(
        ("name", "said"),
        {
            "RNNLastOfSeveralSteps": "from t = 4 on",
            "RNNRowsBeyondThree": "in row 3 of the batch only, only where T = B and I = H",
            "RNNCellCellStartsFromOnes": "only without a state",
            "RNNFinalStateRounded": "h_n is off by at most 0.0017, where 8e-06 is allowed, while the output",
            "GRUTopStateOfTheFirstLayer": "two layers: no usual mistake: h_n is off",
            "GRUReverseStartsLate": "in the reverse half only",
            "RNNTanhOff1em4": "no usual mistake: output and h_n are off by at most 0.0001",
            "GRUUpperReverseOfSeveralSteps": "two bidirectional layers: no usual mistake",
            "RNNLastOfOddUnits": "at first in unit 6 only",
        }.items(),
    )
    def test_what_is_off_is_described(self, name: str, said: str) -> None:
        mutant = MUTANTS[name]
        finding = of(DropIn(name, {mutant.mode: mutant.cls}), mutant.mode)
        assert said in finding.said
        assert not finding.named

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
    @pytest.mark.parametrize("name", ["RNNBatchAndTimeMixed", "RNNInputStridesIgnored", "RNNTanhOff1em3"])
    def test_half_types_give_no_wrong_names(self, name: str, dtype: torch.dtype) -> None:
        mutant = MUTANTS[name]
        assert not of(DropIn(name, {mutant.mode: mutant.cls}), mutant.mode, dtype).named

    @pytest.mark.parametrize("chapter", ["algebra", "batch", "sizes", "precision"])
    def test_no_other_mutant_is_given_a_name(self, chapter: str) -> None:
        """Those whose defect is no mistake of mapping; of the RNN, where it takes no time."""
        parts = [
            m for m in MUTANTS.values() if m.mode in ("RNN", "RNNCell") and chapter_of(m.fault) == chapter
        ]
        assert parts
        for mutant in parts:
            finding = of(DropIn("mutant", {mutant.mode: mutant.cls}), mutant.mode)
            named = [said for said in finding.named if "computed in" not in said]
            assert not named or "transposed in a relu network" in mutant.fault, (mutant.fault, named)


@cache
def texts() -> dict[str, str]:
    folder = Path(mutants.__file__).parent
    return {path.stem: path.read_text() for path in sorted(folder.glob("*.py"))}


def chapter_of(fault: str) -> str:
    """The file in which a mutant with this fault is."""
    return next((stem for stem, text in texts().items() if fault and f'"""{fault}' in text), "")
