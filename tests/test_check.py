"""Every verb passes and fails as it says, and a failure says what a reader needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import pytest
import torch
from torch import Tensor

from rnnspec import check
from rnnspec.check import Failed
from rnnspec.reference import Result
from rnnspec.trial import Trial, trying

A = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 8
AT = (1, 2, 0)


def but(value: float, at: tuple[int, ...] = AT) -> Tensor:
    """`A` with one element changed."""
    changed = A.clone()
    changed[at] = value
    return changed


def message(verb: Callable[..., Any], *args: Any, **words: Any) -> list[str]:
    """The lines of the failure of a verb."""
    with pytest.raises(Failed) as caught:
        verb(*args, **words)
    return str(caught.value).splitlines()


def headroom(verb: Callable[..., Any], *args: Any) -> float | None:
    with trying() as trial:
        verb(*args)
    return trial.headroom


class TestAgrees:
    def test_within_the_bound(self) -> None:
        check.agrees(but(2.625), A, 0.125)
        check.agrees(but(2.625), A, but(0.125).where(A[AT] == A, 0.0))

    def test_message(self) -> None:
        lines = message(check.agrees, but(3.0), A, 0.125, "output", "tbh")
        assert lines == [
            "output is not what it must be",
            "  where    output[t=1, b=2, h=0]",
            "  got      3.0",
            "  wanted   2.5",
            "  differ   0.5",
            "  allowed  0.125  (derived for float32)",
            "  in all   1 of 24 elements differ by more than allowed",
        ]

    def test_the_worst_is_the_one_furthest_beyond_its_own_bound(self) -> None:
        within = torch.full_like(A, 1.0)
        within[0] = 0.125
        got = A.clone()
        got[1] += 3.0
        got[0, 1, 2] += 1.0
        lines = message(check.agrees, got, A, within)
        assert lines[1] == "  where    output[0, 1, 2]"
        assert lines[-1].startswith("  in all   13 of 24")

    def test_evidence_is_for_machines(self) -> None:
        with pytest.raises(Failed) as caught:
            check.agrees(but(3.0), A, 0.125, "h_n")
        assert caught.value.evidence == check.Evidence("h_n", AT, 3.0, 2.5, 0.125)

    @pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
    def test_what_is_no_number_is_a_difference(self, value: float) -> None:
        assert f"  got      {value}" in message(check.agrees, but(value), A, 1e6)
        assert f"  wanted   {value}" in message(check.agrees, A, but(value), 1e6)

    def test_nan_is_not_even_nan(self) -> None:
        assert message(check.agrees, but(torch.nan), but(torch.nan), 1.0)
        check.agrees(but(torch.inf), but(torch.inf), 0.0)

    @pytest.mark.parametrize("bound", [torch.nan, torch.inf])
    def test_a_bound_that_is_not_finite_is_the_kits_error(self, bound: float) -> None:
        with pytest.raises(ValueError, match="bound of output is not finite"):
            check.agrees(A, A, bound)

    def test_shape_before_dtype_before_values(self) -> None:
        wrong = but(torch.nan).double()
        assert message(check.agrees, wrong[:1], A, 0.0)[0] == "output has another shape"
        assert message(check.agrees, wrong, A, 0.0)[0] == "output has another dtype"
        assert message(check.agrees, wrong.float(), A, 0.0)[0] == "output is not what it must be"

    def test_the_oracle_is_of_every_dtype(self) -> None:
        check.agrees(A, A.double(), 0.0)
        assert message(check.agrees, A.double(), A, 0.0)[0] == "output has another dtype"

    def test_no_broadcasting_of_values(self) -> None:
        assert message(check.agrees, A[:1], A, 1e6)[1:] == [
            "  got      (1, 3, 4)",
            "  wanted   (2, 3, 4)",
        ]

    def test_what_is_no_tensor(self) -> None:
        assert message(check.agrees, [1.0], A, 0.0) == [
            "output is not a tensor",
            "  got      list",
        ]

    def test_results_part_by_part(self) -> None:
        good, within = Result(A, A[:1], A[:1]), Result(*[torch.full_like(A[:1], 0.25)] * 3)
        check.agrees(good, good.map(lambda part: part + 0.25), within)
        bad = Result(A, A[:1], but(9.0, (0, 1, 3))[:1])
        lines = message(check.agrees, bad, good, within)
        assert lines[:2] == ["c_n is not what it must be", "  where    c_n[l=0, b=1, h=3]"]
        check.agrees(bad, good, Result(A, A[:1], torch.full_like(A[:1], 9.0)))

    def test_nothing_is_compared_where_there_is_nothing(self) -> None:
        assert headroom(check.agrees, A[:, :0], A[:, :0], 0.0) is None


class TestHeadroom:
    def test_the_worst_share_of_the_bound(self) -> None:
        assert headroom(check.agrees, but(2.625), A, 0.5) == 0.25
        assert headroom(check.agrees, A, A, 0.0) == 0.0

    def test_it_is_kept_over_verbs_and_when_failing(self) -> None:
        with trying() as trial:
            check.agrees(but(2.625), A, 0.25)
            check.agrees(but(2.625), A, 0.5)
            assert trial.headroom == 0.5
            message(check.agrees, but(3.0), A, 0.25)
            assert trial.headroom == 2.0
            message(check.equals, but(torch.nan), A)
        assert trial.headroom == torch.inf

    def test_outside_of_a_trial_nothing_is_kept(self) -> None:
        check.agrees(A, A, 0.0)
        assert Trial().headroom is None


class TestEquals:
    def test_same_bits(self) -> None:
        check.equals(A, A.clone())
        lines = message(check.equals, but(2.5000002), A, "h_n")
        assert lines[0] == "h_n is not what it must be"
        assert lines[1] == "  where    h_n[l=1, b=2, h=0]"
        assert lines[5] == "  allowed  0  (the clause asks for the same bits)"

    def test_minus_zero_is_zero(self) -> None:
        check.equals(but(-0.0), but(0.0))

    def test_nan_is_a_difference(self) -> None:
        assert message(check.equals, but(torch.nan), but(torch.nan))

    def test_dtype_counts(self) -> None:
        assert message(check.equals, A[:1].double(), A)[0] == "output has another shape"
        assert message(check.equals, A.double(), A) == [
            "output has another dtype",
            "  got      torch.float64",
            "  wanted   torch.float32",
        ]

    def test_results_part_by_part(self) -> None:
        check.equals(Result(A, A), Result(A, A))
        assert message(check.equals, Result(A, but(0.0)), Result(A, A), "again")[0].startswith("h_n")
        assert message(check.equals, Result(but(0.0), A), Result(A, A), "again")[0].startswith("again")


class TestDiffers:
    def test_a_change_must_be_seen(self) -> None:
        check.differs(but(3.0), A, 0.25, "output")
        assert message(check.differs, but(2.625), A, 0.25, "output") == [
            "output does not change",
            "  got      a largest change of 0.125",
            "  wanted   more than 0.25 somewhere",
        ]

    def test_element_by_element(self) -> None:
        check.differs(but(2.625), A, but(0.0), "output")
        assert message(check.differs, but(2.625), A, but(0.125), "output")

    def test_shapes_are_compared_first(self) -> None:
        assert message(check.differs, A, A[0], 0.0, "output")[0] == "output has another shape"


class TestLiesBetween:
    def test_with_slack(self) -> None:
        check.lies_between(A, 0.0, 2.875, 0.0, "h_t")
        check.lies_between(A, 0.125, 2.75, 0.125, "h_t")
        check.lies_between(A, A, A, 0.0, "h_t")

    @pytest.mark.parametrize("value", [-1.0, 4.0, torch.nan, torch.inf])
    def test_outside(self, value: float) -> None:
        lines = message(check.lies_between, but(value), 0.0, 2.875, 0.0, "h_t")
        assert lines[:2] == [
            "h_t outside its range is not what it must be",
            "  where    h_t outside its range[1, 2, 0]",
        ]

    def test_headroom(self) -> None:
        assert headroom(check.lies_between, A, 0.25, 9.0, 1.0, "h_t") == 0.25


def fail(error: BaseException) -> NoReturn:
    raise error


class TestRejects:
    def test_any_exception(self) -> None:
        check.rejects(lambda: fail(KeyError("x")), "rank 4")
        check.rejects(lambda: fail(RuntimeError("x")), "rank 4", RuntimeError)

    def test_accepted(self) -> None:
        assert message(check.rejects, lambda: (A, (A[0], 1)), "rank 4", ValueError) == [
            "rank 4 is accepted",
            "  got      tuple of (a tensor (2, 3, 4), tuple of (a tensor (3, 4), int))",
            "  wanted   ValueError",
        ]

    def test_refused_with_another_class(self) -> None:
        assert message(check.rejects, lambda: fail(KeyError("x")), "rank 4", ValueError) == [
            "rank 4 is refused with another exception",
            "  got      KeyError: 'x'",
            "  wanted   ValueError",
        ]

    def test_not_claimed_is_no_refusal(self) -> None:
        with pytest.raises(check.NotClaimed):
            check.rejects(lambda: fail(check.NotClaimed("no")), "rank 4")


class TestPlainValues:
    def test_is_same(self) -> None:
        check.is_same(("a", 1), ("a", 1), "the names")
        assert message(check.is_same, ["a"], ("a",), "the names") == [
            "the names is not what it must be",
            "  got      ['a']",
            "  wanted   ('a',)",
        ]

    def test_has_shape_and_has_dtype(self) -> None:
        check.has_shape(A, (2, 3, 4))
        check.has_dtype(A, torch.float32)
        assert message(check.has_shape, A, (2, 12), "c_n")[0] == "c_n has another shape"
        assert message(check.has_dtype, A, torch.float16, "c_n")[0] == "c_n has another dtype"

    def test_place(self) -> None:
        assert check.place((), "") == ""
        assert check.place((3, 1), "tb") == "[t=3, b=1]"
        assert check.place((3, 1), "tbh") == "[3, 1]"

    def test_describe(self) -> None:
        assert check.describe(Result(A, A[0])) == "output (2, 3, 4), h_n (3, 4)"
        assert check.describe(None) == "NoneType"
