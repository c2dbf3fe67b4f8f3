"""60 Gradients: what autograd records, and what it must not."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from rnnspec import gradients
from rnnspec.axes import CELLS, MODES, NETWORKS, cases, each
from rnnspec.bound import propagated
from rnnspec.check import NotClaimed, agrees, differs, equals, is_same
from rnnspec.gradients import expected, leaves, of, weighing
from rnnspec.notation import is_cell

MANY_UNITS = each({"H": 23})  # at each step some of them are above the relu's corner
FINE = each({"dtype": torch.float32}, {"dtype": torch.float64})
PLAIN = each({"dtype": torch.float64})
DEEP = each({"L": 2, "bidirectional": True, "dtype": torch.float32})
EQUATIONS = "consequence of the equations; torch.autograd"


def _zero(part, what):
    equals(part, torch.zeros_like(part), what)


@pytest.mark.clause(id="GRD-8", level="MUST", source=EQUATIONS)
@pytest.mark.needs("grad")
@cases(MODES, each({}, {"L": 2}, {"T": 19, "B": 2, "H": 5}))
def test_no_gradient_from_the_past_to_the_future(rnn, case):
    """output[t] gives no gradient to x[s] for s > t, and one to x[t]."""
    asked = leaves(rnn)
    output = rnn.attached(asked.x, asked.state).output
    for t in sorted({0, case.T // 2, case.T - 2}):
        (x,) = torch.autograd.grad(output[t].sum(), asked.x, retain_graph=True)
        _zero(x[t + 1 :], f"gradient of output[{t}] on later steps")
        differs(x[t], torch.zeros_like(x[t]), 0.0, f"gradient of output[{t}] on x[{t}], from 0,")


@pytest.mark.clause(id="GRD-19", level="MUST", source=EQUATIONS)
@pytest.mark.needs("grad", "hx")
@cases(MODES, each({}, {"L": 2, "bidirectional": True}, {"T": 3, "B": 35}), MANY_UNITS)
@cases(CELLS, each({}, {"T": 2, "B": 35}), MANY_UNITS)
def test_no_gradient_across_rows(rnn, case):
    """Row b of every result gives no gradient to another row of the input or of a state, and one to
    its own.
    """
    asked = leaves(rnn)
    result = rnn.attached(asked.x, asked.state)
    given = (asked.x, *asked.state)
    for b in sorted({0, 1, case.B - 1}):
        own = torch.stack([part[:, b].sum() for _, part in result.items()]).sum()
        others = [row for row in range(case.B) if row != b]
        for name, part in zip(
            asked.named(), torch.autograd.grad(own, given, retain_graph=True), strict=False
        ):
            _zero(part[:, others], f"gradient of row {b} on other rows of {name}")
            differs(
                part[:, b], torch.zeros_like(part[:, b]), 0.0, f"gradient of row {b} on its {name}, from 0,"
            )


@pytest.mark.clause(id="GRD-9", level="MUST", source="torch.Tensor.detach; truncated backpropagation")
@pytest.mark.needs("grad", "hx")
@cases(MODES, each({"dtype": torch.float64}, {"L": 2, "dtype": torch.float32}))
@cases(CELLS, FINE)
def test_a_detached_state_truncates(rnn, case):
    """Behind a detached state no gradient flows; before it the gradient is that of the second half
    run alone.
    """
    half, asked = case.T // 2, leaves(rnn)
    start = rnn.attached(asked.x[:half], asked.state)
    state = tuple(part.detach() for part in start.state)
    rest = rnn.attached(asked.x[half:], state)
    loss = weighing(case.but(T=case.T - half))
    got = of(rest.parts, loss.parts, asked.named())
    wanted = gradients.predicted(case, case.weights, case.input[half:], state, loss)
    _zero(got["input"][:half], "gradient before the detached state")
    for name in ("h_0", "c_0")[: len(state)]:
        _zero(got[name], f"gradient of {name} behind the detached state")
    later = {"input": got["input"][half:]} | {name: got[name] for name in asked.weights}
    gradients.agree(later, wanted)


@pytest.mark.clause(id="GRD-10", level="MUST", source="torch.Tensor.requires_grad, torch.no_grad")
@pytest.mark.needs("grad", "module", "hx")
@cases(MODES, NETWORKS)
@cases(CELLS)
def test_results_require_grad_when_something_given_does(rnn, case):
    """Results require grad where the input, a state or a parameter does and grad mode is on."""
    for x, state, weights, mode in product((False, True), repeat=4):
        rnn.module.requires_grad_(weights)
        given = [
            part.requires_grad_(flag) for part, flag in zip(_given(case), (x, state, state), strict=False)
        ]
        with torch.set_grad_enabled(mode):
            result = rnn.attached(given[0], tuple(given[1:]))
        words = [w for w, on in zip(("input", "states", "weights"), (x, state, weights), strict=True) if on]
        asking = f"with {', '.join(words) or 'nothing'} requiring grad, grad mode {'on' if mode else 'off'}"
        for name, part in result.items():
            is_same(part.requires_grad, bool(words) and mode, f"requires_grad of {name} {asking}")
    rnn.module.requires_grad_(True)


def _given(case):
    return case.input, *case.state


@pytest.mark.clause(id="GRD-20", level="MUST", source="torch.Tensor.requires_grad, torch.Tensor.grad")
@pytest.mark.needs("grad", "module")
@cases(MODES, PLAIN)
@cases(MODES, DEEP)
@cases(CELLS, FINE)
def test_frozen_parameters(rnn, case):
    """A frozen parameter gets no gradient, and changes neither a value nor another gradient."""
    wanted, loss, values = expected(case), weighing(case), propagated(case)
    parameters = dict(rnn.module.named_parameters())
    for frozen in parameters:
        for name, parameter in parameters.items():
            parameter.grad = None
            parameter.requires_grad_(name != frozen)
        asked = leaves(rnn)
        result = rnn.attached(asked.x, asked.state)
        agrees(result.map(torch.Tensor.detach), *values)
        gradients.weighed(result, loss).backward()
        is_same(parameters[frozen].grad, None, f"gradient of the frozen {frozen}")
        gradients.agree({n: leaf.grad for n, leaf in asked.named().items() if n != frozen}, wanted)
    rnn.module.requires_grad_(True)


@pytest.mark.clause(id="GRD-11", level="MUST", source="torch.autograd.backward, torch.nn.Module.zero_grad")
@pytest.mark.needs("grad", "module")
@cases(MODES, PLAIN)
@cases(MODES, DEEP)
@cases(CELLS, FINE)
def test_backward_accumulates(rnn, case):
    """Backward twice through one graph gives twice the gradient, and after zero_grad() once."""
    wanted, loss = expected(case), weighing(case)
    rnn.module.zero_grad()
    result = rnn.attached(case.input, case.state)
    heads = result.parts
    weights = [part.to(rnn.device) for _, part in loss.items()]
    for times in (1, 2):
        torch.autograd.backward(heads, weights, retain_graph=True)
        for name, parameter in rnn.module.named_parameters():
            within = 2 * times * wanted.within[name]
            agrees(parameter.grad, times * wanted.gradients[name], within, f"{times} gradients of {name}")
    rnn.module.zero_grad()
    torch.autograd.backward(heads, weights)
    gradients.agree({name: leaf.grad for name, leaf in rnn.module.named_parameters()}, wanted)


@pytest.mark.clause(id="GRD-21", level="MUST", source="linearity of the derivative; torch.autograd")
@pytest.mark.needs("grad")
@cases(MODES, PLAIN)
@cases(MODES, DEEP)
@cases(CELLS, FINE)
def test_weights_used_twice(rnn, case):
    """A weight that two calls use gets the sum of their gradients."""
    other = case.but(seed=case.seed + 1)
    x, state = other.input, other.state
    asked = leaves(rnn)
    if not asked.weights:
        raise NotClaimed("its parameters have other names than torch's, or none")
    results = rnn.attached(asked.x, asked.state), rnn.attached(x, state)
    losses = weighing(case), weighing(case, seed=1)
    parts, weights = ([p for r in both for _, p in r.items()] for both in (results, losses))
    got = of(parts, weights, asked.weights)
    second = gradients.predicted(case, case.weights, x, state or case.zeros, losses[1])
    gradients.agree(got, (expected(case) + second).times(2))


@pytest.mark.clause(id="GRD-15", level="SHOULD", source="torch.autograd.backward, retain_graph")
@pytest.mark.needs("grad")
@cases(MODES, PLAIN)
@cases(MODES, DEEP)
@cases(CELLS, FINE)
def test_a_second_backward(rnn, case):
    """Backward a second time through a graph that was not kept raises, or gives the gradient again."""
    asked, loss = leaves(rnn), weighing(case)
    result = rnn.attached(asked.x, asked.state)
    names, every = [*asked.named()], [*asked.named().values()]
    heads = result.parts
    weights = [part.to(rnn.device) for _, part in loss.items()]
    torch.autograd.grad(heads, every, weights)
    try:
        got = torch.autograd.grad(heads, every, weights)
    except RuntimeError:
        return
    gradients.agree(dict(zip(names, got, strict=True)), expected(case))


@pytest.mark.clause(id="GRD-14", level="SHOULD", source="torch.autograd: in-place correctness checks")
@pytest.mark.needs("grad", "module", "hx")
@cases(MODES, PLAIN)
@cases(MODES, each({"L": 2, "dtype": torch.float32}))
@cases(CELLS, FINE)
def test_writing_between_forward_and_backward(rnn, case):
    """Writing in place to the input, a state, a parameter or a result between forward and backward
    raises, or leaves the gradient right.
    """
    wanted, loss = expected(case), weighing(case)
    for victim in (*_results(case), "input", *("h_0", "c_0")[: len(case.state)], *case.weights):
        net = rnn.but()
        asked = leaves(net)
        # the leaves themselves cannot be written to: the network is given what is made of them
        copies = [part * 1 for part in (asked.x, *asked.state)]
        result = net.attached(copies[0], tuple(copies[1:]))
        named = dict(zip(("input", "h_0", "c_0"), copies, strict=False)) | dict(net.learnable)
        named |= dict(result.items())
        if victim not in named:  # a parameter of another name
            continue
        try:
            with torch.no_grad():
                named[victim].mul_(-0.5).add_(3.0)
            heads = {n: p for n, p in result.items() if n != victim}
            weights = dict(loss.items())
            got = of([*heads.values()], [weights[name] for name in heads], asked.named())
        except RuntimeError:
            continue
        others = tuple(heads)
        gradients.agree(got, wanted if len(others) == len(weights) else expected(case, others))


def _results(case):
    parts = ("output", "h_n", "c_n") if case.kind == "LSTM" else ("output", "h_n")
    return parts[1:] if is_cell(case.mode) else parts


@pytest.mark.clause(id="GRD-22", level="MUST", source="torch.Tensor.requires_grad")
@pytest.mark.needs("grad", "module", "hx")
@cases(MODES, PLAIN)
@cases(MODES, DEEP)
@cases(CELLS, FINE)
def test_what_alone_requires_grad(rnn, case):
    """Where the input, a state or the weights alone require grad they get the gradient that they get where
    all do.
    """
    asked, loss = leaves(rnn), weighing(case).parts
    given = [[name] for name in asked.named() if name not in asked.weights]
    for alone in (*given, [*asked.weights]):
        for name, leaf in asked.named().items():
            leaf.requires_grad_(name in alone)
        result = rnn.attached(asked.x, asked.state)
        got = of(result.parts, loss, {name: asked.named()[name] for name in alone})
        gradients.agree(got, expected(case))
    rnn.module.requires_grad_(True)


@pytest.mark.clause(id="GRD-23", level="MUST", source="torch.autograd.grad, grad_outputs; Tensor.expand")
@pytest.mark.needs("grad")
@cases(MODES, PLAIN)
@cases(MODES, DEEP)
@cases(CELLS, FINE)
def test_layout_of_what_backward_is_given(rnn, case):
    """Backward takes gradients however they lie in memory: strided, or expanded as those of a sum are."""
    asked, loss = leaves(rnn), weighing(case)
    strided = loss.map(lambda part: part.transpose(0, -1).contiguous().transpose(0, -1))
    ones = loss.map(torch.ones_like)
    expanded = ones.map(lambda part: part.new_ones(()).expand(part.shape))
    result = rnn.attached(asked.x, asked.state)
    for values, laid in ((loss, strided), (ones, expanded)):
        wanted = gradients.predicted(case, case.weights, case.input, case.state, values)
        gradients.agree(of(result.parts, laid.parts, asked.named()), wanted)


@pytest.mark.clause(id="GRD-24", level="MUST", source="consequence of SEQ-6: a call leaves nothing behind")
@pytest.mark.needs("grad")
@cases(MODES, PLAIN)
@cases(MODES, DEEP)
@cases(CELLS, FINE)
def test_calls_before_backward(rnn, case):
    """Other calls between a call and its backward, with grad or without, change nothing of its gradient."""
    asked, other = leaves(rnn), case.but(seed=case.seed + 1)
    result = rnn.attached(asked.x, asked.state)
    for mode in (torch.no_grad, torch.inference_mode, torch.enable_grad):
        with mode():
            rnn(other.input, other.state)
    gradients.agree(of(result.parts, weighing(case).parts, asked.named()), expected(case))
