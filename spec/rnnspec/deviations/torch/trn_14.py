# TRN-14: Compiled as one graph, in training, a network with dropout draws a fresh mask at each call.
# Dynamo takes RNN, GRU and LSTM into a graph only with its experimental allow_rnn, and loses dropout.
# https://github.com/pytorch/pytorch/issues/158007
import torch

rnn, x = torch.nn.LSTM(4, 7, num_layers=2, dropout=0.5), torch.rand(5, 3, 4)
run = torch.compile(rnn, backend="aot_eager", fullgraph=True)
try:
    first, other = run(x)[0], run(x)[0]
except Exception as error:
    print(str(error).splitlines()[0])
    raise SystemExit(True) from None
same = torch.equal(first, other)
print(f"two calls give the same: {same}")
raise SystemExit(same)
