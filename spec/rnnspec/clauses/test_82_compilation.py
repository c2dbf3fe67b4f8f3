"""82 Compilation: what torch.compile, TorchScript, torch.export and ONNX make of a network."""

from __future__ import annotations

import os
import shutil
from itertools import product

import pytest
import torch

from rnnspec import gradients, ragged
from rnnspec.axes import CELLS, GRU, LSTM, MODES, TANH, cases, each
from rnnspec.bound import predicted, propagated
from rnnspec.check import NotClaimed, agrees, differs
from rnnspec.notation import is_cell
from rnnspec.transformed import (
    compiler,
    example,
    network,
    onnx_session,
    scripted_for_packed,
    scripted_inside,
)

COMPILE, EXPORT, ONNX = "torch.compile", "torch.export.export", "torch.onnx.export; ONNX RNN, LSTM, GRU"
SCRIPT, TRACE = "torch.jit.script", "torch.jit.trace"

DEEP = each({"T": 3, "B": 2, "L": 2, "bidirectional": True})
TWO = each({"T": 3, "B": 2, "L": 2})
FLOAT = each({"dtype": torch.float32})
STATE = each({}, {"hx": False})
SOME = [*TANH, *GRU, *LSTM]
GATED_CELLS = CELLS[2:]

# torch.compile


@pytest.mark.clause(id="TRN-1", level="MAY", source=COMPILE)
@pytest.mark.needs("compile")
@cases(SOME, FLOAT)
@cases(GATED_CELLS, FLOAT)
@cases(MODES, [{}, *DEEP], STATE, FLOAT, scope="full")
@cases(CELLS, STATE, FLOAT, scope="full")
def test_compiled(rnn, case):
    """A compiled network gives the values of the network, for every T and B."""
    with compiler():
        _is_right_at_every_size(network(rnn, lambda module: torch.compile(module, backend="eager")))


def _is_right_at_every_size(net, *lengths):
    case = net.case
    for T, B in product(lengths or (case.T, case.T - 2), (case.B, 1)):
        x, state = case.input[:T, :B], case.state and tuple(part[:, :B] for part in case.state)
        start = tuple(part[:, :B] for part in case.state or case.zeros)
        agrees(net(x, state), *predicted(case, case.weights, x, start))


@pytest.mark.clause(id="TRN-11", level="MAY", source=COMPILE)
@pytest.mark.needs("compile", "grad")
@cases(SOME, FLOAT)
@cases(GATED_CELLS, FLOAT)
@cases(MODES, [{}, *DEEP], STATE, FLOAT, scope="full")
@cases(CELLS, STATE, FLOAT, scope="full")
def test_gradients_of_the_compiled(rnn, case):
    """A compiled network gives the gradients of the network."""
    with compiler():
        net = network(rnn, lambda module: torch.compile(module, backend="eager"))
        gradients.agree(gradients.given(net, gradients.weighing(case)), gradients.expected(case))


@pytest.mark.clause(id="TRN-12", level="MAY", source=COMPILE)
@pytest.mark.needs("compile", "module")
@cases(SOME, FLOAT)
@cases(GATED_CELLS, FLOAT)
@cases(MODES, DEEP, FLOAT, scope="full")
def test_compiled_before_the_weights_change(rnn, case):
    """A compiled network computes with the weights that the module has at the time of the call."""
    weights = rnn.but(seed=case.seed + 1).weights
    with compiler():
        net = network(rnn, lambda module: torch.compile(module, backend="eager"))
        agrees(net(case.input, case.state), *propagated(case))
        rnn.module.load_state_dict(weights)
        agrees(net(case.input, case.state), *predicted(case, weights, case.input, case.state))


@pytest.mark.clause(id="TRN-13", level="MAY", source=f"{COMPILE}, backend")
@pytest.mark.needs("compile")
@cases(MODES, [{}, *DEEP], FLOAT, scope="full")
@cases(CELLS, FLOAT, scope="full")
def test_compiled_by_the_default_backend(rnn, case):
    """Compiled by the default backend too a network gives the values of the network, for every T and B."""
    if rnn.device.type == "cpu" and not shutil.which(os.environ.get("CXX", "g++")):
        raise NotClaimed("there is no C++ compiler here")
    with compiler():
        _is_right_at_every_size(network(rnn, torch.compile))


NO_GRAPH = {
    "implementation": "torch.nn",
    "reason": "Dynamo takes RNN, GRU and LSTM into a graph only with its experimental allow_rnn, and then"
    " loses dropout (pytorch#158007)",
}


