# SHP-4: For unbatched input (T, I) the output is (T, D·P) and the states are (L·D, P) and (L·D, H).
# It is refused.
# No upstream issue.
import torch

failed = []
for mode in ("GRU", "LSTM"):
    cls = getattr(torch.nn, mode)
    for dtype in (torch.qint8, torch.float16):
        rnn = torch.nn.Sequential(cls(4, 7))
        (quantised,) = torch.ao.quantization.quantize_dynamic(rnn, {cls}, dtype=dtype)
        try:
            quantised(torch.zeros(5, 4))
        except RuntimeError as error:
            print(mode, dtype, error)
            failed.append(mode)
raise SystemExit(bool(failed))
