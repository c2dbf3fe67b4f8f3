# PCK-9: Each sequence's steps of the output are those of the sequence run alone, in float64.
# Without a mask the LSTM has a kernel of its own, with one its products are taken in float32.
# https://github.com/keras-team/keras/issues/23704
# cases: *, float64
import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np

x = np.random.default_rng(0).uniform(-1, 1, (1, 5, 4))
layer = keras.layers.LSTM(7, dtype="float64")
alone = keras.ops.convert_to_numpy(layer(x[:, :3]))
masked = keras.ops.convert_to_numpy(layer(x, mask=np.arange(5)[None] < 3))
off = abs(masked - alone).max()
print(f"{masked.dtype} off by {off:.2g}")
raise SystemExit(bool(off > 1e-12))
