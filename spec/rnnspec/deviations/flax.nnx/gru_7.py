# GRU-7: n has a bias b_hn beside W_hn h, scaled by the reset gate as that is.
# By its docstring nnx.GRUCell has it; its parameters are two matrices and the bias of the input.
# https://github.com/google/flax/issues/5594
import jax
from flax import nnx

cell = nnx.GRUCell(3, 4, rngs=nnx.Rngs(0))
assert "b_{hn}" in nnx.GRUCell.__doc__
found = jax.tree.leaves(nnx.state(cell, nnx.Param))
print(f"parameters of shape {[part.shape for part in found]}")
biases = sum(part.size for part in found if part.ndim == 1)
print(f"{biases} biases for 4 units, of which each has b_ir, b_iz, b_in and b_hn")
raise SystemExit(biases < 16)
