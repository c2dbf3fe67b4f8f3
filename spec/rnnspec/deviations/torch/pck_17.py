# PCK-17: States with more rows than an unsorted packed batch has sequences are refused.
# torch drops the surplus rows; it refuses them where the batch is sorted. No upstream issue.
import torch
from torch.nn.utils.rnn import pack_padded_sequence

packed = pack_padded_sequence(torch.zeros(5, 2, 4), [3, 5], enforce_sorted=False)
taken = []
for mode in ("RNN", "GRU", "LSTM"):
    h = torch.zeros(1, 3, 7)  # 3 rows for 2 sequences
    try:
        getattr(torch.nn, mode)(4, 7)(packed, (h, h) if mode == "LSTM" else h)
    except Exception as error:
        print(f"{mode} refuses: {error}")
    else:
        taken.append(mode)
print(f"taken by {taken}")
raise SystemExit(bool(taken))
