# SHP-1: Output is (T, B, D·P), h_n is (L·D, B, P), c_n is (L·D, B, H).
# Of several layers and both directions, only the first layer reads both halves of what is below.
# https://github.com/pytorch/pytorch/issues/89357
import torch

rnn = torch.ao.nn.quantizable.LSTM(4, 7, 2, bidirectional=True)
print(tuple(rnn.layers[1].layer_fw.cell.igates.weight.shape), "wanted (28, 14)")
try:
    output, _ = rnn(torch.zeros(5, 3, 4))
except RuntimeError as error:
    print(error)
    raise SystemExit(1) from None
raise SystemExit(tuple(output.shape) != (5, 3, 14))
