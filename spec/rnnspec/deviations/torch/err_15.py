# ERR-15: An RNN is not made with another nonlinearity than 'tanh' and 'relu', by name or by position.
# torch takes the nonlinearity by position for the bias. https://github.com/pytorch/pytorch/pull/120234
import torch

try:
    rnn = torch.nn.RNN(4, 7, 1, "sigmoid")
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(False) from None
print(f"accepted, with bias={rnn.bias!r}")
raise SystemExit(True)
