"""OpenVINO on the CPU: the operators of `onnx_graphs`, through its ONNX frontend, in float32."""

from __future__ import annotations

from typing import Any

import onnx
import openvino

from ..case import Case
from .onnx_graphs import OPERATORS, Call, Onnx

EXACT = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": "1"}
"""Without the first it computes in bfloat16 where the processor does."""


class OpenVino(Onnx):
    """One compiled model for each form of a layer and each T and B.

    Where these are left open, lengths are not looked at, and states are read beyond their end.
    """

    name = "openvino"
    fixed = True
    claims = OPERATORS | {"float32"}

    def __init__(self) -> None:
        self.core = openvino.Core()

    def may_die(self, case: Case) -> bool:
        """It divides by the size of an axis."""
        return 0 in (case.T, case.B)

    def load(self, model: onnx.ModelProto) -> Call:
        compiled = self.core.compile_model(self.core.read_model(model.SerializeToString()), "CPU", EXACT)

        def call(inputs: Any) -> list[Any]:
            found = compiled(dict(inputs))
            return [found[output] for output in compiled.outputs]

        return call


OPENVINO = OpenVino()
