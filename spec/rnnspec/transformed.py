"""What torch's tools make of a module: traced, scripted, compiled, exported, called with other weights."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import product
from typing import Any, Optional, Tuple  # noqa: UP035 - TorchScript reads these

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.utils.rnn import PackedSequence

from .bound import predicted, propagated
from .case import Case
from .check import NotClaimed, agrees, differs
from .network import Network


@dataclass(frozen=True)
class Transformed:
    """Called as what a tool made of a module; its parameters are the module's."""

    run: Callable[..., Any]
    module: Any

    def __call__(self, *args: Any) -> Any:
        return self.run(*args)

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        yield from self.module.named_parameters()


def network(rnn: Network, make: Callable[[Any], Callable[..., Any]]) -> Network:
    """The network that calls what `make` makes of the module."""
    other = replace(rnn)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a tool is deprecated, or experimental, is no result
        vars(other)["module"] = Transformed(make(rnn.module), rnn.module)
    return other


def exported(module: Any, given: tuple[Any, ...], **words: Any) -> Any:
    """What torch.export makes of a module and the arguments of one call."""
    with compiler():
        return torch.export.export(module, given, **words)


def example(rnn: Network) -> tuple[Any, ...]:
    """The arguments of one bare call with the case's numbers; of a cell, of its first step."""
    case, row = rnn.case, 0 if rnn.case.mode.endswith("Cell") else slice(None)
    x, *state = (part[row].to(rnn.device) for part in (case.input, *(case.state or ())))
    return (x, rnn.packed(tuple(state))) if state else (x,)


def called_with(module: Any, weights: Mapping[str, Tensor]) -> Callable[..., Any]:
    """The module's call with other weights in place of its own."""
    return lambda *args: torch.func.functional_call(module, dict(weights), args)


def here(rnn: Network, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights on the network's device."""
    return {name: value.to(rnn.device) for name, value in weights.items()}


def right_at_every_size(net: Network, *lengths: int) -> None:
    """A network gives what the equations give of T and T - 2 steps, or of these lengths, and of all rows and
    the first.
    """
    case = net.case
    for T, B in product(lengths or (case.T, case.T - 2), (case.B, 1)):
        x, state = case.input[:T, :B], case.state and tuple(part[:, :B] for part in case.state)
        start = tuple(part[:, :B] for part in case.state or case.zeros)
        agrees(net(x, state), *predicted(case, case.weights, x, start))


def drops_afresh(net: Network) -> None:
    """Two calls differ, by far more than rounding."""
    case, within = net.case, propagated(net.case)[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(case.seed)
        first, other = (net(case.input, case.state) for _ in range(2))
    differs(first.output, other.output, 100 * within.output, "output of a second call")


@contextmanager
def compiler() -> Iterator[None]:
    """What torch.compile has kept of other calls is forgotten, before and after."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.compiler.reset()
        try:
            yield
        finally:
            torch.compiler.reset()


@contextmanager
def forward_mode() -> Iterator[None]:
    """Where dual tensors are; what torch scripts and warns of at the first of them is no result."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.simplefilter("ignore")
        yield


# Modules that hold a network, in the words that TorchScript reads.


class _Holding(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner


class Holding(_Holding):
    """Holds an RNN, a GRU or a cell with one state."""

    def forward(self, x: Tensor, state: Optional[Tensor] = None) -> Any:  # noqa: UP045
        return self.inner(x, state)


class HoldingPair(_Holding):
    """Holds an LSTM or an LSTMCell."""

    def forward(self, x: Tensor, state: Optional[Tuple[Tensor, Tensor]] = None) -> Any:  # noqa: UP006, UP045
        return self.inner(x, state)


class HoldingPacked(_Holding):
    """Holds an RNN or a GRU for packed input."""

    def forward(self, x: PackedSequence, state: Optional[Tensor] = None) -> Any:  # noqa: UP045
        return self.inner(x, state)


class HoldingPackedPair(_Holding):
    """Holds an LSTM for packed input."""

    def forward(self, x: PackedSequence, state: Optional[Tuple[Tensor, Tensor]] = None) -> Any:  # noqa: UP006, UP045
        return self.inner(x, state)


def scripted_inside(case: Case, module: Any) -> Callable[..., Any]:
    """A scripted module that holds the network."""
    outer = HoldingPair if case.kind == "LSTM" else Holding
    return torch.jit.script(outer(module))


def scripted_for_packed(case: Case, module: Any) -> Callable[..., Any]:
    """The same for packed input; TorchScript returns a packed sequence as a named tuple of its own."""
    outer = HoldingPackedPair if case.kind == "LSTM" else HoldingPacked
    scripted = torch.jit.script(outer(module))

    def run(*args: Any) -> Any:
        output, final = scripted(*args)
        return PackedSequence(*output), final

    return run


# ONNX.


def onnx_session(rnn: Network, dynamo: bool) -> Callable[..., Any]:
    """The module exported to ONNX and run by ONNX Runtime; not claimed where that is not installed."""
    runtime = [_installed(name) for name in ("onnx", "onnxscript", "onnxruntime")][-1]
    args = example(rnn)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = BytesIO()
        where: Any = None if dynamo else file
        try:
            program = torch.onnx.export(rnn.module, args, where, dynamo=dynamo, verbose=False)
        except torch.onnx.errors.SymbolicValueError as error:
            raise NotClaimed(f"refused openly: {str(error).splitlines()[0]}") from error
    model = program.model_proto.SerializeToString() if program is not None else file.getvalue()
    session = runtime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]

    def run(x: Tensor, *state: Any) -> Any:
        flat = [x, *(state[0] if state and isinstance(state[0], tuple) else state)]
        feed = {name: part.numpy() for name, part in zip(names, flat, strict=True)}
        output, *final = (torch.from_numpy(part) for part in session.run(None, feed))
        return output, (tuple(final) if rnn.case.kind == "LSTM" else final[0])

    return run


def _installed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NotClaimed(f"{name} is not installed here") from error
