"""80 Errors: dtypes and devices that a call refuses, and what a refused call leaves behind."""

from __future__ import annotations

from contextlib import suppress
from itertools import product

import pytest
import torch

from rnnspec import ragged
from rnnspec.axes import CELLS, GRU, LSTM, MODES, NETWORKS, PROJECTED, RELU, TANH, cases
from rnnspec.check import NotClaimed, equals, rejects
from rnnspec.notation import is_cell
from rnnspec.refusals import forms, other_dtypes, refuses, replaced, resized, three

LSTMS = [*LSTM, *PROJECTED]


@pytest.mark.clause(id="ERR-8", level="SHOULD", source="torch: input dtype does not match weight dtype")
@pytest.mark.needs("hx", "same_dtype")
@cases([*MODES, *CELLS])
def test_dtype_of_the_input(rnn, case):
    """Outside autocast an input of another dtype than the weights' is refused, packed or not."""
    error = RuntimeError if is_cell(case.mode) else ValueError
    for dtype in other_dtypes(case):
        for form, x, state in forms(rnn, case):
            refuses(rnn, f"{form} input of {dtype}", x.to(dtype), None, error)
            both = rnn.packed(tuple(part.to(dtype) for part in state))
            refuses(rnn, f"{form} input and state of {dtype}", x.to(dtype), both, error)
        if rnn.claims("packed") and not is_cell(case.mode):
            refuses(rnn, f"packed input of {dtype}", three(case).to(dtype))


@pytest.mark.clause(id="ERR-9", level="SHOULD", source="consequence of ERR-8")
@pytest.mark.needs("hx", "same_dtype")
@cases([*MODES, *CELLS])
def test_dtype_of_the_state(rnn, case):
    """A state of another dtype than the weights' is refused, h_0 alone or with c_0."""
    for dtype in other_dtypes(case):
        for form, x, state in forms(rnn, case):
            other = tuple(part.to(dtype) for part in state)
            for changed in (other, (other[0], *state[1:])):
                refuses(rnn, f"{form}, state of {dtype}", x, rnn.packed(changed), RuntimeError)


@pytest.mark.clause(id="ERR-25", level="SHOULD", source="consequence of ERR-8")
@pytest.mark.needs("hx", "same_dtype")
@cases([*LSTMS, *CELLS[3:]])
def test_dtype_of_c_0(rnn, case):
    """A c_0 of another dtype than the weights' is refused, where h_0 has theirs."""
    for dtype in other_dtypes(case):
        for form, x, (h, c) in forms(rnn, case):
            refuses(rnn, f"{form} c_0 of {dtype}", x, (h, c.to(dtype)), RuntimeError)


@pytest.mark.clause(id="ERR-10", level="SHOULD", source="torch: input and parameters at the same device")
@pytest.mark.needs("hx")
@cases([*MODES, *CELLS])
def test_other_devices(rnn, case):
    """An input or a state on another device than the weights is refused, h_0 and c_0 apart.

    The meta device is another one everywhere, and so is the CPU beside an accelerator.
    """
    error = RuntimeError if rnn.claims("messages") else Exception
    for device in [name for name in ("meta", "cpu") if name != rnn.device.type]:
        x, *state = (part.to(rnn.device) for part in _of_a_batch(rnn, case))
        for k, name in enumerate(("the input", "h_0", "c_0")[: 1 + len(state)]):
            moved = [part.to(device) if k == j else part for j, part in enumerate((x, *state))]
            hx = rnn.packed(tuple(moved[1:]))
            rejects(lambda x=moved[0], hx=hx: rnn.module(x, hx), f"{name} on {device}", error)
        rejects(lambda x=x, d=device: rnn.module(x.to(d)), f"the input alone on {device}", error)


def _of_a_batch(rnn, case):
    _, x, state = next(forms(rnn, case))
    return x, *state


@pytest.mark.clause(id="ERR-17", level="MUST", source="consequence of SEQ-6: a call leaves nothing behind")
@pytest.mark.needs("hx")
@cases([*MODES, *CELLS], NETWORKS[:1])
@cases([*TANH, *LSTM], NETWORKS[1:])
@cases([*RELU, *GRU, *PROJECTED], NETWORKS[1:], scope="full")
def test_after_a_refused_call(rnn, case):
    """After a refused call a network gives its earlier results, bit for bit, and has its earlier weights,
    and what it returned before is left alone.

    A call of each kind that this chapter refuses is made, of NaN, with grad and without; whether it is
    refused is not looked at here. What follows is, by turns, a call from a state, from zeros, and packed.
    """
    ways, weights = _ways(rnn, case), _weights(rnn)
    kept = {name: _row(way()) for name, way in ways.items()}
    for what, x, state in _calls(rnn, case):
        results = {}
        for name, way in ways.items():
            for grad in (True, False):
                with suppress(Exception, NotClaimed), torch.set_grad_enabled(grad):
                    rnn.raw(x, state)
            results[name] = way()
        for name, result in results.items():  # those that a later refused call may have written over
            equals(_row(result), kept[name], f"{name}, after {what},")
        equals(_weights(rnn), weights, f"the row of all weights, after {what},")


def _ways(rnn, case):
    """The forms of call, with the numbers of the case."""
    ways = {
        "the result from a state": lambda: rnn(case.input, case.state),
        "the result from zeros": lambda: rnn(case.input),
    }
    if rnn.claims("packed") and not is_cell(case.mode):
        ways["the result of a packed batch"] = lambda: ragged.run(rnn, three(case), case.state)
    return ways


def _row(result):
    """A copy of all its numbers."""
    return torch.cat([part.flatten() for _, part in result.items()])


def _weights(rnn):
    """A copy of the network's own weights."""
    named = rnn.module.state_dict() if rnn.claims("module") else rnn.weights
    return torch.cat([value.flatten() for value in named.values()])


def _calls(rnn, case):
    """What was called, with which input and state: one of each kind that is to be refused."""
    for form, x, state in forms(rnn, case):
        x, state = x * torch.nan, tuple(part * torch.nan for part in state)
        right, dtype = rnn.packed(state), other_dtypes(case)[0]
        yield f"{form} input of more features", resized(x, -1, case.I + 1), right
        yield f"{form} input of two more axes", x[None, None], right
        yield f"{form} input of {dtype}", x.to(dtype), right
        yield f"a tuple of three, {form}", x, (state[0],) * 3
        for k, axis in product(range(len(state)), range(state[0].ndim)):
            other = replaced(state, {k: resized(state[k], axis, state[k].shape[axis] + 1)})
            yield f"{form} {'hc'[k]}_0 of shape {tuple(other[k].shape)}", x, rnn.packed(other)
    if rnn.claims("packed") and not is_cell(case.mode):
        packed = three(case)
        wide = packed._replace(data=resized(packed.data, 1, case.I + 1) * torch.nan)
        yield "packed data of more features", wide, rnn.packed(case.state)
        more = tuple(resized(part, 1, case.B + 1) * torch.nan for part in case.state)
        yield "packed, states of more rows", packed, rnn.packed(more)
