# ERR-25: A c_0 of another dtype than the weights' is refused, where h_0 has theirs.
# torch's LSTM with a projection takes one of a lower dtype. No upstream issue.
# cases: LSTM-*-P*
import torch

rnn, x = torch.nn.LSTM(4, 7, proj_size=3), torch.zeros(5, 3, 4)
try:
    rnn(x, (torch.zeros(1, 3, 3), torch.zeros(1, 3, 7, dtype=torch.bfloat16)))
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(False) from None
print("a float32 LSTM with a projection takes a c_0 of bfloat16")
raise SystemExit(True)
