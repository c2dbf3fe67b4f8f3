"""Whether a way gives the right result, however large the case: what is wrong gets no time.

Each way is tried on a small network of the same options, within the bound that is derived for it. To derive
one for a large network takes minutes, so there it is an estimate: the equations evaluated in the case's own
dtype are off by so much, and nobody may be off by 32 times as much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .. import reference
from ..bound import propagated
from ..case import Case
from ..check import agrees
from ..factors import Factors
from ..gradients import Attached, Gradients
from ..keeping import pristine
from ..network import Network
from ..notation import UNIT_ROUNDOFF
from ..ragged import alone
from ..reference import Result
from .calls import Prepared, like, upstream
from .ways import Way

ROOM = 32
"""How many times what the plain evaluation is off by anybody may be off."""

COARSE = 4
"""And so many times what two factors of a product are off by, in TF32, as a share of the largest number."""

TINY: Mapping[str, Any] = {"T": 4, "B": 3, "I": 4, "H": 7}


class Outcome(NamedTuple):
    """What a way gives: the result, and the gradients of the loss where they are asked for."""

    result: Result
    gradients: Gradients


def checked(network: Network, way: Way, grad: bool = False) -> None:
    """The way gives what the equations give; raises `Failed` where it does not."""
    case = network.case.but(batch_first=False)
    small = network.but(**TINY)
    own = small.case.but(batch_first=False)
    sizes = way.sizes(own)
    wanted, within = propagated(own) if min(sizes) == own.T else alone(own, sizes)
    agrees(ran(small, way, False).result, wanted, within)
    _near(ran(network, way, grad), *_estimated(case, tuple(way.sizes(case)), grad), case.factors)


def _near(found: Outcome, wanted: Outcome, plain: Outcome, factors: Factors) -> None:
    u = UNIT_ROUNDOFF[found.result.output.dtype]
    have, want, rough = (_parts(each) for each in (found, wanted, plain))
    for name, part in have.items():
        off, most = (rough[name].double() - want[name]).abs().max(), want[name].abs().max()
        agrees(part, want[name], ROOM * float(off + u * most) + COARSE * factors.relative * float(most), name)


def _parts(outcome: Outcome) -> dict[str, Tensor]:
    named = {f"gradient of {name}": part for name, part in outcome.gradients.items()}
    return dict(outcome.result.items()) | named


def ran(network: Network, way: Way, grad: bool) -> Outcome:
    """What the way gives on the case's numbers, on the CPU."""
    call = Prepared(network, way, grad)
    with torch.set_grad_enabled(grad):
        found = call.forward()
        result = way.result(found).map(lambda part: part.detach().cpu())
        if not grad:
            return Outcome(result, {})
        given = call.backward(found)
    pieces = [like(x, part) for x, part in zip(call.inputs, given, strict=False)]
    gradients = {"input": way.joined(pieces).cpu()}
    weights = zip(call.weights, given[len(pieces) :], strict=True)
    return Outcome(result, gradients | {name: part.cpu() for name, part in weights})


@lru_cache(maxsize=8)
def _estimated(case: Case, sizes: tuple[int, ...], grad: bool) -> tuple[Outcome, Outcome]:
    """The equations evaluated in float64, and in the case's own dtype."""
    return plain(case, sizes, grad, torch.float64), plain(case, sizes, grad, case.dtype)


@pristine
def plain(case: Case, sizes: Sequence[int], grad: bool, dtype: torch.dtype) -> Outcome:
    """The equations evaluated by torch's own functions, step by step."""
    named = {name: value.to(dtype, copy=True).requires_grad_(grad) for name, value in case.weights.items()}
    x = case.input.to(dtype).requires_grad_(grad)
    with torch.set_grad_enabled(grad):
        result = _ragged(case, {name: Attached(w) for name, w in named.items()}, x, sizes)
    detached = result.map(Tensor.detach)
    if not grad:
        return Outcome(detached, {})
    ended = torch.arange(case.T)[:, None] >= torch.tensor(sizes)
    loss = upstream(case).to(dtype).masked_fill(ended[..., None], 0)
    found = torch.autograd.grad(result.output, [x, *named.values()], loss)
    return Outcome(detached, dict(zip(["input", *named], found, strict=True)))


def _ragged(case: Case, weights: Mapping[str, Any], x: Tensor, sizes: Sequence[int]) -> Result:
    """Rows of one length together; zeros in the padding."""
    state = tuple(part.to(x.dtype) for part in case.state or case.zeros)
    own = {n: [b for b, size in enumerate(sizes) if size == n] for n in sizes}
    found = {
        n: reference.run(case, weights, x[:n, rows], tuple(part[:, rows] for part in state))
        for n, rows in own.items()
    }
    if len(own) == 1:
        return found[case.T]
    order = torch.tensor([b for rows in own.values() for b in rows]).argsort()
    filled = [Result(_filled(each.output, case.T), *each.state) for each in found.values()]
    columns = zip(*(each.parts for each in filled), strict=True)
    return Result(*(torch.cat(column, 1)[:, order] for column in columns))


def _filled(output: Tensor, T: int) -> Tensor:
    return torch.cat([output, output.new_zeros(T - len(output), *output.shape[1:])])
