"""ONNX Runtime on the CPU: the operators of `onnx_graphs`, in float32."""

from __future__ import annotations

import onnx
import onnxruntime

from ..case import Case
from .onnx_graphs import OPERATORS, Call, Onnx

FATAL = 4
"""What is logged; a refusal is an exception all the same."""


def session(model: onnx.ModelProto) -> Call:
    """A session in one thread: more of them cost more than they give at these sizes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = FATAL
    loaded = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return lambda inputs: loaded.run(None, dict(inputs))


class OnnxRuntime(Onnx):
    """One session for each form of a layer."""

    name = "onnxruntime"
    claims = OPERATORS | {"float32"}

    def may_die(self, case: Case) -> bool:
        """Its LSTM and GRU abort on an axis of size 0."""
        return case.kind != "RNN" and 0 in (case.T, case.B)

    def load(self, model: onnx.ModelProto) -> Call:
        return session(model)


ONNXRUNTIME = OnnxRuntime()
