"""Ways to have the same result: one call over all, a call for each step, a call for each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from ..bound import propagated
from ..check import agrees
from ..implementation import Network
from ..reference import Result

Call = Callable[[], Any]


def whole(network: Network) -> Call:
    """The loaf: all rows over all steps in one call."""
    module, x, state = network.module, *_given(network)
    return lambda: [module(x, state)]


def letters(network: Network) -> Call:
    """Letter by letter: a call for each step, which carries the state."""
    module, x, first = network.module, *_given(network)
    steps = [x_t.contiguous() for x_t in x.split(1)]

    def run() -> Any:
        state, found = first, []
        for x_t in steps:
            output, state = module(x_t, state)
            found.append((output, state))
        return found

    return run


def rows(network: Network) -> Call:
    """Slice by slice: a call for each row, over all its steps."""
    module, x, state = network.module, *_given(network)
    own = []
    for b in range(x.shape[1]):
        row = tuple(part[:, b : b + 1].contiguous() for part in _parts(state))
        own.append((x[:, b : b + 1].contiguous(), network.packed(row)))
    return lambda: [module(x_b, state_b) for x_b, state_b in own]


WAYS: Mapping[str, Callable[[Network], Call]] = {way.__name__: way for way in (whole, letters, rows)}
"""By their names; ratios are to the first."""


def checked(network: Network) -> None:
    """Each way gives what the equations give, within the bound; raises `Failed` where one does not."""
    wanted, within = propagated(network.case)
    for name, way in WAYS.items():
        with torch.no_grad():
            found = way(network)()
        along = 1 if name == "rows" else 0
        output = torch.cat([output.cpu() for output, _ in found], along)
        states = [tuple(part.cpu() for part in _parts(state)) for _, state in found]
        final = states[-1] if along == 0 else tuple(torch.cat(part, 1) for part in zip(*states, strict=True))
        agrees(Result(output, *final), wanted, within, name)


def _given(network: Network) -> tuple[Any, Any]:
    """The case's input and state where the network is."""
    case = network.case
    state = tuple(part.to(network.device) for part in case.state or case.zeros)
    return case.input.to(network.device), network.packed(state)


def _parts(state: Any) -> tuple[Any, ...]:
    return state if isinstance(state, tuple) else (state,)
