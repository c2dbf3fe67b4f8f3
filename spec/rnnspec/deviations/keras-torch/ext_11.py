# EXT-11: a huge pre-activation of a relu network is put out as it is, in float64.
# Two float64 matrices are multiplied in float32: of 10000.0001 the last digits are lost.
# https://github.com/keras-team/keras/issues/23704
# cases: *, float64
import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np

layer = keras.layers.SimpleRNN(1, activation="relu", dtype="float64")
layer.build((1, 1, 2))
layer.set_weights([np.ones((2, 1)), np.zeros((1, 1)), np.zeros(1)])
got = keras.ops.convert_to_numpy(layer(np.array([[[1e4, 1e-4]]])))
print(f"{got.dtype} off by {abs(got - 10000.0001).max():.2g}")
raise SystemExit(bool(abs(got - 10000.0001).max() > 1e-9))
