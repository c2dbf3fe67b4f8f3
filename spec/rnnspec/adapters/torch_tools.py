"""The base of what torch's own tools make of torch.nn's modules.

The module has torch's names, and so its weights are loaded by `load_state_dict`; gradients are asked of its
parameters, which the tool's result must share. What is listed of torch.nn is listed of these too (`derives`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..case import Case
from ..implementation import DropIn, Implementation, Run
from ..lacking import lacking
from ..notation import BEYOND, CLAIMS, MODES, OPTIONAL
from ..transformed import Transformed

CALLED = (
    frozenset(CLAIMS)
    - OPTIONAL.keys()
    - BEYOND.keys()
    - {"module", "messages", "seeds", "factory", "copy", "hooks", "meta", "dropout"}
    - lacking().keys()
)
"""What a call of one of torch's modules promises, its constructor and its attributes left aside."""


class Made(Implementation):
    """Modules of torch.nn, called through what a tool makes of them."""

    derives = "torch.nn"
    modes: tuple[str, ...] = MODES
    claims = CALLED
    modules = DropIn("torch.nn", {mode: getattr(nn, mode) for mode in MODES})

    def made(self, module: Any, case: Case) -> Callable[..., Any]:
        """What is called in place of the module."""
        raise NotImplementedError

    def build(self, case: Case, weights: Mapping[str, Tensor], device: torch.device) -> Run:
        module: Any = self.modules.build(case, weights, device)
        module.requires_grad_("grad" in self.claimed(case.mode))
        return Transformed(self.made(module, case), module)
