# TRN-21: vmap over weights, by functional_call, gives what a loop over networks gives.
# torch has no batching rule for the layers and LSTMCell.
# https://github.com/pytorch/pytorch/issues/134606, https://github.com/pytorch/pytorch/issues/105982
import torch

x, failed = torch.rand(5, 3, 4), []
for mode in ("RNN", "GRU", "LSTM", "LSTMCell"):
    pair = [getattr(torch.nn, mode)(4, 7) for _ in range(2)]
    given = x[0] if mode == "LSTMCell" else x
    weights, _ = torch.func.stack_module_state(pair)
    try:
        got = torch.vmap(lambda w, x, rnn=pair[0]: torch.func.functional_call(rnn, w, (x,))[0], (0, None))(
            weights, given
        )
        right = torch.allclose(got, torch.stack([rnn(given)[0] for rnn in pair]), atol=1e-5)  # float32
    except Exception as error:
        print(f"{mode}: {str(error).splitlines()[0]}")
        right = False
    failed += [] if right else [mode]
raise SystemExit(bool(failed))
