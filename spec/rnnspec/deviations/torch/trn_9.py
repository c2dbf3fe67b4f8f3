# TRN-9: The forward-mode derivatives along an input and states are those of the equations.
# oneDNN's LSTM, which the CPU takes in float32 and bfloat16, has none; float64 works. No upstream issue.
import torch
from torch.autograd import forward_ad

rnn, failed = torch.nn.LSTM(4, 7), []
for dtype in (torch.float32, torch.bfloat16):
    rnn, x = rnn.to(dtype), torch.rand(5, 3, 4, dtype=dtype)
    try:
        with forward_ad.dual_level():
            output, _ = rnn(forward_ad.make_dual(x, torch.ones_like(x)))
            print(dtype, forward_ad.unpack_dual(output).tangent.shape)
    except Exception as error:
        print(f"{dtype}: {error}")
        failed.append(dtype)
raise SystemExit(bool(failed))
