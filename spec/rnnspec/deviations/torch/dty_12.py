# DTY-12: Under autocast packed input gives results of the dtypes that padded input gives.
# torch's LSTM on the CPU gives the half type for padded input and float32 for packed. No upstream issue.
import torch
from torch.nn.utils.rnn import pack_padded_sequence

rnn, x = torch.nn.LSTM(4, 7), torch.zeros(5, 3, 4)
with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
    padded, _ = rnn(x)
    packed, _ = rnn(pack_padded_sequence(x, [5, 3, 1]))
print(f"padded {padded.dtype}, packed {packed.data.dtype}")
raise SystemExit(packed.data.dtype != padded.dtype)
