"""81 Persistence: state dicts that do not fit, files and copies."""

from __future__ import annotations

import pickle
from copy import deepcopy
from io import BytesIO

import pytest
import torch
from torch import nn

from rnnspec.axes import CELLS, GRU, LSTM, NETWORKS, PROJECTED, RELU, TANH, cases, each
from rnnspec.check import NotClaimed, equals, is_same, rejects
from rnnspec.notation import is_cell
from rnnspec.renewed import around, filled, follows, holds, parametrized, stored, used
from rnnspec.transformed import drops_afresh

LOADING = "torch.nn.Module.load_state_dict"
PARAMETRIZE = "torch.nn.utils.parametrize: deep copies are allowed"

FEW = each({"T": 3, "B": 2})
"""Small: every network is called many times."""

KINDS = [*TANH, *GRU, *LSTM, *PROJECTED]
BOTH = each({"T": 3, "B": 2, "bidirectional": True})
DEEP = each({"T": 3, "B": 2, "L": 2, "bidirectional": True})

pytestmark = [pytest.mark.needs("module")]


def _misfits(case):
    """The name of an entry, and a state dict in which it is missing, unexpected or of another shape."""
    weights = dict(case.weights)
    for name, value in weights.items():
        yield name, {other: part for other, part in weights.items() if other != name}
        for misshapen in (value[:-1], value[:1], value[None], value.flatten()[:, None]):
            if misshapen.shape != value.shape:
                yield name, weights | {name: misshapen}
    larger = case.but(L=case.L + 1, bidirectional=True).weights if not is_cell(case.mode) else {}
    for name in ("extra", "bias_ih_0", *larger):
        if name not in weights:
            yield name, weights | {name: weights.get("weight_hh_l0", case.input)}


@pytest.mark.clause(id="PER-3", level="MUST", source=LOADING)
@cases(KINDS, DEEP)
@cases(CELLS, FEW)
def test_misfits_are_refused(rnn, case):
    """A state dict that lacks an entry, has one more or one of another shape is refused."""
    error = RuntimeError if rnn.claims("messages") else Exception
    for name, state in _misfits(case):
        shape = tuple(state[name].shape) if name in state else "missing"
        rejects(lambda state=state: rnn.module.load_state_dict(state), f"{name}, {shape}", error)


@pytest.mark.clause(id="PER-11", level="SHOULD", source=LOADING)
@cases(KINDS, DEEP)
@cases(CELLS, FEW)
def test_refusals_name_the_entry(rnn, case):
    """The refusal of a state dict names the entry that is missing, unexpected or of another shape."""
    for name, state in _misfits(case):
        text = "nothing: it was accepted"
        try:
            rnn.module.load_state_dict(state)
        except Exception as error:  # of which class is PER-3's affair
            text = str(error)
        is_same(name in text, True, f"that {name} is in what was said: {text}")


@pytest.mark.clause(id="PER-12", level="MUST", source=f"{LOADING}, strict")
@cases(KINDS, BOTH)
@cases(CELLS, FEW)
def test_loading_what_fits(rnn, case):
    """With strict=False the entries that fit are loaded, and the names of those that are missing and of
    those that are unexpected are returned, as missing_keys and unexpected_keys; so are they by default, and
    empty.
    """
    held, values = dict(rnn.weights), case.but(seed=case.seed + 1).weights
    for name in (next(iter(values)), list(values)[-1]):
        held = {**values, name: held[name]}
        state = {other: part for other, part in values.items() if other != name} | {"extra": case.input}
        missing, unexpected = rnn.module.load_state_dict(state, strict=False)
        is_same((list(missing), list(unexpected)), ([name], ["extra"]), "what is missing and unexpected")
        follows(around(rnn, rnn.module, weights=held))
    answer = rnn.module.load_state_dict(values)
    for name in ("missing_keys", "unexpected_keys"):
        listed = getattr(answer, name, "not there")
        is_same(listed, [], f"{name} of what load_state_dict returns")


def _reread(value, weights_only):
    file = BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file, weights_only=weights_only)


