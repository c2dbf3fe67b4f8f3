# ERR-25: A c_0 of another dtype than the weights' is refused, where h_0 has theirs.
# torch's float64 LSTM takes one of a lower dtype. No upstream issue.
# cases: LSTM-*, float64
import torch

rnn, x = torch.nn.LSTM(4, 7, dtype=torch.float64), torch.zeros(5, 3, 4, dtype=torch.float64)
h, c = torch.zeros(1, 3, 7, dtype=torch.float64), torch.zeros(1, 3, 7, dtype=torch.float32)
try:
    rnn(x, (h, c))
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(False) from None
print("a float64 LSTM takes a c_0 of float32")
raise SystemExit(True)
