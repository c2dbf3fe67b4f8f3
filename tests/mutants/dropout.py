"""Chapter 62: dropout between layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import plain
from mutants.registry import LAYERS, mutant
from plain import State, Weights

Layer = tuple[list[Tensor], State]


class UnscaledBackwards(torch.autograd.Function):
    """Dropout whose gradient is not scaled by 1/(1 - p)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, p: float) -> Tensor:
        ctx.kept = torch.rand_like(x) >= p
        return x * ctx.kept / (1 - p) if p < 1 else 0 * x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return g * ctx.kept, None


class DrawnAgainBackwards(torch.autograd.Function):
    """Dropout whose gradient has another mask."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, p: float) -> Tensor:
        ctx.p = p
        return torch.dropout(x, p, True)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return torch.dropout(g, ctx.p, True), None


class DropsBy(plain.Layers):
    """Dropout by a function with a backward of its own."""

    by: type[torch.autograd.Function]

    def drop(self, xs: list[Tensor]) -> list[Tensor]:
        if not (self.training and self.dropout):
            return xs
        dropped = self.by.apply(torch.cat(xs), self.dropout)
        return list(torch.split(dropped, [len(x) for x in xs]))


@mutant(*LAYERS, dies_of=("DRP-18",))
class DropoutUnscaledBackwards(DropsBy):
    """Backward does not scale by 1/(1 - p) what it lets through."""

    by = UnscaledBackwards


@mutant(*LAYERS, dies_of=("DRP-18",))
class DropoutDrawnAgainBackwards(DropsBy):
    """Backward draws a mask of its own."""

    by = DrawnAgainBackwards


class Drops(plain.Layers):
    """Dropout by a mask of its own."""

    def drop(self, xs: list[Tensor]) -> list[Tensor]:
        if not (self.training and self.dropout):
            return xs
        return [x * m for x, m in zip(xs, self.masks(xs), strict=True)]

    def masks(self, xs: list[Tensor]) -> list[Tensor]:
        sizes = [len(x) for x in xs]
        return list(torch.split(self.mask(torch.cat(xs)), sizes))

    def mask(self, like: Tensor) -> Tensor:
        return torch.dropout(torch.ones_like(like), self.dropout, True)


@mutant(*LAYERS, dies_of=("DRP-1", "DRP-3"))
class InputDropped(Drops):
    """The first layer's input is dropped too."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        return super().run(self.drop(xs) if self.num_layers > 1 else xs, state)


@mutant("RNN", "LSTM", dies_of=("DRP-1", "DRP-3"))
class RecurrenceDropped(Drops):
    """The state is dropped from step to step."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        h, *rest = state
        return super().step(x, (self.drop([h])[0] if self.num_layers > 1 else h, *rest), w)


@mutant("LSTM", "GRU", dies_of=("DRP-1",))
class OnlyTheLastDropped(Drops):
    """The last layer's output is dropped, and no other."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        rate, self.dropout = self.dropout, 0.0
        ys, final = super().run(xs, state)
        self.dropout = rate
        return self.drop(ys) if self.num_layers > 1 else ys, final


