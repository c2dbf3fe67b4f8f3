# ERR-20: Lengths that are not integers are refused, in a list and in a tensor, sorted or not.
# torch truncates them. No upstream issue.
import torch
from torch.nn.utils.rnn import pack_padded_sequence

x, taken = torch.zeros(5, 3, 4), []
for lengths in ([4.5, 2.9, 1.2], torch.tensor([4.5, 2.9, 1.2]), torch.tensor([5.0, 3.0, 1.0])):
    for in_order in (True, False):
        try:
            packed = pack_padded_sequence(x, lengths, enforce_sorted=in_order)
        except Exception as error:
            print(f"{lengths} refused: {error}")
        else:
            taken.append(packed.batch_sizes.tolist())
print(f"batch sizes of what is taken: {taken}")
raise SystemExit(bool(taken))
