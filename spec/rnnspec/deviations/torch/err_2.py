# ERR-2: An input of another feature size is refused.
# torch's LSTM in float32 on the CPU, which is oneDNN's, takes it. https://github.com/pytorch/pytorch/pull/115542
import torch

try:
    output, _ = torch.nn.LSTM(4, 7)(torch.zeros(5, 3, 3))
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(False) from None
print(f"an output of shape {tuple(output.shape)} for 3 features of 4")
raise SystemExit(True)
