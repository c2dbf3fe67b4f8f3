"""How far a correct implementation may be from the oracle: derived per case and dtype, never chosen.

The oracle's equations are evaluated in affine arithmetic (`affine`): through all steps, layers and
directions by `predicted` and `propagated`, one step at a time by `pinned`, which never grows with T.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache

import torch
from torch import Tensor

from . import reference
from .affine import Affine, Rounding
from .case import Case
from .keeping import pristine
from .reference import Result


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads in torch. At small sizes more than one cost more than they give."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Noise:
    """Carries one run's numbers: no two errors share a noise term."""

    def __init__(self) -> None:
        self.known = 0

    def __call__(self, number: Affine) -> Affine:
        carried = number.carry(self.known)
        self.known += number.center.shape[-1]
        return carried


@threads(1)
@pristine
def predicted(
    case: Case,
    weights: Mapping[str, Tensor],
    x: Tensor,
    state: tuple[Tensor, ...],
    unit: Rounding | None = None,
) -> tuple[Result, Result]:
    """The expected result of a network of these weights on x (T, B, I), and the bound of each element.

    The roundings are those of the case's dtype and factors, or `unit`.
    """
    unit = unit or Rounding.of(case.dtype, case.factors)
    exact = tuple(Affine.exact(part, unit) for part in state)
    numbers = reference.run(case, weights, Affine.exact(x, unit), exact, carry=Noise())
    return numbers.map(lambda n: n.center), numbers.map(lambda n: n.radius)


def propagated(case: Case) -> tuple[Result, Result]:
    """The expected result of a case with its own numbers, and the bound of every element of it."""
    return _time_first(case.but(batch_first=False))


@lru_cache(maxsize=1024)
def _time_first(case: Case) -> tuple[Result, Result]:
    return predicted(case, case.weights, case.input, case.state or case.zeros)


@pristine
def roundings(dtype: torch.dtype, times: int, magnitude: Tensor | float = 1.0) -> Tensor:
    """What a number of roundings of a magnitude may cost in a dtype, and in the oracle."""
    return Rounding.of(dtype).stored(torch.as_tensor(magnitude, dtype=torch.float64), times)


@threads(1)
@pristine
def pinned(
    case: Case,
    x: Tensor,
    state: tuple[Tensor, ...],
    output: Tensor,
    weights: Mapping[str, Tensor] | None = None,
) -> tuple[Result, Result]:
    """What each step should have given, had the state before it been the one that was output.

    For a network of one layer and one direction: x (T, B, I), the states (1, B, ·) that the call
    was given, its output (T, B, P), and its weights where they are not the case's own. The LSTM's
    cell state, which is not output, is carried. Returns the expected result and its bound.
    """
    unit = Rounding.of(case.dtype, case.factors)
    (w,) = reference.layer_weights(case, case.weights if weights is None else weights)
    before = Affine.rounded(torch.cat([state[0], output[:-1].detach().cpu()]), unit)
    gates_x = reference.linear(Affine.exact(x, unit), w.W_ih, w.b_ih)
    step = reference.STEP[case.kind]
    if case.kind != "LSTM":
        (h,) = step(case, w, gates_x, (before,))
        return Result(h.center, h.center[-1:]), Result(h.radius, h.radius[-1:])
    hidden, c = [], Affine.exact(state[1][0], unit)
    for t in range(len(x)):
        h, c = step(case, w, gates_x[t], (before[t], c))
        hidden.append(h)
    numbers = Result(Affine.stack(hidden), hidden[-1], c)
    last = Result(numbers.output, Affine.stack([numbers.h_n]), Affine.stack([c]))
    return last.map(lambda n: n.center), last.map(lambda n: n.radius)
