"""60 Gradients: of unbatched input, of packed batches, and of one tensor that is given for several."""

from __future__ import annotations

import pytest
import torch

from rnnspec import gradients, ragged
from rnnspec.axes import CELLS, MODES, cases, each
from rnnspec.check import agrees
from rnnspec.gradients import expected, leaves, of, weighing
from rnnspec.notation import is_cell
from rnnspec.reference import Result

EQUATIONS = "consequence of the equations; torch.autograd"

PLAIN = each({"dtype": torch.float64})
DEEP = each({"L": 2, "bidirectional": True, "dtype": torch.float32})


@pytest.mark.clause(id="GRD-25", level="MUST", source=f"{EQUATIONS}; Inputs, unbatched")
@pytest.mark.needs("grad_input", "unbatched")
@cases(MODES, each({"B": 2}), PLAIN)
@cases(MODES, each({"B": 2}), DEEP)
@cases(CELLS, each({"B": 2}), PLAIN)
def test_gradients_of_unbatched_input(rnn, case):
    """Unbatched calls, one for each row, give the derivatives of the batch."""

    def layer(net, asked, b):
        state = asked.state and tuple(part[:, b] for part in asked.state)
        output, final = net.pair(net.raw(asked.x[:, b], net.packed(state)))
        return output, *final

    def cell(net, asked, b):
        state, hidden = tuple(part[0, b] for part in asked.state), []
        for x_t in asked.x[:, b]:
            answer = net.raw(x_t, net.packed(state))
            state = answer if case.kind == "LSTM" else (answer,)
            hidden.append(state[0])
        return torch.stack(hidden), *(part[None] for part in state)

    def run(net, asked):
        one = cell if is_cell(case.mode) else layer
        rows = [one(net, asked, b) for b in range(case.B)]
        return Result(*(torch.stack(parts, 1) for parts in zip(*rows, strict=True)))

    gradients.agree(gradients.given(rnn, weighing(case), run), expected(case).times(2))


@pytest.mark.clause(id="GRD-26", level="MUST", source=f"{EQUATIONS}; torch.nn.utils.rnn")
@pytest.mark.needs("grad_input", "lengths", "hx")
@cases(MODES, each({"B": 4}), PLAIN)
@cases(MODES, each({"T": 3, "B": 4}), DEEP)
def test_backward_from_parts_of_a_packed_result(rnn, case):
    """A packed batch gives the derivatives of its output alone, of h_n alone and of c_n alone, of a sum over
    the packed data, whose gradient is expanded, and those of the rest where the input requires none.
    """
    lengths = ragged.lengths(case)

    def wanted(loss):
        return gradients.predicted(case, case.weights, case.input, case.state, loss, lengths)

    def run(asked):
        packed = ragged.packed(asked.x, lengths)
        output, final = rnn.pair(rnn.raw(packed, rnn.packed(asked.state)))
        return output.data, Result(ragged.padded(output, case.T), *final)

    asked = leaves(rnn)
    data, result = run(asked)
    for name, _ in result.items():
        loss = weighing(case, (name,))
        gradients.agree(of(result.parts, loss.parts, asked.named()), wanted(loss))
    nothing = weighing(case, ())
    summed = Result(torch.ones_like(nothing.output), *nothing.state)
    expanded = data.new_ones(()).expand(data.shape)
    gradients.agree(of([data], [expanded], asked.named()), wanted(summed))
    asked.x.requires_grad_(False)
    rest = {name: leaf for name, leaf in asked.named().items() if name != "input"}
    _, result = run(asked)
    gradients.agree(of(result.parts, weighing(case).parts, rest), wanted(weighing(case)))


@pytest.mark.clause(id="GRD-27", level="MUST", source=f"{EQUATIONS}; torch.Tensor.expand")
@pytest.mark.needs("grad_input", "hx")
@cases(MODES, PLAIN)
@cases(MODES, DEEP)
@cases(CELLS, PLAIN)
def test_gradients_of_one_tensor_for_several(rnn, case):
    """A state that is expanded to all rows gets the sum of their gradients, and an LSTM's tensor that is
    given for h_0 and for c_0 that of both.
    """
    loss = weighing(case)
    rows = tuple(part[:, :1].to(rnn.device).requires_grad_() for part in case.state)
    spread = tuple(part.expand(-1, case.B, -1) for part in rows)
    names = ("h_0", "c_0")[: len(rows)]
    got = of(rnn.attached(case.input, spread).parts, loss.parts, dict(zip(names, rows, strict=True)))
    state = tuple(part.detach().cpu() for part in spread)
    wanted = gradients.predicted(case, case.weights, case.input, state, loss)
    for name in names:
        value, within = (found[name].sum(1, keepdim=True) for found in wanted)
        agrees(got[name], value, 2 * within, f"gradient of the row that is expanded to {name}", "lbh")
    if case.kind == "LSTM" and not case.P:
        both = case.state[0].to(rnn.device).clone().requires_grad_()
        (found,) = of(rnn.attached(case.input, (both, both)).parts, loss.parts, {"": both}).values()
        same = (case.state[0], case.state[0])
        wanted = gradients.predicted(case, case.weights, case.input, same, loss)
        value, within = (part["h_0"] + part["c_0"] for part in wanted)
        agrees(found, value, 2 * within, "gradient of the tensor that is h_0 and c_0", "lbh")
