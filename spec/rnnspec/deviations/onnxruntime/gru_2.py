# GRU-2: The reset gate multiplies W_hn h + b_hn after the product: with r = 0 neither is seen.
# Its sigmoid is never 0, not even of -16384, and its tanh of 16384 is beyond 1. No upstream issue.
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def h(r: float, n: float, b_hn: float) -> np.float32:
    """What one step makes of the state 0, z being 0: tanh(n + σ(r) b_hn)."""
    bias = np.array([[-16384, r, n, 0, 0, b_hn]], np.float32)
    arrays = {"W": np.zeros((1, 3, 1), np.float32), "R": np.zeros((1, 3, 1), np.float32), "B": bias}
    node = helper.make_node("GRU", ["X", "W", "R", "B"], ["", "Y_h"], hidden_size=1, linear_before_reset=1)
    graph = helper.make_graph(
        [node],
        "gru",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, (1, 1, 1))],
        [helper.make_tensor_value_info("Y_h", TensorProto.FLOAT, (1, 1, 1))],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (Y_h,) = session.run(None, {"X": np.zeros((1, 1, 1), np.float32)})
    return Y_h[0, 0, 0]


seen = h(-16384, 0, 2.0**20) != h(-16384, 0, 0)
beyond = h(0, 16384, 0)
print(f"b_hn = 2^20 is {'' if seen else 'not '}seen where r is σ(-16384); tanh(16384) is {beyond:.9g}")
raise SystemExit(bool(seen or beyond > 1))
