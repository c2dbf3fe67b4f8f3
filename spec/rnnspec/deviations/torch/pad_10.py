# PAD-10: A length above T is refused.
# torch packs more rows than there are: batch_sizes sum to 13, data has 12.
# https://github.com/pytorch/pytorch/issues/146744
import torch
from torch.nn.utils.rnn import pack_padded_sequence

x = torch.zeros(5, 3, 4)
try:
    packed = pack_padded_sequence(x, [6, 4, 3])
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(False) from None
print(f"{len(packed.data)} rows of data, and batch_sizes {packed.batch_sizes.tolist()}")
raise SystemExit(True)
