# ERR-25: A c_0 of another dtype than the weights' is refused, where h_0 has theirs.
# One of bfloat16 is promoted.
# No upstream issue.
import torch

accepted = []
for dtype in (torch.qint8, torch.float16):
    rnn = torch.nn.Sequential(torch.nn.LSTM(4, 7))
    (quantised,) = torch.ao.quantization.quantize_dynamic(rnn, {torch.nn.LSTM}, dtype=dtype)
    h = torch.zeros(1, 3, 7)
    try:
        quantised(torch.zeros(5, 3, 4), (h, h.bfloat16()))
    except Exception as error:
        print(dtype, "refused:", error)
    else:
        print(dtype, "accepted")
        accepted.append(dtype)
raise SystemExit(bool(accepted))
