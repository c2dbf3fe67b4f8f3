# ERR-25: A c_0 of another dtype than the weights' is refused, where h_0 has theirs.
# Without oneDNN torch's bfloat16 LSTM takes integers. No upstream issue.
# cases: LSTM-T5-B3-I4-H7, bfloat16, no-onednn
import torch

torch.backends.mkldnn.enabled = False
rnn, x = torch.nn.LSTM(4, 7, dtype=torch.bfloat16), torch.zeros(5, 3, 4, dtype=torch.bfloat16)
h, c = torch.zeros(1, 3, 7, dtype=torch.bfloat16), torch.zeros(1, 3, 7, dtype=torch.int64)
try:
    rnn(x, (h, c))
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(False) from None
print("a bfloat16 LSTM takes a c_0 of int64")
raise SystemExit(True)
