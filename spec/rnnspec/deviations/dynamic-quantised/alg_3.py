# ALG-3: Without biases a network is the one whose biases are zero.
# A module without biases is not converted, for a bare assertion.
# No upstream issue.
import torch

failed = []
for mode in ("GRU", "LSTM", "RNNCell", "GRUCell", "LSTMCell"):
    cls = getattr(torch.nn, mode)
    for dtype in (torch.qint8, torch.float16):
        try:
            torch.ao.quantization.quantize_dynamic(
                torch.nn.Sequential(cls(4, 7, bias=False)), {cls}, dtype=dtype
            )
        except AssertionError as error:
            print(mode, dtype, error)
            failed.append(mode)
raise SystemExit(bool(failed))