@pytest.mark.clause(id="PER-4", level="MUST", source="torch.save; torch.load, weights_only")
@cases(KINDS, DEEP)
@cases(CELLS, FEW)
def test_files_of_state_dicts(rnn, case):
    """A state dict that is saved, loaded with weights_only=True and put into a new module keeps every bit."""
    used(rnn)
    twin = rnn.but()
    twin.module.load_state_dict(_reread(rnn.module.state_dict(), weights_only=True))
    holds(twin.module, rnn.weights)
    follows(twin)


OPTIONS = "input_size hidden_size num_layers nonlinearity bias batch_first dropout bidirectional proj_size"


@pytest.mark.clause(id="PER-13", level="MUST", source="torch.save, torch.load; pickle")
@pytest.mark.needs("module", "copy")
@cases(KINDS, FEW, [*NETWORKS, {"bias": False}, {"batch_first": True}])
@cases(RELU, FEW)
@cases(CELLS, [{}, {"bias": False}], FEW)
def test_files_of_modules(rnn, case):
    """A module that is pickled, or saved and loaded with weights_only=False, keeps its options, its mode of
    training, what of it requires grad, every bit of its weights and its results.
    """
    used(rnn)
    module = rnn.module.eval()
    next(module.parameters()).requires_grad_(False)
    options = [*OPTIONS.split(), "training"]
    wanted = {name: getattr(module, name) for name in options if hasattr(module, name)}
    grads = [part.requires_grad for part in module.parameters()]
    for twin in (pickle.loads(pickle.dumps(module)), _reread(module, weights_only=False)):
        is_same({name: getattr(twin, name, "missing") for name in wanted}, wanted, "options")
        is_same([part.requires_grad for part in twin.parameters()], grads, "requires_grad")
        holds(twin, rnn.weights)
        follows(around(rnn, twin))


@pytest.mark.clause(id="PER-5", level="MUST", source="copy.deepcopy")
@pytest.mark.needs("module", "copy")
@cases(KINDS, [*NETWORKS, {"batch_first": True}], FEW)
@cases(CELLS, FEW)
def test_deep_copies(rnn, case):
    """A deep copy gives the same results and shares nothing: changing the weights of one leaves the other."""
    used(rnn)
    twin = around(rnn, deepcopy(rnn.module))
    follows(twin)
    changed = filled(around(rnn, rnn.module, seed=case.seed + 1))
    follows(changed)
    follows(twin)
    follows(filled(around(twin, twin.module, seed=case.seed + 2)))
    follows(changed)


def _are_copied(rnn):
    """The copy of a parametrized network has its results, and keeps them."""
    twin = around(rnn, deepcopy(rnn.module))
    follows(twin)
    filled(around(rnn, rnn.module, weights=rnn.case.but(seed=rnn.case.seed + 1).weights), stored)
    follows(twin)


@pytest.mark.clause(id="PER-14", level="SHOULD", source=PARAMETRIZE)
@pytest.mark.needs("module", "copy", "hooks")
@cases(KINDS, BOTH)
@cases(CELLS, FEW)
def test_copies_of_parametrized_modules(rnn, case):
    """A module with parametrized weights can be copied, after a call without grad too."""
    network = parametrized(rnn)
    with torch.no_grad():
        follows(network)
    _are_copied(network)


@pytest.mark.clause(id="PER-15", level="SHOULD", source=PARAMETRIZE)
@pytest.mark.needs("module", "copy", "hooks", "grad")
@cases(KINDS, BOTH)
@cases(CELLS, FEW)
def test_copies_of_parametrized_modules_after_a_call(rnn, case):
    """A module with parametrized weights can be copied after a call that recorded gradients."""
    network = parametrized(rnn)
    follows(network)
    _are_copied(network)


def _kept(module):
    """The options, the mode of training, what requires grad and the keys, as far as a module has them."""
    names = [name for name in (*OPTIONS.split(), "training") if hasattr(module, name)]
    grads = {name: part.requires_grad for name, part in module.named_parameters()}
    keys = {"the keys of the state dict": list(module.state_dict())}
    return {name: getattr(module, name) for name in names} | grads | keys


def _marked(rnn):
    """The module in evaluation mode, its first parameter frozen."""
    module = rnn.module.eval()
    next(module.parameters()).requires_grad_(False)
    return module


