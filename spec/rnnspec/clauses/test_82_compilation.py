"""82 Transforms: what torch.compile and TorchScript make of a network."""

from __future__ import annotations

import os
import shutil

import pytest
import torch

from rnnspec import gradients, ragged
from rnnspec.axes import CELLS, GRU, LSTM, MODES, PROJECTED, RELU, TANH, cases, each
from rnnspec.bound import predicted, propagated
from rnnspec.check import NotClaimed, agrees
from rnnspec.notation import is_cell
from rnnspec.transformed import (
    compiler,
    drops_afresh,
    example,
    network,
    right_at_every_size,
    scripted_for_packed,
    scripted_inside,
)

COMPILE, SCRIPT, TRACE = "torch.compile", "torch.jit.script", "torch.jit.trace"

DEEP = each({"T": 3, "B": 2, "L": 2, "bidirectional": True})
TWO = each({"T": 3, "B": 2, "L": 2})
FLOAT = each({"dtype": torch.float32})
STATE = each({}, {"hx": False})
SOME = [*TANH, *GRU, *LSTM]
GATED_CELLS = CELLS[2:]
OTHERS = [*RELU, *PROJECTED, *CELLS[:2]]
"""What core leaves to full where a case takes long."""

# torch.compile


@pytest.mark.clause(id="TRN-1", level="MAY", source=COMPILE)
@pytest.mark.needs("compile")
@cases(SOME, FLOAT)
@cases(GATED_CELLS, FLOAT)
@cases(OTHERS, FLOAT, scope="full")
@cases(MODES, DEEP, STATE, FLOAT, scope="full")
def test_compiled(rnn, case):
    """A compiled network gives the values of the network, for every T and B."""
    with compiler():
        right_at_every_size(network(rnn, lambda module: torch.compile(module, backend="eager")))


@pytest.mark.clause(id="TRN-11", level="MAY", source=COMPILE)
@pytest.mark.needs("compile", "grad")
@cases(SOME, FLOAT)
@cases(GATED_CELLS, FLOAT)
@cases(OTHERS, FLOAT, scope="full")
@cases(MODES, DEEP, STATE, FLOAT, scope="full")
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
        right_at_every_size(network(rnn, torch.compile))


@pytest.mark.clause(id="TRN-2", level="MAY", source=f"{COMPILE}, fullgraph")
@pytest.mark.needs("compile_fullgraph", "grad")
@cases(SOME, FLOAT)
@cases(GATED_CELLS, FLOAT)
@cases(OTHERS, FLOAT, scope="full")
@cases(MODES, DEEP, FLOAT, scope="full")
def test_compiled_as_one_graph(rnn, case):
    """Compiled as one graph a network gives the values and the gradients of the network."""
    with compiler():
        net = network(rnn, lambda module: torch.compile(module, backend="eager", fullgraph=True))
        agrees(net(case.input, case.state), *propagated(case))
        gradients.agree(gradients.given(net, gradients.weighing(case)), gradients.expected(case))


@pytest.mark.clause(id="TRN-14", level="MAY", source=f"{COMPILE}, fullgraph; torch.nn.Dropout")
@pytest.mark.needs("compile_fullgraph", "dropout")
@cases(SOME, TWO, FLOAT)
@cases(MODES, DEEP, FLOAT, scope="full")
def test_dropout_in_one_graph(rnn, case):
    """Compiled as one graph, in training, a network with dropout draws a fresh mask at each call."""
    with compiler():
        training = rnn.in_training(dropout=0.5)
        drops_afresh(
            network(training, lambda module: torch.compile(module, backend="aot_eager", fullgraph=True))
        )


# TorchScript


@pytest.mark.clause(id="TRN-3", level="MAY", source=SCRIPT)
@pytest.mark.needs("script")
@cases([*SOME, *CELLS], FLOAT)
@cases([*RELU, *PROJECTED], FLOAT, scope="full")
@cases(MODES, DEEP, STATE, FLOAT, scope="full")
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
    net = network(rnn, lambda module: scripted_inside(case, module))
    agrees(net(case.input, case.state), *propagated(case))
    agrees(net(case.input), *propagated(case.but(hx=False)))


@pytest.mark.clause(id="TRN-18", level="MAY", source=SCRIPT)
@pytest.mark.needs("script", "packed")
@cases(SOME, FLOAT)
@cases(MODES, DEEP, FLOAT, scope="full")
def test_scripted_with_packed_input(rnn, case):
    """A network in a scripted module gives its values of packed input."""
    net, lengths = network(rnn, lambda module: scripted_for_packed(case, module)), ragged.lengths(case)
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
@cases(MODES, STATE, FLOAT)
@cases(MODES, DEEP, STATE, FLOAT, scope="full")
def test_traced(rnn, case):
    """A traced network gives the values of the network."""
    agrees(_traced(rnn, case.T, case.B)(case.input, case.state), *propagated(case))


@pytest.mark.clause(id="TRN-16", level="MAY", source=TRACE)
@pytest.mark.needs("trace")
@cases([*MODES, *CELLS], STATE, FLOAT)
@cases(MODES, DEEP, STATE, FLOAT, scope="full")
def test_traced_at_another_size(rnn, case):
    """A traced network gives the values of the network for other T and B than it was traced with.

    A cell that is traced without a state takes none: it is called for one step.
    """
    one_step = is_cell(case.mode) and not case.hx
    right_at_every_size(_traced(rnn, 2, case.B - 1), *((1,) if one_step else ()))
