"""Drop-ins with one mistake, and what the handshake finds of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import plain
from mutants.registry import drop_in
from plain import Weights
from rnnspec.case import Case
from rnnspec.handshake import Finding, diagnosed
from rnnspec.implementation import DropIn, Implementation
from rnnspec.network import Network

CPU = torch.device("cpu")
Call = Callable[..., Any]


def found(part: type[nn.Module], mode: str, dtype: torch.dtype = torch.float32) -> Finding:
    """What is found of a defect, put into the plain drop-in."""
    cls = drop_in(mode + part.__name__, part, mode) if issubclass(part, plain.Step) else part
    return of(DropIn(part.__name__, {mode: cls}), mode, dtype)


def of(implementation: Implementation, mode: str, dtype: torch.dtype = torch.float32) -> Finding:
    return diagnosed(Network(implementation, Case(mode, dtype=dtype), CPU), patience=0.2)


def misread(change: Callable[[Weights], Weights]) -> type[plain.Step]:
    """A drop-in that takes its weights for others."""

    class Misread(plain.Step):
        def weights(self, layer: int = 0, direction: int = 0) -> Weights:
            return change(super().weights(layer, direction))

    return Misread


def each(roles: tuple[str, ...], change: Callable[[Tensor], Tensor]) -> Callable[[Weights], Weights]:
    return lambda w: w._replace(**{r: change(t) for r in roles if (t := getattr(w, r)) is not None})


def calling(mode: str, change: Callable[[Call, Tensor, Any], Any]) -> type[nn.Module]:
    """torch's class with something around its call."""
    base: Any = getattr(nn, mode)

    def forward(self: Any, x: Tensor, hx: Any = None) -> Any:
        return change(lambda x, hx=None: base.forward(self, x, hx), x, hx)

    return type("Calling", (base,), {"forward": forward})
