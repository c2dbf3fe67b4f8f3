"""72 Determinism: the same bits again, whatever the threads, and the same rows in any batch."""

from __future__ import annotations

import os

import pytest
import torch

from rnnspec.axes import CELLS, MODES, cases, each
from rnnspec.bound import pinned, propagated
from rnnspec.check import NotClaimed, agrees, equals
from rnnspec.notation import is_cell

REPRODUCIBILITY = "torch's notes on reproducibility"

WIDE = each({}, {"T": 3, "B": 35, "I": 33, "H": 67}, {"T": 35, "B": 2, "I": 6, "H": 9})


def _on_the_cpu(rnn):
    if rnn.device.type != "cpu":
        raise NotClaimed(f"bits that repeat are promised on the CPU, not on {rnn.device.type}")


@pytest.mark.clause(id="DET-1", level="MUST", source=REPRODUCIBILITY)
@pytest.mark.needs("grad", "module")
@cases([*MODES, *CELLS], WIDE)
@cases(MODES, each({"L": 2, "bidirectional": True}))
def test_gradients_repeat(rnn, case):
    """On the CPU the same call and backward again give the same gradients of input, states and
    weights, to the bit.
    """
    _on_the_cpu(rnn)
    first, again = _gradients(rnn, case), _gradients(rnn, case)
    for name, gradient in first.items():
        equals(again[name], gradient, f"gradient of {name}")


def _gradients(rnn, case):
    """The gradients of the sum of all results, by the name of what they belong to."""
    row = 0 if is_cell(case.mode) else slice(None)
    given = [part[row].clone().requires_grad_() for part in (case.input, *case.state)]
    answer = rnn.raw(given[0], rnn.packed(tuple(given[1:])))
    if is_cell(case.mode):
        parts = answer if case.kind == "LSTM" else (answer,)
    else:
        output, final = rnn.pair(answer)
        parts = (output, *final)
    named = dict(zip(("input", "h_0", "c_0"), given, strict=False)) | dict(rnn.module.named_parameters())
    found = torch.autograd.grad(sum(part.sum() for part in parts), list(named.values()), allow_unused=True)
    return {
        name: torch.zeros_like(value) if part is None else part
        for (name, value), part in zip(named.items(), found, strict=True)
    }


@pytest.mark.clause(id="DET-6", level="MUST", source=REPRODUCIBILITY)
@pytest.mark.needs("hx")
@cases([*MODES, *CELLS], WIDE)
@cases(MODES, each({"L": 2, "bidirectional": True}))
def test_results_repeat_without_grad(rnn, case):
    """On the CPU the same call again, under no_grad, gives the same bits."""
    _on_the_cpu(rnn)
    with torch.no_grad():
        first = rnn(case.input, case.state).map(torch.clone)
        for _ in range(3):
            equals(rnn(case.input, case.state), first, "output of the same call again")


@pytest.mark.clause(id="DET-2", level="MUST", source=f"{REPRODUCIBILITY}; torch.set_num_threads")
@pytest.mark.needs("hx")
@cases(MODES, each({}, {"T": 3, "B": 35, "I": 33, "H": 67}))
def test_threads(rnn, case):
    """The results are right with 1, 2 and 4 threads."""
    before = torch.get_num_threads()
    for threads in (1, 2, 4):
        try:
            torch.set_num_threads(threads)
            got = rnn(case.input, case.state)
        finally:
            torch.set_num_threads(before)
        wanted, within = pinned(case, case.input, case.state, got.output)
        agrees(got, wanted, within)


@pytest.mark.clause(id="DET-3", level="MUST", source="consequence of the equations: rows are independent")
@pytest.mark.needs("hx")
@cases(MODES, each({"T": 3, "B": 50}, {"T": 3, "B": 50, "L": 2, "bidirectional": True}))
@cases(CELLS, each({"T": 3, "B": 50}))
def test_batch_sizes(rnn, case):
    """A row's result does not depend on how many rows come after it: a batch of any size gives the
    first rows of a larger one.
    """
    whole = rnn(case.input, case.state)
    wanted, within = propagated(case)
    agrees(whole, wanted, within)
    for size in (1, 2, 7, 16, 33, 49):
        rows = slice(size)
        got = rnn(case.input[:, rows], tuple(part[:, rows] for part in case.state))
        agrees(got, whole.rows(rows), within=2 * within.rows(rows))
        agrees(got, wanted.rows(rows), within.rows(rows))


@pytest.mark.clause(id="DET-5", level="MAY", source="torch.nn.RNN, note on non-determinism of cuDNN")
@pytest.mark.needs("hx")
@cases(MODES, each({}, {"T": 3, "B": 35, "I": 33, "H": 67}))
def test_results_repeat_on_an_accelerator(rnn, case):
    """On an accelerator the same call again gives the same bits where the environment asks for it, and
    else the same within the bound.

    The note names CUDA_LAUNCH_BLOCKING=1 for CUDA 10.1 and CUBLAS_WORKSPACE_CONFIG after it.
    """
    if rnn.device.type == "cpu":
        raise NotClaimed("it is about accelerators; DET-1 and SEQ-6 are about the CPU")
    first, again = (rnn(case.input, case.state).map(torch.clone) for _ in range(2))
    asked = {"CUDA_LAUNCH_BLOCKING", "CUBLAS_WORKSPACE_CONFIG"} & set(os.environ)
    _, within = pinned(case, case.input, case.state, first.output)
    agrees(again, first, within=0.0 if asked else 2 * within)
