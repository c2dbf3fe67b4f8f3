"""ONNX: a layer as a model of one operator, RNN, GRU or LSTM, in one direction or both.

The operators are time-major. Torch's blocks of the gates, r z n and i f g o, are z r h and i o f c here; W
and R are W_ih and W_hh of every direction, B is b_ih and b_hh of each, one after the other.
`linear_before_reset` is the reset after the product, torch's. T and B are left open unless they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..case import Case
from ..notation import GATES
from .base import LENGTHS, Adapter

ORDERS: Mapping[str, str] = {"RNN": "h", "GRU": "zrn", "LSTM": "iofg"}
"""ONNX's order of the gates by torch's letters."""

OPSET, IR = 14, 8
"""What every runtime of these years reads."""

OPERATORS = LENGTHS | {
    "apart",
    "bidirectional",
    "hx",
    "layers",
    "nobias",
    "reset_after",
    "reset_before",
    "b_hn",
    "tanh",
    "relu",
    "zero_padding",
    "empty",
}
"""What ONNX says of its operators, dtypes aside; the kit stacks them."""

Key = tuple[bool, bool, tuple[int, int] | None]
"""Whether a state and lengths are given, and T and B where they are fixed."""

Call = Callable[[Mapping[str, Any]], Sequence[Any]]
"""The results of a model, from its inputs by name."""


class Model:
    """A layer's model in each of the forms in which it is called, made when it is first called so."""

    def __init__(
        self, case: Case, weights: Mapping[str, Any], load: Callable[[onnx.ModelProto], Call]
    ) -> None:
        self.case, self.initializers, self.load = case, dict(initializers(case, weights)), load
        self.calls: dict[Key, Call] = {}

    def __call__(self, key: Key, inputs: Mapping[str, Any]) -> Sequence[Any]:
        if key not in self.calls:
            self.calls[key] = self.load(proto(self.case, self.initializers, key))
        return self.calls[key](inputs)


class Onnx(Adapter):
    """A runtime of ONNX models: `load` makes of a model what is called with its inputs."""

    covers = "layer"
    modes = ("RNN", "GRU", "LSTM")
    fixed = False
    """Whether T and B are fixed in its models."""

    def load(self, model: onnx.ModelProto) -> Call:
        raise NotImplementedError

    def model(self, case: Case, weights: Mapping[str, Any]) -> Any:
        return Model(case, weights, self.load)

    def run(
        self, model: Any, x: Any, state: tuple[Any, ...] | None, lengths: Sequence[int] | None
    ) -> tuple[Any, tuple[Any, ...]]:
        inputs = {"X": x}
        if lengths is not None:
            inputs["sequence_lens"] = np.array(lengths, np.int32)
        inputs |= dict(zip(("initial_h", "initial_c"), state or (), strict=False))
        sizes = x.shape[:2] if self.fixed else None
        Y, *final = model((state is not None, lengths is not None, sizes), inputs)
        T, D, B, H = Y.shape
        return np.moveaxis(Y, 1, 2).reshape(T, B, D * H), tuple(final)


def blocks(case: Case, array: Any) -> Any:
    """The rows of torch's blocks in ONNX's order."""
    named = dict(zip(GATES[case.kind], np.split(array, case.G), strict=True))
    return np.concatenate([named[letter] for letter in ORDERS[case.kind]])


def initializers(case: Case, weights: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """W (D, G·H, I), R (D, G·H, H) and B (D, 2·G·H)."""

    def each(kind: str) -> Any:
        return np.stack([blocks(case, weights[f"{kind}{suffix}"]) for suffix in case.suffixes()])

    yield "W", each("weight_ih")
    yield "R", each("weight_hh")
    if case.bias:
        yield "B", np.concatenate([each("bias_ih"), each("bias_hh")], 1)


def proto(case: Case, arrays: Mapping[str, Any], key: Key) -> onnx.ModelProto:
    """The model of one operator, whose weights are its initializers; what is not given is left out."""
    given, ragged, sizes = key
    T, B = sizes or ("T", "B")
    dtype = helper.np_dtype_to_tensor_dtype(arrays["W"].dtype)
    states, state = ("h", "c") if case.kind == "LSTM" else ("h",), (case.D, B, case.H)
    shapes: dict[str, tuple[int, tuple[Any, ...]]] = {"X": (dtype, (T, B, case.I))}
    shapes |= {"sequence_lens": (TensorProto.INT32, (B,))} if ragged else {}
    shapes |= {f"initial_{name}": (dtype, state) for name in states if given}
    results = {"Y": (T, case.D, B, case.H), **{f"Y_{name}": state for name in states}}
    order = ["X", "W", "R", "B", "sequence_lens", *(f"initial_{name}" for name in states)]
    names = [name if name in {*shapes, *arrays} else "" for name in order]
    node = helper.make_node(case.kind, names, list(results), hidden_size=case.H, **attributes(case))
    graph = helper.make_graph(
        [node],
        str(case),
        [helper.make_tensor_value_info(name, *shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info(name, dtype, shape) for name, shape in results.items()],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)


def attributes(case: Case) -> dict[str, Any]:
    """Those that differ from their defaults."""
    words: dict[str, Any] = {"direction": "bidirectional"} if case.bidirectional else {}
    words |= {"activations": ["Relu"] * case.D} if case.nonlinearity == "relu" else {}
    words |= {"linear_before_reset": 1} if case.kind == "GRU" and case.reset == "after" else {}
    return words
