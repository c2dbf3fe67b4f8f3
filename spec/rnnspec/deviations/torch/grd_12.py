# GRD-12: Gradients can be differentiated in turn, and give the second derivatives of the equations.
# torch's LSTM in float32 on the CPU, which is oneDNN's, has none. https://github.com/pytorch/pytorch/pull/100627
import torch

x = torch.rand(3, 2, 4, requires_grad=True)
output, _ = torch.nn.LSTM(4, 7)(x)
try:
    (first,) = torch.autograd.grad(output.sum(), x, create_graph=True)
    torch.autograd.grad(first.square().sum(), x)
except RuntimeError as error:
    print(error)
    raise SystemExit(True) from None
raise SystemExit(False)
