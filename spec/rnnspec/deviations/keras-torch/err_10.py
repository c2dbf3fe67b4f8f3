# ERR-10: An input on another device than the weights is refused: here one on meta, without numbers.
# Keras makes numbers of it.
# No upstream issue.
import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import torch

try:
    h_n = keras.layers.LSTM(7)(torch.ones(3, 5, 4, device="meta"))
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(False) from None
print(f"h_n of an input without numbers: {h_n[0].tolist()}")
raise SystemExit(True)
