# ERR-13: input_size, hidden_size and num_layers are positive integers: 0, -1 and floats are refused.
# torch makes a layer for inputs of no features. https://github.com/pytorch/pytorch/pull/166302
import torch

made = []
for mode in ("RNN", "GRU", "LSTM"):
    try:
        made.append(getattr(torch.nn, mode)(0, 7))
    except Exception as error:
        print(f"refused: {error}")
print(made)
raise SystemExit(bool(made))
