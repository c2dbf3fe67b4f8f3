# PCK-23: A row of length 0 keeps its initial state.
# lstm_ref gives the state after the last step of the padding.
# No upstream issue.
import jax.numpy as jnp
from jax.experimental.rnn import lstm_ref

B, T, I, H = 2, 5, 3, 4
x, state = jnp.ones((B, T, I)), jnp.full((1, B, H), 0.5)
W_ih, W_hh, b = jnp.ones((4 * H, I)), jnp.ones((4 * H, H)), jnp.zeros(4 * H)
lengths = jnp.array([T, 0], "int32")
_, h_n, _ = lstm_ref(x, state, state, {0: W_ih}, {0: W_hh}, {0: b}, {0: b}, lengths, I, H, 1, 0.0, False)
print(f"h_n of the row of length 0: {h_n[0, 1]}, and h_0: {state[0, 1]}")
raise SystemExit(bool((h_n[0, 1] != state[0, 1]).any()))
