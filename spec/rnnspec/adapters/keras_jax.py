"""Keras on JAX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..case import Case
from .jax import JaxAdapter
from .keras_layers import KerasLayers, State, keras_on


class KerasJax(KerasLayers, JaxAdapter):
    name = "keras-jax"
    keras = keras_on("jax")

    def network(
        self, case: Case, weights: Mapping[str, Any], x: Any, state: State | None, lengths: Any
    ) -> tuple[Any, State]:
        return self.called(case, weights, x, state, lengths)


KERAS = KerasJax()
