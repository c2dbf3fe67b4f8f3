"""60 Gradients: what backward gives."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from rnnspec import gradients, ragged
from rnnspec.axes import CELLS, LSTM, MODES, NETWORKS, PROJECTED, cases, each
from rnnspec.check import NotClaimed, agrees, equals
from rnnspec.gradients import expected, leaves, of, weighing
from rnnspec.notation import is_cell
from rnnspec.reference import Result

EQUATIONS = "consequence of the equations; torch.autograd"

FINE = each({"dtype": torch.float32}, {"dtype": torch.float64})
"""The half types' bounds are wide: they are tried where numbers are few and small."""

PLAIN = each({"dtype": torch.float64})
DEEP = each({"L": 2, "bidirectional": True, "dtype": torch.float32})
GENTLE = each({"T": 3, "B": 2, "H": 5, "gain": 0.5})
OPTIONS = each({"bias": False}, {"hx": False}, {"batch_first": True})
SIZES = each({"T": 19, "B": 2, "H": 5}, {"T": 3, "B": 2, "H": 35}, {"T": 3, "B": 35})
FURTHER = each(
    {"B": 1}, {"L": 3}, {"L": 2, "bias": False}, {"T": 67, "B": 2, "I": 3, "H": 5},
    {"T": 3, "B": 2, "I": 35}, {"T": 3, "B": 67, "H": 5},
)  # fmt: skip
SINGLE = each({"dtype": torch.float32})


@pytest.mark.clause(id="GRD-1", level="MUST", source=EQUATIONS)
@pytest.mark.needs("grad_input")
@cases(MODES, NETWORKS, FINE)
@cases(MODES, OPTIONS, FINE)
@cases(MODES, SIZES, FINE)
@cases([*MODES, *CELLS], GENTLE)
@cases(CELLS, each({}, {"bias": False}, {"hx": False}), FINE)
@cases(CELLS, SIZES, FINE)
@cases(MODES, FURTHER, SINGLE)
@cases(CELLS, each({"T": 3, "B": 67, "H": 5}), SINGLE)
def test_gradients_are_the_derivatives(rnn, case):
    """Backward gives the derivatives of output, h_n and c_n with respect to the input, every initial
    state and every parameter.

    Who claims those of the input alone is not asked for those of the parameters, here and below.
    """
    gradients.agree(gradients.given(rnn, weighing(case)), expected(case))


@pytest.mark.clause(id="GRD-2", level="MUST", source=f"{EQUATIONS}; torch.nn.utils.rnn")
@pytest.mark.needs("grad_input", "lengths")
@cases(MODES, each({"B": 5}), FINE)
@cases(MODES, each({"B": 5, "hx": False}, {"B": 1, "hx": False}), SINGLE)
@cases(MODES, each({"B": 5}), DEEP)
@cases(MODES, GENTLE)
def test_gradients_of_a_packed_batch(rnn, case):
    """A packed batch gives the derivatives of its sequences, in the caller's order of rows."""
    lengths, loss = ragged.lengths(case), weighing(case)
    state = case.state or case.zeros
    wanted = gradients.predicted(case, case.weights, case.input, state, loss, lengths)

    def packed(net, asked):
        output, final = net.pair(net.raw(ragged.packed(asked.x, lengths), net.packed(asked.state)))
        return Result(ragged.padded(output, case.T), *final)

    gradients.agree(gradients.given(rnn, loss, packed), wanted)


@pytest.mark.clause(id="GRD-4", level="MUST", source=EQUATIONS)
@pytest.mark.needs("grad_input")
@cases(MODES, each({}, {"hx": False}), FINE)
@cases(MODES, each({"L": 2}), PLAIN)
@cases(MODES, GENTLE)
def test_backpropagation_through_single_steps(rnn, case):
    """Backpropagation through T calls of one step that carry the state is backpropagation through
    one call over T steps.
    """

    def stepwise(net, asked):
        hidden, state = [], asked.state
        for t in range(case.T):
            step = net.attached(asked.x[t : t + 1], state)
            hidden.append(step.output)
            state = step.state
        return Result(torch.cat(hidden), *state)

    loss, wanted = weighing(case), expected(case)
    got, whole = gradients.given(rnn, loss, stepwise), gradients.given(rnn, loss)
    gradients.agree(got, wanted)
    for name, part in got.items():
        agrees(part, whole[name], 2 * wanted.within[name], f"gradient of {name}")


@pytest.mark.clause(id="GRD-5", level="MUST", source="torch.nn.RNN, Outputs: output, h_n")
@pytest.mark.needs("grad_input")
@cases(MODES, each({"dtype": torch.float64}, {"bidirectional": True, "dtype": torch.float32}))
@cases(MODES, GENTLE)
def test_the_gradient_of_h_n_is_that_of_its_slice(rnn, case):
    """Backward from h_n is backward from the slice of the output that it is: the last step of the
    forward direction, the first step of the reverse one.
    """
    loss, wanted = weighing(case, ("h_n",)), expected(case, ("h_n",))
    asked = leaves(rnn)
    result = rnn.attached(asked.x, asked.state)
    P = case.width
    ends = torch.stack([result.output[-1, :, :P], result.output[0, :, P:]][: case.D])
    for got in (of([result.h_n], [loss.h_n], asked.named()), of([ends], [loss.h_n], asked.named())):
        gradients.agree(got, wanted)


