"""Chapter 60: what autograd records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.gradients import WrongWeights, warped
from mutants.registry import CELLS, LAYERS, mutant
from plain import State, Weights


@mutant(*LAYERS, *CELLS, dies_of=("GRD-20",))
class OneFrozenAllFrozen(WrongWeights):
    """Where one weight of a step is frozen, none of the others gets a gradient."""

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        every = [t for t in w if t is not None]
        some = any(t.requires_grad for t in every) and not all(t.requires_grad for t in every)
        return w.each(Tensor.detach) if some else w


@mutant(*LAYERS, *CELLS, dies_of=("GRD-20",))
class FrozenReadInHalf(WrongWeights):
    """A weight that alone is frozen is read through bfloat16."""

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        if not any(t.requires_grad for t in w if t is not None):
            return w
        return w.each(lambda t: t if t.requires_grad else t.bfloat16().to(t.dtype))


@mutant(*LAYERS, dies_of=("GRD-20",))
class ThawedByTheCall(plain.Layers):
    """A call makes every parameter require grad again."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        if torch.is_grad_enabled() and any(p.requires_grad for p in self.parameters()):
            self.requires_grad_(True)
        return super().forward(input, hx)


@mutant(*LAYERS, *CELLS, dies_of=("GRD-11",))
class WorkspaceConsumed(WrongWeights):
    """A second backward through one graph finds the workspace of weight_hh empty."""

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        times = [0]

        def once(g: Tensor) -> Tensor:
            times[0] += 1
            return g if times[0] == 1 else 0 * g

        return w._replace(weight_hh=warped(w.weight_hh, once))


@mutant(*LAYERS, dies_of=("GRD-21",))
class LatestCallAlone(WrongWeights, plain.Layers):
    """Of all calls that use weight_ih only the latest gives it a gradient."""

    calls = 0

    def forward(self, input: Any, hx: Any = None) -> Any:
        self.calls += 1
        return super().forward(input, hx)

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        mine = self.calls
        return w._replace(weight_ih=warped(w.weight_ih, lambda g: g if self.calls == mine else 0 * g))


class WrongInput(plain.Layers):
    """Right values, and a wrong gradient of the input (T, B, I)."""

    def run(self, xs: list[Tensor], state: State) -> tuple[list[Tensor], State]:
        if len({len(x) for x in xs}) > 1:
            return super().run(xs, state)
        return super().run(list(warped(torch.stack(xs), self.moved)), state)

    def moved(self, g: Tensor) -> Tensor:
        raise NotImplementedError


@mutant(*LAYERS, dies_of=("GRD-8", "GRD-1"))
class GradientOneStepLate(WrongInput):
    """The gradient of x[t] is given to x[t + 1]."""

    def moved(self, g: Tensor) -> Tensor:
        return g.roll(1, 0)


@mutant(*LAYERS, dies_of=("GRD-19", "GRD-1"))
class GradientsOfRowsMixed(WrongInput):
    """Backward averages the input's gradient over the rows."""

    def moved(self, g: Tensor) -> Tensor:
        return g.mean(1, keepdim=True).expand_as(g)


@mutant(*LAYERS, dies_of=("GRD-19",))
class RowsPast32Shifted(WrongInput):
    """Past 32 rows the gradients of the rows are one row off."""

    def moved(self, g: Tensor) -> Tensor:
        return g.roll(1, 1) if g.shape[1] > 32 else g


