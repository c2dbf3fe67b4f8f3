# SHP-5: A sequence of length 0 is refused, batched or not: there is no last step to take a state from.
# torch's LSTM in float32 on the CPU, which is oneDNN's, returns an output of no steps.
# https://github.com/pytorch/pytorch/issues/50192
import torch

try:
    output, _ = torch.nn.LSTM(4, 7)(torch.zeros(0, 0, 4))
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(False) from None
print(f"an output of shape {tuple(output.shape)}")
raise SystemExit(True)
