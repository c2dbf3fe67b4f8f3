# ERR-4: a state of one row is spread over a batch of three; the LSTM does so with c.
# No upstream issue.
import mlx.core as mx
import mlx.nn as nn

mx.set_default_device(mx.cpu)
x, one = mx.zeros((3, 5, 4)), mx.zeros((1, 7))
for name, call in {
    "GRU": lambda: nn.GRU(4, 7)(x, one),
    "LSTM": lambda: nn.LSTM(4, 7)(x, mx.zeros((3, 7)), one)[0],
}.items():
    try:
        hidden = call()
        mx.eval(hidden)
    except ValueError as error:
        print(name, "refused:", error)
        continue
    print(name, "accepted:", hidden.shape)
    raise SystemExit(1)
raise SystemExit(0)