@pytest.mark.clause(id="TRN-2", level="MAY", source=f"{COMPILE}, fullgraph")
@pytest.mark.needs("compile_fullgraph", "grad")
@pytest.mark.deviates(case="RNN-*", **NO_GRAPH)
@pytest.mark.deviates(case="GRU-*", **NO_GRAPH)
@pytest.mark.deviates(case="LSTM-*", **NO_GRAPH)
@cases(SOME, FLOAT)
@cases(GATED_CELLS, FLOAT)
@cases(MODES, DEEP, FLOAT, scope="full")
@cases(CELLS, STATE, FLOAT, scope="full")
def test_compiled_as_one_graph(rnn, case):
    """Compiled as one graph a network gives the values and the gradients of the network."""
    with compiler():
        net = network(rnn, lambda module: torch.compile(module, backend="eager", fullgraph=True))
        agrees(net(case.input, case.state), *propagated(case))
        gradients.agree(gradients.given(net, gradients.weighing(case)), gradients.expected(case))


@pytest.mark.clause(id="TRN-14", level="MAY", source=f"{COMPILE}, fullgraph; torch.nn.Dropout")
@pytest.mark.needs("compile_fullgraph", "dropout")
@pytest.mark.deviates(case="*", **NO_GRAPH)
@cases(SOME, TWO, FLOAT)
@cases(MODES, DEEP, FLOAT, scope="full")
def test_dropout_in_one_graph(rnn, case):
    """Compiled as one graph, in training, a network with dropout draws a fresh mask at each call."""
    with compiler():
        training = rnn.in_training(dropout=0.5)
        _drops_afresh(
            network(training, lambda module: torch.compile(module, backend="aot_eager", fullgraph=True))
        )


