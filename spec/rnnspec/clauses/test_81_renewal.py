"""81 Renewal: weights that are changed, converted or swapped, and hooks around a call."""

from __future__ import annotations

from contextlib import contextmanager
from inspect import signature

import pytest
import torch
from torch import nn
from torch.nn.utils import prune
from torch.nn.utils.rnn import pack_padded_sequence

from rnnspec.axes import CELLS, GRU, LSTM, NETWORKS, PROJECTED, TANH, cases, each
from rnnspec.bound import predicted, roundings
from rnnspec.check import NotClaimed, agrees, equals, is_same
from rnnspec.notation import is_cell
from rnnspec.renewed import around, filled, follows, halves, held, holds, parametrized, stored, used

MODULE = "torch.nn.Module"
LOADING = f"{MODULE}.load_state_dict, assign"
CONVERSION = f"{MODULE}.to, double, float, half, bfloat16"
PARAMETRIZE = "torch.nn.utils.parametrize; weights are not cached"
SWAPPING = "torch.__future__.set_swap_module_params_on_conversion"


FEW = each({"T": 3, "B": 2})
"""Small: every network is called many times."""

KINDS = [*TANH, *GRU, *LSTM, *PROJECTED]
BOTH = each({"T": 3, "B": 2, "bidirectional": True})
DEEP = each({"T": 3, "B": 2, "L": 2, "bidirectional": True})

pytestmark = [pytest.mark.needs("module")]


@pytest.mark.clause(id="PER-6", level="MUST", source="torch.optim; weights are not cached")
@cases(KINDS, DEEP)
@cases(CELLS, FEW)
def test_steps_of_an_optimiser(rnn, case):
    """A step of an optimiser over parameters() changes the weights, and reaches the next call."""
    rnn(case.input, case.state)
    values = case.but(seed=case.seed + 1).weights
    for name, part in rnn.module.named_parameters():
        part.grad = part.detach() - values[name].to(rnn.device)
    torch.optim.SGD(rnn.module.parameters(), lr=1.0).step()
    state = held(rnn.module, values)
    for name, value in values.items():
        twice = roundings(case.dtype, 2, value.double().abs() + rnn.weights[name].double().abs())
        agrees(state[name], value, twice, f"{name} after the step")
    follows(around(rnn, rnn.module, weights=state))


@pytest.mark.clause(id="PER-16", level="MUST", source=PARAMETRIZE)
@pytest.mark.needs("module", "hooks")
@cases(KINDS, BOTH)
@cases(CELLS, FEW)
def test_parametrized_weights(rnn, case):
    """A parametrized weight is at each call what its parametrization makes of what is stored."""
    rnn(case.input, case.state)
    network = parametrized(rnn)
    follows(network)
    values = case.but(seed=case.seed + 1).weights
    filled(around(rnn, network.module, weights=values), stored)
    follows(around(rnn, network.module, weights=halves(values)))


@pytest.mark.clause(id="PER-17", level="MUST", source="torch.nn.utils.prune; weights are not cached")
@pytest.mark.needs("module", "hooks")
@cases(KINDS, BOTH)
@cases(CELLS, FEW)
def test_pruned_weights(rnn, case):
    """A pruned weight is at each call what is stored times the mask."""
    rnn(case.input, case.state)
    values, masks = case.but(seed=case.seed + 1).weights, {}
    for name, value in rnn.weights.items():
        masks[name] = (torch.arange(value.numel()) % 3 > 0).reshape(value.shape).to(value)
        prune.custom_from_mask(rnn.module, name, masks[name].to(rnn.device))
    for weights in (rnn.weights, values):
        filled(around(rnn, rnn.module, weights=weights), lambda module, name: getattr(module, f"{name}_orig"))
        follows(around(rnn, rnn.module, weights={name: masks[name] * weights[name] for name in masks}))


WORDS = {torch.float16: "half", torch.bfloat16: "bfloat16", torch.float32: "float", torch.float64: "double"}
WIDER = {torch.bfloat16: torch.float32, torch.float16: torch.float32, torch.float32: torch.float64}


def _other(dtype):
    return torch.float32 if dtype == torch.float64 else torch.float64


def _converted(rnn, weights, dtype):
    """The module has these weights in this dtype, and computes in it."""
    weights = {name: value.to(dtype) for name, value in weights.items()}
    holds(rnn.module, weights)
    follows(around(rnn, rnn.module, dtype=dtype, weights=weights))
    return weights


