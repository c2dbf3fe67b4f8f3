# PCK-23: A row of length 0 keeps its initial state.
# nnx.RNN gives the state after the last step of the padding.
# No upstream issue.
import jax.numpy as jnp
from flax import nnx

rnn = nnx.RNN(nnx.SimpleCell(3, 4, rngs=nnx.Rngs(0)), return_carry=True)
x, h_0 = jnp.ones((2, 5, 3)), jnp.full((2, 4), 0.5)
h_n, _ = rnn(x, initial_carry=h_0, seq_lengths=jnp.array([5, 0]))
print(f"h_n of the row of length 0: {h_n[1]}, and h_0: {h_0[1]}")
raise SystemExit(bool((h_n[1] != h_0[1]).any()))
