# PER-15: A module with parametrized weights can be copied after a call that recorded gradients.
# torch's layers keep the weight that was computed among their flat weights. No upstream issue.
import copy

import torch
from torch.nn.utils.parametrizations import weight_norm

failed = []
for mode in ("RNN", "GRU", "LSTM"):
    rnn = weight_norm(getattr(torch.nn, mode)(4, 7), "weight_hh_l0")
    rnn(torch.zeros(5, 3, 4))
    try:
        copy.deepcopy(rnn)
    except Exception as error:
        print(f"{mode}: {error}")
        failed.append(mode)
raise SystemExit(bool(failed))