@mutant("RNN", "GRU", dies_of=("DRP-2", "DRP-3", "DRP-8"))
class EveryLayerDropped(Drops):
    """The last layer's output is dropped too."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        ys, final = super().run(xs, state)
        return self.drop(ys) if self.num_layers > 1 else ys, final


@mutant(*LAYERS, dies_of=("DRP-3",))
class FinalStatesDropped(Drops):
    """The final states are dropped."""

    def final_states(self, finals: list[State]) -> State:
        states = super().final_states(finals)
        return tuple(self.drop([s])[0] for s in states) if self.num_layers > 1 else states


@mutant("LSTM", dies_of=("DRP-3",))
class FinalCDropped(Drops):
    """c_n is dropped."""

    def final_states(self, finals: list[State]) -> State:
        h, c = super().final_states(finals)
        return h, self.drop([c])[0] if self.num_layers > 1 else c


@mutant(*LAYERS, dies_of=("DRP-1", "DRP-4"))
class Unscaled(Drops):
    """What is kept is not scaled."""

    def mask(self, like: Tensor) -> Tensor:
        return super().mask(like).sign()


@mutant("RNN", "LSTM", dies_of=("DRP-4",))
class ScaledByTwo(Drops):
    """What is kept is doubled whatever p is."""

    def mask(self, like: Tensor) -> Tensor:
        return 2 * super().mask(like).sign()


@mutant("RNN", "GRU", dies_of=("DRP-5",))
class LockedOverTime(Drops):
    """One mask is for all steps of a sequence."""

    def masks(self, xs: list[Tensor]) -> list[Tensor]:
        mask = self.mask(xs[0])
        return [mask[: len(x)] for x in xs]


@mutant("LSTM", "GRU", dies_of=("DRP-5",))
class OneMaskPerBatch(Drops):
    """One mask is for all rows."""

    def masks(self, xs: list[Tensor]) -> list[Tensor]:
        return [self.mask(x[:1]).expand_as(x) for x in xs]


@mutant("RNN", "LSTM", dies_of=("DRP-5",))
class WholeRowsDropped(Drops):
    """All features of a row are dropped together."""

    def masks(self, xs: list[Tensor]) -> list[Tensor]:
        return [self.mask(x[:, :1]).expand_as(x) for x in xs]


@mutant("LSTM", "GRU", dies_of=("DRP-5",))
class DirectionsDroppedTogether(Drops):
    """One mask is for both directions."""

    def mask(self, like: Tensor) -> Tensor:
        half = super().mask(like[:, : like.shape[1] // self.directions])
        return half.repeat(1, self.directions)


@mutant(*LAYERS, dies_of=("DRP-5",))
class KeptWithP(Drops):
    """Each element is kept with probability p."""

    def mask(self, like: Tensor) -> Tensor:
        kept = (torch.rand_like(like) < self.dropout).to(like)
        return kept / (1 - self.dropout) if self.dropout < 1 else 0 * kept


@mutant("RNN", "LSTM", dies_of=("DRP-6",))
class MaskKept(Drops):
    """The first call's mask serves all calls."""

    kept: Tensor | None = None

    def mask(self, like: Tensor) -> Tensor:
        if self.kept is None or self.kept.shape != like.shape:
            self.kept = super().mask(like)
        return self.kept


@mutant("GRU", dies_of=("DRP-6", "DRP-11"))
class SameMaskForEver(Drops):
    """The mask is drawn from one seed for every call."""

    def mask(self, like: Tensor) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            return super().mask(like)


PRIVATE = torch.Generator().manual_seed(3)


@mutant(*LAYERS, dies_of=("DRP-11",))
class MaskFromPrivateGenerator(Drops):
    """The mask is drawn from a generator of its own."""

    def mask(self, like: Tensor) -> Tensor:
        kept = torch.rand(like.shape, generator=PRIVATE) >= self.dropout
        return kept.to(like) / (1 - self.dropout if self.dropout < 1 else 1)


@mutant(*LAYERS, dies_of=("DRP-7",))
class DrawsForNothing(Drops):
    """A mask of ones is drawn where nothing is dropped."""

    def drop(self, xs: list[Tensor]) -> list[Tensor]:
        if self.training and not self.dropout:
            torch.rand(1)
        return super().drop(xs)


@mutant("RNN", "GRU", dies_of=("DRP-7",))
class ScaledAtZero(Drops):
    """In training without dropout what a layer reads is a thousandth too large."""

    def drop(self, xs: list[Tensor]) -> list[Tensor]:
        if self.training and not self.dropout:
            return [1.001 * x for x in xs]
        return super().drop(xs)


@mutant(*LAYERS, dies_of=("DRP-8",))
class InfinityAtOne(Drops):
    """Dropping all divides 0 by 0."""

    def mask(self, like: Tensor) -> Tensor:
        kept = torch.rand_like(like) >= self.dropout
        return kept.to(like) / (1 - self.dropout * torch.ones_like(like))


