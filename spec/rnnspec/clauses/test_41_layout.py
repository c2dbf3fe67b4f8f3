"""41 Layout: batch_first, unbatched input, ranks and strides."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from rnnspec import notebook, ragged
from rnnspec.axes import CELLS, LAYERS, LSTM, MODES, NETWORKS, cases, each
from rnnspec.bound import predicted, propagated
from rnnspec.check import agrees, has_shape, rejects
from rnnspec.reference import Result

BATCH_FIRST = "torch.nn.RNN, LSTM, GRU, batch_first"
INPUTS = "torch.nn.RNN, LSTM, GRU, Inputs"

UNEVEN = each({"T": 19, "B": 2, "H": 5}, {"T": 3, "B": 2, "H": 33})
"""Past 16 steps, past 32 units."""

LONG_OR_SQUARE = each({"T": 67, "B": 2, "I": 3, "H": 5}, {"T": 9, "B": 9})
"""Past 64 steps, and T = B: the sizes do not tell the layout."""


@pytest.mark.clause(id="LAY-1", level="MUST", source=BATCH_FIRST)
@cases(MODES, NETWORKS, [{}, *UNEVEN], each({"batch_first": True}))
@cases(MODES, each({"T": 1}, {"B": 1}, {"T": 3, "B": 67}, *LONG_OR_SQUARE), each({"batch_first": True}))
def test_batch_first(rnn, case):
    """With batch_first the input is (B, T, I), the output (B, T, D·P), and the values are the same.

    They are compared with the time-first network on the transposed input, and with the equations.
    """
    x = case.input.transpose(0, 1).contiguous()
    output, final = rnn.pair(rnn.raw(x, rnn.packed(case.state)))
    has_shape(output, (case.B, case.T, case.D * case.width))
    got = Result(output.transpose(0, 1), *final)
    wanted, within = propagated(case)
    agrees(got, rnn.but(batch_first=False)(case.input, case.state), within=2 * within)
    agrees(got, wanted, within)


@pytest.mark.clause(id="LAY-2", level="MUST", source=BATCH_FIRST)
@pytest.mark.needs("hx")
@cases(MODES, NETWORKS, each({"batch_first": True}, {"batch_first": True, "B": 2, "L": 2}))
def test_batch_first_leaves_the_states(rnn, case):
    """batch_first leaves h_0, c_0, h_n and c_n in (L·D, B, ·), and a state in (B, L·D, ·) is refused.

    Where B = L·D both forms have one shape, and only the values tell them apart.
    """
    x = case.input.transpose(0, 1).contiguous()
    _, final = rnn.pair(rnn.raw(x, rnn.packed(case.state)))
    wanted, within = propagated(case)
    for got, (name, want), (_, allowed) in zip(final, _states(wanted), _states(within), strict=True):
        agrees(got, want, allowed, name, "lbh")
    if case.B != case.L * case.D:
        turned = rnn.packed(tuple(part.transpose(0, 1).contiguous() for part in case.state))
        wrong = RuntimeError if rnn.claims("messages") else Exception
        rejects(lambda: rnn.raw(x, turned), f"a state of (B, L·D, ·), B = {case.B}", wrong)


def _states(result):
    return [part for part in result.items() if part[0] != "output"]


@pytest.mark.clause(id="LAY-3", level="MUST", source=f"{INPUTS} and notes")
@pytest.mark.needs("unbatched")
@cases(MODES, NETWORKS, each({}, {"batch_first": True}))
@cases(MODES, each({"hx": False}, {"T": 1}, {"T": 1, "batch_first": True, "hx": False}, {"H": 35}))
def test_unbatched_is_a_batch_of_one(rnn, case):
    """Unbatched input is a batch of one without its axis, and batch_first has no effect on it."""
    row, alone = case.input[:, 1], case.state and tuple(part[:, 1] for part in case.state)
    output, final = rnn.pair(rnn.raw(row, rnn.packed(alone)))
    got = Result(output.unsqueeze(1), *(part.unsqueeze(1) for part in final))
    batched = rnn(case.input[:, 1:2], case.state and tuple(part[:, 1:2] for part in case.state))
    wanted, within = propagated(case)
    agrees(got, batched, within=2 * within.rows(slice(1, 2)))
    agrees(got, wanted.rows(slice(1, 2)), within.rows(slice(1, 2)))


@pytest.mark.clause(id="LAY-4", level="SHOULD", source=f"{INPUTS} (the exception classes are torch's)")
@pytest.mark.needs("module", "hx")
@cases(MODES, LAYERS)
def test_rank_of_the_state_follows_the_input(rnn, case):
    """A state of another rank than the input's and an input of rank 0, 1 or 4 are refused."""
    state_error, input_error = (
        (RuntimeError, ValueError) if rnn.claims("messages") else (Exception, Exception)
    )
    batched, alone = case.state, tuple(part[:, 0] for part in case.state)
    if rnn.claims("unbatched"):
        unbatched = case.input[:, 0]
        of_one = tuple(part[:, :1] for part in batched)
        for state in (batched, of_one):
            rejects(lambda s=state: rnn.raw(unbatched, rnn.packed(s)), "2-D input, 3-D state", state_error)
    rejects(lambda: rnn.raw(case.input, rnn.packed(alone)), "3-D input, 2-D state", state_error)
    if case.kind == "LSTM":
        mixed = [(batched[0], alone[1]), (alone[0], batched[1])]
        for pair in mixed:
            rejects(lambda p=pair: rnn.raw(case.input, p), "states of two ranks", state_error)
    for x in (case.input[0, 0, 0], case.input[0, 0], case.input[None]):
        rejects(lambda x=x: rnn.raw(x), f"an input of rank {x.ndim}", input_error)


