# PAR-7: The options can be given in their documented order without names, and then they are attributes.
# torch.nn.RNN takes the nonlinearity for the bias, and so on. https://github.com/pytorch/pytorch/pull/120234
import torch

try:
    rnn = torch.nn.RNN(4, 7, 2, "tanh", False, True, 0.25, True)
except Exception as error:
    print(f"{type(error).__name__}: {error}")
    raise SystemExit(True) from None
print(rnn)
raise SystemExit((rnn.bias, rnn.batch_first, rnn.dropout, rnn.bidirectional) != (False, True, 0.25, True))
