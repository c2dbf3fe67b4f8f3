# PAD-11: unpad_sequence leaves its argument as it is.
# With batch_first=False torch transposes it in place. No upstream issue.
import torch
from torch.nn.utils.rnn import unpad_sequence

x = torch.zeros(5, 3, 4)
unpad_sequence(x, torch.tensor([2, 5, 3]))
print(f"the shape was (5, 3, 4) and is {tuple(x.shape)}")
raise SystemExit(x.shape != (5, 3, 4))
