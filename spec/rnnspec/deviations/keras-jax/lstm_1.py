# LSTM-1: c_t = f c_{t-1} + i g, h_t = o tanh(c_t), in float64.
# ops.tanh makes float32 of float64, in the middle of a step; the result is labelled float64.
# https://github.com/keras-team/keras/issues/23704
# cases: *, float64
import os

os.environ |= {"KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1"}
import keras
import numpy as np

x = np.random.default_rng(0).uniform(-1, 1, (3, 1, 4))
layer = keras.layers.LSTM(7, dtype="float64")
got = np.asarray(layer(x))
W, _, b = (np.asarray(weight) for weight in layer.weights)
i, _, g, o = np.split(x[:, 0] @ W + b, 4, 1)
i, o = (1 / (1 + np.exp(-gate)) for gate in (i, o))
off = abs(got - o * np.tanh(i * np.tanh(g))).max()
print(f"{got.dtype} off by {off:.2g}")
raise SystemExit(bool(off > 1e-12))
