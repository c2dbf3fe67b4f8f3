# TRN-6: A network with dropout that is exported in training draws a fresh mask at each call.
# torch.export loses the dropout between layers. No upstream issue.
import torch

rnn, x = torch.nn.LSTM(4, 7, num_layers=2, dropout=0.5), torch.rand(5, 3, 4)
program = torch.export.export(rnn, (x,)).module()
first, other = program(x)[0], program(x)[0]
same = torch.equal(first, other)
print(f"two calls give the same: {same}")
raise SystemExit(same)
