# ERR-42: A mask is not taken for lengths: a tensor of bools is refused, sorted or not.
# torch takes them for ones. No upstream issue.
import torch
from torch.nn.utils.rnn import pack_padded_sequence

x, taken = torch.zeros(5, 3, 4), []
for in_order in (True, False):
    try:
        packed = pack_padded_sequence(x, torch.tensor([True, True, True]), enforce_sorted=in_order)
    except Exception as error:
        print(f"refused: {error}")
    else:
        taken.append(packed.batch_sizes.tolist())
print(f"batch sizes of what is taken: {taken}")
raise SystemExit(bool(taken))
