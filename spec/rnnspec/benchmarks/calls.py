"""A way with all that its calls are given, forward or with gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from ..case import Case
from ..network import Network
from .ways import Way


class Prepared:
    """A way with all that its calls are given: fresh tensors, on the network's device."""

    def __init__(self, network: Network, way: Way, grad: bool) -> None:
        case, self.way, self.module = network.case, way, network.module
        state = tuple(part.to(network.device) for part in case.state or case.zeros)
        self.parts = way.parts(case, case.input.to(network.device), state)
        self.weights: Mapping[str, Tensor] = network.learnable if grad else {}
        self.asked = [*self.weights.values()]
        if grad:
            self._ask(case, network.device)

    @property
    def inputs(self) -> list[Any]:
        return [x for x, _ in self.parts]

    def _ask(self, case: Case, device: torch.device) -> None:
        """Gradients, of the inputs too; the loss is taken apart as the output is."""
        leaves = [leaf(x) for x in self.inputs]
        self.parts = [(x, state) for (x, _), (_, state) in zip(leaves, self.parts, strict=True)]
        self.asked = [own for _, own in leaves] + self.asked
        zeros = case.but(hx=False).zeros
        given = self.way.parts(case, upstream(case).to(device), tuple(part.to(device) for part in zeros))
        self.loss = [numbers(piece) for piece, _ in given]

    def forward(self) -> Any:
        return self.way.run(self.module, self.parts)

    def backward(self, found: Sequence[Any]) -> Sequence[Tensor]:
        outputs = [numbers(output) for output, _ in found]
        return torch.autograd.grad(outputs, self.asked, self.loss)

    def both(self) -> Any:
        return self.backward(self.forward())


def upstream(case: Case) -> Tensor:
    """What the loss multiplies each element of output (T, B, D·P) by: multiples of 1/8 from -1 to 1."""
    steps = torch.arange(case.T * case.B * case.D * case.width) * 5 % 17 - 8
    return (steps / 8).to(case.dtype).reshape(case.T, case.B, case.D * case.width)


def leaf(x: Any) -> tuple[Any, Tensor]:
    """An input of which a gradient is asked, and the tensor that holds its numbers."""
    if isinstance(x, PackedSequence):
        data = x.data.detach().requires_grad_()
        return x._replace(data=data), data
    own: Tensor = x.detach().requires_grad_()
    return own, own


def numbers(output: Any) -> Tensor:
    """What an output holds."""
    return output.data if isinstance(output, PackedSequence) else output


def like(piece: Any, values: Tensor) -> Any:
    """Other numbers in the same form."""
    return piece._replace(data=values) if isinstance(piece, PackedSequence) else values
