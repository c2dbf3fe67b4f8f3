# ERR-25: A c_0 of another dtype than the weights' is refused, where h_0 has theirs.
# It is promoted.
# No upstream issue.
import torch

h, accepted = torch.zeros(3, 7), []
for name, x in (("LSTM", torch.zeros(5, 3, 4)), ("LSTMCell", torch.zeros(3, 4))):
    state = h if name == "LSTMCell" else h[None]
    try:
        getattr(torch.ao.nn.quantizable, name)(4, 7)(x, (state, state.double()))
    except Exception as error:
        print(name, "refused:", error)
    else:
        print(name, "accepted")
        accepted.append(name)
raise SystemExit(bool(accepted))