@pytest.mark.clause(id="PER-7", level="MUST", source=CONVERSION)
@cases(KINDS, DEEP)
@cases(CELLS, FEW)
@cases([*TANH, *GRU, *LSTM], each({"T": 3, "B": 2, "hx": False}))
def test_conversion(rnn, case):
    """half, bfloat16, float, double and to(dtype) convert every weight, and the next call computes in that
    dtype.
    """
    follows(rnn)
    weights = rnn.weights
    for dtype, word in WORDS.items():
        if rnn.claims(*case.but(dtype=dtype).needs):
            getattr(rnn.module, word)()
            weights = _converted(rnn, weights, dtype)
    rnn.module.to(case.dtype)
    _converted(rnn, weights, case.dtype)


@pytest.mark.clause(id="PER-18", level="MUST", source=CONVERSION)
@cases(KINDS, BOTH, [{"dtype": dtype} for dtype in WIDER])
@cases(CELLS, FEW, [{"dtype": dtype} for dtype in WIDER])
def test_conversion_there_and_back(rnn, case):
    """Conversion to a wider dtype and back keeps every bit of the weights."""
    used(rnn)
    rnn.module.to(WIDER[case.dtype]).to(case.dtype)
    _converted(rnn, rnn.weights, case.dtype)


@pytest.mark.clause(id="PER-19", level="MUST", source=LOADING)
@cases(KINDS, BOTH)
@cases(CELLS, FEW)
def test_loading_converts(rnn, case):
    """Values of another dtype that are loaded are converted to the module's."""
    values = case.but(seed=case.seed + 1, dtype=_other(case.dtype)).weights
    rnn(case.input, case.state)
    rnn.module.load_state_dict(values)
    _converted(rnn, values, case.dtype)


@pytest.mark.clause(id="PER-20", level="MUST", source=LOADING)
@cases(KINDS, BOTH)
@cases(CELLS, FEW)
def test_loading_with_assign(rnn, case):
    """With assign=True the module takes the dtype of the values that are loaded."""
    if "assign" not in signature(nn.Module.load_state_dict).parameters:
        raise NotClaimed("torch 2.1 brought it")
    values = case.but(seed=case.seed + 1, dtype=_other(case.dtype)).weights
    rnn(case.input, case.state)
    rnn.module.load_state_dict({n: v.to(rnn.device, copy=True) for n, v in values.items()}, assign=True)
    _converted(rnn, values, _other(case.dtype))


@pytest.mark.clause(id="PER-8", level="MUST", source="torch.nn.RNNBase.flatten_parameters")
@pytest.mark.needs("module", "grad")
@cases(KINDS, DEEP)
def test_flatten_parameters(rnn, case):
    """flatten_parameters changes no value, name, gradient or identity of a parameter, however often it is
    called.

    torch's layers have it; what has no such method does not claim it.
    """
    if rnn.implementation.name != "torch.nn" and not hasattr(rnn.module, "flatten_parameters"):
        raise NotClaimed("there is no flatten_parameters")
    used(rnn)
    kept = {name: (part, part.grad, part.grad.clone()) for name, part in rnn.module.named_parameters()}
    keys = list(rnn.module.state_dict())
    for _ in range(3):
        rnn.module.flatten_parameters()
        is_same(list(rnn.module.state_dict()), keys, "the keys of the state dict")
        now = dict(rnn.module.named_parameters())
        is_same(list(now), list(kept), "the names of the parameters")
        other = [
            name for name, (part, grad, _) in kept.items() if now[name] is not part or part.grad is not grad
        ]
        is_same(other, [], "the list of parameters that are other objects, or whose gradients are")
        holds(rnn.module, rnn.weights)
        for name, (_, grad, bits) in kept.items():
            equals(grad, bits, f"gradient of {name}")
        follows(rnn)


def _given(rnn):
    """Input and state of one bare call; of a cell, of one step."""
    case = rnn.case
    step = case.input[0] if is_cell(case.mode) else case.input
    return step, rnn.packed(tuple(part[0] if is_cell(case.mode) else part for part in case.state))


