# ERR-10: An input or a state on another device than the weights is refused, h_0 and c_0 apart.
# torch's LSTM in float32 on the CPU, which is oneDNN's, takes an h_0 on the meta device. No upstream issue.
import torch

h, c = torch.zeros(1, 3, 7, device="meta"), torch.zeros(1, 3, 7)
try:
    torch.nn.LSTM(4, 7)(torch.zeros(5, 3, 4), (h, c))
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(False) from None
print("accepted")
raise SystemExit(True)
