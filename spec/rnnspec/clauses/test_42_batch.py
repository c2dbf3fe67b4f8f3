"""42 Batch: rows are independent of each other, and of how many there are."""

from __future__ import annotations

import pytest
import torch

from rnnspec import notebook
from rnnspec.axes import CELLS, LAYERS, LSTM, MODES, NETWORKS, TANH, cases, each
from rnnspec.bound import predicted, propagated
from rnnspec.check import agrees, equals, has_shape
from rnnspec.notation import is_cell

CONSEQUENCE = "consequence of the equations: rows are independent"


@pytest.mark.clause(id="BAT-1", level="MUST", source=f"{CONSEQUENCE}; notebook In [7] against In [6]")
@pytest.mark.needs("hx")
@cases(MODES, NETWORKS, each({}, {"T": 3, "B": 131}))
@cases(MODES, each({"T": 3, "B": 35}, {"T": 3, "B": 67}))
def test_row_alone(rnn, case):
    """Row b of a batched call equals the call on sequence b alone with row b of the states."""
    whole = rnn(case.input, case.state)
    _, within = propagated(case)
    for b in sorted({0, 1, case.B // 2, case.B - 2, case.B - 1}):
        row = slice(b, b + 1)
        alone = rnn(case.input[:, row], tuple(part[:, row] for part in case.state))
        agrees(whole.rows(row), alone, within=2 * within.rows(row))


@pytest.mark.clause(id="BAT-2", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("hx", "apart")
@cases(MODES, NETWORKS, each({}, {"B": 33, "I": 7, "H": 5}))
def test_rows_do_not_touch(rnn, case):
    """Changing one row's input or state changes no other row, even where it becomes NaN or infinite."""
    plain = rnn(case.input, case.state)
    for row in (0, 1, case.B - 1):
        others = [b for b in range(case.B) if b != row]
        for value in (3.0, torch.nan, torch.inf):
            changed = case.input.clone(), *(part.clone() for part in case.state)
            for part in changed:
                part[:, row] = value
            got = rnn(changed[0], changed[1:])
            what = f"output of the other rows when row {row} becomes {value}"
            equals(got.rows(others), plain.rows(others), what)


@pytest.mark.clause(id="BAT-3", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("hx")
@cases(MODES, NETWORKS, each({"B": 5}, {"T": 3, "B": 67}))
def test_permuted_rows(rnn, case):
    """Permuting the batch of input and states permutes output and final states likewise."""
    order = (2 * torch.arange(case.B) + 3) % case.B  # neighbours part: no rotation
    plain = rnn(case.input, case.state)
    permuted = rnn(case.input[:, order], tuple(part[:, order] for part in case.state))
    _, within = propagated(case)
    agrees(permuted, plain.rows(order), within=2 * within.rows(order))


@pytest.mark.clause(id="BAT-4", level="SHOULD", source="torch: 0 is a batch size; not documented")
@cases(MODES, NETWORKS, each({"B": 0}, {"B": 0, "hx": False}))
@cases([*TANH, *LSTM], each({"B": 0, "batch_first": True}))
@cases(CELLS, each({"B": 0}, {"B": 0, "hx": False}))
def test_empty_batch(rnn, case):
    """A batch of size 0 gives an output of shape (T, 0, D·P) and states of shape (L·D, 0, ·).

    With batch_first it is (0, T, D·P).
    """
    result = rnn(case.input, case.state)
    has_shape(result.output, (case.T, 0, case.D * case.width))
    has_shape(result.h_n, (case.L * case.D, 0, case.width), "h_n")
    if result.c_n is not None:
        has_shape(result.c_n, (case.L * case.D, 0, case.H), "c_n")


@pytest.mark.clause(id="BAT-6", level="SHOULD", source="torch: 0 is a batch size; not documented")
@pytest.mark.needs("grad", "module")
@cases(MODES, LAYERS, each({"B": 0}))
@cases(CELLS, each({"B": 0}))
def test_empty_batch_has_no_gradient(rnn, case):
    """Backward from a batch of size 0 gives each parameter a gradient that is exactly zero."""
    x = case.input[0] if is_cell(case.mode) else case.input
    sum(part.sum() for part in _tensors(rnn.raw(x))).backward()
    for name, parameter in rnn.module.named_parameters():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        equals(gradient, torch.zeros_like(parameter), f"gradient of {name}")


def _tensors(value):
    return [value] if torch.is_tensor(value) else [part for item in value for part in _tensors(item)]


@pytest.mark.clause(id="BAT-5", level="MUST", source="notebook In [7] against In [6]")
@pytest.mark.needs("batch_first", "hx")
@cases(each({**notebook.SIZES, "B": 3, "batch_first": True}))
def test_notebook_loaf(rnn, case, recorded):
    """The notebook's loaf of three slices gives its printed numbers, its first row the single slice's.

    Row 0 has the single slice's h_0, because so few normal numbers are drawn one by one.
    """
    weights, h_0 = notebook.seeded(recorded, case.dtype)
    loaf, net, first = (
        notebook.letters(notebook.LOAF, case.dtype),
        rnn.but(weights=weights),
        slice(1),
    )
    got = net(loaf, (h_0,))
    _, within = predicted(case, weights, loaf, (h_0,))
    alone = net(loaf[:, first], (h_0[:, first],))
    agrees(got.rows(first), alone, within=2 * within.rows(first))
    notebook.agrees_with_the_page(recorded, case, got, notebook.LOAF, weights, h_0)
