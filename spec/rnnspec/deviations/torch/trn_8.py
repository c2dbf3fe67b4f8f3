# TRN-8: vmap over inputs and states gives what a loop over them gives.
# torch has no batching rule for the layers and LSTMCell.
# https://github.com/pytorch/pytorch/issues/134606, https://github.com/pytorch/pytorch/issues/105982
import torch

x, failed = torch.rand(2, 5, 3, 4), []
for mode in ("RNN", "GRU", "LSTM", "LSTMCell"):
    rnn = getattr(torch.nn, mode)(4, 7)
    given = x[:, 0] if mode == "LSTMCell" else x
    try:
        got = torch.vmap(lambda one, rnn=rnn: rnn(one)[0])(given)
        right = torch.allclose(got, torch.stack([rnn(one)[0] for one in given]), atol=1e-5)  # float32
    except Exception as error:
        print(f"{mode}: {str(error).splitlines()[0]}")
        right = False
    failed += [] if right else [mode]
raise SystemExit(bool(failed))
