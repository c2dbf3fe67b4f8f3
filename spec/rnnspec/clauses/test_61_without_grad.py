"""61 Without grad: other forms of input, refusals, changed weights, and what is the caller's own."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from rnnspec import gradients
from rnnspec.axes import CELLS, GRU, LSTM, TANH, cases, each
from rnnspec.bound import predicted, propagated
from rnnspec.check import agrees, equals
from rnnspec.gradients import expected, weighing
from rnnspec.notation import is_cell
from rnnspec.refusals import forms, of_other_sizes, refuses

NO_GRAD = "torch.no_grad, torch.inference_mode"
CHANGED = "torch.nn.Module.train, eval; weights are not cached"

QUIET = {"no_grad": torch.no_grad, "inference_mode": torch.inference_mode}

KINDS = [*TANH, *GRU, *LSTM]
CELL_KINDS = [cell for cell in CELLS if "nonlinearity" not in cell]
DEEP = each({"L": 2, "bidirectional": True, "T": 3, "B": 2})


@pytest.mark.clause(id="MOD-8", level="MUST", source=NO_GRAD)
@pytest.mark.needs("grad", "hx", "unbatched")
@cases(KINDS, each({"L": 2, "bidirectional": True, "T": 3, "B": 2, "H": 35}))
@cases(CELL_KINDS, each({"T": 3, "B": 2, "I": 6, "H": 35}))
def test_values_without_grad_of_unbatched_input(rnn, case):
    """Unbatched input too gives the same values in grad mode, under no_grad and in inference_mode."""
    x = case.input[:1] if is_cell(case.mode) else case.input
    alone = predicted(case, case.weights, x[:, 1:2], tuple(part[:, 1:2] for part in case.state))
    if is_cell(case.mode):
        numbers = [tuple(part[0, 0] for part in r.state) for r in alone]
    else:
        numbers = [tuple(part[:, 0] for _, part in r.items()) for r in alone]
    *_, (_, x, state) = forms(rnn, case)
    for mode in (torch.enable_grad, *QUIET.values()):
        with mode():
            got = rnn.named(x, state)
        for (name, part), want, allowed in zip(got.items(), *numbers, strict=True):
            agrees(part, want, allowed, f"{name} of unbatched input")


@pytest.mark.clause(id="MOD-9", level="MUST", source=f"{NO_GRAD}; Inputs, h_0 and c_0")
@pytest.mark.needs("grad", "hx")
@cases(KINDS)
def test_refusals_without_grad(rnn, case):
    """Under no_grad and in inference_mode too a state of another size is refused."""
    _refuses_other_sizes(rnn, case)


@pytest.mark.clause(id="MOD-14", level="SHOULD", source=f"{NO_GRAD}; CEL-9")
@pytest.mark.needs("grad", "module", "hx")
@cases(CELL_KINDS)
def test_refusals_of_cells_without_grad(rnn, case):
    """Under no_grad and in inference_mode too a cell refuses a state of another size."""
    _refuses_other_sizes(rnn, case)


def _refuses_other_sizes(rnn, case):
    network = rnn.built()
    for name, quiet in QUIET.items():
        for form, x, state in forms(rnn, case):
            for what, other in of_other_sizes(state, range(x.ndim)):
                with quiet():
                    refuses(network, f"{form} {what} under {name}", x, rnn.packed(other), RuntimeError)


@pytest.mark.clause(id="MOD-10", level="MUST", source=NO_GRAD)
@pytest.mark.needs("grad")
@cases(KINDS, DEEP, each({"hx": False}))
@cases(CELL_KINDS, each({"hx": False}))
def test_training_after_calls_without_grad(rnn, case):
    """A network that was first called under no_grad or in inference_mode has the results and the
    gradients that it has without such a call.
    """
    wanted, within = propagated(case)
    for quiet in QUIET.values():
        network = rnn.but().built()
        with quiet():
            network(case.input, case.state)
        gradients.agree(gradients.given(network, weighing(case)), expected(case))
        agrees(network(case.input, case.state), wanted, within)


@torch.no_grad()
def _write(module, values):
    for name, part in module.named_parameters():
        part.copy_(values[name])


def _write_data(module, values):
    for name, part in module.named_parameters():
        part.data.copy_(values[name])


def _load(module, values):
    module.load_state_dict(values)


@pytest.mark.clause(id="MOD-11", level="MUST", source=f"{NO_GRAD}; {CHANGED}")
@pytest.mark.needs("grad", "hx", "module")
@cases(KINDS, DEEP)
@cases(CELL_KINDS)
def test_changed_weights_are_used(rnn, case):
    """Weights that are written in place, through .data or loaded between two calls are what the second
    uses, with grad or without, in training and in evaluation.
    """
    one, other = case.weights, case.but(seed=case.seed + 1).weights
    results = [predicted(case, weights, case.input, case.state) for weights in (one, other)]
    for training in (True, False):
        for mode in (torch.enable_grad, *QUIET.values()):
            network = rnn.but()
            network.module.train(training)
            with mode():
                agrees(network(case.input, case.state), *results[0])
            for k, put in enumerate((_write, _write_data, _load, _write_data, _write, _load), 1):
                put(network.module, {name: w.to(rnn.device) for name, w in (one, other)[k % 2].items()})
                with mode():
                    agrees(network(case.input, case.state), *results[k % 2])


@pytest.mark.clause(id="MOD-12", level="MUST", source=f"{NO_GRAD}; hx is an argument; Outputs")
@pytest.mark.needs("grad", "hx")
@cases(KINDS, each({"L": 3}))
@cases(CELL_KINDS)
def test_what_is_the_callers_without_grad(rnn, case):
    """A call under no_grad and in inference_mode leaves the results of earlier calls as they were, and its
    own input and states, batched, unbatched and packed.
    """
    network = rnn.built()
    for name, quiet in QUIET.items():
        for form, x, state in _forms(rnn, case):
            held = {}
            for k in range(4):
                given = [(part - k).to(rnn.device, copy=True) for part in (_data(x), *state)]
                own = [part.clone() for part in given]
                with quiet():
                    answer = network.named(_with(x, given[0]), tuple(given[1:]))
                for part, now, before in zip(("input", "h_0", "c_0"), given, own, strict=False):
                    equals(now, before, f"{form} {part} after a call under {name}")
                held |= {(k, part): (_data(v), _data(v).clone()) for part, v in answer.items()}
            for (k, part), (value, before) in held.items():
                equals(value, before, f"{form} {part} of call {k} after later calls under {name}")


def _forms(rnn, case):
    """Input and states as the bare call takes them, packed too."""
    yield from forms(rnn, case)
    if not is_cell(case.mode) and rnn.claims("packed"):
        sizes = torch.tensor([case.T, case.T - 1, 2])
        yield "packed", pack_padded_sequence(case.input, sizes), case.state


def _data(x):
    return x.data if isinstance(x, PackedSequence) else x


def _with(x, data):
    return x._replace(data=data) if isinstance(x, PackedSequence) else data
