"""82 Transforms: what torch.export and ONNX make of a network."""

from __future__ import annotations

import pytest
import torch

from rnnspec.axes import CELLS, ELMAN, GRU, LSTM, MODES, PROJECTED, RELU, TANH, cases, each
from rnnspec.bound import predicted, propagated
from rnnspec.check import agrees
from rnnspec.notation import is_cell
from rnnspec.transformed import drops_afresh, example, exported, network, onnx_session

EXPORT, ONNX = "torch.export.export", "torch.onnx.export; ONNX RNN, LSTM, GRU"

DEEP = each({"T": 3, "B": 2, "L": 2, "bidirectional": True})
TWO = each({"T": 3, "B": 2, "L": 2})
FLOAT = each({"dtype": torch.float32})
STATE = each({}, {"hx": False})
SOME = [*TANH, *GRU, *LSTM]
GATED_CELLS = CELLS[2:]
OTHERS = [*RELU, *PROJECTED, *CELLS[:2]]
"""What core leaves to full where a case takes long."""


@pytest.mark.clause(id="TRN-5", level="MAY", source=EXPORT)
@pytest.mark.needs("export")
@cases([*SOME, *GATED_CELLS], FLOAT)
@cases(OTHERS, FLOAT, scope="full")
@cases(MODES, DEEP, STATE, FLOAT, scope="full")
def test_exported(rnn, case):
    """An exported network gives the values of the network for the shapes that it was exported with."""
    net = network(rnn, lambda module: exported(module, example(rnn)).module())
    agrees(net(case.input, case.state), *propagated(case))


@pytest.mark.clause(id="TRN-17", level="MAY", source=f"{EXPORT}, dynamic_shapes")
@pytest.mark.needs("export")
@cases(LSTM, FLOAT, each({"hx": False}))
@cases([*MODES, *CELLS], FLOAT, scope="full")
@cases(MODES, DEEP, STATE, FLOAT, scope="full")
def test_exported_for_any_batch(rnn, case):
    """A network that is exported with a dynamic batch gives the values of the network for other batches."""
    given, size = example(rnn), torch.export.Dim("batch", min=2, max=64)
    axis = 0 if is_cell(case.mode) else 1
    shapes = tuple(tuple({axis: size} for _ in p) if isinstance(p, tuple) else {axis: size} for p in given)
    net = network(rnn, lambda module: exported(module, given, dynamic_shapes=shapes).module())
    for rows in (range(case.B), (0, 1), (0, 1, 1, 0, 1)):
        x, state = case.input[:, rows], case.state and tuple(part[:, rows] for part in case.state)
        start = tuple(part[:, rows] for part in case.state or case.zeros)
        agrees(net(x, state), *predicted(case, case.weights, x, start))


@pytest.mark.clause(id="TRN-20", level="MAY", source="torch.export.ExportedProgram.run_decompositions")
@pytest.mark.needs("export")
@cases(LSTM, FLOAT)
@cases([*ELMAN, *GRU, *PROJECTED, *CELLS], FLOAT, scope="full")
def test_exported_and_decomposed(rnn, case):
    """An exported network that is decomposed into simple operations gives the values of the network."""
    net = network(rnn, lambda module: _decomposed(exported(module, example(rnn))))
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
    drops_afresh(network(training, lambda module: exported(module, example(rnn)).module()))


@pytest.mark.clause(id="TRN-19", level="MAY", source="run_decompositions; torch.nn.Dropout")
@pytest.mark.needs("export", "dropout")
@cases(TANH, TWO, FLOAT)
@cases(MODES, DEEP, FLOAT, scope="full")
def test_dropout_exported_and_decomposed(rnn, case):
    """It does so too when it is decomposed into simple operations."""
    training = rnn.in_training(dropout=0.5)
    drops_afresh(network(training, lambda module: _decomposed(exported(module, example(rnn)))))


# ONNX


@pytest.mark.clause(id="TRN-10", level="MAY", source=ONNX)
@pytest.mark.needs("onnx")
@cases(SOME, FLOAT)
@cases([*RELU, *PROJECTED], FLOAT, scope="full")
@cases(MODES, [*DEEP, {"bias": False}], STATE, FLOAT, scope="full")
def test_onnx(rnn, case):
    """Exported to ONNX and run, a network gives the values of the network."""
    net = network(rnn, lambda _: onnx_session(rnn, dynamo=True))
    agrees(net(case.input, case.state), *propagated(case))


@pytest.mark.clause(id="TRN-23", level="MAY", source=f"{ONNX}, dynamo=False")
@pytest.mark.needs("onnx")
@cases(SOME, FLOAT)
@cases([*RELU, *PROJECTED], FLOAT, scope="full")
@cases(MODES, [*DEEP, {"bias": False}], STATE, FLOAT, scope="full")
def test_onnx_by_the_older_exporter(rnn, case):
    """Exported to ONNX by the older exporter and run, a network gives the values of the network."""
    net = network(rnn, lambda _: onnx_session(rnn, dynamo=False))
    agrees(net(case.input, case.state), *propagated(case))