@pytest.mark.clause(id="PER-24", level="MUST", source="copy.deepcopy")
@pytest.mark.needs("module", "copy")
@cases(KINDS, DEEP)
@cases(CELLS, FEW)
def test_options_of_deep_copies(rnn, case):
    """A deep copy has its original's options, mode of training, frozen parameters and names in its state
    dict.
    """
    module = _marked(rnn)
    is_same(_kept(deepcopy(module)), _kept(module), "what a deep copy keeps")


@pytest.mark.clause(id="PER-25", level="MUST", source="copy.deepcopy; pickle; torch.nn.LSTM, dropout")
@pytest.mark.needs("module", "copy", "dropout", "layers")
@cases(KINDS, each({"T": 3, "B": 2, "L": 2, "dtype": torch.float32}))
def test_dropout_of_copies(rnn, case):
    """A network with dropout that was copied, or pickled, has dropout."""
    module = rnn.in_training(dropout=0.5).module
    for twin in (deepcopy(module), pickle.loads(pickle.dumps(module))):
        drops_afresh(around(rnn, twin))


@pytest.mark.clause(id="PER-26", level="MUST", source=f"{LOADING}; torch.nn.Module.to")
@cases(KINDS, DEEP)
@cases(CELLS, FEW)
def test_what_loading_and_conversion_keep(rnn, case):
    """Loading and conversion change neither options nor the mode of training nor what requires grad nor the
    names in the state dict.
    """
    module = _marked(rnn)
    wanted = _kept(module)
    module.load_state_dict({name: value.to(rnn.device, copy=True) for name, value in rnn.weights.items()})
    is_same(_kept(module), wanted, "what loading keeps")
    module.to(torch.float32 if case.dtype == torch.float64 else torch.float64)
    is_same(_kept(module), wanted, "what conversion keeps")


@pytest.mark.clause(id="PER-27", level="MUST", source="torch.nn.Module.state_dict, prefix")
@cases(KINDS, DEEP)
@cases(CELLS, FEW)
def test_inside_another_module(rnn, case):
    """In a module that holds the network its entries have its name there before theirs, and are loaded so."""
    if not isinstance(rnn.module, nn.Module):
        raise NotClaimed("it is no torch.nn.Module")
    outer = nn.ModuleDict({"inner": rnn.module})
    values = case.but(seed=case.seed + 1).weights
    inside = {f"inner.{name}": value.to(rnn.device, copy=True) for name, value in values.items()}
    outer.load_state_dict({**outer.state_dict(), **inside})
    holds(outer, inside)
    follows(around(rnn, rnn.module, weights=values))


@pytest.mark.clause(id="PER-30", level="MUST", source="torch.nn.Module.state_dict: references")
@cases(KINDS, DEEP)
@cases(CELLS, FEW)
def test_state_dicts_hold_references(rnn, case):
    """A state dict refers to the weights: what is written into it the next call uses, and what is written
    into the weights afterwards it holds.
    """
    state = rnn.module.state_dict()
    written = around(rnn, rnn.module, seed=case.seed + 1)
    for name, value in written.weights.items():
        state[name].copy_(value)
    follows(written)
    for name, value in filled(around(rnn, rnn.module, seed=case.seed + 2)).weights.items():
        equals(state[name].cpu(), value.cpu(), f"{name} in the state dict of before")


@pytest.mark.clause(id="PER-29", level="MUST", source="copy.deepcopy; torch.nn.RNNBase.flatten_parameters")
@pytest.mark.needs("module", "copy")
@cases(KINDS, DEEP)
def test_copies_of_flattened_parameters(rnn, case):
    """A deep copy of a network whose parameters were flattened shares nothing with it."""
    if rnn.implementation.name != "torch.nn" and not hasattr(rnn.module, "flatten_parameters"):
        raise NotClaimed("there is no flatten_parameters")
    rnn.module.flatten_parameters()
    twin = around(rnn, deepcopy(rnn.module))
    changed = filled(around(rnn, rnn.module, seed=case.seed + 1))
    follows(twin)
    follows(filled(around(twin, twin.module, seed=case.seed + 2)))
    follows(changed)
