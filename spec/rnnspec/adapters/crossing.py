"""Where tensors become another library's arrays, and its derivatives become torch's.

An adapter's arrays are NumPy's unless it says otherwise. What comes back is taken as it is: its dtype is a
result, and is checked as one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

if TYPE_CHECKING:
    from .base import Part

State = tuple[Tensor, ...]


class Arrays(NamedTuple):
    """How a library's arrays are made of tensors, on the CPU, and tensors of its arrays."""

    of: Callable[[Tensor], Any]
    tensor: Callable[[Any], Tensor]


def _numpy(tensor: Tensor) -> Any:
    """A copy: nobody writes on a case's numbers."""
    return tensor.detach().cpu().numpy().copy()


def _torch(array: Any) -> Tensor:
    import numpy as np

    return torch.from_numpy(np.array(array))


NUMPY = Arrays(_numpy, _torch)
"""float16, float32 and float64; NumPy has no bfloat16."""

TENSORS = Arrays(lambda tensor: tensor, lambda tensor: tensor)
"""For what is torch's already: it is called as it is, and autograd goes through it."""


def crossed(
    part: Part, x: Tensor, state: State | None, lengths: Sequence[int] | None
) -> tuple[Tensor, State]:
    """A part of a network, called on tensors: its output and its final state.

    Where gradients are claimed, the output is a part of autograd's graph like any other.
    """
    tensors = (x, *(state or ()), *part.weights.values())
    if part.adapter.arrays is TENSORS or not part.differentiable or not torch.is_grad_enabled():
        results = forward(part, lengths, state is not None, tensors)
    else:
        results = _Crossing.apply(part, lengths, state is not None, *tensors)  # type: ignore[no-untyped-call]
    return results[0], tuple(results[1:])


def forward(
    part: Part, lengths: Sequence[int] | None, given: bool, tensors: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """Output and states, one after the other; where no state is given the library is given none."""
    of, tensor = part.adapter.arrays
    x, *rest = tensors
    state = tuple(map(of, rest[: part.states])) if given else None
    output, final = part.adapter.run(part.model, of(x), state, lengths)
    return tuple(tensor(array).to(x.device) for array in (output, *final))


def backward(
    part: Part, lengths: Sequence[int] | None, given: bool, tensors: Sequence[Tensor], grads: Sequence[Tensor]
) -> list[Tensor | None]:
    """The gradient with respect to each of the tensors, from that of each result."""
    of, tensor = part.adapter.arrays
    x, *rest = tensors
    state = tuple(map(of, rest[: part.states])) if given else None
    g_output, *g_state = map(of, grads)
    found = part.adapter.vjp(part.model, of(x), state, lengths, g_output, tuple(g_state))
    names = ["x", *(("h_0", "c_0")[: part.states] if given else ()), *part.weights]
    return [tensor(found[name]).to(x.device) if name in found else None for name in names]


class _Crossing(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Part, lengths: Any, given: bool, *tensors: Tensor) -> Any:
        ctx.save_for_backward(*tensors)
        ctx.part, ctx.lengths, ctx.given = part, lengths, given
        return forward(part, lengths, given, tensors)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return None, None, None, *backward(ctx.part, ctx.lengths, ctx.given, ctx.saved_tensors, grads)


Gradients = Mapping[str, Any]
"""By name: `x`, `h_0`, `c_0`, and torch's names of the weights; only what a library can give."""
