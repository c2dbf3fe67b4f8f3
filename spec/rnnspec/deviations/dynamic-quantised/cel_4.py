# CEL-4: Input (I) with states (H) gives states (H): those of a batch of one, without its axis.
# It is refused.
# No upstream issue.
import torch

failed = []
for mode in ("RNNCell", "GRUCell", "LSTMCell"):
    cls = getattr(torch.nn, mode)
    for dtype in (torch.qint8, torch.float16):
        cell = torch.nn.Sequential(cls(4, 7))
        (quantised,) = torch.ao.quantization.quantize_dynamic(cell, {cls}, dtype=dtype)
        try:
            quantised(torch.zeros(4))
        except IndexError as error:
            print(mode, dtype, error)
            failed.append(mode)
raise SystemExit(bool(failed))