@pytest.mark.clause(id="PER-9", level="MUST", source=f"{MODULE}.register_forward_pre_hook, _forward_hook")
@pytest.mark.needs("module", "hooks", "hx")
@cases(KINDS, NETWORKS, FEW)
@cases(CELLS, FEW)
def test_hooks_run_once(rnn, case):
    """Forward hooks run once for each call, before and after it, in every mode and for packed input."""
    seen, (x, state) = [], _given(rnn)
    rnn.module.register_forward_pre_hook(lambda *_: seen.append("before"))
    rnn.module.register_forward_hook(lambda *_: seen.append("after"))
    packed = not is_cell(case.mode) and rnn.claims("packed")
    inputs = [x, pack_padded_sequence(case.input, [case.T, 2])] if packed else [x]
    for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
        for training in (True, False):
            rnn.module.train(training)
            for given in inputs:
                seen.clear()
                with mode():
                    rnn.raw(given, state)
                is_same(seen, ["before", "after"], f"the list of hooks under {mode.__name__}")


def _halved(value):
    return tuple(_halved(part) for part in value) if isinstance(value, tuple) else value / 2


@pytest.mark.clause(id="PER-21", level="MUST", source=f"{MODULE}.register_forward_pre_hook")
@pytest.mark.needs("module", "hooks", "hx")
@cases(KINDS, BOTH)
@cases(CELLS, FEW)
def test_pre_hooks_replace_arguments(rnn, case):
    """The call is made with the arguments that a forward pre-hook returns."""
    rnn.module.register_forward_pre_hook(lambda _, given: tuple(_halved(part) for part in given))
    x = case.input[:1] if is_cell(case.mode) else case.input
    wanted, within = predicted(case, case.weights, x / 2, _halved(case.state))
    agrees(rnn(x, case.state), wanted, within)


@pytest.mark.clause(id="PER-22", level="MUST", source=f"{MODULE}.register_forward_hook")
@pytest.mark.needs("module", "hooks", "hx")
@cases(KINDS, BOTH)
@cases(CELLS, FEW)
def test_hooks_replace_results(rnn, case):
    """A forward hook is given the arguments and the result of the call, and what it returns is returned."""
    seen = []

    def halve(module, given, result):
        seen.extend([module is rnn.module, *given])
        return _halved(result)

    rnn.module.register_forward_hook(halve)
    x = case.input[:1] if is_cell(case.mode) else case.input
    wanted, within = predicted(case, case.weights, x, case.state)
    got = rnn(x, case.state)
    agrees(got, wanted.map(lambda part: part / 2), within.map(lambda part: part / 2))
    is_same(seen[0], True, "that the hook is given the module")
    is_same(len(seen), 3, "the number of arguments that the hook is given, and the module")


@contextmanager
def _swapping():
    future = torch.__future__
    if not hasattr(future, "set_swap_module_params_on_conversion"):
        raise NotClaimed("torch 2.3 brought it")
    before = future.get_swap_module_params_on_conversion()
    try:
        future.set_swap_module_params_on_conversion(True)
        yield
    finally:
        future.set_swap_module_params_on_conversion(before)


@pytest.mark.clause(id="PER-10", level="SHOULD", source=SWAPPING)
@cases(KINDS, BOTH)
@cases(CELLS, FEW)
def test_conversion_by_swapping(rnn, case):
    """Conversion works when parameters are swapped rather than written to."""
    with torch.no_grad():
        rnn(case.input, case.state)
    with _swapping():
        rnn.module.to(_other(case.dtype))
    _converted(rnn, rnn.weights, _other(case.dtype))


@pytest.mark.clause(id="PER-23", level="SHOULD", source=SWAPPING)
@cases(KINDS, BOTH)
@cases(CELLS, FEW)
def test_loading_by_swapping(rnn, case):
    """Loading works when parameters are swapped rather than written to."""
    values = case.but(seed=case.seed + 1).weights
    with torch.no_grad():
        rnn(case.input, case.state)
    with _swapping():
        rnn.module.load_state_dict(values)
    _converted(rnn, values, case.dtype)


HALF = [{"dtype": torch.bfloat16}, {"dtype": torch.float16}]


@pytest.mark.clause(id="PER-28", level="MUST", source="torch.Tensor.copy_; weights are not cached")
@cases(KINDS, FEW, HALF)
@cases(CELLS, FEW, HALF)
def test_writing_in_half_types(rnn, case):
    """In half types a weight that is written to reaches the next call, with grad or without."""
    for number, mode in enumerate((torch.no_grad, torch.enable_grad) * 2):
        network = filled(around(rnn, rnn.module, seed=case.seed + number))
        with mode():
            follows(network)
