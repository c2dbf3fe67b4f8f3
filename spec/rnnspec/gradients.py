"""Gradients: what the equations give, how far from it one may be, and what an implementation gives.

The loss is Σ v·output + Σ u·h_n + Σ w·c_n. Its gradient is asked of the input, of the states and of
every weight; a gradient is a tensor by name: `input`, `h_0`, `c_0`, `weight_ih_l0` ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from . import check, reference
from .affine import Rounding
from .backward import Tape, Traced, Weight
from .bound import Noise, threads
from .case import Case
from .keeping import pristine
from .network import Network
from .reference import Result

Gradients = Mapping[str, Tensor]
States = tuple[Tensor, ...]

HEADS = ("output", "h_n", "c_n")
"""The parts of a result, each of which a loss may be put on."""


class Wanted(NamedTuple):
    """The expected gradients, and the bound of every element."""

    gradients: Gradients
    within: Gradients

    def __add__(self, other: Any) -> Wanted:
        """The gradient of the sum of two losses."""
        return type(self)(*(_summed(mine, theirs) for mine, theirs in zip(self, other, strict=True)))

    def times(self, factor: float) -> Wanted:
        """The same with wider bounds."""
        return type(self)(self.gradients, {name: factor * part for name, part in self.within.items()})


class WithoutBhn(Wanted):
    """Those of a GRU that has no b_hn: its gradient, the last third of that of b_hh, is not compared."""


def _summed(mine: Gradients, theirs: Gradients) -> Gradients:
    return {name: part + theirs[name] for name, part in mine.items()}


@pristine
def weighing(case: Case, heads: Iterable[str] = HEADS, seed: int = 0) -> Result:
    """v, u and w: what the loss multiplies each element of the result by; 0 for a head that is not named.

    Multiples of 1/8 between -1 and 1, none of them 0.
    """
    generator = torch.Generator().manual_seed(7919 + 31 * case.seed + seed)

    def drawn(name: str, columns: int, *shape: int) -> Tensor:
        size = torch.randint(1, 9, (*shape, case.B, columns), generator=generator)
        sign = 2 * torch.randint(0, 2, size.shape, generator=generator) - 1
        return (sign * size / 8 if name in heads else 0.0 * size).to(case.dtype)

    output = drawn("output", case.D * case.width, case.T)
    h_n = drawn("h_n", case.width, case.L * case.D)
    if case.kind != "LSTM":
        return Result(output, h_n)
    return Result(output, h_n, drawn("c_n", case.H, case.L * case.D))


def weighed(result: Result, loss: Result) -> Tensor:
    """The loss itself: Σ v·output + Σ u·h_n + Σ w·c_n."""
    pairs = zip(result.items(), loss.items(), strict=True)
    return torch.stack([(part * weight.to(part)).sum() for (_, part), (_, weight) in pairs]).sum()


# What the equations give.


@lru_cache(maxsize=512)
def expected(case: Case, heads: tuple[str, ...] = HEADS, seed: int = 0) -> Wanted:
    """The gradients of a case with its own numbers, and the bound of every element."""
    state = case.state or case.zeros
    return predicted(case, case.weights, case.input, state, weighing(case, heads, seed))


def predicted(
    case: Case,
    weights: Mapping[str, Tensor],
    x: Tensor,
    state: States,
    loss: Result,
    lengths: Sequence[int] | None = None,
) -> Wanted:
    """The gradients with respect to x (T, B, I), the state (L·D, B, ·) and the weights, and their bounds.

    With lengths (one for each row) every row ends at its own, the output beyond it is no part of the loss,
    and the gradient there is 0.
    """
    return _gathered(case, weights, x, state, loss, _by_length(lengths or [len(x)] * x.shape[1]))


def _by_length(lengths: Sequence[int]) -> dict[int, list[int]]:
    """The rows of each length."""
    rows: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        rows.setdefault(length, []).append(row)
    return rows


@threads(1)
@pristine
def _gathered(
    case: Case,
    weights: Mapping[str, Tensor],
    x: Tensor,
    state: States,
    loss: Result,
    rows: Mapping[int, Sequence[int]],
) -> Wanted:
    tape = Tape(Rounding.of(case.dtype, case.factors), Noise())
    named = {name: Weight(name, value.detach().cpu().double()) for name, value in weights.items()}
    given = dict(zip(("input", "h_0", "c_0"), (x, *state), strict=False))
    both = [
        {name: torch.zeros(part.shape, dtype=torch.float64) for name, part in given.items()} for _ in "vb"
    ]
    ends: dict[Traced, Tensor] = {}
    starts = []
    for length, own in rows.items():
        start = [tape.exact(x[:length, own]), *(tape.exact(part[:, own]) for part in state)]
        result = reference.run(case, named, start[0], tuple(start[1:]), carry=Traced.carried)
        for (_, end), (_, weight) in zip(result.items(), loss.steps(slice(length)).items(), strict=True):
            ends[end] = weight[:, own]
        starts.append((length, own, start))
    tape.backward(ends)
    for length, own, start in starts:
        for (name, part), number in zip(given.items(), start, strict=True):
            until = length if name == "input" else len(part)
            for filled, found in zip(both, number.gradient, strict=True):
                filled[name][:until, own] = found
    totals = {name: tape.totals[name] for name in weights}
    centers = {name: total.center for name, total in totals.items()}
    radii = {name: total.radius(tape.unit) for name, total in totals.items()}
    kind = WithoutBhn if case.kind == "GRU" and case.bias and not case.b_hn else Wanted
    return kind(both[0] | centers, both[1] | radii)


# What an implementation gives.


class Leaves(NamedTuple):
    """What gradients are asked of: an input and a state that require grad, and the weights."""

    x: Tensor
    state: States | None
    weights: Mapping[str, Tensor]

    def named(self) -> dict[str, Tensor]:
        return dict(zip(("input", "h_0", "c_0"), (self.x, *(self.state or ())), strict=False)) | dict(
            self.weights
        )


def leaves(rnn: Network, x: Tensor | None = None, state: States | None = None) -> Leaves:
    """Fresh leaves with the numbers given, by default with those of the case."""
    case = rnn.case
    x, state = (case.input, case.state) if x is None else (x, state)
    fresh = tuple(part.detach().to(rnn.device).requires_grad_() for part in (x, *(state or ())))
    return Leaves(fresh[0], fresh[1:] or None, rnn.learnable)


def of(results: Iterable[Tensor], loss: Iterable[Tensor], asked: Mapping[str, Tensor]) -> Gradients:
    """The gradients by autograd; 0 where it says that there is none."""
    pairs = [
        (result, weight.to(result.device))
        for result, weight in zip(results, loss, strict=True)
        if weight.any()
    ]
    outputs, weights = zip(*pairs, strict=True)
    found = torch.autograd.grad(outputs, [*asked.values()], weights, retain_graph=True, allow_unused=True)
    return {
        name: torch.zeros_like(leaf) if part is None else part
        for (name, leaf), part in zip(asked.items(), found, strict=True)
    }


def given(rnn: Network, loss: Result, run: Callable[[Network, Leaves], Result] | None = None) -> Gradients:
    """What an implementation gives of a loss, by default on one call with the case's numbers."""
    asked = leaves(rnn)
    result = run(rnn, asked) if run else rnn.attached(asked.x, asked.state)
    return of(result.parts, loss.parts, asked.named())


