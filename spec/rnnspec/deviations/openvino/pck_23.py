# PCK-23: Given lengths, a row of length 0 keeps its initial state, unless such a length is refused.
# Its final state is zero. No upstream issue.
import numpy as np
import openvino
from onnx import TensorProto, helper, numpy_helper

shapes = {"X": (5, 2, 2), "initial_h": (1, 2, 3)}
node = helper.make_node("RNN", ["X", "W", "R", "", "lens", "initial_h"], ["Y", "Y_h"], hidden_size=3)
arrays = {"W": np.ones((1, 3, 2), np.float32), "R": np.ones((1, 3, 3), np.float32)}
given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
graph = helper.make_graph(
    [node],
    "rnn",
    [*given, helper.make_tensor_value_info("lens", TensorProto.INT32, (2,))],
    [helper.make_tensor_value_info("Y_h", TensorProto.FLOAT, (1, 2, 3))],
    [numpy_helper.from_array(array, name) for name, array in arrays.items()],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
core = openvino.Core()
compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU")
inputs = {name: np.full(shape, 0.5, np.float32) for name, shape in shapes.items()}
try:
    Y_h = compiled({**inputs, "lens": np.array([5, 0], np.int32)})[0]
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(0) from None
print(f"a row of length 0 starts at 0.5 and ends at {Y_h[0, 1]}")
raise SystemExit(bool((Y_h[0, 1] != 0.5).any()))
