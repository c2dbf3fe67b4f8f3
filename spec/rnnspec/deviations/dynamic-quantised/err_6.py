# ERR-6: The LSTM's state is a pair of tensors: nothing else is taken for it.
# The LSTMCell ignores what is in it beside the two.
# No upstream issue.
import torch

h, accepted = torch.zeros(3, 7), []
for dtype in (torch.qint8, torch.float16):
    cell = torch.nn.Sequential(torch.nn.LSTMCell(4, 7))
    (quantised,) = torch.ao.quantization.quantize_dynamic(cell, {torch.nn.LSTMCell}, dtype=dtype)
    try:
        quantised(torch.zeros(3, 4), (h, h, h))
    except Exception as error:
        print(dtype, "refused:", error)
    else:
        print(dtype, "accepted")
        accepted.append(dtype)
raise SystemExit(bool(accepted))
