# ERR-23: A packed LSTM refuses a c_0 with a layer too many, with one row for all, or with one column.
# torch drops the surplus layer and spreads the row. https://github.com/pytorch/pytorch/issues/195803
import torch
from torch.nn.utils.rnn import pack_padded_sequence

rnn, packed = torch.nn.LSTM(4, 7), pack_padded_sequence(torch.zeros(5, 3, 4), [5, 3, 1])
taken = []
for shape in ((2, 3, 7), (1, 1, 7), (1, 3, 1)):
    try:
        rnn(packed, (torch.zeros(1, 3, 7), torch.zeros(shape)))
    except Exception as error:
        print(f"c_0 of {shape} refused: {error}")
    else:
        taken.append(shape)
print(f"for (1, 3, 7) is taken a c_0 of {taken}")
raise SystemExit(bool(taken))
