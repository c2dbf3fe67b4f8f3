# TRN-2: Compiled as one graph a network gives the values and the gradients of the network.
# Dynamo takes RNN, GRU and LSTM into a graph only with its experimental allow_rnn.
# https://github.com/pytorch/pytorch/issues/158007
import torch

failed = []
for mode in ("RNN", "GRU", "LSTM"):
    run = torch.compile(getattr(torch.nn, mode)(4, 7), backend="eager", fullgraph=True)
    try:
        run(torch.zeros(5, 3, 4))
    except Exception as error:
        print(f"{mode}: {str(error).splitlines()[0]}")
        failed.append(mode)
raise SystemExit(bool(failed))
