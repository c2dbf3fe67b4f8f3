"""34 Cells: one step by itself."""

from __future__ import annotations

import pytest
import torch

from rnnspec.axes import CELLS, cases, each
from rnnspec.bound import pinned, predicted, propagated
from rnnspec.check import NotClaimed, agrees, equals, has_shape, is_same, rejects
from rnnspec.refusals import refuses

EQUATIONS = "torch.nn.RNNCell, GRUCell, LSTMCell, equations"
SHAPE = "torch.nn.RNNCell, GRUCell, LSTMCell, Inputs and Shape"

SIZES = each({}, {"T": 3, "B": 35, "I": 6, "H": 37})
SQUARE = each({"H": 9, "dtype": torch.float32})
"""Units along whose axis not four gates but three can be cut; in one dtype, for it ends torch's process."""


@pytest.mark.clause(id="CEL-1", level="MUST", source=EQUATIONS)
@pytest.mark.needs("hx")
@cases(CELLS, [*SIZES, {"bias": False}, {"T": 3, "B": 2, "I": 35, "H": 67}])
def test_step(rnn, case):
    """A cell computes one step of its layer's equation.

    Every step is checked by itself, with the hidden state before it the cell's own.
    """
    got = rnn(case.input, case.state)
    wanted, within = pinned(case, case.input, case.state, got.output)
    agrees(got, wanted, within)


@pytest.mark.clause(id="CEL-8", level="MUST", source="torch.nn.RNNCell, GRUCell, LSTMCell, Outputs")
@cases(CELLS, each({}, {"hx": False}))
def test_structure(rnn, case):
    """A call returns h' alone (RNNCell, GRUCell) or the pair (h', c') (LSTMCell), each of shape (B, H)."""
    answer = rnn.raw(case.input[0], rnn.packed(_rows(case.state, slice(None))))
    parts = answer if isinstance(answer, tuple) else (answer,)
    wanted = ("h'", "c'") if case.kind == "LSTM" else ("h'",)
    is_same(len(parts), len(wanted), "the number of tensors that a call returns")
    is_same(isinstance(answer, tuple), case.kind == "LSTM", "that a call returns a tuple")
    for name, part in zip(wanted, parts, strict=True):
        has_shape(part, (case.B, case.H), name)


@pytest.mark.clause(id="CEL-2", level="MUST", source=f"{EQUATIONS} and examples")
@pytest.mark.needs("hx")
@cases(CELLS, [*SIZES, {"bias": False}, {"T": 19}])
def test_cell_step_by_step_is_the_layer(rnn, case):
    """A cell applied step by step gives the outputs and final states of the layer with its weights."""
    stepwise = rnn(case.input, case.state)
    wanted, within = propagated(case)
    agrees(stepwise, wanted, within)
    agrees(stepwise, _layer(rnn)(case.input, case.state), within=2 * within)


def _layer(rnn):
    """The layer with the weights of this cell."""
    kind = rnn.case.kind
    if kind not in rnn.implementation.modes:
        raise NotClaimed(f"there is no {kind} beside the {rnn.case.mode}")
    return rnn.but(mode=kind, weights={f"{name}_l0": value for name, value in rnn.weights.items()})


@pytest.mark.clause(id="CEL-3", level="MUST", source="torch.nn.RNNCell, GRUCell, LSTMCell, Inputs")
@pytest.mark.needs("hx")
@cases(CELLS, [*SIZES, {"bias": False}])
def test_omitted_state_is_zero(rnn, case):
    """A cell without a state starts from zeros, the LSTMCell in both h and c.

    So does a call that follows one with a state.
    """
    x = case.input[:1]
    wanted, within = predicted(case, case.weights, x, case.zeros)
    agrees(rnn(x), rnn(x, case.zeros), within=2 * within)
    rnn(x, case.state)
    agrees(rnn(x), wanted, within)


@pytest.mark.clause(id="CEL-4", level="MUST", source=SHAPE)
@pytest.mark.needs("unbatched")
@cases(CELLS, each({}, {"hx": False}, {"H": 35}))
def test_unbatched(rnn, case):
    """Input (I) with states (H) gives states (H): those of a batch of one, without its axis."""
    row, one = 1, slice(1, 2)
    answer = rnn.raw(case.input[0, row], rnn.packed(_rows(case.state, row)))
    alone = answer if case.kind == "LSTM" else (answer,)
    rnn.check_states(alone, answer)
    state = case.state and tuple(part[:, one] for part in case.state)
    batched = rnn(case.input[:1, one], state)
    wanted, within = predicted(case, case.weights, case.input[:1], case.state or case.zeros)
    for k, (name, got) in enumerate(zip(("h'", "c'"), alone, strict=False)):
        want, allowed = wanted.state[k][0, row], within.state[k][0, row]
        has_shape(got, (case.H,), name)
        agrees(got, batched.state[k][0, 0], 2 * allowed, name, "h")
        agrees(got, want, allowed, name, "h")


def _rows(state, rows):
    """Rows of the batch as a cell takes them."""
    return state and tuple(part[0, rows] for part in state)


@pytest.mark.clause(id="CEL-5", level="MUST", source="torch.nn.RNNCell, GRUCell, LSTMCell, Attributes")
@pytest.mark.needs("module")
@cases(CELLS, each({}, {"bias": False}))
def test_parameters(rnn, case):
    """A cell has weight_ih (G·H, I), weight_hh (G·H, H), bias_ih (G·H) and bias_hh (G·H), and a layer's
    _l0 tensors of those names load into it unchanged.
    """
    with torch.random.fork_rng(devices=[]):
        module = rnn.construct().to(case.dtype)
    G, H, I = case.G, case.H, case.I
    shapes = {"weight_ih": (G * H, I), "weight_hh": (G * H, H)}
    shapes |= {"bias_ih": (G * H,), "bias_hh": (G * H,)} if case.bias else {}
    is_same(sorted(module.state_dict()), sorted(shapes), "the names of the parameters")
    for name, shape in shapes.items():
        has_shape(getattr(module, name), shape, name)

    layer = case.but(mode=case.kind).weights
    if case.kind in rnn.implementation.modes:
        layer = _layer(rnn).module.state_dict()
    module.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.items()})
    for name, value in layer.items():
        own = name.removesuffix("_l0")
        equals(module.state_dict()[own].cpu(), value.cpu(), f"{own} loaded from {name}")


