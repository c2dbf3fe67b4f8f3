# ELM-1: h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), in float64.
# ops.tanh makes float32 of float64, and the scan refuses a state that changes its dtype.
# https://github.com/keras-team/keras/issues/23704
# cases: *, float64
import os

os.environ |= {"KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1"}
import keras
import numpy as np

try:
    output = keras.layers.SimpleRNN(7, dtype="float64")(np.ones((3, 5, 4)))
except TypeError as error:
    print(error)
    raise SystemExit(True) from None
print(output.dtype)
raise SystemExit(False)
