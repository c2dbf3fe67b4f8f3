# TRN-20: An exported network that is decomposed into simple operations gives the values of the network.
# torch's decomposed LSTM gives h_n and c_n an axis too many.
# https://github.com/pytorch/pytorch/issues/151200
import torch

x = torch.rand(5, 3, 4)
program = torch.export.export(torch.nn.LSTM(4, 7), (x,)).run_decompositions().module()
_, (h, c) = program(x)
print(f"h_n {tuple(h.shape)}, c_n {tuple(c.shape)}")
raise SystemExit(h.shape != (1, 3, 7) or c.shape != (1, 3, 7))
