"""73 Purity: a call changes nothing of its caller's, and its results are its caller's own."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from rnnspec.axes import CELLS, GRU, LSTM, MODES, PROJECTED, TANH, cases, each
from rnnspec.check import equals, is_same
from rnnspec.keeping import patches, settings
from rnnspec.notation import is_cell

INPUTS = "torch.nn.RNN, LSTM, GRU, Inputs: none is an output"
OUTPUTS = "torch.nn.RNN, LSTM, GRU, Outputs: separate tensors; not documented"
OTHERS = "torch.nn: not documented; other modules go on as before"

DEEP = {"L": 2, "bidirectional": True}
SIZES = each({}, DEEP, {"T": 1}, {"T": 3, "B": 2, "I": 6, "H": 35})
OF_ONE = each({}, DEEP, {"T": 1}, {"B": 1})

GRAD_MODES = (torch.enable_grad, torch.no_grad, torch.inference_mode)


def _given(rnn, case, row=slice(None)):
    """Copies of input and states, as the bare call takes them and where it takes them from."""
    named = {"input": case.input, **dict(zip(("h_0", "c_0"), case.state or (), strict=False))}
    named = {name: part[:, row] for name, part in named.items()}
    if case.batch_first and row == slice(None):
        named["input"] = named["input"].transpose(0, 1).contiguous()
    if is_cell(case.mode):
        named = {name: part[0] for name, part in named.items()}
    return {name: part.to(rnn.device, copy=True) for name, part in named.items()}


def _called(rnn, given):
    """What the bare call returns, by name."""
    x, *state = given.values()
    return rnn.named(x, tuple(state) or None)


def _weights(rnn):
    """The network's own weights, or those that it was built from."""
    return dict(rnn.module.state_dict() if rnn.claims("module") else rnn.weights)


def _copies(named):
    return {name: part.detach().clone() for name, part in named.items()}


def _are_unchanged(named, before, when):
    for name, part in before.items():
        equals(named[name].detach(), part, f"{name} {when}")


@pytest.mark.clause(id="PUR-1", level="MUST", source=INPUTS)
@cases([*MODES, *CELLS], [{}, {"T": 1}, {"T": 3, "B": 2, "I": 6, "H": 35}])
@cases(MODES, each(DEEP))
@cases([*TANH, *GRU, *LSTM], each({"batch_first": True}))
def test_a_call_changes_nothing(rnn, case):
    """A call changes neither its input nor its states nor the weights, with grad or without."""
    _calls_change_nothing(rnn, slice(None))


@pytest.mark.clause(id="PUR-14", level="MUST", source=INPUTS)
@pytest.mark.needs("unbatched")
@cases([*TANH, *GRU, *PROJECTED, *CELLS])
def test_an_unbatched_call_changes_nothing(rnn, case):
    """A call with unbatched input changes neither that nor its states nor the weights."""
    _calls_change_nothing(rnn, 1)


def _calls_change_nothing(rnn, row):
    for mode in GRAD_MODES:
        given = _given(rnn, rnn.case, row) | _weights(rnn)
        before = _copies(given)
        own = {name: given[name] for name in given if name in ("input", "h_0", "c_0")}
        with mode():
            _called(rnn, own)
        _are_unchanged(own | _weights(rnn), before, "after a call")


@pytest.mark.clause(id="PUR-13", level="MUST", source=INPUTS)
@pytest.mark.needs("packed", "hx")
@cases([*TANH, *GRU, *PROJECTED])
def test_a_packed_call_changes_nothing(rnn, case):
    """A call with packed input, in order or not, changes neither that nor its states nor the weights."""
    for mode, lengths in product(GRAD_MODES, ([case.T, 3, 1], [1, case.T, 3])):
        _, *state = _given(rnn, case).values()
        x = case.input.to(rnn.device)
        packed = pack_padded_sequence(x, lengths, enforce_sorted=lengths[0] == case.T)
        fields = {name: part for name, part in packed._asdict().items() if part is not None}
        given = fields | dict(zip(("h_0", "c_0"), state, strict=False))
        before = _copies(given | _weights(rnn))
        with mode():
            rnn.raw(packed, rnn.packed(tuple(state)))
        _are_unchanged(given | _weights(rnn), before, f"after a call with packed input of lengths {lengths}")


@pytest.mark.clause(id="PUR-6", level="MUST", source=INPUTS)
@pytest.mark.needs("grad", "module")
@cases([*MODES, *CELLS], [{}, {"T": 1}, {"T": 3, "B": 2, "I": 6, "H": 35}])
@cases(MODES, each(DEEP))
def test_backward_changes_nothing(rnn, case):
    """Backward changes neither the results of the call nor its input, its states or the weights."""
    given = {name: part.requires_grad_() for name, part in _given(rnn, case).items()}
    results = _called(rnn, given)
    before = _copies(given | results | _weights(rnn))
    sum(part.sum() for part in results.values()).backward()
    _are_unchanged(given | results | _weights(rnn), before, "after backward")


