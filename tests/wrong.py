"""Wrong drop-ins, each in its own way: what reproducers are written about."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence


class IgnoresH(nn.LSTM):
    def forward(self, x: Any, state: Any = None) -> Any:
        return super().forward(x, state and (torch.zeros_like(state[0]), state[1]))


class SwapsGates(nn.GRU):
    def load_state_dict(self, weights: Any, strict: bool = True, assign: bool = False) -> Any:
        def swapped(w: Tensor) -> Tensor:
            r, z, n = w.chunk(3)
            return torch.cat([z, r, n])

        return super().load_state_dict({name: swapped(w) for name, w in weights.items()})


class Remembers(nn.RNN):
    last: Any = None

    def forward(self, x: Any, state: Any = None) -> Any:
        output, self.last = super().forward(x, self.last if state is None else state)
        return output, self.last


class ForgetsMore(nn.LSTMCell):
    def forward(self, x: Any, state: Any = None) -> Any:
        h, c = super().forward(x, state)
        return h, c - 0.01


class StartsAtOne(nn.GRU):
    def forward(self, x: Any, state: Any = None) -> Any:
        return super().forward(x, torch.ones(1, x.shape[1], 7, dtype=x.dtype) if state is None else state)


class LooksAhead(nn.RNN):
    def forward(self, x: Any, state: Any = None) -> Any:
        return super().forward(x + 0.01 * x[-1:], state)


class Shifted(nn.LSTM):
    def forward(self, x: Any, state: Any = None) -> Any:
        output, state = super().forward(x, state)
        return output[1:], state


class Breaks(nn.RNN):
    def forward(self, x: Any, state: Any = None) -> Any:
        raise ValueError("no")


class IgnoresStrides(nn.RNN):
    def forward(self, x: Any, state: Any = None) -> Any:
        flat = torch.as_strided(x, (x.numel(),), (1,)).reshape(x.shape)
        return super().forward(x if x.stride(-1) == 1 else flat, state)


class OtherPadding(nn.RNN):
    def forward(self, x: Any, state: Any = None) -> Any:
        output: Any
        output, h = super().forward(x, state)
        packed = isinstance(output, PackedSequence)
        return output._replace(data=output.data.flip(0)) if packed else output, h
