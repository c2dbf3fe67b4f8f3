# SHP-4: For unbatched input (T, I) the output is (T, D·P) and the states are (L·D, P) and (L·D, H).
# Without a state it is taken for a batch of sequences of numbers, and with one it is refused.
# No upstream issue.
import torch

rnn, state = torch.ao.nn.quantizable.LSTM(4, 7), torch.zeros(1, 7)
output, _ = rnn(torch.zeros(5, 4))
print(tuple(output.shape), "wanted (5, 7)")
try:
    rnn(torch.zeros(5, 4), (state, state))
except RuntimeError as error:
    print(error)
    raise SystemExit(1) from None
raise SystemExit(tuple(output.shape) != (5, 7))