@pytest.mark.clause(id="PUR-3", level="SHOULD", source=OUTPUTS)
@cases([*MODES, *CELLS], [{}, {"T": 1}, {"B": 1}])
@cases(MODES, each(DEEP))
def test_results_own_their_memory(rnn, case):
    """Writing into one result changes no other result, no input, no state and no weight."""
    _own_their_memory(rnn, case, slice(None))


@pytest.mark.clause(id="PUR-7", level="SHOULD", source=OUTPUTS)
@pytest.mark.needs("unbatched")
@cases([*MODES, *CELLS], [{}, {"T": 1}])
@cases(MODES, each(DEEP))
def test_unbatched_results_own_their_memory(rnn, case):
    """Writing into one result of unbatched input changes no other result, no input, state or weight."""
    _own_their_memory(rnn, case, 1)


def _own_their_memory(rnn, case, row):
    for mode in (torch.enable_grad, torch.no_grad):
        for written in ("output", "h_n", "c_n") if not is_cell(case.mode) else ("h'", "c'"):
            given = _given(rnn, case, row)
            with mode():
                results = _called(rnn, given)
            named = given | results | _weights(rnn)
            target = named.pop(written, None)
            before = _copies(named)
            if target is not None:
                target.detach().fill_(7)
            _are_unchanged(named, before, f"after writing into {written}")


@pytest.mark.clause(id="PUR-8", level="MUST", source="consequence of the equations")
@cases([*MODES, *CELLS], SIZES[:1])
@cases(MODES, each(DEEP, {"hx": False}))
def test_networks_share_nothing(rnn, case):
    """A network's results are the same bits before, between and after the calls of other networks."""
    other = rnn.but(seed=case.seed + 1)
    first = rnn(case.input, case.state)
    kept = first.map(torch.clone)
    theirs = other(other.case.input, other.case.state).map(torch.clone)
    equals(first, kept, "output of the first call, after another network's")
    equals(rnn(case.input, case.state), kept, "output after another network's call")
    equals(other(other.case.input, other.case.state), theirs, "output of the other network")


def _runs(rnn, case):
    """Call by call, each after which torch must be as it was before it."""
    for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
        with mode():
            yield f"a call under {mode.__name__}", lambda: _called(rnn, _given(rnn, case))
    if rnn.claims("grad"):
        given = {name: part.requires_grad_() for name, part in _given(rnn, case).items()}
        loss = sum(part.sum() for part in _called(rnn, given).values())
        yield "backward", loss.backward


@pytest.mark.clause(id="PUR-9", level="MUST", source=OTHERS)
@cases([*MODES, *CELLS], [{}])
@cases(MODES, each(DEEP))
def test_a_call_leaves_the_settings(rnn, case):
    """A call and its backward leave torch's settings as they are, with grad or without.

    They are listed in `rnnspec.keeping.settings`: grad and inference mode, the default dtype and device,
    threads, autocast, determinism, precision, backends, anomaly detection, printing, hooks of all modules.
    """
    rnn.module  # noqa: B018  # is built here
    for which, run in _runs(rnn, case):
        before = settings.read()
        run()
        is_same(settings.changed(before), [], f"what {which} has changed of torch's settings")


@pytest.mark.clause(id="PUR-10", level="MUST", source=OTHERS)
@cases([*MODES, *CELLS], [{}])
@cases(MODES, each(DEEP))
def test_a_call_leaves_the_functions(rnn, case):
    """A call and its backward leave torch's own functions and classes as they are, with grad or without."""
    rnn.module  # noqa: B018  # is built here
    for which, run in _runs(rnn, case):
        before = patches.changed()
        run()
        is_same(patches.named(patches.since(before)), [], f"what {which} has changed of torch's functions")


@pytest.mark.clause(id="PUR-11", level="MUST", source=OTHERS)
@cases([*MODES, *CELLS], [{}])
@cases(MODES, each(DEEP))
def test_building_leaves_the_settings(rnn, case):
    """Constructing a network leaves torch's settings as they are."""
    before = settings.read()
    rnn.module  # noqa: B018  # is built here
    is_same(settings.changed(before), [], "what the constructor has changed of torch's settings")


@pytest.mark.clause(id="PUR-12", level="MUST", source=OTHERS)
@cases([*MODES, *CELLS], [{}])
@cases(MODES, each(DEEP))
def test_building_leaves_the_functions(rnn, case):
    """Constructing a network leaves torch's own functions and classes as they are."""
    before = patches.changed()
    rnn.module  # noqa: B018  # is built here
    found = patches.named(patches.since(before))
    is_same(found, [], "what the constructor has changed of torch's functions")
