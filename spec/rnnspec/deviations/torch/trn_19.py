# TRN-19: A network with dropout that is exported in training, and decomposed into simple operations, draws a
# fresh mask at each call.
# torch's run_decompositions loses the dropout between layers. No upstream issue.
import torch

rnn, x = torch.nn.RNN(4, 7, num_layers=2, dropout=0.5), torch.rand(5, 3, 4)
program = torch.export.export(rnn, (x,)).run_decompositions().module()
first, other = program(x)[0], program(x)[0]
same = torch.equal(first, other)
print(f"two calls give the same: {same}")
raise SystemExit(same)
