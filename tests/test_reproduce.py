"""Reproducers: they run by themselves, show the deviation, and are silent about torch's classes."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from rnnspec.bound import pinned, propagated
from rnnspec.case import Case
from rnnspec.check import Evidence, Failed, agrees, equals, has_shape, rejects
from rnnspec.implementation import DropIn, Implementation, Network, Run
from rnnspec.reference import Result
from rnnspec.reproduce import script
from rnnspec.trial import Call, trying

WRONG = '''
"""Wrong drop-ins."""

import torch
from torch import nn


class IgnoresH(nn.LSTM):
    def forward(self, x, state=None):
        return super().forward(x, state and (torch.zeros_like(state[0]), state[1]))


class SwapsGates(nn.GRU):
    def load_state_dict(self, weights):
        def swapped(w):
            r, z, n = w.chunk(3)
            return torch.cat([z, r, n])

        return super().load_state_dict({name: swapped(w) for name, w in weights.items()})


class Remembers(nn.RNN):
    last = None

    def forward(self, x, state=None):
        output, self.last = super().forward(x, self.last if state is None else state)
        return output, self.last


class ForgetsMore(nn.LSTMCell):
    def forward(self, x, state=None):
        h, c = super().forward(x, state)
        return h, c - 0.01


class StartsAtOne(nn.GRU):
    def forward(self, x, state=None):
        return super().forward(x, torch.ones(1, x.shape[1], 7, dtype=x.dtype) if state is None else state)


class LooksAhead(nn.RNN):
    def forward(self, x, state=None):
        return super().forward(x + 0.01 * x[-1:], state)


class Shifted(nn.LSTM):
    def forward(self, x, state=None):
        output, state = super().forward(x, state)
        return output[1:], state


class Breaks(nn.RNN):
    def forward(self, x, state=None):
        raise ValueError("no")


class IgnoresStrides(nn.RNN):
    def forward(self, x, state=None):
        flat = torch.as_strided(x, (x.numel(),), (1,)).reshape(x.shape)
        return super().forward(x if x.stride(-1) == 1 else flat, state)


class OtherPadding(nn.RNN):
    def forward(self, x, state=None):
        output, h = super().forward(x, state)
        return output._replace(data=output.data.flip(0)) if isinstance(output, tuple) else output, h
'''


class Failure(NamedTuple):
    """What a clause's body came to: the network, its calls, and what it raised."""

    network: Network
    calls: list[Call]
    error: Exception

    @property
    def evidence(self) -> Evidence | None:
        return getattr(self.error, "evidence", None)

    def lines(self) -> list[str]:
        return script(self.network, self.calls, self.evidence)


Body = Callable[[Network], None]
Fails = Callable[..., Failure]


@pytest.fixture
def fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fails]:
    """Runs the body of a clause on a wrong class, which must fail."""
    (tmp_path / "wrong.py").write_text(WRONG)
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(cls: str, case: Case, body: Body) -> Failure:
        found = getattr(importlib.import_module("wrong"), cls)
        network = Network(DropIn(f"wrong:{cls}", {case.mode: found}), case, torch.device("cpu"))
        with trying() as trial, pytest.raises(Exception) as raised:  # noqa: PT011  (any will do)
            body(network)
        return Failure(network, trial.calls, raised.value)

    yield run
    sys.modules.pop("wrong", None)


class Ran(NamedTuple):
    """How a script ended, and what it printed."""

    code: int
    text: str


def execute(lines: list[str]) -> Ran:
    """In this process; as a file of its own: `in_its_own_process`."""
    out = StringIO()
    try:
        with redirect_stdout(out):
            exec(compile("\n".join(lines), "script.py", "exec"), {})
    except SystemExit as end:
        return Ran(int(end.code or 0), out.getvalue())
    return Ran(0, out.getvalue())


