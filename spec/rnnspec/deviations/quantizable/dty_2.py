# DTY-2: An omitted state is a zero of the weights' dtype.
# It is one of float32.
# No upstream issue.
import torch

failed = []
for name, x in (("LSTM", torch.zeros(5, 3, 4)), ("LSTMCell", torch.zeros(3, 4))):
    for dtype in (torch.float64, torch.bfloat16, torch.float16):
        try:
            getattr(torch.ao.nn.quantizable, name)(4, 7, dtype=dtype)(x.to(dtype))
        except RuntimeError as error:
            print(name, error)
            failed.append(name)
raise SystemExit(bool(failed))
