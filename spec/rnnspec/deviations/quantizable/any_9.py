# ANY-9: Networks of any number of layers are the layers one after the other.
# Of several layers and both directions, only the first layer reads both halves of what is below.
# https://github.com/pytorch/pytorch/issues/89357
import torch

for layers in (1, 2, 3):
    rnn = torch.ao.nn.quantizable.LSTM(4, 7, layers, bidirectional=True)
    try:
        rnn(torch.zeros(5, 3, 4))
    except RuntimeError as error:
        print(f"{layers} layers: {error}")
        raise SystemExit(1) from None
raise SystemExit(0)
