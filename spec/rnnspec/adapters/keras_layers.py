"""Keras: its SimpleRNN, LSTM and GRU, their cells and Bidirectional, on whichever backend it runs.

The matrices are transposed; the gates are i f c o, and z r h. The two biases meet in one, but for those of
the GRU with `reset_after=True`, which has both. Rows end where a mask is false; the layers are made with
`zero_output_for_mask`, and would otherwise repeat the last output there.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from ..case import Case
from ..notation import BASIC, GATES, LAYERS, MODES, dtype_name, is_cell
from .base import LENGTHS, STACKED

BACKEND = "KERAS_BACKEND"
ORDER = {"RNN": "h", "LSTM": "ifgo", "GRU": "zrn"}
OWN = {"RNN": "SimpleRNN", "LSTM": "LSTM", "GRU": "GRU"}

State = tuple[Any, ...]


def keras_on(backend: str) -> Any:
    """Keras with a backend, which it chooses when it is imported, once in a process."""
    if "keras" not in sys.modules:
        before = os.environ.get(BACKEND)
        os.environ[BACKEND] = backend
        importlib.import_module("keras")
        if before is None:
            del os.environ[BACKEND]
        else:
            os.environ[BACKEND] = before
    keras = sys.modules["keras"]
    if (other := keras.backend.backend()) != backend:
        raise RuntimeError(f"Keras runs on {other} in this process: keras-{backend} needs one of its own")
    return keras


class KerasLayers:
    """What both backends have in common: for a base class of an adapter's."""

    keras: Any
    modes: tuple[str, ...] = MODES
    covers: str = "layer"

    def claimed(self, mode: str) -> frozenset[str]:
        claims = BASIC | STACKED | {"half", "float16", "nobias", "empty", "grad"}
        if mode in LAYERS:
            claims |= LENGTHS | {"zero_padding"}
        return claims | {"RNN": {"relu"}, "GRU": {"reset_before"}}.get(mode.removesuffix("Cell"), set())

    def called(
        self, case: Case, weights: Mapping[str, Any], x: Any, state: State | None, lengths: Any
    ) -> tuple[Any, State]:
        """The layer or cell of a case, called with these weights; x and the results are time first."""
        layer = made(self.keras, _plain(case), dtype_name(case.dtype))
        values = [value for suffix in case.suffixes() for value in variables(case, weights, suffix)]
        others = [variable.value for variable in layer.non_trainable_variables]
        if is_cell(case.mode):
            start = layer.get_initial_state(len(x)) if state is None else list(state)
            (_, new), _ = layer.stateless_call(values, others, x, start)
            return new[0], tuple(new)
        words: dict[str, Any] = {}
        if state is not None:
            words["initial_state"] = [part[d] for d in range(case.D) for part in state]
        if lengths is not None:
            words["mask"] = self.keras.ops.arange(len(x))[None] < lengths[:, None]
        (output, *final), _ = layer.stateless_call(values, others, x.swapaxes(0, 1), **words)
        kinds = len(final) // case.D
        parts = tuple(self.keras.ops.stack(final[kind::kinds]) for kind in range(kinds))
        return output.swapaxes(0, 1), parts


def variables(case: Case, weights: Mapping[str, Any], suffix: str) -> list[Any]:
    """Kernel, recurrent kernel and bias of one direction, as Keras keeps them."""
    blocks = np.arange(len(GATES[case.kind]) * case.H).reshape(-1, case.H)
    order = np.concatenate([blocks[GATES[case.kind].index(gate)] for gate in ORDER[case.kind]])
    kernels = [weights[f"weight_{kind}{suffix}"][order].T for kind in ("ih", "hh")]
    if not case.bias:
        return kernels
    b_ih, b_hh = (weights[f"bias_{kind}{suffix}"][order] for kind in ("ih", "hh"))
    both = case.kind == "GRU" and case.reset == "after"
    return [*kernels, _rows(b_ih, b_hh) if both else b_ih + b_hh]


def _rows(b_ih: Any, b_hh: Any) -> Any:
    return sys.modules["keras"].ops.stack([b_ih, b_hh])


def _plain(case: Case) -> Case:
    return case.but(T=1, B=1, seed=1, gain=1.0, span=1.0, grid=None, hx=True, b_hn=True)


@cache
def made(keras: Any, case: Case, dtype: str) -> Any:
    """The layer or cell of a case, made once: its own weights are never looked at."""
    words: dict[str, Any] = {"use_bias": case.bias, "dtype": dtype, "recurrent_initializer": "zeros"}
    if case.kind == "RNN":
        words["activation"] = case.nonlinearity
    if case.kind == "GRU":
        words["reset_after"] = case.reset == "after"
    if is_cell(case.mode):
        cell = getattr(keras.layers, f"{OWN[case.kind]}Cell")(case.H, **words)
        cell.build((None, case.I))
        return cell
    words |= {"return_sequences": True, "return_state": True, "zero_output_for_mask": True}
    layer = getattr(keras.layers, OWN[case.kind])(case.H, **words)
    if case.D == 2:
        layer = keras.layers.Bidirectional(layer, dtype=dtype)
    layer.build((None, None, case.I))
    return layer
