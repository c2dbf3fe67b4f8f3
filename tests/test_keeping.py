"""What an implementation changes in the process is undone before the next row, and never fools the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rnnspec import keeping, result
from rnnspec.keeping import PROCESS, kept, patches, pristine, settings

CLAUSES = '''
import os
import signal
import pytest
import torch
from rnnspec import keeping
from rnnspec.keeping import patches, settings
from rnnspec.axes import LSTM, TANH, cases, each
from rnnspec.bound import propagated
from rnnspec.check import agrees, is_same

ALARM = f"signal {int(signal.SIGALRM)}"  # whose handler is another in each row, for its time limit

def process():
    read = dict(zip([s.name for s in keeping.PROCESS], settings.read(keeping.PROCESS)))
    return read | {"environment": "HOSTILE" in os.environ, ALARM: 0}

FOUND = settings.read(), process(), torch.default_generator.get_state().tolist()

@pytest.mark.clause(id="ELM-1", level="MUST", source="the equation")
@cases(TANH, each({}, {"H": 9}))
def test_step(rnn, case):
    """A step is the equation's, to the bound."""
    agrees(rnn(case.input, case.state), *propagated(case))

@pytest.mark.clause(id="ELM-2", level="MUST", source="the process")
@cases(TANH)
def test_process(rnn, case):
    """Everything is as it was when the clause was read."""
    is_same(settings.changed(FOUND[0]), [], "settings")
    is_same(process(), FOUND[1], "process")
    is_same(torch.default_generator.get_state().tolist(), FOUND[2], "generator")
    is_same(patches.named(patches.changed()), [], "functions")
    agrees(rnn(case.input, case.state), *propagated(case))

@pytest.mark.clause(id="LSTM-1", level="MUST", source="the equations")
@cases(LSTM)
def test_lstm(rnn, case):
    """An LSTM keeps a cell."""
    agrees(rnn(case.input, case.state), *propagated(case))
