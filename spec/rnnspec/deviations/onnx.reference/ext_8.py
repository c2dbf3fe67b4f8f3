# EXT-8: An infinite c_0 stays infinite where the forget gate is open, and no unit beside it is touched.
# Peepholes that are not given are zeros, and zero times infinity is NaN. No upstream issue.
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

arrays = {"W": np.ones((1, 8, 2), np.float32), "R": np.ones((1, 8, 2), np.float32)}
arrays |= {"B": np.zeros((1, 16), np.float32), "h": np.zeros((1, 1, 2), np.float32)}
arrays["c"] = np.array([[[np.inf, 0.5]]], np.float32)
node = helper.make_node("LSTM", ["X", "W", "R", "B", "", "h", "c"], ["", "", "Y_c"], hidden_size=2)
graph = helper.make_graph(
    [node],
    "lstm",
    [helper.make_tensor_value_info("X", TensorProto.FLOAT, (1, 1, 2))],
    [helper.make_tensor_value_info("Y_c", TensorProto.FLOAT, (1, 1, 2))],
    [numpy_helper.from_array(array, name) for name, array in arrays.items()],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
(Y_c,) = ReferenceEvaluator(model).run(None, {"X": np.ones((1, 1, 2), np.float32)})
print(f"c of [inf, 0.5] becomes {Y_c.ravel()}")
raise SystemExit(bool(np.isnan(Y_c).any()))
