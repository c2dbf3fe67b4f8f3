# GRD-2: A batch of rows of unequal lengths gives the derivatives of its sequences.
# In both directions, from a state that is given, it has others than its rows have one by one.
# No upstream issue.
import numpy as np
import paddle

LENGTHS = [2, 5, 3]
paddle.seed(1)
x, h = paddle.randn([3, 5, 4]), paddle.randn([2, 3, 7])
off = {}
for kind in ("SimpleRNN", "GRU", "LSTM"):
    layer, found = getattr(paddle.nn, kind)(4, 7, direction="bidirect"), []
    for rows in ([slice(0, 3)], [slice(b, b + 1) for b in range(3)]):
        layer.clear_gradients()
        for row in rows:
            state = (h[:, row], h[:, row]) if kind == "LSTM" else h[:, row]
            own = LENGTHS[row]
            _, final = layer(x[row, : max(own)], state, paddle.to_tensor(own))
            (final[0] if kind == "LSTM" else final).sum().backward()
        found.append([weight.grad.numpy() for weight in layer.parameters() if weight.grad is not None])
    off[kind] = max(float(np.abs(a - b).max()) for a, b in zip(*found, strict=True))
print(f"off by {off}")
raise SystemExit(max(off.values()) > 1e-4)
