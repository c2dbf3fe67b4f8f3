# PCK-9: Packed sequences give what each gives alone.
# The documentation refers to torch.nn.LSTM for the types of the arguments; packed input is not known.
# No upstream issue.
import torch

x = torch.nn.utils.rnn.pack_padded_sequence(torch.zeros(5, 3, 4), [5, 4, 2])
try:
    torch.ao.nn.quantizable.LSTM(4, 7)(x)
except AttributeError as error:
    print(error)
    raise SystemExit(1) from None
raise SystemExit(0)
