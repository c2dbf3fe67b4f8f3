# ELM-1: h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), in float64.
# Two float64 matrices are multiplied in float32, and the result is labelled float64.
# https://github.com/keras-team/keras/issues/23704
# cases: *, float64
import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np

random = np.random.default_rng(0)
x, h_0 = random.uniform(-1, 1, (3, 1, 4)), random.uniform(-1, 1, (3, 7))
layer = keras.layers.SimpleRNN(7, dtype="float64")
got = keras.ops.convert_to_numpy(layer(x, initial_state=keras.ops.convert_to_tensor(h_0)))
W_ih, W_hh, b = (keras.ops.convert_to_numpy(weight) for weight in layer.weights)
off = abs(got - np.tanh(x[:, 0] @ W_ih + b + h_0 @ W_hh)).max()
print(f"{got.dtype} off by {off:.2g}")
raise SystemExit(bool(off > 1e-12))
