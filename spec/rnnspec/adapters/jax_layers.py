"""Libraries in JAX that run a layer themselves: its steps, its directions, and lengths where they can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from ..case import Case
from ..notation import BASIC, GATES, is_cell
from .base import STACKED
from .jax import JaxAdapter, Weights, weights_of

State = tuple[Any, ...]
"""(h,) or (h, c), each (B, H)."""


class JaxLayers(JaxAdapter):
    """A layer in one direction or both, and a cell, by the weights of each direction."""

    covers = "layer"
    claims = BASIC | STACKED | {"half", "float16", "empty", "grad"}

    def layer(
        self, case: Case, ways: Sequence[Weights], x: Any, states: Sequence[State] | None, lengths: Any
    ) -> tuple[Any, Sequence[State]]:
        """x (T, B, I), a state for each direction or none -> output (T, B, D·H), the final states."""
        raise NotImplementedError

    def cell(self, case: Case, w: Weights, x: Any, state: State | None) -> State:
        """One step of x (B, I)."""
        raise NotImplementedError

    def network(
        self, case: Case, weights: Mapping[str, Any], x: Any, state: State | None, lengths: Any
    ) -> tuple[Any, State]:
        ways = [weights_of(weights, suffix) for suffix in case.suffixes()]
        if is_cell(case.mode):
            now = self.cell(case, ways[0], x, state)
            return now[0], now
        states = None if state is None else list(zip(*state, strict=True))
        output, final = self.layer(case, ways, x, states, lengths)
        return output, tuple(jnp.stack(parts) for parts in zip(*final, strict=True))


def gates(w: Weights, kind: str) -> dict[str, Weights]:
    """The weights of each gate, by its letter, the matrices transposed to (columns, H)."""
    letters = GATES[kind]
    split = [jnp.split(part, len(letters)) for part in w[:4]]
    return {
        letter: Weights(W_ih.T, W_hh.T, b_ih, b_hh)
        for letter, W_ih, W_hh, b_ih, b_hh in zip(letters, *split, strict=True)
    }


def carried(state: State) -> Any:
    """A state as Flax carries it: c before h, and an h by itself."""
    return state[::-1] if len(state) == 2 else state[0]


def uncarried(carry: Any) -> State:
    """The state that Flax has carried."""
    return carry[::-1] if isinstance(carry, tuple) else (carry,)
