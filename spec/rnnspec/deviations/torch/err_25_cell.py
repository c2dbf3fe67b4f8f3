# ERR-25: A c_0 of another dtype than the weights' is refused, where h_0 has theirs.
# torch's LSTMCell promotes c_0, or the result. No upstream issue.
# cases: LSTMCell-*
import torch

cell, x, h = torch.nn.LSTMCell(4, 7), torch.zeros(3, 4), torch.zeros(3, 7)
taken = []
for dtype in (torch.float64, torch.bfloat16):
    try:
        _, c = cell(x, (h, torch.zeros(3, 7, dtype=dtype)))
    except Exception as error:
        print(f"{dtype} refused: {error}")
    else:
        taken.append(f"a float32 cell takes a c of {dtype} and returns one of {c.dtype}")
print(taken)
raise SystemExit(bool(taken))
