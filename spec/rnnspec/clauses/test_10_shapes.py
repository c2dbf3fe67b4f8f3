"""10 Shapes: what a call returns, and the axes of each part."""

from __future__ import annotations

import pytest

from rnnspec.axes import MODES, NETWORKS, cases, each
from rnnspec.check import has_dtype, has_shape, is_same, rejects

OUTPUTS = "torch.nn.RNN, LSTM, GRU, Outputs"

PLAIN = each({}, {"T": 1}, {"B": 1}, {"T": 1, "B": 1, "hx": False})
DEEP = each({"L": 3, "bidirectional": True}), each({}, {"T": 1, "B": 1}, {"hx": False})
BETWEEN = each({"L": 2}, {"bidirectional": True})


@pytest.mark.clause(id="SHP-1", level="MUST", source=f"{OUTPUTS}, output")
@cases(MODES, PLAIN)
@cases(MODES, *DEEP)
@cases(MODES, BETWEEN)
def test_output(rnn, case):
    """For batched input (T, B, I) the output is (T, B, D·P) with the dtype and device of the input."""
    output, _ = rnn.pair(rnn.raw(case.input, rnn.packed(case.state)))
    has_shape(output, (case.T, case.B, case.D * case.width))
    has_dtype(output, case.dtype)
    is_same(output.device.type, rnn.device.type, "the device of the output")


@pytest.mark.clause(id="SHP-2", level="MUST", source=f"{OUTPUTS}, h_n and c_n")
@cases(MODES, PLAIN)
@cases(MODES, *DEEP)
@cases(MODES, BETWEEN)
def test_final_states(rnn, case):
    """h_n has shape (L·D, B, P) and the LSTM's c_n (L·D, B, H), with the dtype of the input."""
    _, final = rnn.pair(rnn.raw(case.input, rnn.packed(case.state)))
    for name, part, width in zip(("h_n", "c_n"), final, (case.width, case.H), strict=False):
        has_shape(part, (case.L * case.D, case.B, width), name)
        has_dtype(part, case.dtype, name)


@pytest.mark.clause(id="SHP-3", level="MUST", source=OUTPUTS)
@cases(MODES, each({}, {"L": 2}))
def test_structure(rnn, case):
    """A call returns a pair: the output, and h_n for RNN and GRU or the pair (h_n, c_n) for the LSTM."""
    answer = rnn.raw(case.input, rnn.packed(case.state))
    wanted = ("Tensor", ("Tensor", "Tensor")) if case.kind == "LSTM" else ("Tensor", "Tensor")
    is_same(_structure(answer), wanted, "the structure of what a call returns")


def _structure(value):
    if isinstance(value, tuple):
        return tuple(_structure(part) for part in value)
    return "Tensor" if hasattr(value, "detach") else type(value).__name__


@pytest.mark.clause(id="SHP-4", level="MUST", source="torch.nn.RNN, LSTM, GRU, Inputs and Outputs")
@pytest.mark.needs("unbatched")
@cases(MODES, NETWORKS, each({}, {"T": 1}, {"hx": False}))
def test_unbatched(rnn, case):
    """For unbatched input (T, I) the output is (T, D·P) and the states are (L·D, P) and (L·D, H)."""
    state = case.state and tuple(part[:, 0] for part in case.state)
    output, final = rnn.pair(rnn.raw(case.input[:, 0], rnn.packed(state)))
    has_shape(output, (case.T, case.D * case.width))
    for name, part, width in zip(("h_n", "c_n"), final, (case.width, case.H), strict=False):
        has_shape(part, (case.L * case.D, width), name)


@pytest.mark.clause(id="SHP-5", level="SHOULD", source="torch; the documents never mention T = 0")
@pytest.mark.needs("module")
@cases(MODES, each({"T": 0}, {"T": 0, "B": 0}, {"T": 0, "hx": False}))
def test_empty_time_axis(rnn, case):
    """A sequence of length 0 is refused, batched or not: there is no last step to take a state from."""
    rejects(lambda: rnn.raw(case.input, rnn.packed(case.state)), f"input {tuple(case.input.shape)}")
    if case.B and rnn.claims("unbatched"):
        alone = case.state and tuple(part[:, 0] for part in case.state)
        rejects(lambda: rnn.raw(case.input[:, 0], rnn.packed(alone)), f"input (0, {case.I})")
