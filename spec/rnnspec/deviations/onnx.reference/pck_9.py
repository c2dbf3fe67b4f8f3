# PCK-9: Each sequence's steps of the output and its final states are those of the sequence run alone.
# The input sequence_lens of RNN, GRU and LSTM is ignored in silence. No upstream issue.
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

ignored = []
for kind, G in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
    arrays = {"W": np.ones((1, G * 3, 2), np.float32), "R": np.ones((1, G * 3, 3), np.float32)}
    arrays["B"] = np.zeros((1, 2 * G * 3), np.float32)
    node = helper.make_node(kind, ["X", "W", "R", "B", "lens"], ["Y", "Y_h"], hidden_size=3)
    inputs = {"X": (TensorProto.FLOAT, (4, 2, 2)), "lens": (TensorProto.INT32, (2,))}
    graph = helper.make_graph(
        [node],
        kind,
        [helper.make_tensor_value_info(name, *told) for name, told in inputs.items()],
        [helper.make_tensor_value_info("Y_h", TensorProto.FLOAT, (1, 2, 3))],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    X = np.linspace(-1, 1, 16, dtype=np.float32).reshape(4, 2, 2)
    ends = [
        ReferenceEvaluator(model).run(None, {"X": X, "lens": np.array(lens, np.int32)})[0]
        for lens in ([4, 4], [4, 1])
    ]
    ignored += [kind] if np.array_equal(*ends) else []
print(f"the final states are the same for lengths [4, 4] and [4, 1]: {ignored}")
raise SystemExit(bool(ignored))
