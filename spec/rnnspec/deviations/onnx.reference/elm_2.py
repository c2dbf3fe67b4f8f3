# ELM-2: With nonlinearity='relu' the step is h_t = max(0, W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).
# ONNX names Relu first of the activations that there are; the evaluator knows none. No upstream issue.
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

arrays = {"W": np.ones((1, 3, 2), np.float32), "R": np.ones((1, 3, 3), np.float32)}
node = helper.make_node("RNN", ["X", "W", "R"], ["Y"], hidden_size=3, activations=["Relu"])
graph = helper.make_graph(
    [node],
    "rnn",
    [helper.make_tensor_value_info("X", TensorProto.FLOAT, (1, 1, 2))],
    [helper.make_tensor_value_info("Y", TensorProto.FLOAT, (1, 1, 1, 3))],
    [numpy_helper.from_array(array, name) for name, array in arrays.items()],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
try:
    (Y,) = ReferenceEvaluator(model).run(None, {"X": np.ones((1, 1, 2), np.float32)})
except Exception as error:
    print(f"{type(error).__name__}: {error}")
    raise SystemExit(1) from None
print(f"relu(2) is {Y.ravel()}")
raise SystemExit(bool((Y != 2).any()))
