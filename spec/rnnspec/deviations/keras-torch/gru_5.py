# GRU-5: With the reset before the product, n = tanh(W_in x + b_in + W_hn (r h) + b_hn), in float64.
# Two float64 matrices are multiplied in float32, and the result is labelled float64.
# https://github.com/keras-team/keras/issues/23704
# cases: *, float64
import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np

random = np.random.default_rng(0)
x, h = random.uniform(-1, 1, (3, 1, 4)), random.uniform(-1, 1, (3, 7))
layer = keras.layers.GRU(7, reset_after=False, dtype="float64")
got = keras.ops.convert_to_numpy(layer(x, initial_state=keras.ops.convert_to_tensor(h)))
W, U, b = (keras.ops.convert_to_numpy(weight) for weight in layer.weights)
z, r, n = np.split(x[:, 0] @ W + b, 3, 1)
U_zr = np.split(U[:, :14], 2, 1)
z, r = (1 / (1 + np.exp(-(gate + h @ part))) for gate, part in zip((z, r), U_zr, strict=True))
off = abs(got - z * h - (1 - z) * np.tanh(n + (r * h) @ U[:, 14:])).max()
print(f"{got.dtype} off by {off:.2g}")
raise SystemExit(bool(off > 1e-12))
