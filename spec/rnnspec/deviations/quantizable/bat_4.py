# BAT-4: An empty batch gives empty results.
# The states are reshaped to a size that cannot be inferred; for float64 see DTY-2 too.
# No upstream issue.
import torch

try:
    output, _ = torch.ao.nn.quantizable.LSTM(4, 7)(torch.zeros(5, 0, 4))
except RuntimeError as error:
    print(error)
    raise SystemExit(1) from None
raise SystemExit(tuple(output.shape) != (5, 0, 7))
