"""Math modes: they are in force in a row, part of it, in its bounds, and not claimed without effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from mutants import precision
from rnnspec import gradients, result, transformed
from rnnspec.affine import Rounding
from rnnspec.benchmarks.checking import checked
from rnnspec.benchmarks.ways import WAYS
from rnnspec.bound import propagated
from rnnspec.case import Case
from rnnspec.check import Failed, agrees
from rnnspec.factors import EXACTLY, Factors, Held
from rnnspec.gradients import expected, weighing
from rnnspec.handshake import command as handshake
from rnnspec.implementation import Implementation, Run
from rnnspec.keeping import kept
from rnnspec.loading import Unusable, place
from rnnspec.maths import DEFAULT, Maths, Place, left_alone
from rnnspec.network import Network
from rnnspec.notation import BASIC
from rnnspec.reproduce import command as reproduce
from rnnspec.result import Row

CLAUSES = '''
import pytest
from rnnspec.axes import cases, each
from rnnspec.bound import propagated
from rnnspec.check import agrees

@pytest.mark.clause(id="LSTM-1", level="MUST", source="the equations")
@cases(each({"mode": "LSTM"}, {"mode": "GRU"}, {"mode": "LSTM", "P": 3}))
def test_step(rnn, case):
    """A step is the equations'."""
    agrees(rnn(case.input, case.state), *propagated(case))
