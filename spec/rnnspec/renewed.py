"""Networks whose module was copied, read from a file, converted, moved, or given other weights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

from . import check
from .bound import predicted, propagated
from .network import Network


def around(rnn: Network, module: Any, **changes: Any) -> Network:
    """The network with another module in it; it is said to have the weights and numbers of `changes`."""
    network = rnn.but(**changes)
    vars(network)["module"] = module
    return network


@torch.no_grad()
def filled(network: Network, leaf: Callable[[Any, str], Tensor] = getattr) -> Network:
    """The network, its weights written in place into its module, or into what `leaf` finds there."""
    for name, value in network.weights.items():
        leaf(network.module, name).copy_(value)
    return network


def used(network: Network) -> Network:
    """The network after a call, and backward where there is one: what is kept of them is to do no harm."""
    output = network.attached(network.case.input, network.case.state).output
    if network.claims("grad"):
        output.sum().backward()
    return network


def follows(network: Network) -> None:
    """The network computes with the weights that it is said to have."""
    __tracebackhide__ = True
    case = network.case
    if network.given is None:
        wanted, within = propagated(case)
    else:
        wanted, within = predicted(case, network.given, case.input, case.state or case.zeros)
    got = network(case.input, case.state)
    check.is_same(got.output.device.type, network.device.type, "device of the output")
    check.agrees(got, wanted, within)


def holds(module: Any, weights: Mapping[str, Tensor]) -> None:
    """The module's state dict has these names, dtypes and values; it may have more."""
    __tracebackhide__ = True
    for name, value in held(module, weights).items():
        check.equals(value, weights[name].cpu(), name)


def held(module: Any, names: Collection[str]) -> dict[str, Tensor]:
    """What the module's state dict has under these names."""
    __tracebackhide__ = True
    state = module.state_dict()
    check.is_same([name for name in names if name not in state], [], "the keys that the state dict lacks")
    return {name: state[name].detach().cpu() for name in names}


class Halved(nn.Module):
    """A parametrization: the weight is half of what is stored."""

    def forward(self, stored: Tensor) -> Tensor:
        return stored / 2


def halves(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What Halved makes of weights."""
    return {name: value / 2 for name, value in weights.items()}


def stored(module: Any, name: str) -> Tensor:
    """What the weight is made of."""
    original: Tensor = module.parametrizations[name].original
    return original


def parametrized(rnn: Network) -> Network:
    """The network with half of its weights, by a parametrization of each."""
    network = around(rnn, rnn.module, weights=halves(rnn.weights))
    for name in rnn.weights:
        register_parametrization(network.module, name, Halved())
    return network
