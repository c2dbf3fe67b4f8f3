# ERR-4: A state with another number of rows is refused; an axis of size 1 is not spread.
# A state of one row is taken for every row of the batch. No upstream issue.
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

taken = []
for kind, G in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
    arrays = {"W": np.ones((1, G * 3, 2), np.float32), "R": np.ones((1, G * 3, 3), np.float32)}
    arrays |= {"B": np.zeros((1, 2 * G * 3), np.float32), "h": np.ones((1, 1, 3), np.float32)}
    node = helper.make_node(kind, ["X", "W", "R", "B", "", "h"], ["Y", "Y_h"], hidden_size=3)
    graph = helper.make_graph(
        [node],
        kind,
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, (4, 2, 2))],
        [helper.make_tensor_value_info("Y_h", TensorProto.FLOAT, (1, 2, 3))],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    try:
        (Y_h,) = ReferenceEvaluator(model).run(None, {"X": np.ones((4, 2, 2), np.float32)})
    except Exception as error:
        print(f"{kind} refuses: {error}")
    else:
        taken.append(kind)
print(f"initial_h of 1 row for 2 sequences is taken by {taken}")
raise SystemExit(bool(taken))
