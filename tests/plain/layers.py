"""Layers of steps: depth, directions, layout, and padded or packed sequences."""

from __future__ import annotations

import warnings
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from plain.steps import ElmanStep, GRUStep, LSTMStep, State, Step, Weights

Place = tuple[int, int]  # layer, direction


class Layers(Step):
    """L layers of a step, in one direction or both, over padded or packed sequences."""

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.mode, self.bias, self.batch_first = mode, bias, batch_first
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bidirectional, self.proj_size = bidirectional, proj_size
        self.check_options(dropout)
        self.dropout = float(dropout)
        for place in self.places():
            for role, shape in self.shapes(self.columns(place[0])).items():
                empty = torch.empty(shape, device=device, dtype=dtype)
                setattr(self, self.name(role, *place), nn.Parameter(empty))
        self.reset_parameters()

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    def places(self) -> list[Place]:
        return list(product(range(self.num_layers), range(self.directions)))

    def columns(self, layer: int) -> int:
        return self.directions * self.widths()[0] if layer else self.input_size

    def name(self, role: str, layer: int, direction: int) -> str:
        return f"{role}_l{layer}{'_reverse' if direction else ''}"

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        roles = self.shapes(self.columns(layer))
        return Weights(**{role: getattr(self, self.name(role, layer, direction)) for role in roles})

    @property
    def all_weights(self) -> list[list[nn.Parameter]]:
        return [
            [getattr(self, self.name(role, *place)) for role in self.shapes(self.columns(place[0]))]
            for place in self.places()
        ]

    def flatten_parameters(self) -> None:
        pass

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> tuple[Any, Any]:
        if isinstance(input, PackedSequence):
            return self.result(*self.packed(input, hx))
        return self.result(*self.padded(input, hx))

    def result(self, output: Tensor | PackedSequence, state: State) -> tuple[Any, Any]:
        return output, self.returned_state(state)

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        if input.dim() not in (2, 3):
            raise ValueError(f"{self.mode}: Expected input to be 2D or 3D, got {input.dim()}D")
        batched = input.dim() == 3
        x = self.enter(input, batched)
        self.check_input(x)
        if not len(x):
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        if hx is None:
            state = self.initial_state(len(self.places()), x.shape[1], like=x)
        else:
            state = self.enter_state(self.given_state(hx), batched)
            self.check_state(state, len(self.places()), x.shape[1], like=x)
        ys, state = self.run(list(x), state)
        return self.leave(torch.stack(ys), batched), self.leave_state(state, batched)

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        data, batch_sizes, order, inverse = input
        if data.dim() != 2:
            raise RuntimeError(f"input must have 2 dimensions, got {data.dim()}")
        self.check_input(data)
        sizes = batch_sizes.tolist()
        if sizes != sorted(sizes, reverse=True):
            raise RuntimeError(f"batch_sizes must not increase, got {sizes}")
        if hx is None:
            state = self.initial_state(len(self.places()), sizes[0], like=data)
        else:
            state = self.given_state(hx)
            self.check_state(state, len(self.places()), sizes[0], like=data)
            state = self.permuted(state, order)
        ys, state = self.run(list(torch.split(data, sizes)), state)
        output = PackedSequence(torch.cat(ys), batch_sizes, order, inverse)
        return output, self.permuted(state, inverse)

    def permuted(self, state: State, order: Tensor | None) -> State:
        return state if order is None else tuple(s.index_select(1, order) for s in state)

    def enter(self, input: Tensor, batched: bool) -> Tensor:
        """The input in (T, B, I)."""
        if not batched:
            return input.unsqueeze(1)
        return input.transpose(0, 1) if self.batch_first else input

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        """The (T, B, D·P) output in the input's layout."""
        if not batched:
            return output.squeeze(1)
        return output.transpose(0, 1) if self.batch_first else output

    def enter_state(self, state: State, batched: bool) -> State:
        rank = 3 if batched else 2
        if any(s.dim() != rank for s in state):
            ranks = ", ".join(f"{s.dim()}-D" for s in state)
            raise RuntimeError(f"For {rank}-D input, the state must be {rank}-D too, got {ranks}")
        return state if batched else tuple(s.unsqueeze(1) for s in state)

    def leave_state(self, state: State, batched: bool) -> State:
        return state if batched else tuple(s.squeeze(1) for s in state)

    def run(self, xs: list[Tensor], state: State) -> tuple[list[Tensor], State]:
        """All layers; xs[t] holds the rows that still run at step t."""
        finals: list[State] = []
        for k in range(self.num_layers):
            ways = []
            for d in range(self.directions):
                start = tuple(s[k * self.directions + d] for s in state)
                ys, final = self.layer(xs, start, self.weights(k, d), (k, d))
                ways.append(ys)
                finals.append(final)
            xs = [self.join(*ys) for ys in zip(*ways, strict=True)]
            if k < self.num_layers - 1:
                xs = self.drop(xs)
        return xs, self.final_states(finals)

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> tuple[list[Tensor], State]:
        """One direction of one layer: its outputs in the order of time and its final state."""
        reverse = place[1] == 1
        ys = []
        for x in xs[::-1] if reverse else xs:
            new = self.step(x, tuple(s[: x.shape[0]] for s in state), w)
            ys.append(new[0])
            rest = [s[x.shape[0] :].to(n.dtype) for n, s in zip(new, state, strict=True)]
            state = tuple(torch.cat(both) for both in zip(new, rest, strict=True))
        return ys[::-1] if reverse else ys, state

    def join(self, *ways: Tensor) -> Tensor:
        return torch.cat(ways, -1)

    def drop(self, xs: list[Tensor]) -> list[Tensor]:
        if not (self.training and self.dropout):
            return xs
        dropped = torch.dropout(torch.cat(xs), self.dropout, True)
        return list(torch.split(dropped, [len(x) for x in xs]))

    def final_states(self, finals: list[State]) -> State:
        return tuple(torch.stack(s) for s in zip(*finals, strict=True))

    def check_input(self, x: Tensor) -> None:
        dtype = next(self.parameters()).dtype
        if x.dtype != dtype:
            raise ValueError(f"input dtype ({x.dtype}) does not match weight dtype ({dtype})")
        if x.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {x.shape[-1]}"
            )

    def check_options(self, dropout: Any) -> None:
        number = isinstance(dropout, (int, float)) and not isinstance(dropout, bool)
        if not (number and 0 <= dropout <= 1):
            raise ValueError("dropout should be a number in range [0, 1]")
        if dropout and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero "
                f"dropout expects num_layers greater than 1, but got {dropout=} and num_layers=1",
                stacklevel=4,
            )
        for option in ("bias", "batch_first", "bidirectional"):
            if not isinstance(getattr(self, option), bool):
                raise TypeError(f"{option} should be of type bool")
        for option in ("input_size", "hidden_size", "num_layers"):
            if not isinstance(getattr(self, option), int):
                raise TypeError(f"{option} should be of type int")
            if getattr(self, option) <= 0:
                raise ValueError(f"{option} must be greater than zero")
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero")
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")

    def extra_repr(self) -> str:
        defaults = {
            "proj_size": 0, "num_layers": 1, "nonlinearity": "tanh", "bias": True,
            "batch_first": False, "dropout": 0, "bidirectional": False,
        }  # fmt: skip
        options = {option: getattr(self, option, value) for option, value in defaults.items()}
        given = [f"{o}={value}" for o, value in options.items() if value != defaults[o]]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *given])


class RNN(ElmanStep, Layers):
    mode = "RNN_TANH"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        proj_size: int | None = None,
    ) -> None:
        if proj_size is not None:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select 'tanh' or 'relu'.")
        self.nonlinearity = nonlinearity
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias,
            batch_first, dropout, bidirectional, device=device, dtype=dtype,
        )  # fmt: skip


class GRU(GRUStep, Layers):
    mode = "GRU"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        proj_size: int | None = None,
    ) -> None:
        if proj_size is not None:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias,
            batch_first, dropout, bidirectional, device=device, dtype=dtype,
        )  # fmt: skip


class LSTM(LSTMStep, Layers):
    mode = "LSTM"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias,
            batch_first, dropout, bidirectional, proj_size, device, dtype,
        )  # fmt: skip