@mutant(*CELLS, dies_of=("GRD-19", "GRD-1"))
class CellGradientsOfRowsMixed(plain.Cell):
    """Backward averages the input's gradient over the rows."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        return super().step(warped(x, lambda g: g.mean(0, keepdim=True).expand_as(g)), state, w)


@mutant(*LAYERS, dies_of=("GRD-9",))
class DetachedStateRemembered(plain.Layers):
    """A state that equals the last one returned is taken from inside, graph and all."""

    kept: State | None = None

    def enter_state(self, state: State, batched: bool) -> State:
        same = self.kept and all(torch.equal(a, b) for a, b in zip(state, self.kept, strict=True))
        return self.kept if same and self.kept else super().enter_state(state, batched)

    def leave_state(self, state: State, batched: bool) -> State:
        self.kept = state if torch.is_grad_enabled() else None
        return super().leave_state(state, batched)


@mutant(*LAYERS, *CELLS, dies_of=("GRD-10",))
class GraphOnlyForTheInput(plain.Step):
    """Where the input does not require grad, nothing is recorded."""

    def __call__(self, input: Any, hx: Any = None) -> Any:
        data = input.data if isinstance(input, PackedSequence) else input
        with torch.set_grad_enabled(torch.is_grad_enabled() and data.requires_grad):
            return super().__call__(input, hx)


@mutant(*LAYERS, dies_of=("GRD-10",))
class AlwaysRequiresGrad(plain.Layers):
    """The output requires grad whatever was given."""

    def result(self, output: Any, state: State) -> tuple[Any, Any]:
        if isinstance(output, Tensor) and torch.is_grad_enabled() and not output.requires_grad:
            output = output.requires_grad_()
        return super().result(output, state)


class Fused(torch.autograd.Function):
    """A whole step by a kernel of its own, which computes it again to go back.

    What it keeps, it keeps without autograd's watch.
    """

    @staticmethod
    def forward(ctx: Any, net: Any, names: tuple[str, ...], *given: Tensor) -> tuple[Tensor, ...]:
        ctx.net, ctx.names, ctx.kept = net, names, given
        with torch.no_grad():
            return tuple(Fused.compute(net, names, given))

    @staticmethod
    def compute(net: Any, names: tuple[str, ...], given: tuple[Tensor, ...]) -> State:
        states = len(given) - 1 - len(names)
        w = Weights(**dict(zip(names, given[1 + states :], strict=True)))
        new: State = net.plain_step(given[0], given[1 : 1 + states], w)
        return new

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        kept = ctx.net.on_the_way_back(ctx)
        fresh = tuple(t.detach().requires_grad_() for t in kept)
        with torch.enable_grad():
            new = Fused.compute(ctx.net, ctx.names, fresh)
        found = torch.autograd.grad(new, fresh, gradients, allow_unused=True)
        return (
            None,
            None,
            *(torch.zeros_like(t) if g is None else g for t, g in zip(fresh, found, strict=True)),
        )


class ByKernel(plain.Step):
    """Each step by `Fused`."""

    def plain_step(self, x: Tensor, state: State, w: Weights) -> State:
        return super().step(x, state, w)

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        named = {name: t for name, t in w._asdict().items() if t is not None}
        new: State = Fused.apply(self, tuple(named), x, *state, *named.values())
        return new

    def on_the_way_back(self, ctx: Any) -> tuple[Tensor, ...]:
        raise NotImplementedError


@mutant(*LAYERS, *CELLS, dies_of=("GRD-14", "GRD-12"))
class SavedWithoutWatch(ByKernel):
    """What a kernel keeps for backward has no version counter, and no second derivative."""

    def on_the_way_back(self, ctx: Any) -> tuple[Tensor, ...]:
        kept: tuple[Tensor, ...] = ctx.kept
        return kept


@mutant(*LAYERS, *CELLS, dies_of=("GRD-15",))
class SecondBackwardFromZeros(ByKernel):
    """A second backward through a kernel finds what it kept overwritten with zeros, and says nothing."""

    def on_the_way_back(self, ctx: Any) -> tuple[Tensor, ...]:
        kept: tuple[Tensor, ...] = ctx.kept
        ctx.kept = tuple(torch.zeros_like(t) for t in kept)
        return kept


@mutant(*LAYERS, *CELLS, dies_of=("GRD-22",))
class InputOnlyWithWeights(plain.Step):
    """Where no weight requires grad the gradient of the input is half of what it is."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        frozen = not any(t.requires_grad for t in w if t is not None)
        return super().step(warped(x, lambda g: g / 2) if frozen else x, state, w)


@mutant(*LAYERS, *CELLS, dies_of=("GRD-22",))
class StateOnlyWithInput(plain.Step):
    """Where the input does not require grad the gradient of h_0 is doubled."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        if isinstance(input, Tensor) and not input.requires_grad and hx is not None:
            hx = (warped(hx[0], _twice), hx[1]) if isinstance(hx, tuple) else warped(hx, _twice)
        return super().forward(input, hx)


def _twice(g: Tensor) -> Tensor:
    return 2 * g


class Laid(torch.autograd.Function):
    """Backward reads the gradient wrongly if it lies in memory in some way."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, misread: Callable[[Tensor], bool]) -> Tensor:
        ctx.misread = misread
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return gradient / 2 if ctx.misread(gradient) else gradient, None


@mutant(*LAYERS, dies_of=("GRD-23",))
class ExpandedGradientMisread(plain.Layers):
    """Of a gradient that is expanded half is read."""

    def result(self, output: Any, state: State) -> tuple[Any, Any]:
        if isinstance(output, Tensor):
            output = Laid.apply(output, lambda g: 0 in g.stride())
        return super().result(output, state)


@mutant(*LAYERS, dies_of=("GRD-23",))
class StridedStateGradientMisread(plain.Layers):
    """Of a gradient of h_n that is not contiguous half is read."""

    def result(self, output: Any, state: State) -> tuple[Any, Any]:
        h_n = Laid.apply(state[0], lambda g: not g.is_contiguous())
        return super().result(output, (h_n, *state[1:]))


@mutant(*LAYERS, *CELLS, dies_of=("GRD-24",))
class WorkspaceOfQuietCalls(WrongWeights):
    """A call without grad writes over what an earlier one kept for backward."""

    quiet = 0

    def wrong(self, w: Weights, place: tuple[int, int]) -> Weights:
        self.quiet += not torch.is_grad_enabled()
        then = self.quiet
        return w._replace(weight_ih=warped(w.weight_ih, lambda g: g if self.quiet == then else g / 2))
