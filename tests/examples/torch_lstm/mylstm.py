"""An LSTM written by hand, with a bug."""

import torch
from torch import nn


class LSTM(nn.Module):
    def __init__(self, input_size, hidden_size, bias=True):
        super().__init__()
        self.weight_ih_l0 = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.weight_hh_l0 = nn.Parameter(torch.empty(4 * hidden_size, hidden_size))
        if bias:
            self.bias_ih_l0 = nn.Parameter(torch.empty(4 * hidden_size))
            self.bias_hh_l0 = nn.Parameter(torch.empty(4 * hidden_size))
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(hidden_size**-0.5), hidden_size**-0.5)

    def forward(self, x, hx=None):
        if isinstance(x, nn.utils.rnn.PackedSequence) or x.dim() != 3:
            raise NotImplementedError("x is (T, B, I)")
        zeros = x.new_zeros(1, x.shape[1], self.hidden_size)
        h, c = (zeros, zeros) if hx is None else hx
        h, c, output = h[0], c[0], []
        for x_t in x:
            gates = x_t @ self.weight_ih_l0.T + h @ self.weight_hh_l0.T
            if self.bias:
                gates = gates + self.bias_ih_l0 + self.bias_hh_l0
            i, f, o, g = gates.chunk(4, -1)  # the bug: torch's order is i, f, g, o
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            output.append(h)
        return torch.stack(output), (h[None], c[None])