@pytest.mark.clause(id="GRD-6", level="MUST", source=EQUATIONS)
@pytest.mark.needs("grad_input")
@cases([*LSTM, *PROJECTED], PLAIN)
@cases([*LSTM, *PROJECTED], DEEP)
@cases([*LSTM, *PROJECTED, {"mode": "LSTMCell"}], GENTLE)
def test_gradients_of_c_n_alone(rnn, case):
    """Backward from c_n alone reaches the input, both states and the weights."""
    gradients.agree(gradients.given(rnn, weighing(case, ("c_n",))), expected(case, ("c_n",)))


@pytest.mark.clause(id="GRD-17", level="MUST", source=EQUATIONS)
@pytest.mark.needs("grad")
@cases([*LSTM, *PROJECTED, {"mode": "LSTMCell"}], each({}, {"T": 3, "B": 35}))
def test_c_n_after_one_step_owes_nothing_to_the_output_gate(rnn, case):
    """After one step c_n gives a gradient of exactly zero to the output gate's rows and to the
    projection.
    """
    asked = leaves(rnn)
    if not asked.weights:
        raise NotClaimed("its parameters have other names than torch's, or none")
    c_1 = rnn.attached(asked.x[:1], asked.state).c_n
    got = of([c_1], [weighing(case).c_n], asked.named())
    projected = {name: part for name, part in got.items() if name.startswith("weight_hr")}
    output_gate = {name: got[name][-case.H :] for name in asked.weights if name not in projected}
    for name, part in (projected | output_gate).items():
        equals(part, torch.zeros_like(part), f"gradient of {name}, gate o")


@pytest.mark.clause(id="GRD-7", level="MUST", source="linearity of the derivative; torch.autograd")
@pytest.mark.needs("grad_input")
@cases(MODES, PLAIN)
@cases(MODES, DEEP)
@cases([*MODES, *CELLS], GENTLE)
def test_gradients_add(rnn, case):
    """The gradient of a sum of losses on output, h_n and c_n is the sum of their gradients."""
    whole, loss = gradients.given(rnn, weighing(case)), weighing(case)
    asked = leaves(rnn)
    result = rnn.attached(asked.x, asked.state)
    total, within = {}, dict(expected(case).within)
    for name, part in result.items():
        one = of([part], [dict(loss.items())[name]], asked.named())
        gradients.agree(one, expected(case, (name,)))
        for leaf, gradient in one.items():
            total[leaf] = total.get(leaf, 0.0) + gradient.double()
            within[leaf] = within[leaf] + expected(case, (name,)).within[leaf]
    for leaf, gradient in whole.items():
        agrees(gradient, total[leaf], within[leaf], f"gradient of {leaf}")


@pytest.mark.clause(id="GRD-12", level="SHOULD", source="torch.autograd.gradgradcheck; the equations")
@pytest.mark.needs("grad", "grad2")
@cases(MODES, each({"T": 3, "B": 2}), PLAIN)
@cases(MODES, each({"T": 3, "B": 2}), DEEP)
@cases(CELLS, each({"T": 3, "B": 2}), FINE)
def test_second_derivatives(rnn, case):
    """Gradients can be differentiated in turn, and give the second derivatives of the equations.

    They are as near to them as differences of right gradients, with the best step ε = u^(1/3), would be:
    within the bound of the gradient, times 1/ε.
    """
    asked, lengths = leaves(rnn), ragged.lengths(case)[::-1]
    _second_agree(case, rnn.attached(asked.x, asked.state), asked)
    if not is_cell(case.mode) and rnn.claims("lengths"):
        output, final = rnn.pair(rnn.raw(ragged.packed(asked.x, lengths), rnn.packed(asked.state)))
        _second_agree(case, Result(ragged.padded(output, case.T), *final), asked, lengths)


def _second_agree(case, result, asked, lengths=None):
    __tracebackhide__ = True
    finest = torch.finfo(case.dtype).eps ** (1 / 3)
    got = gradients.second(result, weighing(case), asked.named())
    wanted = gradients.curvature(case, got, lengths)
    what = "second derivative of a packed batch" if lengths else "second derivative"
    for name, part in got.items():
        within = float(expected(case).within[name].max()) / finest
        agrees(part, wanted[name], within, f"{what} by {name}")


@pytest.mark.clause(
    id="GRD-16", level="SHOULD", source="torch.nn.Module.train, eval: neither is about gradients"
)
@pytest.mark.needs("grad", "module")
@cases(MODES, PLAIN)
@cases(MODES, DEEP)
@cases([*MODES, *CELLS], GENTLE)
def test_gradients_in_evaluation_mode(rnn, case):
    """In evaluation mode backward gives the gradients of training mode, or raises.

    The documents do not decide: cuDNN refuses it openly.
    """
    rnn.module.eval()
    try:
        got = gradients.given(rnn, weighing(case))
    except RuntimeError:
        got = {}
    finally:
        rnn.module.train()
    gradients.agree(got, expected(case))


@pytest.mark.clause(id="GRD-18", level="MUST", source="consequence of GRD-2 and PCK-15")
@pytest.mark.needs("grad_input", "lengths")
@cases(MODES, PLAIN)
@cases(MODES, DEEP)
def test_gradients_of_equal_lengths(rnn, case):
    """Where all lengths are equal, a packed batch gives the gradients of the padded one."""

    def packed(net, asked):
        whole = pack_padded_sequence(asked.x, [case.T] * case.B)
        output, final = net.pair(net.raw(whole, net.packed(asked.state)))
        return Result(ragged.padded(output, case.T), *final)

    wanted = expected(case)
    got, dense = (gradients.given(rnn, weighing(case), how) for how in (packed, None))
    gradients.agree(got, wanted)
    for name, part in got.items():
        agrees(part, dense[name], 2 * wanted.within[name], f"gradient of {name}")
