# ERR-6: The LSTM's state is a pair of tensors: nothing else is taken for it.
# LSTM ignores what a state has beside the two, LSTMCell takes a pair without one of them for none.
# No upstream issue.
import torch

h, accepted = torch.zeros(1, 3, 7), []
LSTM, LSTMCell = torch.ao.nn.quantizable.LSTM, torch.ao.nn.quantizable.LSTMCell
for cls, x, state in (
    (LSTM, torch.zeros(5, 3, 4), (h, h, h)),
    (LSTMCell, torch.zeros(3, 4), (None, h[0])),
):
    try:
        cls(4, 7)(x, state)
    except Exception as error:
        print(cls.__name__, "refused:", error)
    else:
        print(cls.__name__, "accepted")
        accepted.append(cls)
raise SystemExit(bool(accepted))
