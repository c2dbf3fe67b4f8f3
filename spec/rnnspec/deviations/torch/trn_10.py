# TRN-10: Exported to ONNX and run, a network gives the values of the network.
# torch writes an LSTM with a projection as one whose hidden size is that of the projection, with a bias and a
# c_0 of the real size: ONNX's LSTM has no projection, and runtimes refuse the model.
# https://github.com/pytorch/pytorch/issues/191855
# Where the exporter cannot run, which needs onnxscript beside torch, this exits with 2.
# cases: LSTM-*-P*
import torch

rnn, x = torch.nn.LSTM(4, 7, proj_size=3), torch.zeros(5, 3, 4)
try:
    program = torch.onnx.export(rnn, (x,), dynamo=True, verbose=False)
except ImportError as error:
    print(error)
    raise SystemExit(2) from None
except Exception as error:  # refused openly, as it may be
    print(f"refused: {error}")
    raise SystemExit(False) from None
sizes = [node.attributes["hidden_size"].value for node in program.model.graph if node.op_type == "LSTM"]
print(f"hidden size 7, projection 3; the LSTM in the model has hidden size {sizes}")
raise SystemExit(sizes == [3])
