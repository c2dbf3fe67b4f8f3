# ERR-40: pad_packed_sequence refuses batch sizes that sum to fewer than the rows of the data.
# torch drops the rows that are left over. No upstream issue.
import torch
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

packed = PackedSequence(torch.zeros(9, 4), torch.tensor([3, 2, 2, 1]))
try:
    _, lengths = pad_packed_sequence(packed)
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(False) from None
print(f"9 rows become sequences of lengths {lengths.tolist()}")
raise SystemExit(True)
