# CEL-12: For an unbatched input an LSTMCell refuses a c of as many rows as units beside an h of one row.
# torch spreads h over the rows, and returns as many. https://github.com/pytorch/pytorch/issues/175978
import torch

x, h, c = torch.zeros(4), torch.zeros(7), torch.zeros(7, 7)
try:
    h_1, _ = torch.nn.LSTMCell(4, 7)(x, (h, c))
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(False) from None
print(f"for one row, h' has the shape {tuple(h_1.shape)}")
raise SystemExit(True)
