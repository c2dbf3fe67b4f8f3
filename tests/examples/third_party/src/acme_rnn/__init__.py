"""Recurrent layers with a constructor and names of their own."""

import torch


class FusedGRU(torch.nn.Module):
    """A GRU over (B, T, I) with one matrix for the input, one for the state, and named gates."""

    def __init__(self, features: int, units: int) -> None:
        super().__init__()
        self.inner = torch.nn.GRUCell(features, units)

    def forward(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        steps = []
        for x_t in x.unbind(1):
            h = self.inner(x_t, h)
            steps.append(h)
        return torch.stack(steps, 1)