'''

HOSTILE = """
import io, os, signal, sys
import torch

LEFT = []

class Wrapping(torch.overrides.TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        return function(*args, **(kwargs or {{}}))

class RNN(torch.nn.RNN):
    def forward(self, x, hx=None):
        answer = super().forward(x, hx)
        {0}
        return answer

{1}
"""

KINDS = {
    "generator": "torch.manual_seed(7)",
    "default-dtype": "torch.set_default_dtype(torch.float64)",
    "default-device": "torch.set_default_device('meta')",
    "threads": "torch.set_num_threads(3)",
    "grad-mode": "torch.set_grad_enabled(False)",
    "inference-mode": "LEFT.append(torch.inference_mode()); LEFT[-1].__enter__()",
    "autocast": "LEFT.append(torch.autocast('cpu', torch.bfloat16)); LEFT[-1].__enter__()",
    "determinism": "torch.use_deterministic_algorithms(True, warn_only=True)",
    "precision": "torch.set_float32_matmul_precision('medium')",
    "backend": "torch.backends.mkldnn.enabled = False",
    "anomalies": "torch.autograd.set_detect_anomaly(True)",
    "printing": "torch.set_printoptions(precision=2)",
    "hook": "torch.nn.modules.module.register_module_forward_hook(lambda module, given, answer: 7)",
    "mode": "LEFT.append(Wrapping()); LEFT[-1].__enter__()",
    "denormals": "torch.set_flush_denormal(True)",
    "environment": "os.environ['HOSTILE'] = 'yes'",
    "directory": "os.chdir('/')",
    "recursion": "sys.setrecursionlimit(333)",
    "stdout": "sys.stdout = sys.stderr = io.StringIO()",
    "hook-of-python": "sys.excepthook = lambda *of: None",
    "signal": "signal.signal(signal.SIGINT, signal.SIG_IGN)",
    "function": "torch.tanh = torch.where = torch.nn.functional.linear = torch.sigmoid",
    "method": "torch.Tensor.tanh = torch.Tensor.sub = torch.Tensor.__mul__ = torch.Tensor.sigmoid",
    "call": "torch.nn.Module.__call__ = lambda self, *given: 7",
    "forward": "torch.nn.LSTM.forward = torch.nn.RNNCell.forward = lambda self, *given: 7",
    "gone": "vars(torch).pop('cat', 0); vars(torch._VF).update(lstm=None)",
}
"""What is done in a call, by what it changes."""

AT_IMPORT = {
    "functions": (KINDS["function"], ["torch.tanh", "torch.where", "torch.nn.functional.linear"]),
    "method": ("torch.Tensor.tanh = torch.Tensor.sigmoid", ["torch.Tensor.tanh"]),
    "class": ("torch.nn.LSTM = RNN", ["torch.nn.LSTM"]),
    "call": (KINDS["call"], ["torch.nn.Module.__call__"]),
    "default-dtype": (KINDS["default-dtype"], ["default dtype"]),
    "grad-mode": (KINDS["grad-mode"], ["grad mode"]),
    "autocast": (KINDS["autocast"], ["autocast on cpu", "open contexts of autocast"]),
}
"""What is done when an implementation is imported, and how it is called."""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """The process of these tests is none the worse for them."""
    before = settings.read(), settings.read(PROCESS[1:])
    yield
    assert settings.changed(before[0]) == []
    assert settings.changed(before[1], PROCESS[1:]) == []
    assert patches.changed() == {}


@pytest.fixture(autouse=True)
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
    pytester.makepyfile(test_three=CLAUSES)


def rows(pytester: pytest.Pytester, *names: str, of: str = "torch.nn") -> list[dict[str, Any]]:
    """The rows of one implementation, tried beside others; but for the seconds."""
    pytester.runpytest_inprocess(*(f"--rnn={name}" for name in names), "--rnn-results=out.jsonl")
    _, found = result.read(pytester.path / "out.jsonl")
    return [vars(row) | {"seconds": 0} for row in found if row.implementation == of]


TORCH: Any = torch
"""For writing on."""

ALONE: list[dict[str, Any]] = []


@pytest.fixture
def alone(pytester: pytest.Pytester) -> list[dict[str, Any]]:
    """The rows of torch.nn, tried alone, once."""
    if not ALONE:
        ALONE.extend(rows(pytester, "torch.nn"))
        assert {row["outcome"] for row in ALONE} == {"PASS"}
        assert len(ALONE) == 8
    return ALONE


@pytest.mark.parametrize("kind", KINDS)
def test_other_rows_are_as_without_it(
    kind: str, alone: list[dict[str, Any]], pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(hostile=HOSTILE.format(KINDS[kind], ""))
    assert rows(pytester, "hostile", "torch.nn") == alone


@pytest.mark.parametrize("kind", AT_IMPORT)
def test_what_an_import_changes(kind: str, alone: list[dict[str, Any]], pytester: pytest.Pytester) -> None:
    """It is told, and the rows of others are as without it."""
    body, named = AT_IMPORT[kind]
    pytester.makepyfile(hostile=HOSTILE.format("pass", body))
    assert rows(pytester, "hostile", "torch.nn") == alone
    head, _ = result.read(pytester.path / "out.jsonl")
    told = {subject["name"]: subject["changes"] for subject in head["implementations"]}
    assert told["torch.nn"] == []
    assert set(named) <= set(told["hostile"])


def test_what_an_import_changes_is_in_the_header(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(hostile=HOSTILE.format("pass", KINDS["function"]))
    run = pytester.runpytest_inprocess("--rnn=torch.nn", "--rnn=hostile", "--collect-only")
    changed = "torch.tanh, torch.where, torch.nn.functional.linear"
    run.stdout.fnmatch_lines([f"hostile changed torch at import: {changed}"])


def test_an_import_is_in_force_while_its_rows_run(pytester: pytest.Pytester) -> None:
    """Right with what it has put into torch, it passes; also a second class of the same module."""
    pytester.makepyfile(
        needy="""
import torch
torch.softly = torch.tanh
torch.nn.functional.linear = lambda x, W, b=None: x @ W.T if b is None else x @ W.T + b
MINE = torch.nn.functional.linear

class RNN(torch.nn.RNN):
    def forward(self, x, hx=None):
        assert torch.nn.functional.linear is MINE
        return super().forward(x, hx)

class Other(RNN):
    pass
"""
    )
    for name in ("needy", "needy:RNN", "RNN=needy:Other"):
        found = rows(pytester, "needy", "needy:RNN", "RNN=needy:Other", of=name)
        assert [row["outcome"] for row in found if row["clause"] == "ELM-1"] == ["PASS"] * 4


FOOLING = """
import torch
from torch import Tensor

def patch():
    vars(torch).update(tanh=torch.sigmoid)
    Tensor.tanh = Tensor.tanh_ = Tensor.sigmoid
    Tensor.__sub__ = Tensor.__rsub__ = lambda self, other: self * 0

{0}

class LSTM(torch.nn.LSTM):
    def forward(self, x, hx=None):
        {1}
        (h, c), hidden = hx, []
        h, c = h[0], c[0]
        for x_t in x:
            i, f, g, o = (x_t @ self.weight_ih_l0.T + self.bias_ih_l0 + h @ self.weight_hh_l0.T
                + self.bias_hh_l0).chunk(4, -1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            hidden.append(h)
        return torch.stack(hidden), (h[None], c[None])
"""


class TestTheOracle:
    @pytest.mark.parametrize("where", [("patch()", "pass"), ("", "patch()")], ids=["import", "call"])
    def test_is_not_fooled(self, where: tuple[str, str], pytester: pytest.Pytester) -> None:
        """An LSTM that is wrong for what it has put into torch is wrong."""
        pytester.makepyfile(fooling=FOOLING.format(*where))
        assert {row["outcome"] for row in rows(pytester, "fooling", of="fooling")} == {"FAIL"}

    def test_would_be_fooled(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        """The network is wrong in such a way that only `pristine` catches it."""
        monkeypatch.setattr(keeping, "_is_pristine", lambda: True)
        pytester.makepyfile(fooling=FOOLING.format("patch()", "pass"))
        assert {row["outcome"] for row in rows(pytester, "fooling", of="fooling")} == {"PASS"}

    def test_right_is_right_without_a_patch(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(fooling=FOOLING.format("", "pass"))
        assert {row["outcome"] for row in rows(pytester, "fooling", of="fooling")} == {"PASS"}


class TestKept:
    def test_what_is_added_stays_but_for_what_hides(self) -> None:
        """Torch loads parts of itself when they are needed."""
        with kept():
            TORCH.something_new = 1
            TORCH.Tensor.exp = torch.Tensor.log
        assert vars(torch).pop("something_new") == 1
        assert "exp" not in vars(torch.Tensor)

    def test_what_stood_there_before_stays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Somebody's own tests may have replaced a function of torch."""
        monkeypatch.setattr(torch, "mm", torch.mul)
        with kept():
            TORCH.mm = torch.add
            assert pristine(lambda: torch.mm)() is not torch.add
        assert torch.mm is torch.mul

    def test_one_inside_another(self) -> None:
        own = {("torch", "mm"): torch.mul}
        with kept(own):
            with kept():
                assert torch.mm is torch.mul
                TORCH.mm = torch.add
            assert torch.mm is torch.mul
        assert torch.mm is not torch.mul

    def test_after_an_exception(self) -> None:
        @kept()
        def failing() -> None:
            torch.set_default_dtype(torch.float64)
            raise ValueError("here")

        with pytest.raises(ValueError, match="here"):
            failing()
        assert torch.get_default_dtype() is torch.float32


class TestAccelerators:
    """Of which there is none here: what torch would say of them is put in its place."""

    def test_their_generators(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = {name: torch.Generator() for name in ("cuda", "own", "mps", "unused")}

        def module(name: str, used: bool = True) -> SimpleNamespace:
            return SimpleNamespace(is_initialized=lambda: used, default_generators=(found[name],))

        monkeypatch.setattr(torch._C, "_get_privateuse1_backend_name", lambda: "own")
        monkeypatch.setattr(torch, "own", module("own"), raising=False)
        monkeypatch.setattr(torch, "cuda", module("cuda"))
        monkeypatch.setattr(torch, "xpu", module("unused", used=False), raising=False)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
        monkeypatch.setattr(torch.mps, "_get_default_mps_generator", lambda: found["mps"])
        before = {name: generator.initial_seed() for name, generator in found.items()}
        with kept():
            for generator in found.values():
                generator.manual_seed(7)
        after = {name: generator.initial_seed() for name, generator in found.items()}
        assert after == {**before, "unused": 7}

    @pytest.mark.parametrize("device", ["cuda", "xpu", "mps"])
    def test_autocast(self, device: str) -> None:
        before = torch.get_autocast_dtype(device)
        with kept():
            torch.set_autocast_enabled(device, True)
            torch.set_autocast_dtype(device, torch.float64)
        assert (torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)) == (False, before)


def test_little_is_kept_of_what_is_printed(pytester: pytest.Pytester) -> None:
    """Nothing of rows that pass, the end of those that fail."""
    loud = "print('word ' * 200_000, 'the end')"
    fails = HOSTILE.format(f"{loud}; return x, x", "")
    pytester.makepyfile(loud=HOSTILE.format(loud, ""), loud_and_wrong=fails)
    for name, longest in (("loud", 0), ("loud_and_wrong", 2000)):
        run = pytester.inline_run(f"--rnn={name}", "-k", "test_step", "--capture=sys")
        texts = [text for r in run.getreports("pytest_runtest_logreport") for _, text in r.sections]
        assert {len(text) for text in texts} == ({longest} if longest else set())
        assert all(text.endswith("the end\n") for text in texts)


def test_where_results_go_is_where_they_were_asked_for(pytester: pytest.Pytester) -> None:
    """Also where the working directory has been changed."""
    pytester.makepyfile(hostile=HOSTILE.format(KINDS["directory"], ""))
    pytester.runpytest_inprocess("--rnn=hostile", "--rnn-results=out.jsonl")
    assert Path(pytester.path, "out.jsonl").exists()
