"""Keras on torch: its arrays are tensors, and its gradients autograd's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from .base import Adapter
from .crossing import TENSORS
from .keras_layers import KerasLayers, State, keras_on


class KerasTorch(KerasLayers, Adapter):
    name = "keras-torch"
    keras = keras_on("torch")
    arrays = TENSORS

    def run(
        self, model: Any, x: Any, state: State | None, lengths: Sequence[int] | None
    ) -> tuple[Any, tuple[Any, ...]]:
        case, weights = model
        ends = None if lengths is None else torch.tensor(lengths)
        return self.called(case, weights, x, state, ends)


KERAS = KerasTorch()