@pytest.mark.clause(id="CEL-6", level="SHOULD", source=f"{SHAPE} (the exception class is torch's)")
@pytest.mark.needs("module", "hx")
@cases(CELLS)
def test_other_ranks(rnn, case):
    """A cell refuses an input or a state of rank 0 or 3."""
    wrong = ValueError if rnn.claims("messages") else Exception
    x, state = case.input[0], _rows(case.state, slice(None))
    for other in (x[0, 0], x[None]):
        rejects(lambda x=other: rnn.raw(x, rnn.packed(state)), f"an input of rank {other.ndim}", wrong)
        rejects(lambda x=other: rnn.raw(x), f"an input of rank {other.ndim} alone", wrong)
    for k, name in enumerate(("h", "c")[: len(state)]):
        for other in (state[k][0, 0], state[k][None]):
            mixed = rnn.packed((*state[:k], other, *state[k + 1 :]))
            rejects(lambda s=mixed: rnn.raw(x, s), f"{name} of rank {other.ndim}", wrong)


@pytest.mark.clause(id="CEL-9", level="SHOULD", source=f"{SHAPE} (the exception class is torch's)")
@pytest.mark.needs("module", "hx")
@cases(CELLS, each({}, {"B": 7, "H": 9}))
def test_other_sizes_of_the_state(rnn, case):
    """A cell refuses a state of another batch or hidden size: a state of one row is not spread over
    the batch.

    Nor is one without a batch axis, which torch refuses by accident, in one of several ways.
    """
    wrong = RuntimeError if rnn.claims("messages") else Exception
    x, state = case.input[0], _rows(case.state, slice(None))
    for k, name in enumerate(("h", "c")[: len(state)]):
        part = state[k]
        wide = torch.cat([part, part[:, :1]], 1)
        for other in (part[:1], part[:-1], torch.cat([part, part[:1]]), part[:, :-1], part[:, :1], wide):
            mixed = rnn.packed((*state[:k], other, *state[k + 1 :]))
            rejects(lambda s=mixed: rnn.raw(x, s), f"{name} of shape {tuple(other.shape)}", wrong)
        mixed = rnn.packed((*state[:k], part[0], *state[k + 1 :]))
        rejects(lambda s=mixed: rnn.raw(x, s), f"{name} without a batch axis")
    rejects(lambda: rnn.raw(x[:1], rnn.packed(state)), f"one row of input, {case.B} of the state", wrong)


@pytest.mark.clause(id="CEL-10", level="SHOULD", source=SHAPE)
@pytest.mark.isolated("gates are read that chunking along a wrong axis does not give")
@pytest.mark.needs("hx", "unbatched")
@cases(CELLS, SQUARE)
@cases(CELLS, each({"H": 5}), scope="full")
def test_square_h(rnn, case):
    """For an unbatched input a cell refuses an h of as many rows as units, with a c like it or of one row."""
    x, state = case.input[0, 0], _rows(case.state, 0)
    square = tuple(part.expand(case.H, case.H) for part in state)
    for other in dict.fromkeys([square, (square[0], *state[1:])]):
        shapes = " and ".join(str(tuple(part.shape)) for part in other)
        refuses(rnn, f"unbatched input, states of shape {shapes}", x, rnn.packed(other))


@pytest.mark.clause(id="CEL-11", level="SHOULD", source=SHAPE)
@pytest.mark.isolated("gates are read that chunking along a wrong axis does not give")
@pytest.mark.needs("hx", "unbatched")
@cases(CELLS[3:], SQUARE)
def test_stack_of_square_states(rnn, case):
    """For an unbatched input an LSTMCell refuses one tensor (2, H, H) for h and c."""
    stack = torch.stack([part.expand(case.H, case.H) for part in _rows(case.state, 0)])
    refuses(rnn, f"unbatched input, one tensor of shape {tuple(stack.shape)}", case.input[0, 0], stack)


@pytest.mark.clause(id="CEL-12", level="SHOULD", source=SHAPE)
@pytest.mark.needs("hx", "unbatched")
@cases(CELLS[3:], each({}, {"H": 3}))
def test_square_c(rnn, case):
    """For an unbatched input an LSTMCell refuses a c of as many rows as units beside an h of one row."""
    h, c = _rows(case.state, 0)
    what = f"unbatched input, c of shape {(case.H, case.H)}"
    refuses(rnn, what, case.input[0, 0], (h, c.expand(case.H, case.H)))


@pytest.mark.clause(id="CEL-7", level="SHOULD", source="torch.nn.RNNCell, nonlinearity: tanh or relu")
@pytest.mark.needs("module")
@cases(CELLS[:1])
def test_nonlinearity(rnn, case):
    """An RNNCell refuses another nonlinearity than 'tanh' and 'relu', when it is made or when called.

    The documents do not say when; torch's RNN refuses it at once, its RNNCell when called.
    """
    x = case.input[0].float()
    for other in ("sigmoid", "TANH", ""):
        rejects(lambda f=other: rnn.construct(case.I, case.H, nonlinearity=f)(x), f"nonlinearity={other!r}")
