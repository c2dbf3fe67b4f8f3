"""The seam: what a name stands for, what it claims, and what is said when it is unusable."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

import killing
import plain
from rnnspec import catalogue, gradients, loading
from rnnspec.case import Case
from rnnspec.check import Failed, NotClaimed
from rnnspec.implementation import Amended, DropIn, Implementation, Run
from rnnspec.loading import Unusable, load, mode_of
from rnnspec.network import Network
from rnnspec.notation import BASIC, BEYOND, CLAIMS, MODES, OPTIONAL

CPU = torch.device("cpu")


class Own(Implementation):
    """An Implementation of the LSTM by torch itself."""

    name = "own"
    modes = ("LSTM",)

    def build(self, case: Case, weights: Mapping[str, Tensor], device: torch.device) -> Run:
        return load("torch.nn").build(case, weights, device)


class Functional(Own):
    """A function of the weights that it is built from."""

    claims = BASIC | {"grad"}

    def build(self, case: Case, weights: Mapping[str, Tensor], device: torch.device) -> Run:
        module = torch.nn.LSTM(case.I, case.H).to(case.dtype)

        def run(x: Tensor, hx: Any = None) -> Any:
            return torch.func.functional_call(module, dict(weights), (x, hx))

        return run


class Nameless(plain.Layers):
    pass


class OtherNames(plain.GRUCell):
    """Its state dict has torch's names, its parameters have not."""

    def named_parameters(self, *args: Any, **options: Any) -> Iterator[tuple[str, torch.nn.Parameter]]:
        for name, part in super().named_parameters(*args, **options):
            yield f"cell.{name}", part


class Told(Nameless):
    mode = "GRUCell"


class Refusing(plain.LSTM):
    """No second direction, no bias=, and nothing but float32."""

    def __init__(self, I: int, H: int, num_layers: int = 1, bidirectional: bool = False) -> None:
        if bidirectional:
            raise NotImplementedError("one direction only")
        if num_layers > 1:
            raise ValueError("one layer only")
        super().__init__(I, H)

    def forward(self, input: Any, hx: Any = None) -> Any:
        if input.dtype != torch.float32:
            raise NotImplementedError("float32 only")
        return super().forward(input, hx)


