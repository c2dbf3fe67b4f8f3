"""A case: the sizes, options, dtype and seed of one network, and the numbers that follow from them.

Every number is drawn from a generator of the case's own, in float64, in one order: input, h_0,
c_0, then the weights in the order of the state dict. The same case has the same numbers on every
device; `str(case)` is its name in node ids and results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from math import sqrt
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .factors import EXACTLY, Factors
from .keeping import pristine
from .notation import GATES, is_cell, kind


class Draw(NamedTuple):
    """One tensor of a case: uniform on [-scale, scale]."""

    name: str
    shape: tuple[int, ...]
    scale: float


@dataclass(frozen=True)
class Case:
    """Sizes T, B, I, H, L and P (0: no projection), the options in torch's words, dtype and seed.

    `gain` multiplies the scale of every weight matrix, `span` that of the input; `hx` tells whether
    an initial state is given; with `grid` every number is a multiple of 2^-grid, so that the case
    has the same numbers in every dtype. `reset` tells whether the GRU's reset gate scales the recurrent
    product ("after", as torch's does) or the state before it ("before"); without `b_hn` the last block
    of the GRU's bias_hh is zero. `factors` is how finely an implementation holds the factors of its products.
    """

    mode: str
    T: int = 5
    B: int = 3
    I: int = 4
    H: int = 7
    L: int = 1
    P: int = 0
    bidirectional: bool = False
    nonlinearity: str = "tanh"
    bias: bool = True
    batch_first: bool = False
    hx: bool = True
    gain: float = 1.0
    span: float = 1.0
    grid: int | None = None
    reset: str = "after"
    b_hn: bool = True
    seed: int = 1
    dtype: torch.dtype = torch.float32
    factors: Factors = EXACTLY

    def __str__(self) -> str:
        words = [self.mode, f"T{self.T}", f"B{self.B}", f"I{self.I}", f"H{self.H}"]
        words += [f"L{self.L}"] if self.L != 1 else []
        words += [f"P{self.P}"] if self.P else []
        words += ["relu"] if self.nonlinearity == "relu" else []
        words += ["bi"] if self.bidirectional else []
        words += ["before"] if self.reset == "before" else []
        words += ["nobias"] if not self.bias else []
        words += ["nobhn"] if not self.b_hn else []
        words += ["batchfirst"] if self.batch_first else []
        words += ["nohx"] if not self.hx else []
        words += [f"gain{self.gain:g}"] if self.gain != 1 else []
        words += [f"span{self.span:g}"] if self.span != 1 else []
        words += [f"grid{self.grid}"] if self.grid is not None else []
        words += [f"seed{self.seed}"] if self.seed != 1 else []
        return "-".join(words)

    def but(self, **changes: Any) -> Case:
        """This case with some fields changed."""
        return replace(self, **changes)

    @property
    def D(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def G(self) -> int:
        return len(GATES[self.kind])

    @property
    def width(self) -> int:
        """Columns of the hidden state: P with a projection, else H."""
        return self.P or self.H

    @property
    def kind(self) -> str:
        return kind(self.mode)

    @property
    def needs(self) -> frozenset[str]:
        """The claims without which this case cannot be run."""
        used = {
            "layers": self.L > 1,
            "bidirectional": self.bidirectional,
            "proj": self.P > 0,
            "tanh": self.kind == "RNN" and self.nonlinearity == "tanh",
            "relu": self.nonlinearity == "relu",
            "reset_after": self.kind == "GRU" and self.reset == "after",
            "reset_before": self.kind == "GRU" and self.reset == "before",
            "b_hn": self.kind == "GRU" and self.bias and self.b_hn,
            "nobias": not self.bias,
            "batch_first": self.batch_first,
            "hx": self.hx,
            "empty": 0 in (self.T, self.B),
            "float32": self.dtype == torch.float32,
            "float64": self.dtype == torch.float64,
            "half": self.dtype in (torch.bfloat16, torch.float16),
            "float16": self.dtype == torch.float16,
        }
        return frozenset(name for name, needed in used.items() if needed)

    @property
    def options(self) -> dict[str, Any]:
        """The keywords of torch's constructor that differ from their defaults."""
        words = {
            "num_layers": (self.L, 1),
            "nonlinearity": (self.nonlinearity, "tanh"),
            "bias": (self.bias, True),
            "batch_first": (self.batch_first, False),
            "bidirectional": (self.bidirectional, False),
            "proj_size": (self.P, 0),
        }
        return {name: value for name, (value, default) in words.items() if value != default}

    def suffixes(self) -> Iterator[str]:
        """`_l0`, `_l0_reverse`, `_l1` ... in the order of the state dict; empty for a cell."""
        if is_cell(self.mode):
            yield ""
            return
        for layer in range(self.L):
            for direction in ("", "_reverse")[: self.D]:
                yield f"_l{layer}{direction}"

    def parameters(self) -> Iterator[Draw]:
        """Name, shape and scale of every weight, in the order of the state dict."""
        rows = self.G * self.H
        for number, suffix in enumerate(self.suffixes()):
            columns = self.I if number < self.D else self.D * self.width
            yield Draw(f"weight_ih{suffix}", (rows, columns), self._scale(columns))
            yield Draw(f"weight_hh{suffix}", (rows, self.width), self._scale(self.width))
            if self.bias:
                yield Draw(f"bias_ih{suffix}", (rows,), 0.5)
                yield Draw(f"bias_hh{suffix}", (rows,), 0.5)
            if self.P:
                yield Draw(f"weight_hr{suffix}", (self.P, self.H), self._scale(self.H))

    def draws(self) -> Iterator[Draw]:
        """Everything that is drawn, in the order in which it is drawn."""
        yield Draw("input", (self.T, self.B, self.I), self.span)
        yield Draw("h_0", (self.L * self.D, self.B, self.width), 1.0)
        if self.kind == "LSTM":
            yield Draw("c_0", (self.L * self.D, self.B, self.H), 1.5)
        yield from self.parameters()

    def _scale(self, columns: int) -> float:
        return self.gain * 1.5 / sqrt(max(columns, 1))

    @property
    def input(self) -> Tensor:
        """(T, B, I), time first whatever the layout; a copy each time, since a network may write on it."""
        return drawn(self)["input"].clone()

    @property
    def h_0(self) -> Tensor:
        """(L·D, B, P)."""
        return drawn(self)["h_0"].clone()

    @property
    def c_0(self) -> Tensor:
        """(L·D, B, H), LSTM only."""
        return drawn(self)["c_0"].clone()

    @property
    def state(self) -> tuple[Tensor, ...] | None:
        """(h_0,) or (h_0, c_0); None where the case gives no initial state."""
        if not self.hx:
            return None
        return (self.h_0, self.c_0) if self.kind == "LSTM" else (self.h_0,)

    @property
    def zeros(self) -> tuple[Tensor, ...]:
        """The state that an omitted one stands for."""
        shapes = [d.shape for d in self.draws() if d.name in ("h_0", "c_0")]
        return tuple(torch.zeros(shape, dtype=self.dtype) for shape in shapes)

    @cached_property
    def weights(self) -> Mapping[str, Tensor]:
        """Every weight by torch's name."""
        numbers = drawn(self)
        return {draw.name: numbers[draw.name] for draw in self.parameters()}


@lru_cache(maxsize=4096)
@pristine
def drawn(case: Case) -> Mapping[str, Tensor]:
    """The numbers of a case by name, on the CPU, in the case's dtype."""
    generator = torch.Generator().manual_seed(case.seed)
    numbers = {}
    for name, shape, scale in case.draws():
        uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
        number = scale * (2 * uniform - 1)
        if case.grid is not None:
            number = (number * 2**case.grid).round() / 2**case.grid + 0.0  # no -0
        if name.startswith("bias_hh") and not case.b_hn:
            number[2 * case.H :] = 0
        numbers[name] = number.to(case.dtype)
    return numbers


FIELDS = frozenset(field.name for field in fields(Case)) - {"factors"}
"""What a clause may say of its cases."""
