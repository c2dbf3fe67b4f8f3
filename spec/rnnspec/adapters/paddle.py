"""PaddlePaddle on the CPU: SimpleRNN, GRU and LSTM, all of a network in one call, and their cells.

Names, shapes, order of gates and both biases are torch's; `weight_ho` is a projection's weight_hr transposed.
They are set cell by cell, since a layer with a projection has other tensors by the name of
`weight_ih_l0_reverse`. Without biases a layer has `bias_ih_attr=False, bias_hh_attr=False`. The state that a
cell makes by itself has the library's default dtype, which therefore is the case's while it is called.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..case import Case
from ..notation import BASIC, LAYERS, MODES, dtype_name, is_cell
from .base import LENGTHS, STACKED, Adapter
from .crossing import Gradients

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of compilers that it does not find
    import paddle

OWN = {"RNN": "SimpleRNN", "GRU": "GRU", "LSTM": "LSTM"}

State = tuple[Any, ...]


@contextmanager
def default(case: Case) -> Iterator[None]:
    """What the library makes by itself has the case's dtype."""
    before = paddle.get_default_dtype()
    paddle.set_default_dtype(dtype_name(case.dtype))
    try:
        yield
    finally:
        paddle.set_default_dtype(before)


def network(case: Case) -> Any:
    """The library's layer or cell for a case, with weights of its own."""
    words: dict[str, Any] = {} if case.bias else {"bias_ih_attr": False, "bias_hh_attr": False}
    if case.kind == "RNN":
        words["activation"] = case.nonlinearity
    if is_cell(case.mode):
        return getattr(paddle.nn, f"{OWN[case.kind]}Cell")(case.I, case.H, **words)
    if case.P:
        words["proj_size"] = case.P
    words |= {"direction": "bidirect" if case.D == 2 else "forward", "time_major": not case.batch_first}
    return getattr(paddle.nn, OWN[case.kind])(case.I, case.H, case.L, **words)


def cells(case: Case, made: Any) -> Iterator[Any]:
    """The cells of a network, in the order of `case.suffixes()`."""
    for layer in [] if is_cell(case.mode) else made:
        yield from (layer.cell_fw, layer.cell_bw) if case.D == 2 else (layer.cell,)
    if is_cell(case.mode):
        yield made


def parameters(case: Case, made: Any) -> Iterator[tuple[str, Any]]:
    """Its parameters by torch's names; weight_hr, whose shape is another, comes transposed."""
    kinds = {"weight_ih": "weight_ih", "weight_hh": "weight_hh"}
    kinds |= {"bias_ih": "bias_ih", "bias_hh": "bias_hh"} if case.bias else {}
    kinds |= {"weight_hr": "weight_ho"} if case.P else {}
    for suffix, cell in zip(case.suffixes(), cells(case, made), strict=True):
        yield from ((f"{name}{suffix}", getattr(cell, own)) for name, own in kinds.items())


class Paddle(Adapter):
    name = "paddle"
    modes = MODES
    covers = "network"

    def claimed(self, mode: str) -> frozenset[str]:
        claims = BASIC | {"nobias", "empty", "grad"} | ({"relu"} if "RNN" in mode else set())
        if mode in LAYERS:
            claims |= STACKED | LENGTHS | {"batch_first"}
        return claims | ({"proj"} if mode == "LSTM" else set())

    def may_die(self, case: Case) -> bool:
        """Without biases it dies when it is called, and of sequences of no steps."""
        return not case.bias or 0 in (case.T, case.B)

    def model(self, case: Case, weights: Mapping[str, Any]) -> Any:
        with default(case):
            made = network(case)
        named = dict(parameters(case, made))
        for name, weight in weights.items():
            named[name].set_value(weight.T if "weight_hr" in name else weight)
        return case, made, named

    def run(
        self, model: Any, x: Any, state: State | None, lengths: Sequence[int] | None
    ) -> tuple[Any, tuple[Any, ...]]:
        with paddle.no_grad():
            output, final = called(model, x, state, lengths)[1]
        return output.numpy(), tuple(part.numpy() for part in final)

    def vjp(
        self,
        model: Any,
        x: Any,
        state: State | None,
        lengths: Sequence[int] | None,
        g_output: Any,
        g_state: State,
    ) -> Gradients:
        case, _, named = model
        inputs, (output, final) = called(model, x, state, lengths)
        of, results, numbers = {**inputs, **named}, [output, *final], [g_output, *g_state]
        if is_cell(case.mode):  # what it gives twice may be asked of once
            results, numbers = [*final], [g_output + g_state[0], *g_state[1:]]
        grads = [paddle.to_tensor(part) for part in numbers]
        found = paddle.grad(results, list(of.values()), grads, allow_unused=True)
        pairs = [(name, part.numpy()) for name, part in zip(of, found, strict=True) if part is not None]
        return {name: part.T.copy() if "weight_hr" in name else part for name, part in pairs}


def called(
    model: Any, x: Any, state: State | None, lengths: Sequence[int] | None
) -> tuple[Mapping[str, Any], tuple[Any, State]]:
    """The inputs of a call by name, and what comes out: output and final state."""
    case, made, _ = model
    inputs = {"x": x, **dict(zip(("h_0", "c_0"), state or (), strict=False))}
    inputs = {name: paddle.to_tensor(part, stop_gradient=False) for name, part in inputs.items()}
    x, *given = inputs.values()
    words = {} if lengths is None else {"sequence_length": paddle.to_tensor(list(lengths), dtype="int64")}
    with default(case):
        output, final = made(x, *([tuple(given)] if len(given) == 2 else given), **words)
    return inputs, (output, tuple(final) if case.kind == "LSTM" else (final,))


PADDLE = Paddle()
