"""A model in a runtime: an ONNX LSTM, one direction of one layer, in a session of ONNX Runtime."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from rnnspec.adapters.base import STACKED, Adapter
from rnnspec.notation import BASIC


def node(weights):
    """W, R and B of the operator, whose gates are i o f c, from torch's, which are i f g o."""

    def iofc(tensor):
        i, f, g, o = np.split(tensor, 4)
        return np.concatenate([i, o, f, g])[None]

    biases = np.concatenate([iofc(weights["bias_ih_l0"]), iofc(weights["bias_hh_l0"])], 1)
    values = {"W": iofc(weights["weight_ih_l0"]), "R": iofc(weights["weight_hh_l0"]), "B": biases}
    return [helper.make_tensor(name, 1, value.shape, value.ravel()) for name, value in values.items()]


class Session(Adapter):
    name = "my session"
    modes = ("LSTM",)
    claims = BASIC - {"float64"} | STACKED
    covers = "direction"

    def model(self, case, weights):
        inputs = ["X", "W", "R", "B", "", "h", "c"]
        lstm = helper.make_node("LSTM", inputs, ["Y", "Y_h", "Y_c"], hidden_size=case.H)
        given, results = (
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
            for names in (["X", "h", "c"], ["Y", "Y_h", "Y_c"])
        )
        graph = helper.make_graph([lstm], "lstm", given, results, node(weights))
        opset = [helper.make_opsetid("", 14)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
        return case, onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    def run(self, model, x, state, lengths):
        case, session = model
        zeros = np.zeros((1, x.shape[1], case.H), x.dtype)  # this graph takes a state always
        h, c = state or (zeros, zeros)
        output, *final = session.run(None, {"X": x, "h": h, "c": c})
        return output[:, 0], tuple(final)