@pytest.fixture(autouse=True)
def mine(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module `mine`, importable."""
    module = ModuleType("mine")
    vars(module).update(
        FastLSTM=plain.LSTM, Nameless=Nameless, Told=Told, Own=Own, own=Own(), number=3,
        nested=SimpleNamespace(GRU=plain.GRU, RNN=plain.RNN), empty=SimpleNamespace(),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "mine", module)
    return module


class TestLoad:
    @pytest.mark.parametrize(
        ("name", "modes"),
        [
            ("torch.nn", MODES),
            ("plain", MODES),
            ("torch.nn:GRU", ("GRU",)),
            ("mine:FastLSTM", ("LSTM",)),
            ("mine:nested", ("RNN", "GRU")),
            ("mine:nested.GRU", ("GRU",)),
            ("mine:Told", ("GRUCell",)),
            ("GRU=mine:Nameless", ("GRU",)),
            ("RNN=mine:FastLSTM", ("RNN",)),
            ("mine:Own", ("LSTM",)),
            ("mine:own", ("LSTM",)),
        ],
    )
    def test_every_form(self, name: str, modes: tuple[str, ...]) -> None:
        found = load(name)
        assert found.modes == modes
        assert found.name == (name if isinstance(found, DropIn) else "own")

    def test_an_implementation_is_taken_as_it_is(self, mine: ModuleType) -> None:
        assert load("mine:own") is mine.own
        assert isinstance(load("mine:Own"), Own)

    @pytest.mark.parametrize("value", [Own, Own(), plain.LSTM])
    def test_entry_points(self, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        pointing(monkeypatch, lambda: value)
        assert load("fast").modes == ("LSTM",)

    def test_torch_itself_before_an_entry_point_of_its_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pointing(monkeypatch, lambda: Own, name="torch.nn")
        assert load("torch.nn").modes == MODES


def pointing(monkeypatch: pytest.MonkeyPatch, load: Callable[[], Any], name: str = "fast") -> None:
    """One entry point of the group."""

    def entry_points(*, group: str) -> list[Any]:
        assert group == "rnnspec.implementations"
        return [SimpleNamespace(name=name, load=load)]

    monkeypatch.setattr(loading, "entry_points", entry_points)


class TestModeOf:
    @pytest.mark.parametrize(
        ("bases", "name", "attributes", "mode"),
        [
            ((), "Any", {"mode": "LSTM"}, "LSTM"),
            ((), "Any", {"mode": "RNN_TANH"}, "RNN"),
            ((), "Any", {"mode": "RNN_RELU"}, "RNN"),
            ((torch.nn.GRU,), "MyLSTM", {}, "GRU"),
            ((torch.nn.GRU,), "Any", {"mode": "LSTM"}, "LSTM"),
            ((torch.nn.GRUCell,), "Any", {}, "GRUCell"),
            ((), "FastLSTM", {}, "LSTM"),
            ((), "FastLstm", {"mode": "fast"}, "LSTM"),
            ((), "QuantisedGRUCell", {}, "GRUCell"),
            ((), "DPRNN", {}, "RNN"),
            ((), "LSTMOrGRU", {}, None),
            ((), "Recurrent", {}, None),
        ],
    )
    def test_by_attribute_then_base_class_then_name(
        self, bases: tuple[type, ...], name: str, attributes: dict[str, Any], mode: str | None
    ) -> None:
        assert mode_of(type(name, bases, attributes)) == mode


UNUSABLE = {
    "nowhere": "cannot import 'nowhere'",
    "nowhere.at:all": "importable module[:attribute]",
    "": "importable module[:attribute]",
    "./mine.py": "write a module's name, such as mine:LSTM",
    "my/own.py:Net": "such as my.own:Net",
    "torch.nn.LSTM": "cannot import 'torch.nn.LSTM'",
    "mine:Fast": "it has FastLSTM, Nameless, Own, Told",
    "mine:empty.LSTM": "write",
    "mine:Nameless": "write MODE=mine:Nameless with MODE one of RNN, GRU, LSTM",
    "lstm=mine:FastLSTM": "write one of RNN, GRU, LSTM",
    "LSTM=mine:own": "write LSTM=module:Class",
    "json": "write json:Class for a class",
    "mine:number": "write a namespace, a class or an rnnspec Implementation",
    "mine:empty": "write a namespace, a class or an rnnspec Implementation",
}


@pytest.mark.parametrize(("name", "said"), UNUSABLE.items())
def test_what_is_unusable_is_one_line_that_says_what_to_write(name: str, said: str) -> None:
    with pytest.raises(Unusable) as caught:
        load(name)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_module_that_breaks_is_unusable_in_one_line(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.py").write_text("raise ImportError('first line\\nsecond line')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Unusable, match="first line") as caught:
        load("broken")
    assert "\n" not in str(caught.value)


def test_an_entry_point_that_breaks_is_unusable(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise ImportError("no such module")

    pointing(monkeypatch, broken)
    with pytest.raises(Unusable, match="no such module"):
        load("fast")


class TestClaims:
    def test_torch_claims_everything(self) -> None:
        torch_nn = load("torch.nn")
        assert all(torch_nn.claimed(mode) == set(CLAIMS) - BEYOND.keys() for mode in MODES)
        assert all(torch_nn.unclaimed(mode).keys() == BEYOND.keys() for mode in MODES)

    def test_a_drop_in_claims_all_but_torchs_own_classes(self) -> None:
        found = load("plain")
        for mode in MODES:
            assert set(found.unclaimed(mode)) == {"messages"} | OPTIONAL.keys() | BEYOND.keys()
            assert found.claimed(mode) == set(CLAIMS) - {"messages"} - OPTIONAL.keys() - BEYOND.keys()

    def test_a_class_claims_what_its_attribute_names(self) -> None:
        traced = type("Traced", (plain.LSTM,), {"claims": ("trace", "vmap")})
        found = DropIn("mine", {"LSTM": traced, "GRU": plain.GRU})
        assert found.claimed("LSTM") & OPTIONAL.keys() == {"trace", "vmap"}
        assert found.claimed("GRU") & OPTIONAL.keys() == set()
        assert found.unclaimed("GRU")["trace"] == (
            "claimed by a class attribute claims = {'trace'} or --rnn-with trace"
        )

    def test_what_a_constructor_refuses_is_not_claimed(self) -> None:
        found = DropIn("mine", {"LSTM": Refusing})
        unclaimed = found.unclaimed("LSTM").items()
        assert {c: why for c, why in unclaimed if c not in OPTIONAL and c not in BEYOND} == {
            "messages": "exception classes are torch's own",
            "bidirectional": "its constructor raises NotImplementedError: one direction only",
            "proj": "its constructor does not know proj_size=",
            "nobias": "its constructor does not know bias=",
            "batch_first": "its constructor does not know batch_first=",
            "dropout": "its constructor does not know dropout=",
            "factory": "its constructor does not know device=",
        }
        assert "layers" in found.claimed("LSTM"), "ValueError is a fault, not a refusal"

    def test_a_mistake_further_in_is_no_refusal(self) -> None:
        class Broken(plain.LSTM):
            def __init__(self, I: int, H: int, **options: Any) -> None:
                if options.get("proj_size"):
                    raise TypeError("helper() got an unexpected keyword argument 'size'")
                super().__init__(I, H, **options)

        assert "proj" in DropIn("mine", {"LSTM": Broken}).claimed("LSTM")

    def test_the_word_that_is_not_known_is_named(self) -> None:
        class Single(plain.LSTM):
            def __init__(self, I: int, H: int, dropout: float = 0) -> None:
                super().__init__(I, H)

        said = DropIn("mine", {"LSTM": Single}).unclaimed("LSTM")
        assert said["dropout"] == said["layers"] == "its constructor does not know num_layers="

    @pytest.mark.parametrize("multiple", [8, 1])
    @pytest.mark.parametrize("layout", [True, False])
    def test_who_refuses_a_size_or_a_layout_may_claim_the_rest(self, multiple: int, layout: bool) -> None:
        class Particular(plain.LSTM):
            def __init__(self, I: int, H: int, batch_first: bool = False, **options: Any) -> None:
                if H % multiple or (layout and not batch_first):
                    raise NotImplementedError("only so")
                super().__init__(I, H, batch_first=batch_first, **options)

        claimed = DropIn("mine", {"LSTM": Particular}).claimed("LSTM")
        assert {"layers", "bidirectional", "proj", "nobias", "batch_first", "dropout"} <= claimed

    def test_hooks_come_with_torchs_module(self) -> None:
        found = DropIn("mine", {"LSTM": type("Bare", (), {"__init__": lambda *_, **__: None})})
        assert found.unclaimed("LSTM")["hooks"] == "it is no torch.nn.Module"
        assert "module" in found.claimed("LSTM")

    def test_asking_leaves_the_generator_alone(self) -> None:
        before = torch.random.get_rng_state()
        assert DropIn("mine", {"LSTM": plain.LSTM}).claimed("LSTM")
        assert torch.equal(torch.random.get_rng_state(), before)

    def test_an_implementation_claims_what_it_says(self) -> None:
        assert Own().claimed("LSTM") == BASIC
        assert set(Own().unclaimed("LSTM")) == set(CLAIMS) - BASIC

    def test_without(self) -> None:
        less = Amended(load("plain"), without=frozenset({"packed", "proj"}))
        assert less.name == "plain"
        given_up = {"packed", "lengths", "proj"}
        assert less.claimed("LSTM") == set(CLAIMS) - {"messages"} - given_up - OPTIONAL.keys() - BEYOND.keys()
        assert less.unclaimed("LSTM")["packed"] == "given up by --rnn-without"
        assert "messages" in less.unclaimed("LSTM")

    def test_with(self) -> None:
        more = Amended(load("plain"), frozenset({"vmap", "trace"}), without=frozenset({"trace"}))
        assert more.claimed("LSTM") & OPTIONAL.keys() == {"vmap"}
        assert more.unclaimed("LSTM")["trace"] == "given up by --rnn-without"
        assert "vmap" not in more.unclaimed("LSTM")


def network(found: Implementation, **options: Any) -> Network:
    return Network(found, Case(**{"mode": "LSTM", **options}), CPU)


class TestRefusals:
    def test_needs(self) -> None:
        with pytest.raises(NotClaimed) as caught:
            network(DropIn("mine", {"LSTM": Refusing}), bidirectional=True).needs()
        assert caught.value.msg == (
            "bidirectional (bidirectional=True) is not claimed: "
            "its constructor raises NotImplementedError: one direction only"
        )
        with pytest.raises(NotClaimed, match="packed"):
            network(Own()).needs("packed")
        network(load("plain"), bidirectional=True, P=3).needs("packed", "grad")

    def test_a_changed_case_is_asked_again(self) -> None:
        with pytest.raises(NotClaimed, match="layers"):
            network(Own()).but(L=2)

    def test_in_a_call(self) -> None:
        refusing = network(DropIn("mine", {"LSTM": Refusing}), dtype=torch.float64)
        with pytest.raises(NotClaimed, match="NotImplementedError: float32 only"):
            refusing(refusing.case.input, refusing.case.state)

    def test_in_the_constructor(self) -> None:
        refusing = network(DropIn("mine", {"LSTM": Refusing}), bidirectional=True)
        with pytest.raises(NotClaimed, match="NotImplementedError: one direction only"):
            refusing.construct()
        with pytest.raises(NotClaimed, match="NotImplementedError: one direction only"):
            _ = refusing.module

    @pytest.mark.parametrize(
        ("error", "outcome"), [(NotImplementedError, "NOT CLAIMED"), (TypeError, "FAIL")]
    )
    def test_of_what_a_clause_asks_of_a_module(self, error: type[Exception], outcome: str) -> None:
        class Copied(plain.LSTM):
            def __deepcopy__(self, memo: dict[int, Any]) -> Any:
                raise error("one is enough")

        (clause,) = [clause for clause in catalogue.every() if str(clause) == "PER-14"]
        assert killing.outcome(clause, network(DropIn("mine", {"LSTM": Copied}))) == outcome

    def test_an_operation_of_torchs_refuses_nothing_for_a_class(self) -> None:
        """It raises NotImplementedError where something is wrong: here, on the meta device."""

        class Copied(plain.LSTM):
            def __deepcopy__(self, memo: dict[int, Any]) -> Any:
                return torch.empty(2, device="meta").cpu()

        (clause,) = [clause for clause in catalogue.every() if str(clause) == "PER-14"]
        assert killing.outcome(clause, network(DropIn("mine", {"LSTM": Copied}))) == "FAIL"

    @pytest.mark.parametrize("less", [frozenset(), frozenset({"packed"})], ids=["all", "without"])
    def test_torch_itself_may_refuse_nothing(
        self, less: frozenset[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.nn.LSTM, "forward", Refusing.forward)
        found = Amended(load("torch.nn"), without=less) if less else load("torch.nn")
        refusing = network(found, dtype=torch.float64)
        with pytest.raises((NotImplementedError, NotClaimed)) as caught:
            refusing(refusing.case.input, refusing.case.state)
        assert caught.type is NotImplementedError


class TestCalls:
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("hx", [True, False])
    def test_time_first_and_detached(self, mode: str, hx: bool) -> None:
        rnn = network(load("torch.nn"), mode=mode, hx=hx)
        result = rnn(rnn.case.input, rnn.case.state)
        assert tuple(result.output.shape) == (rnn.case.T, rnn.case.B, rnn.case.H)
        assert len(result.state) == len(rnn.case.zeros)
        assert not any(part.requires_grad for _, part in result.items())
        assert torch.equal(result.h_n[-1], result.output[-1])

    def test_batch_first_is_seen_by_the_module_only(self) -> None:
        first = network(load("torch.nn"), batch_first=True)
        other = first.but(batch_first=False)
        got, wanted = (rnn(rnn.case.input, rnn.case.state) for rnn in (first, other))
        assert first.module.batch_first
        assert torch.equal(got.output, wanted.output)

    def test_replaced_weights_stay_replaced(self) -> None:
        rnn = network(load("torch.nn")).but(weights={"bias_hh_l0": torch.zeros(28)})
        for other in (rnn, rnn.but(T=3), rnn.but(weights={"bias_ih_l0": torch.ones(28)})):
            assert not other.module.bias_hh_l0.any()
            assert torch.equal(other.module.weight_ih_l0, rnn.case.weights["weight_ih_l0"])

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (torch.zeros(5, 3, 7), "a call does not return a pair"),
            ((torch.zeros(5, 3, 7), torch.zeros(1, 3, 7)), "not returned as (h, c)"),
            ((torch.zeros(5, 3, 7), (torch.zeros(1, 3, 7), None)), "not returned as (h, c)"),
        ],
    )
    def test_what_is_returned_is_looked_at(self, answer: Any, said: str) -> None:
        class Wrong(Own):
            def build(self, *args: Any) -> Run:
                return lambda x, state=None: answer

        rnn = network(Wrong())
        with pytest.raises(Failed) as caught:
            rnn(rnn.case.input)
        assert said in str(caught.value)


class TestLearnable:
    def test_the_weights_that_a_function_is_built_from(self) -> None:
        rnn = network(Functional())
        loss = gradients.weighing(rnn.case)
        gradients.agree(gradients.given(rnn, loss), gradients.expected(rnn.case))
        assert all(part is not rnn.weights[name] for name, part in rnn.learnable.items())

    def test_nothing_requires_grad_unless_it_is_claimed(self) -> None:
        built: dict[str, Tensor] = {}

        class Keeping(Own):
            def build(self, case: Case, weights: Mapping[str, Tensor], device: torch.device) -> Run:
                built.update(weights)
                return super().build(case, weights, device)

        rnn = network(Keeping())
        rnn(rnn.case.input, rnn.case.state)
        assert built
        assert not any(part.requires_grad for part in built.values())

    def test_parameters_of_other_names(self) -> None:
        found = DropIn("mine", {"GRUCell": OtherNames})
        rnn = network(found, mode="GRUCell")
        with pytest.raises(Failed, match="weight_ih, weight_hh, bias_ih, bias_hh is not among"):
            _ = rnn.learnable
        assert network(Amended(found, without=frozenset({"module"})), mode="GRUCell").learnable == {}
