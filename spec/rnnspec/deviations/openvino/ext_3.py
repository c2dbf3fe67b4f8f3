# EXT-3: A NaN in one feature of the input makes every feature of that row NaN, at its step and after it.
# The relu of RNN makes a number of it. No upstream issue.
import numpy as np
import openvino
from onnx import TensorProto, helper, numpy_helper

arrays = {"W": np.ones((1, 3, 1), np.float32), "R": np.ones((1, 3, 3), np.float32)}
node = helper.make_node("RNN", ["X", "W", "R"], ["Y"], hidden_size=3, activations=["Relu"])
graph = helper.make_graph(
    [node],
    "rnn",
    [helper.make_tensor_value_info("X", TensorProto.FLOAT, (2, 1, 1))],
    [helper.make_tensor_value_info("Y", TensorProto.FLOAT, (2, 1, 1, 3))],
    [numpy_helper.from_array(array, name) for name, array in arrays.items()],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
core = openvino.Core()
compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU")
Y = compiled({"X": np.array([[[np.nan]], [[0]]], np.float32)})[0]
print(f"NaN, and then 0, becomes {Y.ravel()}")
raise SystemExit(not np.isnan(Y).all())
