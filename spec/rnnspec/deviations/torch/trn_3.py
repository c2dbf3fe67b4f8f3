# TRN-3: A scripted network gives the values of the network.
# A layer that is scripted by itself, not in another module, has no forward. No upstream issue.
import torch

failed = []
for mode in ("RNN", "GRU", "LSTM"):
    try:
        torch.jit.script(getattr(torch.nn, mode)(4, 7))(torch.zeros(5, 3, 4))
    except Exception as error:
        print(f"{mode}: {type(error).__name__} {error}")
        failed.append(mode)
raise SystemExit(bool(failed))
