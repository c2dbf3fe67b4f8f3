"""The verbs in which a clause ends. Each passes, or raises `Failed` with all that a reader needs.

Shape is compared before dtype, dtype before values; a NaN is a difference; -0 equals 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from . import trial
from .keeping import pristine
from .notation import dtype_name
from .reference import Result

AXES = {"output": "tbh", "h_n": "lbh", "c_n": "lbh"}
"""The axis letters of the parts of a result, for messages."""


class Evidence(NamedTuple):
    """The element that is worst: of what, where, its value and what it must be within."""

    what: str
    at: tuple[int, ...]
    got: float
    wanted: float
    within: float


class Form(NamedTuple):
    """A shape or a dtype: of what, the one that it has and the one that it must have."""

    what: str
    got: Any
    wanted: Any


class Accepted(NamedTuple):
    """What must be refused with `error`, and was not; so many calls of a network it was."""

    error: type[Exception]
    calls: int


class Failed(AssertionError):
    """The implementation does not do what the clause says."""

    def __init__(self, message: str, evidence: Evidence | Form | Accepted | None = None) -> None:
        super().__init__(message)
        self.evidence = evidence


class NotClaimed(pytest.skip.Exception):  # type: ignore[name-defined,misc]
    """The implementation does not promise what the clause needs: `claim`, or a call that it `refused`.

    With neither the clause does not apply to what is tried.
    """

    def __init__(self, message: str, claim: str | None = None, refused: bool = False) -> None:
        super().__init__(message)
        self.claim, self.refused = claim, refused


def agrees(
    got: Tensor | Result,
    wanted: Tensor | Result,
    within: Tensor | Result | float,
    what: str = "output",
    axes: str = "",
) -> None:
    """Every element of `got` is within `within` of `wanted`; results are compared part by part.

    `within` has the shape of what it bounds (or broadcasts to it) and holds absolute errors.
    """
    __tracebackhide__ = True
    if isinstance(got, Result):
        assert isinstance(wanted, Result)
        bounds = dict(within.items()) if isinstance(within, Result) else {}
        for (name, part), (_, other) in zip(got.items(), wanted.items(), strict=True):
            agrees(part, other, bounds.get(name, within), name, AXES[name])
        return
    assert isinstance(wanted, Tensor)
    assert not isinstance(within, Result)
    has_shape(got, wanted.shape, what)
    if wanted.dtype != torch.float64:
        has_dtype(got, wanted.dtype, what)
    _values(got, wanted, within, what, axes)


def equals(got: Tensor | Result, wanted: Tensor | Result, what: str = "output") -> None:
    """`got` has the shape, the dtype and the bits of `wanted`."""
    __tracebackhide__ = True
    if isinstance(got, Result):
        assert isinstance(wanted, Result)
        for (name, part), (_, other) in zip(got.items(), wanted.items(), strict=True):
            equals(part, other, what if name == "output" else name)
        return
    assert isinstance(wanted, Tensor)
    has_shape(got, wanted.shape, what)
    has_dtype(got, wanted.dtype, what)
    _values(got, wanted, 0.0, what, AXES.get(what, ""))


@pristine
def _values(got: Tensor, wanted: Tensor, within: Tensor | float, what: str, axes: str) -> None:
    __tracebackhide__ = True
    have, want = got.detach().cpu().double(), wanted.detach().cpu().double()
    allowed = torch.as_tensor(within, dtype=torch.float64).detach().expand(have.shape)
    if not bool(allowed.isfinite().all()):
        raise ValueError(f"the bound of {what} is not finite: the case cannot judge")
    error = (have - want).abs()
    error = torch.where(have == want, 0.0, error)
    off = ~(error <= allowed)
    if have.numel():
        share = torch.where(error == 0, 0.0, error / allowed)
        trial.current().note(float(share.nan_to_num(nan=torch.inf).max()))
    if not bool(off.any()):
        return
    excess = torch.where(off, (error / allowed).nan_to_num(nan=torch.inf), -1.0)
    at = tuple((excess == excess.max()).nonzero()[0].tolist())
    bound = float(allowed[at])
    why = f"derived for {dtype_name(got.dtype)}" if bound else "the clause asks for the same bits"
    worst = Evidence(what, at, float(have[at]), float(want[at]), bound)
    raise Failed(
        f"{what} is not what it must be\n"
        f"  where    {what}{place(at, axes)}\n"
        f"  got      {have[at].item()!r}\n"
        f"  wanted   {want[at].item()!r}\n"
        f"  differ   {error[at].item():.3g}\n"
        f"  allowed  {bound:.3g}  ({why})\n"
        f"  in all   {int(off.sum())} of {off.numel()} elements differ by more than allowed",
        worst,
    )


def place(at: tuple[int, ...], axes: str) -> str:
    """[t=3, b=1, h=2]"""
    if not at:
        return ""
    names = axes if len(axes) == len(at) else ""
    return "[" + ", ".join(f"{names[i]}={n}" if names else str(n) for i, n in enumerate(at)) + "]"


@pristine
def differs(got: Tensor, other: Tensor, by: Tensor | float, what: str) -> None:
    """Some element of `got` is further than `by` from `other`: a change must be seen."""
    __tracebackhide__ = True
    has_shape(got, other.shape, what)
    apart = (got.detach().cpu().double() - other.detach().cpu().double()).abs()
    if not bool((apart > by).any()):
        allowed = torch.as_tensor(by, dtype=torch.float64).max()
        raise Failed(
            f"{what} does not change\n"
            f"  got      a largest change of {float(apart.max()):.3g}\n"
            f"  wanted   more than {float(allowed):.3g} somewhere"
        )


@pristine
def lies_between(
    got: Tensor, low: Tensor | float, high: Tensor | float, slack: Tensor | float, what: str
) -> None:
    """low - slack <= got <= high + slack, element by element."""
    __tracebackhide__ = True
    value = got.detach().cpu().double()
    bottom, top = (torch.as_tensor(limit, dtype=torch.float64) for limit in (low, high))
    outside = torch.maximum(bottom - value, value - top)
    _values(outside.clamp(min=0), torch.zeros_like(value), slack, f"{what} outside its range", "")


def has_shape(got: Tensor, wanted: tuple[int, ...], what: str = "output") -> None:
    __tracebackhide__ = True
    if not isinstance(got, Tensor):
        raise Failed(f"{what} is not a tensor\n  got      {type(got).__name__}")
    if tuple(got.shape) != tuple(wanted):
        raise Failed(
            f"{what} has another shape\n  got      {tuple(got.shape)}\n  wanted   {tuple(wanted)}",
            Form(what, tuple(got.shape), tuple(wanted)),
        )


def has_dtype(got: Tensor, wanted: torch.dtype, what: str = "output") -> None:
    __tracebackhide__ = True
    if got.dtype != wanted:
        raise Failed(
            f"{what} has another dtype\n  got      {got.dtype}\n  wanted   {wanted}",
            Form(what, got.dtype, wanted),
        )


def is_same(got: Any, wanted: Any, what: str) -> None:
    """Plain values, lists and names: equal."""
    __tracebackhide__ = True
    if got != wanted:
        raise Failed(f"{what} is not what it must be\n  got      {got!r}\n  wanted   {wanted!r}")


def rejects(call: Callable[[], Any], what: str, error: type[Exception] = Exception) -> None:
    """The call raises `error`: a result would be wrong."""
    __tracebackhide__ = True
    before = len(trial.current().calls)
    try:
        answer = call()
    except Failed:  # the seam could not read an answer: it was accepted
        raise
    except error:
        return
    except Exception as raised:
        raise Failed(
            f"{what} is refused with another exception\n"
            f"  got      {type(raised).__name__}: {raised}\n  wanted   {error.__name__}",
            Accepted(error, len(trial.current().calls) - before),
        ) from raised
    raise Failed(
        f"{what} is accepted\n  got      {describe(answer)}\n  wanted   {error.__name__}",
        Accepted(error, len(trial.current().calls) - before),
    )


def describe(value: Any) -> str:
    """A value in a few words: the shapes of tensors, the structure of tuples."""
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)}"
    if isinstance(value, Result):
        return ", ".join(f"{name} {tuple(part.shape)}" for name, part in value.items())
    if isinstance(value, tuple | list):
        return f"{type(value).__name__} of ({', '.join(describe(part) for part in value)})"
    return type(value).__name__
