"""torch.ao.nn.quantizable.LSTM: an LSTM of simple modules, which observers for quantisation can be put into.

Not quantised yet, it computes in floating point what torch.nn.LSTM does, to which its documentation refers
for all arguments. Its weights are torch's under other names: weight_ih_l0 is
`layers.0.layer_fw.cell.igates.weight`, `hgates` are the recurrent ones, `layer_bw` is the reverse direction.
Its constructor has no proj_size, and ignores dropout with a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.ao.nn import quantizable

from ..case import Case
from ..implementation import Implementation
from ..notation import is_cell
from .torch_tools import CALLED


class Quantizable(Implementation):
    name = "quantizable"
    modes = ("LSTM", "LSTMCell")

    def claimed(self, mode: str) -> frozenset[str]:
        return CALLED - {"proj"} - ({"unbatched"} if is_cell(mode) else set())

    def build(self, case: Case, weights: Mapping[str, Tensor], device: torch.device) -> Any:
        with torch.random.fork_rng(devices=[]):
            module = getattr(quantizable, case.mode)(case.I, case.H, **case.options)
        module = module.to(device=device, dtype=case.dtype)
        module.load_state_dict({renamed(name): value.detach() for name, value in weights.items()})
        return Renamed(module, tuple(weights))


def renamed(name: str) -> str:
    """What a weight of torch's is called: weight_ih_l0_reverse, layers.0.layer_bw.cell.igates.weight."""
    kind, which, *where = name.split("_")
    own = f"{'igates' if which == 'ih' else 'hgates'}.{kind}"
    if not where:
        return own
    return f"layers.{where[0][1:]}.layer_{'bw' if len(where) > 1 else 'fw'}.cell.{own}"


class Renamed(NamedTuple):
    """The module, with its parameters by torch's names."""

    module: Any
    names: tuple[str, ...]

    def __call__(self, *args: Any) -> Any:
        return self.module(*args)

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        yield from ((name, self.module.get_parameter(renamed(name))) for name in self.names)


QUANTIZABLE = Quantizable()
