# GRU-1: r and z are sigmoids, n = tanh(W_in x + b_in + r (W_hn h + b_hn)), and h' = (1 - z) n + z h.
# Without a bias zeros of JAX's own default are added, which is float64 where that is enabled: the state
# changes its dtype, and the scan refuses it.
# No upstream issue.
# cases: GRU-*-nobias*
import os

os.environ |= {"KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1"}
import keras
import numpy as np

try:
    output = keras.layers.GRU(7, use_bias=False, dtype="float32")(np.ones((3, 5, 4), "float32"))
except TypeError as error:
    print(error)
    raise SystemExit(True) from None
print(output.dtype)
raise SystemExit(False)
