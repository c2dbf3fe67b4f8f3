"""torch.onnx: torch's own modules, exported, in ONNX Runtime; in float32.

An export is made for each configuration and each shape, which takes a second or more, and is kept; the
weights, which are the model's initializers, are put into a copy of it. It is made without the exporter's
optimiser, which would fold them; ONNX Runtime has one of its own. `proj` is not claimed: ONNX's LSTM has no
projection, and what is exported of a module with one is refused by ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import onnx
import torch
from onnx import numpy_helper

from ..case import Case
from ..notation import MODES, is_cell
from .base import Adapter
from .onnx_graphs import Call
from .onnxruntime import session

Sizes = tuple[int, ...]


class TorchOnnx(Adapter):
    """One session for each shape and each form of a call."""

    name = "torch.onnx"
    covers = "network"
    modes = MODES
    claims = frozenset(
        {"float32", "tanh", "relu", "reset_after", "b_hn", "hx", "nobias"}
        | {"layers", "bidirectional", "batch_first"}
    )

    def model(self, case: Case, weights: Mapping[str, Any]) -> Any:
        return case, weights, {}

    def run(
        self, model: Any, x: Any, state: tuple[Any, ...] | None, lengths: Sequence[int] | None
    ) -> tuple[Any, tuple[Any, ...]]:
        case, weights, calls = model
        arrays = (x, *(state or ()))
        sizes = tuple(array.shape for array in arrays)
        if sizes not in calls:
            calls[sizes] = _loaded(case, weights, sizes)
        names, call = calls[sizes]
        results = call(dict(zip(names, arrays, strict=True)))
        return results[0], tuple(results if is_cell(case.mode) else results[1:])


def _loaded(case: Case, weights: Mapping[str, Any], sizes: tuple[Sizes, ...]) -> tuple[list[str], Call]:
    """The names of the inputs, and what is called with them."""
    plain = case.but(T=1, B=1, seed=1, gain=1.0, span=1.0, grid=None, hx=True)
    model = onnx.ModelProto()
    model.CopyFrom(exported(plain, sizes))
    for initializer in model.graph.initializer:
        if initializer.name in weights:
            initializer.CopyFrom(numpy_helper.from_array(weights[initializer.name], initializer.name))
    return [each.name for each in model.graph.input], session(model)


@lru_cache(maxsize=1024)
def exported(case: Case, sizes: tuple[Sizes, ...]) -> onnx.ModelProto:
    """Torch's module of a case, exported for x and states of these sizes, where there are any."""
    module = getattr(torch.nn, case.mode)(case.I, case.H, **case.options).eval()
    x, *state = (torch.zeros(size, dtype=case.dtype) for size in sizes)
    arguments = (x, tuple(state) if case.kind == "LSTM" else state[0]) if state else (x,)
    program = torch.onnx.export(module, arguments, dynamo=True, optimize=False, verbose=False)
    assert program is not None  # it is for dynamo=False and a file
    model: onnx.ModelProto = program.model_proto
    return model


TORCH_ONNX = TorchOnnx()
