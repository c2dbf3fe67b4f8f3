"""Chapter 60: gradients of unbatched input, of packed batches, and of one tensor for several."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.graph import Laid
from mutants.registry import CELLS, LAYERS, mutant
from plain import State, Weights

Packed = tuple[PackedSequence, State]


@mutant(*LAYERS, dies_of=("GRD-25",))
class UnbatchedStateDetached(plain.Layers):
    """The state of unbatched input gets no gradient."""

    def enter_state(self, state: State, batched: bool) -> State:
        state = super().enter_state(state, batched)
        return state if batched else tuple(s.detach() for s in state)


@mutant(*CELLS, dies_of=("GRD-25",))
class UnbatchedStepDetached(plain.Cell):
    """The state of an unbatched step gets no gradient."""

    def enter_state(self, state: State, batched: bool) -> State:
        state = super().enter_state(state, batched)
        return state if batched else tuple(s.detach() for s in state)


@mutant(*LAYERS, dies_of=("GRD-25",))
class UnbatchedFinalStateDetached(plain.Layers):
    """The final states of unbatched input have no gradient."""

    def leave_state(self, state: State, batched: bool) -> State:
        state = super().leave_state(state, batched)
        return state if batched else tuple(s.detach() for s in state)


@mutant(*CELLS, dies_of=("GRD-25",))
class UnbatchedRecurrentGradientMissing(plain.Cell):
    """Unbatched input gives weight_hh no gradient."""

    vector = False

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        self.vector = input.dim() == 1
        return super().forward(input, hx)

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        return super().step(x, state, w._replace(weight_hh=w.weight_hh.detach()) if self.vector else w)


@mutant(*LAYERS, dies_of=("GRD-26",))
class ExpandedPackedGradientMisread(plain.Layers):
    """Of a gradient of packed data that is expanded half is read."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        output, state = super().packed(input, hx)
        data = Laid.apply(output.data, lambda g: 0 in g.stride())
        return output._replace(data=data), state


class Heads(torch.autograd.Function):
    """Output and states, whose backward counts on a gradient of the output."""

    @staticmethod
    def forward(ctx: Any, data: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        return data.clone(), *(part.clone() for part in state)

    @staticmethod
    def backward(ctx: Any, g: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        return g * 1, *rest


@mutant(*LAYERS, dies_of=("GRD-26",))
class PackedOutputMustBeInTheLoss(plain.Layers):
    """Backward from the final states of a packed batch alone raises."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        output, state = super().packed(input, hx)
        data, *state_ = Heads.apply(output.data, *state)
        return output._replace(data=data), tuple(state_)


@mutant(*LAYERS, dies_of=("GRD-26",))
class PackedStateOnlyWithInput(plain.Layers):
    """The state of a packed batch gets a gradient only where the input requires grad."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        if hx is not None and not input.data.requires_grad:
            hx = hx.detach() if isinstance(hx, Tensor) else tuple(s.detach() for s in hx)
        return super().packed(input, hx)


@mutant(*LAYERS, dies_of=("GRD-2",))
class OnePackedRowWithoutStateDetached(plain.Layers):
    """A single packed sequence without a state gets no gradient."""

    def packed(self, input: PackedSequence, hx: Any) -> Packed:
        if hx is None and input.batch_sizes[0] == 1:
            input = input._replace(data=input.data.detach())
        return super().packed(input, hx)


@mutant(*LAYERS, *CELLS, dies_of=("GRD-27",))
class ExpandedStateGradientOfOneRow(plain.Step):
    """A state that is expanded over the rows gets the gradient of the first row alone."""

    def given_state(self, hx: Any) -> State:
        return tuple(map(self.first_alone, super().given_state(hx)))

    def first_alone(self, state: Tensor) -> Tensor:
        if state.dim() < 2 or state.shape[-2] < 2 or state.stride(-2):
            return state
        return torch.cat([state[..., :1, :], state[..., 1:, :].detach()], -2)


class Shared(torch.autograd.Function):
    """Two tensors, of which the second's gradient replaces the first's."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        return h.view_as(h), c.view_as(c)

    @staticmethod
    def backward(ctx: Any, g_h: Tensor, g_c: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros_like(g_h), g_c


@mutant("LSTM", dies_of=("GRD-27",))
class GradientsKeptByTensor(plain.Step):
    """Where h_0 and c_0 are one tensor it gets the gradient of c_0 alone."""

    def given_state(self, hx: Any) -> State:
        state = super().given_state(hx)
        return Shared.apply(*state) if state[0] is state[1] else state
