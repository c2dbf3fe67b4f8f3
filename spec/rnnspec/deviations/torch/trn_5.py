# TRN-5: An exported network gives the values of the network for the shapes that it was exported with.
# torch's exported LSTM gives h_n and c_n an axis too many.
# https://github.com/pytorch/pytorch/issues/151200
import torch

x = torch.rand(5, 3, 4)
program = torch.export.export(torch.nn.LSTM(4, 7), (x,)).module()
_, (h, c) = program(x)
print(f"h_n {tuple(h.shape)}, c_n {tuple(c.shape)}")
raise SystemExit(h.shape != (1, 3, 7) or c.shape != (1, 3, 7))
