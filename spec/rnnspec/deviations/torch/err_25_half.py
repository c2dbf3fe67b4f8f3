# ERR-25: A c_0 of another dtype than the weights' is refused, where h_0 has theirs.
# torch's bfloat16 LSTM takes float32 and returns c_n so, its float16 LSTM takes integers. No upstream issue.
# cases: LSTM-*, *16
import torch

taken = []
for own, other in ((torch.bfloat16, torch.float32), (torch.float16, torch.int64)):
    rnn, x = torch.nn.LSTM(4, 7, dtype=own), torch.zeros(5, 3, 4, dtype=own)
    h, c = torch.zeros(1, 3, 7, dtype=own), torch.zeros(1, 3, 7, dtype=other)
    try:
        _, (_, c_n) = rnn(x, (h, c))
    except Exception as error:
        print(f"{own} refuses {other}: {error}")
    else:
        taken.append(f"{own} takes a c_0 of {other} and returns a c_n of {c_n.dtype}")
print(taken)
raise SystemExit(bool(taken))
