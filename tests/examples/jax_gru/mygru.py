"""A GRU's step in JAX."""

import jax.numpy as jnp
from jax.nn import sigmoid

from rnnspec.adapters.jax import jax_step


@jax_step("GRU")
def gru(w, x, state):
    (h,) = state
    r_x, z_x, n_x = jnp.split(x @ w.W_ih.T + w.b_ih, 3, -1)
    r_h, z_h, n_h = jnp.split(h @ w.W_hh.T + w.b_hh, 3, -1)
    r, z = sigmoid(r_x + r_h), sigmoid(z_x + z_h)
    n = jnp.tanh(n_x + r * n_h)
    return ((1 - z) * n + z * h,)
