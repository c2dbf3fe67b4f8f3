"""Cells: one step by itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from plain.steps import ElmanStep, GRUStep, LSTMStep, State, Step, Weights


class Cell(Step):
    """One step, for a batch of rows or a single one."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        for role, shape in self.shapes(input_size).items():
            empty = torch.empty(shape, device=device, dtype=dtype)
            self.register_parameter(self.name(role), nn.Parameter(empty))
        if not bias:
            self.register_parameter("bias_ih", None)
            self.register_parameter("bias_hh", None)
        self.reset_parameters()

    def name(self, role: str) -> str:
        return role

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        roles = self.shapes(self.input_size)
        return Weights(**{role: getattr(self, self.name(role)) for role in roles})

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        if input.dim() not in (1, 2):
            raise ValueError(f"Expected input to be 1D or 2D, got {input.dim()}D")
        batched = input.dim() == 2
        x = input if batched else input.unsqueeze(0)
        self.check_input(x)
        if hx is None:
            state = self.initial_state(x.shape[0], like=x)
        else:
            state = self.enter_state(self.given_state(hx), batched)
            self.check_state(state, x.shape[0], like=x)
        state = self.step(x, state, self.weights())
        return self.returned_state(state if batched else tuple(s.squeeze(0) for s in state))

    def enter_state(self, state: State, batched: bool) -> State:
        for s in state:
            if s.dim() not in (1, 2):
                raise ValueError(f"Expected hidden to be 1D or 2D, got {s.dim()}D")
        return state if batched else tuple(s.unsqueeze(0) for s in state)

    def check_input(self, x: Tensor) -> None:
        if x.shape[1] != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {x.shape[1]} expected {self.input_size}"
            )

    def extra_repr(self) -> str:
        options = {"bias": True, "nonlinearity": "tanh"}
        given = [f"{o}={v}" for o in options if (v := getattr(self, o, options[o])) != options[o]]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *given])


class RNNCell(ElmanStep, Cell):
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity


class GRUCell(GRUStep, Cell):
    pass


class LSTMCell(LSTMStep, Cell):
    pass
