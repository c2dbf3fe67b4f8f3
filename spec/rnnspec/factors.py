"""How finely the factors of products are held: as their dtype does, unless an implementation says otherwise.

TF32 cuts digits off both, half-precision weights have a unit roundoff of their own, and what is quantised
lies on a grid whose step is a share of the largest number of its tensor.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Held:
    """A tensor's elements are off by no more than a share of themselves, an amount, and a share of the
    largest magnitude among them; which is taken for no less than `least`, for what is held together with
    numbers that are not seen here, such as other rows of a batch.
    """

    relative: float = 0.0
    absolute: float = 0.0
    share: float = 0.0
    least: float = 0.0

    def off(self, size: Tensor) -> Tensor:
        """By how much elements of these magnitudes are."""
        largest = size.max() if size.numel() else size.new_zeros(())
        return self.relative * size + self.absolute + self.share * largest.clamp(min=self.least)


EXACT = Held()


@dataclass(frozen=True)
class Factors:
    """How the matrices and the vectors of products W x are held."""

    weights: Held = EXACT
    inputs: Held = EXACT

    def lost(self, x: Tensor, W: Tensor) -> Tensor | float:
        """By how much this moves products of elements of these magnitudes."""
        if self == EXACTLY:
            return 0.0
        off_x, off_W = self.inputs.off(x), self.weights.off(W)
        return off_x @ (W + off_W) + x @ off_W

    @property
    def relative(self) -> float:
        """By which share of itself a product of two numbers may be off, where both are off by a share."""
        return (1 + self.inputs.relative) * (1 + self.weights.relative) - 1


EXACTLY = Factors()
