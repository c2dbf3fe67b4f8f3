# GRU-1: r = σ(W_ir x + b_ir + W_hr h + b_hr), in float64.
# The sigmoid of a float64 number is as accurate as one of float32, and labelled float64.
# No upstream issue.
import math

import mlx.core as mx

mx.set_default_device(mx.cpu)
x = 0.3
got, wanted = mx.sigmoid(mx.array(x, dtype=mx.float64)), 1 / (1 + math.exp(-x))
print(f"{got.dtype}: {got.item()!r}, wanted {wanted!r}")
raise SystemExit(abs(got.item() - wanted) > 1e-14)
