"""20 Parameters: values that are put into them, and what uses them then."""

from __future__ import annotations

from inspect import signature

import pytest
import torch
from torch import nn

from rnnspec.axes import CELLS, GRU, LSTM, MODES, TANH, cases, each
from rnnspec.bound import predicted
from rnnspec.check import agrees, equals
from rnnspec.renewed import held


def _load(module, name, value):
    module.load_state_dict({**module.state_dict(), name: value})


def _load_backwards(module, name, value):
    state = {**module.state_dict(), name: value}
    module.load_state_dict({n: state[n] for n in reversed(state)})


def _load_and_assign(module, name, value):
    module.load_state_dict({**module.state_dict(), name: value}, assign=True)


@torch.no_grad()
def _write_in_place(module, name, value):
    getattr(module, name).copy_(value)


def _write_through_data(module, name, value):
    getattr(module, name).data.copy_(value)


def _replace_data(module, name, value):
    getattr(module, name).data = value


def _replace_data_at_an_offset(module, name, value):
    """As torch.nn.utils.vector_to_parameters does: a part of a longer vector."""
    longer = torch.full((3 + value.numel(),), torch.nan).to(value)
    longer[3:] = value.flatten()
    getattr(module, name).data = longer[3:].view_as(value)


def _assign_strided(module, name, value):
    """A matrix that is stored transposed, a bias that is every second number of a longer vector."""
    pairs = torch.stack([value, torch.full_like(value, torch.nan)], -1)
    strided = value.t().contiguous().t() if value.ndim == 2 else pairs[..., 0]
    setattr(module, name, nn.Parameter(strided))


def _assign(module, name, value):
    setattr(module, name, nn.Parameter(value))


WAYS = {
    "load_state_dict": _load,
    "load_state_dict in another order": _load_backwards,
    "load_state_dict with assign=True": _load_and_assign,
    "writing in place": _write_in_place,
    "writing through .data": _write_through_data,
    "replacing .data": _replace_data,
    "replacing .data by a part of a vector": _replace_data_at_an_offset,
    "assigning a Parameter": _assign,
    "assigning a Parameter with strides": _assign_strided,
}
if "assign" not in signature(nn.Module.load_state_dict).parameters:  # torch 2.0
    del WAYS["load_state_dict with assign=True"]


@pytest.mark.clause(id="PAR-6", level="MUST", source="torch.nn.Module; weights are not cached")
@pytest.mark.needs("module", "hx")
@cases(MODES, each({}, {"L": 2, "bidirectional": True, "I": 7}))
@cases(CELLS, each({}, {"I": 7}))
def test_values_put_in_are_used(rnn, case):
    """Values loaded, written in place, put in through .data or assigned are what the state dict
    holds and what the next call uses, with any strides and at any offset in their storage.

    They come one at a time, with a call before each, which makes no difference. With I = H,
    weight_ih and weight_hh have one shape.
    """
    _are_used(rnn, case)


@pytest.mark.clause(id="PAR-12", level="MUST", source="torch.Tensor.requires_grad_; weights are not cached")
@pytest.mark.needs("module", "hx")
@cases([*TANH, *GRU, *LSTM], each({}, {"L": 2, "bidirectional": True}))
@cases(CELLS)
def test_values_put_into_frozen_parameters_are_used(rnn, case):
    """Values put into frozen parameters, one at a time with a call before each, are used by the next call."""
    _are_used(rnn, case, frozen=True)


def _are_used(rnn, case, frozen=False):
    """Values that are put in, by each way and one at a time, are held and used."""
    values = case.but(seed=case.seed + 1).weights
    wanted, within = predicted(case, values, case.input, case.state)
    for way, put in WAYS.items():
        network = rnn.but()
        for name, value in values.items():
            network.module.requires_grad_(not frozen)
            network(case.input, case.state)
            put(network.module, name, value.to(rnn.device, copy=True))
        network.module.requires_grad_(not frozen)
        for name, value in held(network.module, values).items():
            equals(value, values[name], f"{name} after {way}")
        got = network(case.input, case.state)
        agrees(got.output, wanted.output, within.output, f"output after {way}", "tbh")


@pytest.mark.clause(id="PAR-10", level="MUST", source="torch.nn.Module; torch.nn.Parameter is a tensor")
@pytest.mark.needs("module", "layers", "hx")
@cases([*TANH, *GRU, *LSTM], each({"L": 2}))
def test_tied_parameters(rnn, case):
    """One Parameter assigned under two names is used under both."""
    network = rnn.but()
    for role in ("weight_hh", "bias_hh"):
        setattr(network.module, f"{role}_l1", getattr(network.module, f"{role}_l0"))
    weights = dict(case.weights)
    weights |= {name: weights[name.replace("_l1", "_l0")] for name in weights if "_hh_l1" in name}
    agrees(network(case.input, case.state), *predicted(case, weights, case.input, case.state))


@pytest.mark.clause(id="PAR-9", level="MUST", source="torch.nn.Module.state_dict, load_state_dict")
@pytest.mark.needs("module")
@cases(MODES, each({}, {"L": 2, "bidirectional": True, "I": 7}))
@cases(CELLS, each({}, {"I": 7}))
def test_state_dict_makes_a_twin(rnn, case):
    """Another network with the state dict of this one gives its results, to the bit."""
    twin = rnn.but(weights={name: v.cpu() for name, v in rnn.module.state_dict().items()})
    equals(twin(case.input, case.state), rnn(case.input, case.state), "output of the twin")
