# ERR-27: Batch sizes that sum to fewer than the rows of the data are refused.
# torch drops the rows that are left over. No upstream issue.
import torch
from torch.nn.utils.rnn import PackedSequence

packed, taken = PackedSequence(torch.zeros(9, 4), torch.tensor([3, 2, 2, 1])), []
for mode in ("RNN", "GRU", "LSTM"):
    try:
        output, _ = getattr(torch.nn, mode)(4, 7)(packed)
    except Exception as error:
        print(f"{mode} refuses: {error}")
    else:
        taken.append(f"{mode} gives {len(output.data)} rows for 9")
print(taken)
raise SystemExit(bool(taken))
