"""torch.compile, where it compiles: as it comes it leaves RNN, LSTM and GRU to the interpreter, in silence.

`allow_rnn` makes it trace them. What was compiled counts its calls: where a call runs no graph, be it that
dynamo made none, broke off or gave up recompiling, it is refused, and its row is not claimed. Modules of the
same configuration share their graphs, which take the weights as inputs.

The steps are unrolled: to compile a sequence of 131 takes more than four minutes, and of 1000 far more,
for which `--rnn-timeout` must leave time.

Packed input breaks the graph at `batch_sizes[0]`, and AOTAutograd has no double backward: neither is claimed.
Nor are gradients of the LSTM: in float32 compiling it fails wherever one may be asked for.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import cache, partial
from types import FunctionType
from typing import Any

import torch
import torch._dynamo as dynamo
from torch._dynamo import config
from torch._functorch import config as functorch

from ..case import Case
from .torch_tools import CALLED, Made

SETTINGS = {"allow_rnn": True, "recompile_limit": 1000, "accumulated_recompile_limit": 100_000}
"""In force while it is called, and only then."""

functorch.donated_buffer = False  # which backward asks for, when it is called with retain_graph

GRADIENTS = {"grad", "grad_input"}

UNCLAIMED = {
    **dict.fromkeys(
        GRADIENTS, "what oneDNN's LSTM saves for it is None: github.com/pytorch/pytorch/pull/185163"
    ),
    "grad2": "AOTAutograd has no double backward",
    "packed": "its batch_sizes break the graph",
}


class Compiled(Made):
    claims = CALLED - {"packed", "lengths", "grad2"}

    def __init__(self, name: str, backend: str) -> None:
        self.name, self.ran = name, 0
        self.backend = dynamo.lookup_backend(backend)
        self.configured = cache(self._configured)

    def claimed(self, mode: str) -> frozenset[str]:
        return self.claims - GRADIENTS if mode == "LSTM" else self.claims

    def unclaimed(self, mode: str) -> Mapping[str, str]:
        return {claim: UNCLAIMED.get(claim, why) for claim, why in super().unclaimed(mode).items()}

    def may_die(self, case: Case) -> bool:
        return case.mode == "LSTM" and case.B == 0 and not case.P and case.dtype == torch.float32

    def made(self, module: Any, case: Case) -> Callable[..., Any]:
        return partial(self.call, self.configured(repr(module), case.dtype), module)

    def call(self, compiled: Callable[..., Any], *args: Any) -> Any:
        before = self.ran
        with config.patch(SETTINGS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it would rather compile otherwise
            result = compiled(*args)
        if self.ran == before:
            raise NotImplementedError("no graph of it was made: the interpreter runs it")
        return result

    def _configured(self, module: str, dtype: torch.dtype) -> Callable[..., Any]:
        """Through this modules of a configuration are called: dynamo keeps graphs by a function's code."""
        name = f"call_{self.configured.cache_info().misses}"
        own = FunctionType(_call.__code__.replace(co_name=name), globals(), name)
        return torch.compile(own, backend=self._counted, dynamic=True)

    def _counted(self, graph: Any, inputs: Any) -> Callable[..., Any]:
        inner = self.backend(graph, inputs)

        def run(*args: Any) -> Any:
            self.ran += 1
            return inner(*args)

        return run


def _call(module: Any, *args: Any) -> Any:
    return module(*args)


INDUCTOR = Compiled("torch.compile", "inductor")
AOT_EAGER = Compiled("torch.compile-aot_eager", "aot_eager")
