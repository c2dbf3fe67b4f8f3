# PRJ-1: With proj_size=P the output and h are W_hr (o tanh(c)).
# The projection is left out, and then no state fits, nor the next layer.
# https://github.com/pytorch/pytorch/issues/74953
import torch

failed = []
for dtype in (torch.qint8, torch.float16):
    rnn = torch.nn.Sequential(torch.nn.LSTM(4, 7, proj_size=3))
    (quantised,) = torch.ao.quantization.quantize_dynamic(rnn, {torch.nn.LSTM}, dtype=dtype)
    try:
        quantised(torch.zeros(5, 3, 4))
    except RuntimeError as error:
        print(dtype, error)
        failed.append(dtype)
raise SystemExit(bool(failed))
