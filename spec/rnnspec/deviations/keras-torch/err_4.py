# ERR-4: A state of a wrong size is refused, size-1 axes included.
# A state of one row is taken for every row of the batch.
# No upstream issue.
import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np

try:
    h_n = keras.layers.LSTM(7)(
        np.ones((3, 5, 4)), initial_state=[keras.ops.ones((1, 7)), keras.ops.ones((3, 7))]
    )
except Exception as error:
    print(f"refused: {error}")
    raise SystemExit(False) from None
print(f"a state of 1 row for 3 sequences is accepted: h_n of {tuple(h_n.shape)}")
raise SystemExit(True)