@mutant("LSTM", "GRU", dies_of=("DRP-8",))
class NothingDroppedAtOne(Drops):
    """p = 1 is taken for no dropout."""

    def drop(self, xs: list[Tensor]) -> list[Tensor]:
        return xs if self.dropout == 1 else super().drop(xs)


@mutant(*LAYERS, dies_of=("DRP-12",))
class GradientOfTheDropped(Drops):
    """The gradient passes through what is dropped."""

    def drop(self, xs: list[Tensor]) -> list[Tensor]:
        return [d.detach() + (x - x.detach()) for x, d in zip(xs, super().drop(xs), strict=True)]


@mutant(*LAYERS, dies_of=("DRP-9",))
class OneLayerInSilence(Drops):
    """A dropout that does nothing is accepted without a warning."""

    def check_options(self, dropout: Any) -> None:
        super().check_options(dropout if self.num_layers != 1 or not 0 <= dropout <= 1 else 0)


@mutant(*LAYERS, dies_of=("DRP-13",))
class TheOnlyLayerDropped(Drops):
    """With one layer its output is dropped."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        ys, final = super().run(xs, state)
        return self.drop(ys) if self.num_layers == 1 else ys, final


class Knows(Drops):
    """Dropout that knows how the call was made."""

    unbatched = omitted = False

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        self.unbatched, self.omitted = input.dim() == 2, hx is None
        result = super().padded(input, hx)
        self.unbatched = self.omitted = False
        return result


@mutant("GRU", "RNN", dies_of=("DRP-8",))
class OmittedNotDropped(Knows):
    """Nothing is dropped where the state is omitted."""

    def drop(self, xs: list[Tensor]) -> list[Tensor]:
        return xs if self.omitted else super().drop(xs)


@mutant("LSTM", "RNN", dies_of=("DRP-8",))
class OneStepNotDropped(Drops):
    """Nothing is dropped of one step."""

    def drop(self, xs: list[Tensor]) -> list[Tensor]:
        return xs if len(xs) == 1 else super().drop(xs)


@mutant("GRU", dies_of=("DRP-8",))
class BatchFirstNotDropped(Drops):
    """Nothing is dropped with batch_first."""

    def drop(self, xs: list[Tensor]) -> list[Tensor]:
        return xs if self.batch_first else super().drop(xs)


@mutant("GRU", "LSTM", dies_of=("DRP-5",))
class LockedOverTimeBatchFirst(Drops):
    """With batch_first one mask is for all steps of a sequence."""

    def masks(self, xs: list[Tensor]) -> list[Tensor]:
        if not self.batch_first:
            return super().masks(xs)
        mask = self.mask(xs[0])
        return [mask[: len(x)] for x in xs]


@mutant("GRU", "RNN", dies_of=("DRP-5",))
class LayersDroppedTogether(Drops):
    """One mask is for what passes between all the layers."""

    call: dict[Any, Tensor]

    def run(self, xs: list[Tensor], state: State) -> Layer:
        self.call = {}
        return super().run(xs, state)

    def mask(self, like: Tensor) -> Tensor:
        if like.shape not in self.call:
            self.call[like.shape] = super().mask(like)
        return self.call[like.shape]


@mutant("LSTM", "GRU", dies_of=("DRP-17",))
class SixteenthsDropped(Drops):
    """Elements are dropped with the multiple of 1/16 that is nearest to p, and scaled by 1/(1 - p)."""

    def mask(self, like: Tensor) -> Tensor:
        kept = torch.rand_like(like) >= round(16 * self.dropout) / 16
        return kept.to(like) / (1 - self.dropout if self.dropout < 1 else 1)


@mutant("GRU", "RNN", dies_of=("DRP-11",))
class SeededOnce(Drops):
    """The mask is drawn from a generator of its own, with torch's seed at the first call."""

    generator: torch.Generator

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "generator"}

    def mask(self, like: Tensor) -> Tensor:
        if "generator" not in self.__dict__:
            self.generator = torch.Generator().manual_seed(torch.initial_seed())
        kept = torch.rand(like.shape, generator=self.generator) >= self.dropout
        return kept.to(like) / (1 - self.dropout if self.dropout < 1 else 1)
