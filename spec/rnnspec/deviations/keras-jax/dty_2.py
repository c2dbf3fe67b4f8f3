# DTY-2: Output and states have the dtype of the weights: here float64.
# ops.tanh makes float32 of float64: SimpleRNNCell gives float32.
# https://github.com/keras-team/keras/issues/23704
# cases: RNNCell-*, float64
import os

os.environ |= {"KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1"}
import keras
import numpy as np

h, _ = keras.layers.SimpleRNNCell(7, dtype="float64")(np.ones((3, 4)), [np.ones((3, 7))])
print(f"h of a layer in float64 is {h.dtype}")
raise SystemExit(h.dtype != "float64")