def in_its_own_process(lines: list[str], folder: Path) -> Ran:
    (folder / "script.py").write_text("\n".join(lines))
    command = [sys.executable, "script.py"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return Ran(ran.returncode, ran.stdout + ran.stderr)


def with_torch(lines: list[str], cls: str, mode: str) -> list[str]:
    kept = [line for line in lines if not line.startswith("from wrong")]
    return [re.sub(rf"\b{cls}\b", f"torch.nn.{mode}", line) for line in kept]


def by_the_equations(rnn: Network) -> None:
    wanted, within = propagated(rnn.case)
    agrees(rnn(rnn.case.input, rnn.case.state), wanted, within)


def step_by_step(rnn: Network) -> None:
    case, state, outputs = rnn.case, rnn.case.state, []
    whole = rnn(case.input, state)
    for t in range(case.T):
        step = rnn(case.input[t : t + 1], state)
        state = step.state
        outputs.append(step.output)
    agrees(Result(torch.cat(outputs), *(state or ())), whole, within=1e-6)


def each_step(rnn: Network) -> None:
    case = rnn.case
    assert case.state
    state = (case.state[0], *(2 * part for part in case.state[1:]))
    got = rnn(case.input, state)
    wanted, within = pinned(case, case.input, state, got.output)
    agrees(got, wanted, within)


def omitted_is_zero(rnn: Network) -> None:
    wanted = rnn(rnn.case.input, rnn.case.zeros)
    equals(rnn(rnn.case.input), wanted)


def nothing_is_kept(rnn: Network) -> None:
    first = rnn(rnn.case.input)
    rnn(2 - rnn.case.input)
    equals(rnn(rnn.case.input), first)


def no_look_ahead(rnn: Network) -> None:
    changed = rnn.case.input.clone()
    changed[3:] = 3 - 2 * changed[3:]
    plain = rnn(rnn.case.input, rnn.case.state)
    equals(rnn(changed, rnn.case.state).output[:3], plain.output[:3])


def strides_do_not_matter(rnn: Network) -> None:
    turned = rnn.case.input.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    wanted = rnn(rnn.case.input)
    agrees(rnn(turned), wanted, within=1e-6)


def other_weights(rnn: Network) -> None:
    case, zeros = rnn.case, torch.zeros(rnn.case.G * rnn.case.H)
    doubled = {name: 2 * weight for name, weight in rnn.weights.items() if "hh" in name}
    changed = rnn.but(weights={**doubled, "bias_ih_l0": zeros})
    got = changed(case.input, case.state)
    agrees(got, *pinned(case, case.input, case.state or (), got.output, changed.weights))


def packed_is_padded(rnn: Network) -> None:
    packed: Any = pack_padded_sequence(rnn.case.input, [2, 5, 3], enforce_sorted=False)
    (got, _), (wanted, _) = rnn.pair(rnn.raw(packed)), rnn.pair(rnn.raw(rnn.case.input))
    agrees(got.data[:3], wanted[0, [1, 2, 0]], within=1e-6, what="data")


BY_ITSELF = [
    ("IgnoresH", Case("LSTM"), by_the_equations),
    ("SwapsGates", Case("GRU"), each_step),
    ("Remembers", Case("RNN"), nothing_is_kept),
    ("ForgetsMore", Case("LSTMCell"), each_step),
    ("StartsAtOne", Case("GRU"), omitted_is_zero),
]
SHOWN = [
    *BY_ITSELF,
    ("IgnoresH", Case("LSTM", L=2, bidirectional=True), by_the_equations),
    ("IgnoresH", Case("LSTM", batch_first=True), each_step),
    ("IgnoresH", Case("LSTM", T=67), step_by_step),
    ("SwapsGates", Case("GRU", batch_first=True), each_step),
    ("SwapsGates", Case("GRU", dtype=torch.float64), each_step),
    ("SwapsGates", Case("GRU", dtype=torch.bfloat16), by_the_equations),
    ("SwapsGates", Case("GRU"), other_weights),
    ("LooksAhead", Case("RNN"), no_look_ahead),
    ("LooksAhead", Case("RNN", nonlinearity="relu"), each_step),
    ("IgnoresStrides", Case("RNN"), strides_do_not_matter),
    ("OtherPadding", Case("RNN"), packed_is_padded),
]


def named(entries: Sequence[tuple[str, Case, Body]]) -> pytest.MarkDecorator:
    names = [f"{cls}-{case}-{body.__name__}" for cls, case, body in entries]
    return pytest.mark.parametrize(("cls", "case", "body"), entries, ids=names)


@named(SHOWN)
def test_shows_the_deviation(fails: Fails, cls: str, case: Case, body: Body) -> None:
    """The script exits with 1 and prints what was got; with torch's class it exits with 0."""
    failure = fails(cls, case, body)
    lines, evidence = failure.lines(), failure.evidence
    assert evidence
    assert not any(name in line for line in lines for name in ("rnnspec", "numpy", "pytest"))
    ran = execute(lines)
    assert ran.code == 1
    assert f"got {evidence.got!r}, wanted " in ran.text
    passed = execute(with_torch(lines, cls, case.mode))
    assert passed.code == 0, passed.text


@named(BY_ITSELF)
def test_runs_by_itself(fails: Fails, tmp_path: Path, cls: str, case: Case, body: Body) -> None:
    failure = fails(cls, case, body)
    lines, evidence = failure.lines(), failure.evidence
    assert evidence
    ran = in_its_own_process(lines, tmp_path)
    assert ran.code == 1
    assert re.fullmatch(rf"got {re.escape(repr(evidence.got))}, wanted .* apart\n", ran.text)
    assert in_its_own_process(with_torch(lines, cls, case.mode), tmp_path).code == 0


def test_reads_well(fails: Fails) -> None:
    failure = fails("StartsAtOne", Case("GRU"), omitted_is_zero)
    evidence = failure.evidence
    assert evidence
    at = list(evidence.at)
    assert (
        "\n".join(failure.lines())
        == f"""\
import torch
from wrong import StartsAtOne

generator = torch.Generator().manual_seed(1)

def draw(scale, *shape):
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
    return (scale * (2 * uniform - 1)).to(torch.float32)

x = draw(1.0, 5, 3, 4)
draw(1.0, 1, 3, 7)  # h_0, which is not used
weights = {{
    "weight_ih_l0": draw(0.75, 21, 4),
    "weight_hh_l0": draw(1.5 / 7**0.5, 21, 7),
    "bias_ih_l0": draw(0.5, 21),
    "bias_hh_l0": draw(0.5, 21),
}}

rnn = StartsAtOne(4, 7)
rnn.load_state_dict(weights)
out1, h1 = rnn(x, torch.zeros(1, 3, 7))
out2, h2 = rnn(x)
got, wanted = out2{at}.item(), out1{at}.item()
print(f"got {{got!r}}, wanted {{wanted!r}}, at most 0 apart")
raise SystemExit(got != wanted)"""
    )


def test_a_long_run_is_a_loop(fails: Fails) -> None:
    lines = fails("IgnoresH", Case("LSTM", T=67), step_by_step).lines()
    assert sum("rnn(x[" in line for line in lines) <= 2
    assert any(line.startswith("for t in range(") for line in lines)


def test_inputs_are_expressions(fails: Fails) -> None:
    text = "\n".join(fails("Remembers", Case("RNN"), nothing_is_kept).lines())
    assert "rnn(2 - x)" in text
    text = "\n".join(fails("LooksAhead", Case("RNN"), no_look_ahead).lines())
    assert "value1 = x.clone()\nvalue1[3:] = 3 - 2 * x[3:]" in text
    text = "\n".join(fails("SwapsGates", Case("GRU"), other_weights).lines())
    assert '    **weights,\n    "weight_hh_l0": 2 * weights["weight_hh_l0"],' in text
    assert '    "bias_ih_l0": torch.zeros(21),' in text


def test_numbers_found_nowhere_are_exact(fails: Fails) -> None:
    odd = torch.rand(5, 3, 4, generator=torch.Generator().manual_seed(99))

    def body(rnn: Network) -> None:
        got = rnn(odd, rnn.case.state)
        agrees(got, *pinned(rnn.case, odd, rnn.case.state or (), got.output))

    lines = fails("SwapsGates", Case("GRU"), body).lines()
    assert "value1 = torch.tensor([" in lines
    assert execute(lines).code == 1
    assert execute(with_torch(lines, "SwapsGates", "GRU")).code == 0


def test_too_many_numbers_are_not_printed(fails: Fails) -> None:
    odd = torch.rand(50, 30, 40, generator=torch.Generator().manual_seed(99))

    def body(rnn: Network) -> None:
        equals(rnn(odd).output, torch.zeros(50, 30, 7))

    lines = fails("SwapsGates", Case("GRU", T=50, B=30, I=40), body).lines()
    assert lines[-1].startswith("# The numbers that went in are too many")
    assert len(lines) < 20
    assert execute(lines).code == 0


def test_a_wrong_shape_is_printed(fails: Fails) -> None:
    failure = fails("Shifted", Case("LSTM"), lambda rnn: has_shape(rnn(rnn.case.input).output, (5, 3, 7)))
    assert failure.evidence is None
    assert execute(failure.lines()).text == "(4, 3, 7) (1, 3, 7) (1, 3, 7)\n"


def test_a_call_that_raises_raises(fails: Fails) -> None:
    lines = fails("Breaks", Case("RNN"), lambda rnn: rnn(rnn.case.input)).lines()
    with pytest.raises(ValueError, match="no"):
        execute(lines)


def test_a_wrong_call_that_is_accepted_is_made(fails: Fails) -> None:
    failure = fails("StartsAtOne", Case("GRU"), lambda rnn: rejects(lambda: rnn.raw(rnn.case.input), "x"))
    assert execute(failure.lines()).text == "(5, 3, 7) (1, 3, 7)\n"


def test_a_module_that_is_not_called_is_built(fails: Fails) -> None:
    def body(rnn: Network) -> None:
        raise Failed("names")

    lines = fails("SwapsGates", Case("GRU", L=2), body).lines()
    assert "rnn = SwapsGates(4, 7, num_layers=2)" in lines
    assert "('weight_ih_l1', (21, 7))" in execute(lines).text


class Foreign(Implementation):
    """Not a class with torch's signatures."""

    name, modes = "foreign", ("RNN",)

    def build(self, case: Case, weights: Mapping[str, Tensor], device: torch.device) -> Run:
        return lambda x, state=None: (torch.zeros(5, 3, 7), torch.zeros(1, 3, 7))


def test_what_is_no_class_is_named() -> None:
    """torch's class stands in its place, and the comment says so."""
    network = Network(Foreign(), Case("RNN"), torch.device("cpu"))
    with trying() as trial, pytest.raises(Failed) as raised:
        by_the_equations(network)
    lines = script(network, trial.calls, raised.value.evidence)
    assert "# torch.nn.RNN stands here for foreign, which is called otherwise" in lines
    assert execute(lines).code == 0