def agree(got: Gradients, wanted: Wanted) -> None:
    """Every gradient is within its bound of the one that is wanted."""
    __tracebackhide__ = True
    for name, part in got.items():
        last = 2 * len(part) // 3 if isinstance(wanted, WithoutBhn) and name.startswith("bias_hh") else None
        have, want, within = (g[:last] for g in (part, wanted.gradients[name], wanted.within[name]))
        check.agrees(have, want, within, f"gradient of {name}")


# Second derivatives.


def second(result: Result, loss: Result, asked: Mapping[str, Tensor]) -> Gradients:
    """The gradient of Σ waves · gradient of the loss, by autograd twice."""
    first = torch.autograd.grad(
        weighed(result, loss), [*asked.values()], create_graph=True, allow_unused=True
    )
    along = torch.stack([(part * waves(part)).sum() for part in first if part is not None]).sum()
    try:
        found = torch.autograd.grad(along, [*asked.values()], allow_unused=True)
    except RuntimeError as error:  # backward itself has no derivative, or says that it must not be asked
        raise check.Failed(f"gradients cannot be differentiated in turn: {error}") from error
    named = zip(asked.items(), found, strict=True)
    return {name: torch.zeros_like(leaf) if part is None else part for (name, leaf), part in named}


def waves(like: Tensor) -> Tensor:
    """Multiples of 1/8 from -1 to 1."""
    steps = torch.arange(like.numel(), device=like.device) * 5 % 17 - 8
    return (steps / 8).to(like.dtype).reshape(like.shape)


class Attached:
    """A weight that the oracle is to leave in autograd's graph."""

    def __init__(self, value: Tensor) -> None:
        self.value = value

    @property
    def T(self) -> Tensor:
        return self.value.T

    def __radd__(self, other: Tensor) -> Tensor:
        return other + self.value


@pristine
def curvature(case: Case, names: Iterable[str], lengths: Sequence[int] | None = None) -> Gradients:
    """`second` of the equations, in float64, with respect to what is named."""
    given = dict(zip(("input", "h_0", "c_0"), (case.input, *(case.state or case.zeros)), strict=False))
    every = {n: part.to(torch.float64, copy=True) for n, part in (given | dict(case.weights)).items()}
    asked = {name: every[name].requires_grad_() for name in names}
    weights = {name: Attached(every[name]) for name in case.weights}
    found, order = [], []
    for length, own in _by_length(lengths or [case.T] * case.B).items():
        x, *start = (every[name][:, own] for name in given)
        result = reference.run(case, weights, x[:length], tuple(start))
        missing = result.output.new_zeros((case.T - length, *result.output.shape[1:]))
        found.append([torch.cat([result.output, missing]), *result.state])
        order += own
    inverse = torch.tensor(order).argsort()
    whole = Result(*(torch.cat(parts, 1)[:, inverse] for parts in zip(*found, strict=True)))
    return second(whole, weighing(case), asked)
