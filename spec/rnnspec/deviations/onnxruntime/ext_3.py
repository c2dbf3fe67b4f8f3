# EXT-3: A NaN in one feature of the input makes every feature of that row NaN, at its step and after it.
# GRU and LSTM clip the sum with the bias, even without `clip`, and what comes out is a number; the relu
# of RNN makes one too. No upstream issue.
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def output(kind: str, G: int, **attributes: object) -> np.ndarray:
    """Of two steps, the input of the first being NaN."""
    arrays = {"W": np.ones((1, G * 3, 1), np.float32), "R": np.ones((1, G * 3, 3), np.float32)}
    arrays["B"] = np.zeros((1, 2 * G * 3), np.float32)
    node = helper.make_node(kind, ["X", "W", "R", "B"], ["Y"], hidden_size=3, **attributes)
    graph = helper.make_graph(
        [node],
        kind,
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, (2, 1, 1))],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, (2, 1, 1, 3))],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"X": np.array([[[np.nan]], [[0]]], np.float32)})[0]


numbers = []
for kind, G, words in (
    ("RNN", 1, {}),
    ("RNN", 1, {"activations": ["Relu"]}),
    ("GRU", 3, {"linear_before_reset": 1}),
    ("LSTM", 4, {}),
):
    Y = output(kind, G, **words)
    print(kind, words, "NaN" if np.isnan(Y).all() else Y.ravel())
    numbers.append(not np.isnan(Y).all())
raise SystemExit(any(numbers))
