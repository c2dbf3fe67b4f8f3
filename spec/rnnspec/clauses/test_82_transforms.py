"""82 Transforms: functional calls, torch.vmap and forward-mode derivatives."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import forward_ad

from rnnspec import forward, gradients
from rnnspec.axes import CELLS, MODES, cases, each
from rnnspec.bound import predicted
from rnnspec.check import agrees, equals, is_same
from rnnspec.reference import Result
from rnnspec.transformed import called_with, forward_mode, here, network

FUNC = "torch.func.functional_call"
FLOAT = each({"dtype": torch.float32})
DEEP = each({"T": 3, "B": 2, "L": 2, "bidirectional": True})


@pytest.mark.clause(id="TRN-7", level="MUST", source=FUNC)
@pytest.mark.needs("module")
@cases(MODES, [{}, *DEEP])
@cases(CELLS)
def test_functional_call(rnn, case):
    """functional_call computes with the weights that it is given, before and after a call of the module,
    which computes with its own.
    """
    weights = rnn.but(seed=case.seed + 1).weights
    net = network(rnn, lambda module: called_with(module, here(rnn, weights)))
    for one, numbers in ((net, weights), (rnn, case.weights), (net, weights)):
        agrees(one(case.input, case.state), *predicted(case, numbers, case.input, case.state))


@pytest.mark.clause(id="TRN-22", level="MUST", source=FUNC)
@pytest.mark.needs("module")
@cases(MODES, [{}, *DEEP])
@cases(CELLS)
def test_functional_call_leaves_the_module_alone(rnn, case):
    """After functional_call the module has its own weights, the same tensors, and computes with them."""
    before, named = rnn(case.input, case.state), dict(rnn.module.named_parameters())
    kept = {name: value.detach().clone() for name, value in named.items()}
    weights = here(rnn, rnn.but(seed=case.seed + 1).weights)
    network(rnn, lambda module: called_with(module, weights))(case.input, case.state)
    equals(rnn(case.input, case.state), before, "output after functional_call")
    for name, value in rnn.module.named_parameters():
        equals(value.detach(), kept[name], name)
        is_same(value is named[name], True, f"that {name} is the same tensor")


@pytest.mark.clause(id="TRN-24", level="MUST", source=FUNC)
@pytest.mark.needs("module", "grad")
@cases(MODES, [{}, *DEEP])
@cases(CELLS)
def test_gradients_of_functional_call(rnn, case):
    """The gradients of functional_call reach the weights that it is given."""
    numbers = rnn.but(seed=case.seed + 1).weights
    weights = {name: value.requires_grad_() for name, value in here(rnn, _copies(numbers)).items()}
    result = network(rnn, lambda module: called_with(module, weights)).attached(case.input, case.state)
    loss = gradients.weighing(case)
    got = gradients.of([p for _, p in result.items()], [p for _, p in loss.items()], weights)
    gradients.agree(got, gradients.predicted(case, numbers, case.input, case.state, loss))


def _copies(weights):
    return {name: value.detach().clone() for name, value in weights.items()}


@pytest.mark.clause(id="TRN-8", level="MAY", source="torch.vmap")
@pytest.mark.needs("vmap", "hx")
@cases([*MODES, *CELLS], FLOAT)
@cases(MODES, DEEP, FLOAT, scope="full")
def test_vmap_over_inputs(rnn, case):
    """vmap over inputs and states gives what a loop over them gives."""
    many = [rnn.but(seed=case.seed + k).case for k in range(3)]
    given = [(one.input, *one.state) for one in many]
    run = _parts(network(rnn, lambda module: module))
    got = torch.vmap(run)(*(torch.stack(column) for column in zip(*given, strict=True)))
    for k, (x, *state) in enumerate(given):
        wanted, within = predicted(case, case.weights, x, tuple(state))
        agrees(Result(*(part[k] for part in got)), wanted, within)


@pytest.mark.clause(id="TRN-21", level="MAY", source="torch.vmap; torch.func.stack_module_state")
@pytest.mark.needs("vmap", "module", "hx")
@cases([*MODES, *CELLS], FLOAT)
@cases(MODES, DEEP, FLOAT, scope="full")
def test_vmap_over_weights(rnn, case):
    """vmap over weights, by functional_call, gives what a loop over networks gives."""
    many = [rnn.but(seed=case.seed + k).weights for k in range(3)]
    stacked = here(rnn, {name: torch.stack([one[name] for one in many]) for name in many[0]})

    module = rnn.module

    def run(weights):
        net = network(rnn, lambda _: called_with(module, weights))
        return _parts(net)(case.input, *case.state)

    got = torch.vmap(run)(stacked)
    for k, weights in enumerate(many):
        wanted, within = predicted(case, weights, case.input, case.state)
        agrees(Result(*(part[k] for part in got)), wanted, within)


def _parts(net):
    """The network as a function of tensors that returns tensors."""
    return lambda x, *state: tuple(net.attached(x, state or None).parts)


@pytest.mark.clause(id="TRN-9", level="MAY", source="torch.autograd.forward_ad")
@pytest.mark.needs("jvp", "hx")
@cases([*MODES, *CELLS])
@cases(MODES, DEEP, scope="full")
def test_forward_derivatives(rnn, case):
    """The forward-mode derivatives along an input and states are those of the equations."""
    along = case.but(seed=case.seed + 7)
    net = network(rnn, lambda module: module)
    with forward_mode():
        x, *state = (_dual(rnn, *pair) for pair in zip(_given(case), _given(along), strict=True))
        got = net.attached(x, tuple(state)).map(_tangent)
    agrees(got, *forward.predicted(case, along))


@pytest.mark.clause(id="TRN-25", level="MAY", source="torch.autograd.forward_ad")
@pytest.mark.needs("jvp", "module")
@cases([*MODES, *CELLS])
@cases(MODES, DEEP, scope="full")
def test_forward_derivatives_of_weights(rnn, case):
    """The forward-mode derivatives along the weights are those of the equations."""
    along = case.but(seed=case.seed + 7)
    with forward_mode():
        weights = {name: _dual(rnn, w, along.weights[name]) for name, w in case.weights.items()}
        net = network(rnn, lambda module: called_with(module, weights))
        got = net.attached(case.input, case.state).map(_tangent)
    agrees(got, *forward.predicted(case, along, weights=True))


def _given(case):
    return case.input, *case.state


def _dual(rnn, value, tangent):
    return forward_ad.make_dual(value.to(rnn.device), tangent.to(rnn.device))


def _tangent(part):
    """The tangent of a result; 0 where there is none."""
    tangent = forward_ad.unpack_dual(part).tangent
    return torch.zeros_like(part) if tangent is None else tangent.detach()
