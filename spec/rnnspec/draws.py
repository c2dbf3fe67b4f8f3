"""What a clause about all sizes draws beside a case: where it is cut, which of its rows are taken."""

from __future__ import annotations

from itertools import pairwise

from .case import Case
from .explore import Below


def pieces(case: Case, below: Below) -> list[int]:
    """The lengths of the pieces of a sequence that is cut at any points, or at none."""
    cuts = [t for t in range(1, case.T) if below(2)]
    return [end - start for start, end in pairwise([0, *cuts, case.T])]


def lengths(case: Case, below: Below) -> list[int]:
    """One for each row, in any order, none of them 0."""
    return [1 + below(case.T) for _ in range(case.B)]


def rows(case: Case, below: Below) -> list[int]:
    """Some rows of the batch, in any order, also more than once."""
    return [below(case.B) for _ in range(1 + below(2 * case.B))]


def row(case: Case, below: Below) -> int:
    """One row of the batch."""
    return below(case.B)


def units(case: Case, below: Below) -> list[int]:
    """The hidden units in any order."""
    return _order(case.H, below)


def columns(case: Case, below: Below) -> list[int]:
    """The features of h where it is projected in any order; where it is not, see `units`."""
    return _order(case.P, below)


def features(case: Case, below: Below) -> list[int]:
    """The input features in any order."""
    return _order(case.I, below)


def _order(size: int, below: Below) -> list[int]:
    left = list(range(size))
    return [left.pop(below(len(left))) for _ in range(size)]
