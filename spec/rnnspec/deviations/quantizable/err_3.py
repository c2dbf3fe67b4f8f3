# ERR-3: A state of rank 0, 1 or 4 is refused, h_0 and c_0 apart.
# One of as many numbers as are needed is reshaped.
# No upstream issue.
import torch

state = torch.zeros(1, 3, 7)
try:
    torch.ao.nn.quantizable.LSTM(4, 7)(torch.zeros(5, 3, 4), (state.flatten(), state))
except Exception as error:
    print("refused:", error)
    raise SystemExit(0) from None
print("accepted")
raise SystemExit(1)
