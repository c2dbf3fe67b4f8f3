"""TorchScript: a scripted module that holds one of torch.nn.

A layer cannot be scripted by itself (TRN-3), and has a method of its own for packed input: it is scripted
inside a module that calls it, once for each of the two.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

from torch.nn.utils.rnn import PackedSequence

from ..case import Case
from ..transformed import scripted_for_packed, scripted_inside
from .torch_tools import Made


class Scripted(Made):
    name = "torch.jit"

    def made(self, module: Any, case: Case) -> Callable[..., Any]:
        scripted = cache(lambda packed: _scripted(module, case, packed))
        return lambda x, *state: scripted(isinstance(x, PackedSequence))(x, *state)


def _scripted(module: Any, case: Case, packed: bool) -> Callable[..., Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that TorchScript is deprecated is no result
        return (scripted_for_packed if packed else scripted_inside)(case, module)


SCRIPTED = Scripted()
