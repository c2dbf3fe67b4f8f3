# EXT-7: Whatever the finite input, RNN and LSTM put out nothing outside [-1, 1], nor NaN.
# Two float64 matrices are multiplied in float32, which has no number above 3.4e38.
# https://github.com/keras-team/keras/issues/23704
# cases: *, float64
import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np

layer = keras.layers.SimpleRNN(7, dtype="float64")
got = keras.ops.convert_to_numpy(layer(np.array([[[1e300, -1e300]]])))
print(got)
raise SystemExit(not (np.abs(got) <= 1).all())
