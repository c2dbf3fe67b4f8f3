"""The reference evaluator of ONNX, in NumPy: the operators of `onnx_graphs`, in float32 and float64."""

from __future__ import annotations

import onnx
from onnx.reference import ReferenceEvaluator

from .onnx_graphs import OPERATORS, Call, Onnx


class OnnxReference(Onnx):
    """One evaluator for each form of a layer."""

    name = "onnx.reference"
    claims = OPERATORS | {"float32", "float64"}

    def load(self, model: onnx.ModelProto) -> Call:
        evaluator = ReferenceEvaluator(model)
        return lambda inputs: evaluator.run(None, dict(inputs))


ONNX_REFERENCE = OnnxReference()
