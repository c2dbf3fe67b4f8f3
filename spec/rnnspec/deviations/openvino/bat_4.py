# BAT-4: A batch of size 0 gives an output of shape (T, 0, D·P) and states of shape (L·D, 0, ·).
# Compiling the model divides by the size of the batch. No upstream issue.
import subprocess
import sys

BODY = """\
import sys
import numpy as np
import openvino
from onnx import TensorProto, helper, numpy_helper

kind, G = sys.argv[1], int(sys.argv[2])
node = helper.make_node(kind, ["X", "W", "R"], ["Y"], hidden_size=3)
arrays = {"W": np.ones((1, G * 3, 2), np.float32), "R": np.ones((1, G * 3, 3), np.float32)}
graph = helper.make_graph(
    [node], kind,
    [helper.make_tensor_value_info("X", TensorProto.FLOAT, (5, 0, 2))],
    [helper.make_tensor_value_info("Y", TensorProto.FLOAT, (5, 1, 0, 3))],
    [numpy_helper.from_array(array, name) for name, array in arrays.items()],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
core = openvino.Core()
compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU")
Y = compiled({"X": np.zeros((5, 0, 2), np.float32)})[0]
assert Y.shape == (5, 1, 0, 3)
"""
ends = {}
for kind, G in {"RNN": 1, "GRU": 3, "LSTM": 4}.items():
    ends[kind] = subprocess.run([sys.executable, "-c", BODY, kind, str(G)]).returncode
print(f"exit statuses {ends}")
raise SystemExit(any(ends.values()))