def _drops_afresh(net):
    """Two calls differ, by far more than rounding."""
    case, within = net.case, propagated(net.case)[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(case.seed)
        first, other = (net(case.input, case.state) for _ in range(2))
    differs(first.output, other.output, 100 * within.output, "output of a second call")


# TorchScript

NO_FORWARD = {
    "implementation": "torch.nn",
    "reason": "a layer that is scripted by itself has no forward (no upstream issue)",
}


@pytest.mark.clause(id="TRN-3", level="MAY", source=SCRIPT)
@pytest.mark.needs("script")
@pytest.mark.deviates(case="RNN-*", **NO_FORWARD)
@pytest.mark.deviates(case="GRU-*", **NO_FORWARD)
@pytest.mark.deviates(case="LSTM-*", **NO_FORWARD)
@cases([*SOME, *CELLS], FLOAT)
@cases(MODES, [{}, *DEEP], STATE, FLOAT, scope="full")
@cases(CELLS, STATE, FLOAT, scope="full")
def test_scripted(rnn, case):
    """A scripted network gives the values of the network."""
    agrees(network(rnn, torch.jit.script)(case.input, case.state), *propagated(case))


@pytest.mark.clause(id="TRN-15", level="MAY", source=SCRIPT)
@pytest.mark.needs("script")
@cases(MODES, FLOAT)
@cases(CELLS, FLOAT)
@cases(MODES, DEEP, FLOAT, scope="full")
def test_scripted_inside_another(rnn, case):
    """A network in a scripted module gives its values, with a state and without."""
    net = network(rnn, lambda module: scripted_inside(rnn, module))
    agrees(net(case.input, case.state), *propagated(case))
    agrees(net(case.input), *propagated(case.but(hx=False)))


@pytest.mark.clause(id="TRN-18", level="MAY", source=SCRIPT)
@pytest.mark.needs("script", "packed")
@cases(SOME, FLOAT)
@cases(MODES, DEEP, FLOAT, scope="full")
def test_scripted_with_packed_input(rnn, case):
    """A network in a scripted module gives its values of packed input."""
    net, lengths = network(rnn, lambda module: scripted_for_packed(rnn, module)), ragged.lengths(case)
    got = ragged.run(net, ragged.packed(case.input, lengths), case.state)
    agrees(got, *ragged.alone(case, lengths))


def _traced(rnn, T, B):
    """The network traced on T steps, of the layers, and B rows."""
    x, *state = example(rnn)
    row = slice(B) if is_cell(rnn.case.mode) else (slice(T), slice(B))
    if state:
        parts = state[0] if isinstance(state[0], tuple) else (state[0],)
        state = [rnn.packed(tuple(part[..., :B, :] for part in parts))]
    given = (x[row], *state)
    return network(rnn, lambda module: torch.jit.trace(module, given, check_trace=False))


@pytest.mark.clause(id="TRN-4", level="MAY", source=TRACE)
@pytest.mark.needs("trace")
@cases(CELLS, FLOAT)
@cases(MODES, [{}, *DEEP], STATE, FLOAT)
def test_traced(rnn, case):
    """A traced network gives the values of the network."""
    agrees(_traced(rnn, case.T, case.B)(case.input, case.state), *propagated(case))


@pytest.mark.clause(id="TRN-16", level="MAY", source=TRACE)
@pytest.mark.needs("trace")
@cases([*MODES, *CELLS], STATE, FLOAT)
@cases(MODES, DEEP, STATE, FLOAT)
def test_traced_at_another_size(rnn, case):
    """A traced network gives the values of the network for other T and B than it was traced with.

    A cell that is traced without a state takes none: it is called for one step.
    """
    one_step = is_cell(case.mode) and not case.hx
    _is_right_at_every_size(_traced(rnn, 2, case.B - 1), *((1,) if one_step else ()))


# torch.export


@pytest.mark.clause(id="TRN-5", level="MAY", source=EXPORT)
@pytest.mark.needs("export")
@cases([*SOME, *GATED_CELLS], FLOAT)
@cases(MODES, [{}, *DEEP], STATE, FLOAT, scope="full")
@cases(CELLS, FLOAT, scope="full")
def test_exported(rnn, case):
    """An exported network gives the values of the network for the shapes that it was exported with."""
    net = network(rnn, lambda module: torch.export.export(module, example(rnn)).module())
    agrees(net(case.input, case.state), *propagated(case))


@pytest.mark.clause(id="TRN-17", level="MAY", source=f"{EXPORT}, dynamic_shapes")
@pytest.mark.needs("export")
@cases(LSTM, FLOAT, each({"hx": False}))
@cases(CELLS, FLOAT, scope="full")
@cases(MODES, [{}, *DEEP], STATE, FLOAT, scope="full")
def test_exported_for_any_batch(rnn, case):
    """A network that is exported with a dynamic batch gives the values of the network for other batches."""
    given, size = example(rnn), torch.export.Dim("batch", min=2, max=64)
    axis = 0 if is_cell(case.mode) else 1
    shapes = tuple(tuple({axis: size} for _ in p) if isinstance(p, tuple) else {axis: size} for p in given)
    net = network(rnn, lambda module: torch.export.export(module, given, dynamic_shapes=shapes).module())
    for rows in (range(case.B), (0, 1), (0, 1, 1, 0, 1)):
        x, state = case.input[:, rows], case.state and tuple(part[:, rows] for part in case.state)
        start = tuple(part[:, rows] for part in case.state or case.zeros)
        agrees(net(x, state), *predicted(case, case.weights, x, start))


@pytest.mark.clause(id="TRN-20", level="MAY", source="torch.export.ExportedProgram.run_decompositions")
@pytest.mark.needs("export")
@cases(LSTM, FLOAT)
@cases(CELLS, FLOAT, scope="full")
@cases(MODES, STATE, FLOAT, scope="full")
def test_exported_and_decomposed(rnn, case):
    """An exported network that is decomposed into simple operations gives the values of the network."""
    net = network(rnn, lambda module: _decomposed(torch.export.export(module, example(rnn))))
    agrees(net(case.input, case.state), *propagated(case))


def _decomposed(program):
    return program.run_decompositions().module()


@pytest.mark.clause(id="TRN-6", level="MAY", source=f"{EXPORT}; torch.nn.Dropout")
@pytest.mark.needs("export", "dropout")
@cases(LSTM, TWO, FLOAT)
@cases(MODES, DEEP, FLOAT, scope="full")
def test_dropout_exported(rnn, case):
    """A network with dropout that is exported in training draws a fresh mask at each call."""
    training = rnn.in_training(dropout=0.5)
    _drops_afresh(network(training, lambda module: torch.export.export(module, example(rnn)).module()))


@pytest.mark.clause(id="TRN-19", level="MAY", source="run_decompositions; torch.nn.Dropout")
@pytest.mark.needs("export", "dropout")
@pytest.mark.deviates(
    implementation="torch.nn",
    reason="run_decompositions loses the dropout between layers (no upstream issue)",
)
@cases(TANH, TWO, FLOAT)
@cases(MODES, DEEP, FLOAT, scope="full")
def test_dropout_exported_and_decomposed(rnn, case):
    """It does so too when it is decomposed into simple operations."""
    training = rnn.in_training(dropout=0.5)
    _drops_afresh(network(training, lambda module: _decomposed(torch.export.export(module, example(rnn)))))


# ONNX


@pytest.mark.clause(id="TRN-10", level="MAY", source=ONNX)
@pytest.mark.needs("onnx")
@pytest.mark.deviates(
    implementation="torch.nn",
    reason="a projected LSTM becomes a model that ONNX Runtime refuses (pytorch#191855)",
    case="LSTM-*P3*",
)
@cases(SOME, FLOAT)
@cases(MODES, [{}, *DEEP, {"bias": False}], STATE, FLOAT, scope="full")
def test_onnx(rnn, case):
    """Exported to ONNX and run, a network gives the values of the network."""
    net = network(rnn, lambda _: onnx_session(rnn, dynamo=True))
    agrees(net(case.input, case.state), *propagated(case))


@pytest.mark.clause(id="TRN-23", level="MAY", source=f"{ONNX}, dynamo=False")
@pytest.mark.needs("onnx")
@cases(SOME, FLOAT)
@cases(MODES, [{}, *DEEP, {"bias": False}], STATE, FLOAT, scope="full")
def test_onnx_by_the_older_exporter(rnn, case):
    """Exported to ONNX by the older exporter and run, a network gives the values of the network."""
    net = network(rnn, lambda _: onnx_session(rnn, dynamo=False))
    agrees(net(case.input, case.state), *propagated(case))