'''

MINE = """
import torch
from rnnspec.implementation import Implementation
from rnnspec.notation import BASIC
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

class Stubborn(nn.LSTM):
    def forward(self, x, hx=None):
        torch.backends.mkldnn.enabled = True
        return super().forward(x, hx)

class OffOnly(nn.LSTM):
    def forward(self, x, hx=None):
        output, state = super().forward(x, hx)
        return output + (not torch.backends.mkldnn.enabled), state

class LeavesAMode(nn.LSTM):
    def forward(self, x, hx=None):
        Mode().__enter__()
        return super().forward(x, hx)

class Mode(TorchDispatchMode):
    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        return op(*args, **(kwargs or {}))

class Raises(nn.LSTM):
    def forward(self, x, hx=None):
        raise ValueError("not today")

class Own(Implementation):
    name, modes, claims = "own", ("LSTM",), BASIC

    def build(self, case, weights, device):
        module = nn.LSTM(case.I, case.H, dtype=case.dtype)
        module.load_state_dict(dict(weights))
        return module

class WithoutProducts(nn.GRU):
    def forward(self, x, hx=None):
        h = x.new_zeros(x.shape[1], self.hidden_size) + 1
        return h.expand(len(x), *h.shape), h[None]

class Noted(nn.LSTM):
    def forward(self, x, hx=None):
        on = torch.are_deterministic_algorithms_enabled(), torch.backends.cuda.matmul.allow_tf32
        if on != (True, False):
            raise ValueError(on)
        return super().forward(x, hx)
"""


LISTED = """
[[deviation]]
clause = "LSTM-1"
implementation = "LSTM=mine:OffOnly"
device = "cpu no-onednn"
check = "output is not what it must be"
reason = "it is off by one there"
link = "https://example.org/1"
seen = 2026-11-26
"""


@pytest.fixture(autouse=True)
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
    pytester.makepyfile(test_one=CLAUSES, mine=MINE)


def run(pytester: pytest.Pytester, *options: str) -> tuple[dict[str, Any], list[Row]]:
    words = (*options, "--rnn-dtype=float32", "--rnn-results=out.jsonl")
    pytester.runpytest_inprocess(*words)
    return result.read(pytester.path / "out.jsonl")


def test_a_mode_is_part_of_the_row(pytester: pytest.Pytester) -> None:
    head, rows = run(pytester, "--rnn-math=default", "--rnn-math=no-onednn")
    assert {(row.device, row.outcome) for row in rows} == {("cpu", "PASS"), ("cpu no-onednn", "PASS")}
    assert len({row.key for row in rows}) == len(rows)
    assert head["devices"] == ["cpu", "cpu no-onednn"]
    ran = {(row.device, row.mode, "P3" in row.case): row.kernels for row in rows}
    assert ran["cpu", "LSTM", False] == "mkldnn_rnn_layer"
    assert ran["cpu no-onednn", "LSTM", False] == "addmm"
    assert ran["cpu", "LSTM", True] == ran["cpu no-onednn", "LSTM", True] == "addmm mm"
    assert ran["cpu", "GRU", False] == ran["cpu no-onednn", "GRU", False] == "addmm"


def test_without_a_mode_nothing_is_set(pytester: pytest.Pytester) -> None:
    _, rows = run(pytester)
    _, named = run(pytester, "--rnn-math=default")
    assert not any(row.kernels for row in rows)
    assert all(row.kernels for row in named)
    assert [row.key for row in rows] == [row.key for row in named]
    assert {row.device for row in rows} == {"cpu"}


def test_what_was_asked_for_and_did_not_run_is_not_claimed(pytester: pytest.Pytester) -> None:
    _, rows = run(pytester, "--rnn-math=onednn", "--rnn-math=tf32", "--rnn-math=cudnn")
    said = {(row.device, row.mode, "P3" in row.case): (row.outcome, row.message) for row in rows}
    assert said["cpu onednn", "LSTM", False] == ("PASS", "")
    instead = ("NOT CLAIMED", "onednn: oneDNN did not run, but addmm")
    assert said["cpu onednn", "GRU", False] == instead
    assert said["cpu onednn", "LSTM", True][0] == "NOT CLAIMED"
    assert said["cpu tf32", "LSTM", False] == ("NOT CLAIMED", "tf32: it is a mode of CUDA, not of cpu")
    assert said["cpu cudnn", "GRU", False] == ("NOT CLAIMED", "cudnn: cuDNN did not run, but addmm")


def test_what_ran_all_the_same_is_not_claimed(pytester: pytest.Pytester) -> None:
    _, rows = run(pytester, "--rnn=LSTM=mine:Stubborn", "--rnn-math=no-onednn")
    plain, projected = sorted(rows, key=lambda row: "P3" in row.case)
    ran = "no-onednn: oneDNN ran all the same, as mkldnn_rnn_layer"
    assert (plain.outcome, plain.message) == ("NOT CLAIMED", ran)
    assert projected.outcome == "PASS"


def test_who_asks_nothing_of_torch_has_no_modes(pytester: pytest.Pytester) -> None:
    _, rows = run(pytester, "--rnn=GRU=mine:WithoutProducts", "--rnn-math=no-onednn", "--rnn-math=default")
    said = {row.device: (row.outcome, row.message.partition(":")[2]) for row in rows}
    why = " no product of torch's was seen in a call, and its modes are about no other"
    assert said["cpu no-onednn"] == ("NOT CLAIMED", why)
    assert said["cpu"][0] == "FAIL"


@pytest.mark.parametrize(
    ("name", "outcome", "kernels"),
    [
        ("LSTM=mine:LeavesAMode", "PASS", "mkldnn_rnn_layer"),
        ("mine:Own", "PASS", ""),  # what other libraries run is not torch's
        ("LSTM=mine:Raises", "FAIL", ""),
    ],
)
def test_who_is_watched_is_judged_as_ever(
    pytester: pytest.Pytester, name: str, outcome: str, kernels: str
) -> None:
    _, rows = run(pytester, f"--rnn={name}", "--rnn-math=default")
    assert {(row.outcome, row.kernels) for row in rows if "P3" not in row.case} == {(outcome, kernels)}


def test_who_refuses_every_call_is_tried_all_the_same(pytester: pytest.Pytester) -> None:
    clause = CLAUSES.replace("agrees\n", "rejects\n").replace(
        "agrees(rnn(case.input, case.state), *propagated(case))",
        'rejects(lambda: rnn.raw(case.input), "a call", ValueError)',
    )
    pytester.makepyfile(test_one=clause)
    _, rows = run(pytester, "--rnn=LSTM=mine:Raises", "--rnn-math=default")
    assert {row.outcome for row in rows} == {"PASS"}


def test_a_deviation_may_be_that_of_a_mode(pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", listed=LISTED)
    modes = "--rnn-math=default", "--rnn-math=no-onednn"
    _, rows = run(pytester, "--rnn=LSTM=mine:OffOnly", *modes, "--rnn-deviations=listed.toml")
    assert {(row.device, row.outcome) for row in rows} == {("cpu", "PASS"), ("cpu no-onednn", "KNOWN")}


def test_a_mode_is_that_of_all_networks_of_a_row() -> None:
    rnn = network("RNN", ("no-onednn",))
    assert rnn.but(T=3).place == rnn.place
    assert transformed.network(rnn, lambda module: module).place == rnn.place


def test_what_is_wrong_in_one_mode_fails_there(pytester: pytest.Pytester) -> None:
    _, rows = run(pytester, "--rnn=LSTM=mine:OffOnly", "--rnn-math=default", "--rnn-math=no-onednn")
    outcomes = {(row.device, row.outcome) for row in rows}
    assert outcomes == {("cpu", "PASS"), ("cpu no-onednn", "FAIL")}
    scripts = [row.reproducer for row in rows if row.outcome == "FAIL"]
    for script in scripts:
        assert "torch.backends.mkldnn.enabled = False" in script.splitlines()
        assert shows(pytester, script)


def shows(pytester: pytest.Pytester, script: str) -> bool:
    file = pytester.makepyfile(script=script)
    return pytester.runpython(file).ret == 1


def test_modes_are_joined_and_end_with_the_row(pytester: pytest.Pytester) -> None:
    _, rows = run(pytester, "--rnn=LSTM=mine:Noted", "--rnn-math=deterministic+no-tf32")
    assert {(row.device, row.outcome) for row in rows} == {("cpu deterministic+no-tf32", "PASS")}
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_mode_that_there_is_not_is_one_clear_line(pytester: pytest.Pytester) -> None:
    found = pytester.runpytest_inprocess("--rnn-math=no-onednn+fast")
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: --rnn-math: 'fast' is not one of default, tf32" in found.errlines[0]


def test_a_handshake_is_made_in_a_mode() -> None:
    (on,) = handshake.found("mine:OffOnly", "cpu", "float32")
    (off,) = handshake.found("mine:OffOnly", "cpu no-onednn", "float32")
    assert on.agrees
    assert not off.agrees
    with pytest.raises(Unusable, match="'cpu fast': 'fast' is not one of default, tf32"):
        handshake.found("mine:OffOnly", "cpu fast", "float32")


def test_a_failure_is_reproduced_in_its_mode(pytester: pytest.Pytester) -> None:
    def found(device: str) -> reproduce.Reproducer:
        return reproduce.reproduced(reproduce.asked("LSTM-1", None, "LSTM=mine:OffOnly", None, device, 60))

    assert found("cpu").status == reproduce.PASSES
    off = found("cpu no-onednn")
    assert off.status == reproduce.WRITTEN
    assert shows(pytester, off.text)


def test_a_place_is_read_as_it_is_said() -> None:
    for said in ("cpu", "cpu no-onednn", "cpu deterministic+no-tf32"):
        assert str(place(said)) == said
    assert str(place("cpu cudnn+cudnn+default")) == "cpu cudnn"


OFF = [f"torch.backends.{place}.allow_tf32 = False" for place in ("cuda.matmul", "cudnn")]
ON = [line.replace("False", "True") for line in OFF]
REDUCED = [f"allow_{half}_reduced_precision_reduction" for half in ("fp16", "bf16")]
SUMS = [f"torch.backends.cuda.matmul.{name} = False" for name in REDUCED]
WITHOUT = "torch.backends.cudnn.enabled = False"


@pytest.mark.parametrize(
    ("device", "mode", "statements"),
    [
        ("cpu", "default", []),
        ("cuda", "default", [*SUMS, *OFF]),
        ("cuda:1", "no-tf32", [*SUMS, *OFF]),
        ("cuda", "no-cudnn", [*SUMS, *OFF, WITHOUT]),
        ("cuda", "tf32", [*SUMS, *ON]),
        ("cuda", "no-cudnn+tf32", [*SUMS, WITHOUT, *ON]),
    ],
)
def test_on_cuda_float32_is_float32_unless_tf32_is_asked_for(
    device: str, mode: str, statements: list[str]
) -> None:
    there = Place(torch.device(device), Maths.named(mode))
    assert there.statements == statements
    with kept():
        there.say()
        if statements:
            places = torch.backends.cuda.matmul, torch.backends.cudnn
            assert {place.allow_tf32 for place in places} == {"tf32" in there.maths.words}
            assert not torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction
    assert torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction


def test_cublas_repeats_its_bits_only_where_it_was_given_room(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = torch.device("cuda"), torch.float32, ("_cudnn_rnn",)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    assert "cuBLAS needs CUBLAS_WORKSPACE_CONFIG=:4096:8" in Maths(("deterministic",)).missed(*asked)
    assert not Maths(("deterministic",)).missed(torch.device("cpu"), *asked[1:])
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":0:0")
    assert Maths(("deterministic",)).missed(*asked)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    assert not Maths(("deterministic",)).missed(*asked)


def test_what_is_left_alone_on_cuda_is_tf32_where_it_is_allowed() -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    with kept():
        Place(cuda, Maths(("tf32",))).say()
        assert (left_alone(cuda), left_alone(cpu)) == (Maths(("tf32",)), DEFAULT)
        Place(cuda).say()
        assert left_alone(cuda) == DEFAULT
        torch.backends.cudnn.allow_tf32 = True
        assert left_alone(cuda) == Maths(("tf32",))


class Product(torch.autograd.Function):
    """A product of TF32, and products of TF32 in its backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, W: Tensor) -> Tensor:
        ctx.save_for_backward(x, W)
        return CUT(x) @ CUT(W).T

    @staticmethod
    def backward(ctx: Any, adjoint: Tensor) -> tuple[Tensor, Tensor]:
        x, W = ctx.saved_tensors
        return CUT(adjoint) @ CUT(W), CUT(adjoint).T @ CUT(x)


CUT = precision.cut_to_tf32


class OnTensorCores(Implementation):
    """Elman networks and LSTMs with TF32 products, on the CPU."""

    name, modes, claims = "tf32", ("RNN", "LSTM"), BASIC | {"grad"}

    def build(self, case: Case, weights: Mapping[str, Tensor], device: torch.device) -> Run:
        def linear(x: Tensor, which: str) -> Tensor:
            product: Any = Product.apply
            found: Tensor = product(x, weights[f"weight_{which}_l0"]) + weights[f"bias_{which}_l0"]
            return found

        def lstm(x: Tensor, state: Any) -> Any:
            h, c, outputs = state[0][0], state[1][0], []
            for x_t in x:
                i, f, g, o = (linear(x_t, "ih") + linear(h, "hh")).chunk(4, -1)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                outputs.append(h)
            return torch.stack(outputs), (h[None], c[None])

        def elman(x: Tensor, h: Any) -> Any:
            h, outputs = h[0], []
            for x_t in x:
                h = (linear(x_t, "ih") + linear(h, "hh")).tanh()
                outputs.append(h)
            return torch.stack(outputs), h[None]

        return lstm if case.mode == "LSTM" else elman


def network(mode: str, words: tuple[str, ...], **options: Any) -> Network:
    case = Case(mode, T=9, B=4, I=33, H=34).but(**options)
    return Network(OnTensorCores(), case, torch.device("cpu"), maths=Maths(words))


@pytest.mark.parametrize("mode", ["RNN", "LSTM"])
def test_right_results_of_tf32_pass_in_its_mode_alone(mode: str) -> None:
    rnn, strict = network(mode, ("tf32",)), network(mode, ())
    agrees(rnn(rnn.case.input, rnn.case.state), *propagated(rnn.case))
    gradients.agree(gradients.given(rnn, weighing(rnn.case)), expected(rnn.case))
    with pytest.raises(Failed, match="output is not what it must be"):
        agrees(strict(strict.case.input, strict.case.state), *propagated(strict.case))
    got = gradients.given(strict, weighing(strict.case))
    with pytest.raises(Failed, match="gradient of"):
        gradients.agree(got, expected(strict.case))


def test_right_results_of_tf32_are_timed_where_it_is_allowed() -> None:
    grid = {"T": 30, "B": 8, "I": 64, "H": 64}
    checked(network("RNN", ("tf32",), **grid), WAYS["whole"], grad=True)
    with pytest.raises(Failed, match="is not what it must be"):
        checked(network("RNN", (), **grid), WAYS["whole"], grad=True)


def test_products_of_a_gradient_may_be_off_by_what_both_factors_lose() -> None:
    """Without weights nothing else moves the gradient of W_ih: it is x once, times a multiple of 1/8."""
    rnn = network("RNN", ("tf32",), T=1, B=1)
    rnn = rnn.but(weights={name: torch.zeros_like(part) for name, part in rnn.weights.items()})
    case, loss = rnn.case, weighing(rnn.case)
    wanted = gradients.predicted(case, rnn.weights, case.input, case.state or (), loss)
    got = gradients.given(rnn, loss)
    gradients.agree(got, wanted)
    with pytest.raises(Failed, match="gradient of weight_ih_l0"):
        gradients.agree({**got, "weight_ih_l0": (1 + 2**-8) * got["weight_ih_l0"]}, wanted)


def test_who_holds_factors_more_coarsely_does_so_in_tf32_too() -> None:
    own = Factors(Held(2**-8))
    assert Maths(("tf32",)).factors(Case("RNN"), own) == own


def test_tf32_is_about_float32_alone() -> None:
    assert "it is about float32" in Maths(("tf32",)).missed(torch.device("cuda"), torch.float64, None)
    assert network("RNN", ("tf32",), dtype=torch.float64).case.factors == EXACTLY
    assert network("RNN", ("no-tf32",)).case.factors == EXACTLY
    assert network("RNN", ("tf32",)).case.factors == Rounding.of_tf32().factors
