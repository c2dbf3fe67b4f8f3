# CEL-3: A cell without a state starts from zeros, the LSTMCell in both h and c.
# The zeros are of float32, whatever the weights are of.
# No upstream issue.
# cases: LSTM*
import torch

try:
    torch.ao.nn.quantizable.LSTMCell(4, 7, dtype=torch.float64)(torch.zeros(3, 4, dtype=torch.float64))
except RuntimeError as error:
    print(error)
    raise SystemExit(1) from None
raise SystemExit(0)