@pytest.mark.clause(id="LAY-5", level="MUST", source="consequence of the equations")
@pytest.mark.needs("hx")
@cases(MODES, NETWORKS)
@cases(CELLS)
def test_strides_do_not_matter(rnn, case):
    """Transposed, sliced and expanded inputs and states give the result of their contiguous copies."""
    wanted = rnn(case.input, case.state)
    _, within = propagated(case)
    for name, view in VIEWS.items():
        got = rnn(view(case.input), tuple(view(part) for part in case.state))
        _agree(got, wanted, within, name)
    one = (
        case.input[:, :1].expand(-1, case.B, -1),
        tuple(part[:, :1].expand(-1, case.B, -1) for part in case.state),
    )
    expanded = rnn(*one)
    for b in range(case.B):
        agrees(expanded.rows(slice(b, b + 1)), wanted.rows(slice(0, 1)), 2 * within.rows(slice(0, 1)))


def _agree(got, wanted, within, name):
    for (part, have), (_, want), (_, allowed) in zip(
        got.items(), wanted.items(), within.items(), strict=True
    ):
        agrees(have, want, 2 * allowed, f"{part} of {name} input", "tbh")


def _transposed(value):
    return value.permute(2, 1, 0).contiguous().permute(2, 1, 0)


def _sliced(value):
    """Every second row and column of a larger tensor whose other elements are NaN."""
    T, B, N = value.shape
    larger = torch.full((T, 2 * B, 2 * N), torch.nan, dtype=value.dtype)
    larger[:, ::2, ::2] = value
    return larger[:, ::2, ::2]


def _offset(value):
    """Contiguous, but not at the beginning of its memory."""
    longer = torch.full((value.shape[0] + 1, *value.shape[1:]), torch.nan, dtype=value.dtype)
    longer[1:] = value
    return longer[1:]


VIEWS = {"transposed": _transposed, "sliced": _sliced, "offset": _offset}


@pytest.mark.clause(id="LAY-7", level="MUST", source="consequence of the equations")
@pytest.mark.needs("hx", "lengths")
@cases(MODES, each({"L": 2, "bidirectional": True}))
def test_strides_of_packed_states_do_not_matter(rnn, case):
    """For packed input too, in order or not, transposed, sliced and expanded states give the result of their
    contiguous copies.
    """
    for lengths in ([case.T, case.T - 1, 2], [2, case.T, case.T - 1]):
        in_order = lengths == sorted(lengths, reverse=True)
        packed = pack_padded_sequence(case.input, lengths, enforce_sorted=in_order)
        _, within = ragged.alone(case, lengths)
        wanted = ragged.run(rnn, packed, case.state)
        for name, view in VIEWS.items():
            got = ragged.run(rnn, packed, tuple(view(part) for part in case.state))
            _agree(got, wanted, within, name)
        one = tuple(part[:, :1].expand(-1, case.B, -1) for part in case.state)
        expanded, copied = (ragged.run(rnn, packed, s) for s in (one, tuple(p.contiguous() for p in one)))
        _agree(expanded, copied, within, "expanded")


@pytest.mark.clause(id="LAY-8", level="MUST", source="consequence of the equations; Inputs, h_0 and c_0")
@pytest.mark.needs("hx")
@cases(LSTM, LAYERS)
@cases([{"mode": "LSTMCell"}])
def test_one_tensor_for_both_states(rnn, case):
    """One tensor given for h_0 and for c_0 gives the result of two equal ones, with grad or without."""
    both = case.state[0].to(rnn.device)
    wanted = predicted(case, case.weights, case.input, (case.state[0], case.state[0]))
    for mode in (torch.enable_grad, torch.no_grad):
        with mode():
            agrees(rnn(case.input, (both, both)), *wanted)


@pytest.mark.clause(id="LAY-6", level="MUST", source="notebook In [8]")
@pytest.mark.needs("batch_first", "hx")
@cases(each({**notebook.SIZES, "B": 3}))
def test_notebook_axes_swapped(rnn, case, recorded):
    """The notebook's loaf with its first two axes swapped gives the batch-first numbers, swapped."""
    weights, h_0 = notebook.seeded(recorded, case.dtype)
    swapped = notebook.letters(notebook.LOAF, case.dtype).contiguous()
    net = rnn.but(weights=weights)
    output, final = net.pair(net.raw(swapped, h_0))
    has_shape(output, (5, 3, 2))
    got = Result(output, *final)
    _, within = predicted(case, weights, swapped, (h_0,))
    batch_first = rnn.but(weights=weights, batch_first=True)(swapped, (h_0,))
    agrees(got, batch_first, within=2 * within)
    notebook.agrees_with_the_page(recorded, case, got, notebook.LOAF, weights, h_0)
