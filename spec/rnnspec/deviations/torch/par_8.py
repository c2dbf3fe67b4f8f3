# PAR-8: The repr of an RNN with nonlinearity='relu' shows the nonlinearity.
# torch.nn.RNN shows it never; torch.nn.RNNCell does. No upstream issue.
import torch

text = repr(torch.nn.RNN(4, 7, nonlinearity="relu"))
print(text)
raise SystemExit("relu" not in text)
