"""Reproducers: they run by themselves, show the deviation, and are silent about torch's classes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from reproduce_kit import (
    Body,
    by_the_equations,
    each_step,
    execute,
    fails,
    in_its_own_process,
    no_look_ahead,
    nothing_is_kept,
    omitted_is_zero,
    other_weights,
    packed_is_padded,
    step_by_step,
    strides_do_not_matter,
    with_torch,
)
from rnnspec.bound import pinned
from rnnspec.case import Case
from rnnspec.check import Failed, agrees, equals
from rnnspec.implementation import Implementation, Run
from rnnspec.network import Network
from rnnspec.reproduce import script
from rnnspec.trial import trying

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
def test_shows_the_deviation(cls: str, case: Case, body: Body) -> None:
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
def test_runs_by_itself(tmp_path: Path, cls: str, case: Case, body: Body) -> None:
    failure = fails(cls, case, body)
    lines, evidence = failure.lines(), failure.evidence
    assert evidence
    ran = in_its_own_process(lines, tmp_path)
    assert ran.code == 1
    assert re.fullmatch(rf"got {re.escape(repr(evidence.got))}, wanted .* apart\n", ran.text)
    assert in_its_own_process(with_torch(lines, cls, case.mode), tmp_path).code == 0


def test_reads_well() -> None:
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


def test_a_long_run_is_a_loop() -> None:
    lines = fails("IgnoresH", Case("LSTM", T=67), step_by_step).lines()
    assert sum("rnn(x[" in line for line in lines) <= 2
    assert any(line.startswith("for t in range(") for line in lines)


def test_inputs_are_expressions() -> None:
    text = "\n".join(fails("Remembers", Case("RNN"), nothing_is_kept).lines())
    assert "rnn(2 - x)" in text
    text = "\n".join(fails("LooksAhead", Case("RNN"), no_look_ahead).lines())
    assert "value1 = x.clone()\nvalue1[3:] = 3 - 2 * x[3:]" in text
    text = "\n".join(fails("SwapsGates", Case("GRU"), other_weights).lines())
    assert '    **weights,\n    "weight_hh_l0": 2 * weights["weight_hh_l0"],' in text
    assert '    "bias_ih_l0": torch.zeros(21),' in text


def test_numbers_found_nowhere_are_exact() -> None:
    odd = torch.rand(5, 3, 4, generator=torch.Generator().manual_seed(99))

    def body(rnn: Network) -> None:
        got = rnn(odd, rnn.case.state)
        agrees(got, *pinned(rnn.case, odd, rnn.case.state or (), got.output))

    lines = fails("SwapsGates", Case("GRU"), body).lines()
    assert "value1 = torch.tensor([" in lines
    assert execute(lines).code == 1
    assert execute(with_torch(lines, "SwapsGates", "GRU")).code == 0


def test_too_many_numbers_are_not_printed() -> None:
    odd = torch.rand(50, 30, 40, generator=torch.Generator().manual_seed(99))

    def body(rnn: Network) -> None:
        equals(rnn(odd).output, torch.zeros(50, 30, 7))

    lines = fails("SwapsGates", Case("GRU", T=50, B=30, I=40), body).lines()
    assert lines[-1].startswith("# The numbers that went in are too many")
    assert len(lines) < 20
    assert execute(lines).code == 0


def test_a_call_that_raises_raises() -> None:
    lines = fails("Breaks", Case("RNN"), lambda rnn: rnn(rnn.case.input)).lines()
    with pytest.raises(ValueError, match="no"):
        execute(lines)


def test_a_module_that_is_not_called_is_built() -> None:
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
