"""62 Dropout: between the layers, in training, and nowhere else."""

from __future__ import annotations

import warnings

import pytest
import torch

from rnnspec.axes import GRU, LSTM, MODES, PROJECTED, TANH, cases, each
from rnnspec.bound import predicted, propagated
from rnnspec.check import agrees, differs, equals, is_same
from rnnspec.dropping import keeps_or_drops, probes, scaled, seeded, share, trained, undropped
from rnnspec.gradients import expected, waves, weighed, weighing

DROPOUT = "torch.nn.RNN, LSTM, GRU, dropout"
MASK = "torch.nn.Dropout"

SMOOTH = [*TANH, *GRU, *LSTM, *PROJECTED]
"""Networks whose outputs are not exactly 0."""

TWO = each({"L": 2}, {"L": 2, "bidirectional": True})
DEEP = [*TWO, *each({"L": 3, "T": 3, "B": 2})]
MANY = each({"L": 2, "T": 10, "B": 34}, {"L": 2, "T": 10, "B": 34, "bidirectional": True})
THREE = each({"L": 3, "T": 10, "B": 34})
BATCH_FIRST = each({"L": 2, "T": 10, "B": 34, "batch_first": True})
ONE = each({}, {"bidirectional": True})

pytestmark = [pytest.mark.needs("dropout", "module")]


@pytest.mark.clause(id="DRP-1", level="MUST", source=DROPOUT)
@cases(MODES, DEEP)
def test_between_the_layers(rnn, case):
    """In training the outputs of each layer but the last are dropped before the next layer reads them, and
    nothing else is.

    Layers that show what they read tell which values were dropped; the others are those of the recomposed
    network.
    """
    got = trained(rnn, 0.5, probes(case)).output
    keeps_or_drops(got, *undropped(case, 0.5))


@pytest.mark.clause(id="DRP-2", level="MUST", source=DROPOUT)
@cases(SMOOTH, TWO, each({"dtype": torch.float32}, {"dtype": torch.float64}))
def test_not_after_the_last_layer(rnn, case):
    """Nothing is dropped after the last layer: no element of the output is 0."""
    for p in (0.5, 0.9):
        zeros = int((trained(rnn, p).output == 0).sum())
        is_same(zeros, 0, f"the number of zeros in the output at p = {p}")


@pytest.mark.clause(id="DRP-3", level="MUST", source=f"{DROPOUT}: outputs, not states; Outputs, h_n")
@cases(MODES, TWO)
def test_states_are_not_dropped(rnn, case):
    """The final states of layer 0 are the same in training and in evaluation, and the last layer's h_n is its
    last output.
    """
    got, D, P = trained(rnn, 0.5), case.D, case.width
    wanted, within = propagated(case)
    for name, row, want, allowed in zip(("h_n", "c_n"), got.state, wanted.state, within.state, strict=False):
        agrees(row[:D], want[:D], allowed[:D], f"{name} of layer 0", "lbh")
    equals(got.h_n[-D], got.output[-1, :, :P], "h_n of the last layer")
    if D == 2:
        equals(got.h_n[-1], got.output[0, :, P:], "h_n of the last layer's reverse direction")


@pytest.mark.clause(id="DRP-4", level="MUST", source=MASK)
@cases(MODES, TWO)
def test_scale(rnn, case):
    """A kept value is scaled by 1/(1 - p)."""
    for p in (0.1, 0.5, 0.9):
        got = trained(rnn, p, probes(case)).output
        keeps_or_drops(got, *undropped(case, p))


@pytest.mark.clause(id="DRP-5", level="MUST", source=MASK)
@cases(SMOOTH, MANY)
@cases([*TANH, *GRU, *LSTM], [*THREE, *BATCH_FIRST])
def test_independent_draws(rnn, case):
    """Each element is kept with probability 1 - p, independently over steps, rows, features, directions and
    layers.

    Neighbours differ with probability 2q(1 - q), where q is that of being kept after every layer.
    """
    for p in (0.1, 0.5, 0.9):
        q = (1 - p) ** (case.L - 1)
        kept = trained(rnn, p, probes(case)).output != 0
        share(kept, q, f"share of the values kept at p = {p}")
        features = kept[..., : case.width // 2 * 2]
        pairs = {
            "steps": (kept[::2], kept[1::2]),
            "rows": (kept[:, ::2], kept[:, 1::2]),
            "features": (features[..., ::2], features[..., 1::2]),
        }
        if case.bidirectional:
            pairs["directions"] = kept.chunk(2, -1)
        for name, (one, other) in pairs.items():
            share(one != other, 2 * q * (1 - q), f"share of neighbouring {name} that differ at p = {p}")


@pytest.mark.clause(id="DRP-17", level="MUST", source=MASK)
@cases([*TANH, *GRU, *LSTM], MANY[:1])
def test_rare_drops(rnn, case):
    """Of many values some are dropped at a small p and some are kept at one near 1."""
    for p in (0.03, 0.97):
        kept = trained(rnn, p, probes(case)).output != 0
        found = {"kept": bool(kept.any()), "dropped": not bool(kept.all())}
        is_same(found, {"kept": True, "dropped": True}, f"what is found of {kept.numel()} values at p = {p}")


@pytest.mark.clause(id="DRP-6", level="MUST", source=f"{MASK}: on every forward call")
@cases(SMOOTH, TWO)
def test_fresh_mask(rnn, case):
    """Each call in training drops other values."""
    with seeded(rnn):
        net = rnn.in_training(dropout=0.5)
        first, second = (net(case.input, case.state).output for _ in range(2))
    differs(second, first, 0.0, "the output of a second call")


@pytest.mark.clause(id="DRP-11", level="SHOULD", source="torch.manual_seed; notes on reproducibility")
@pytest.mark.needs("seeds")
@cases(SMOOTH, TWO)
def test_seed(rnn, case):
    """The same seed of the default generator drops the same values, and another seed others."""
    first, again, other = (trained(rnn, 0.5, seed=seed) for seed in (1, 1, 2))
    equals(again, first)
    differs(other.output, first.output, 0.0, "the output after another seed")
    net = rnn.in_training(dropout=0.5)
    for seed, wanted in ((1, first), (2, other), (1, first)):
        with seeded(rnn, seed):
            got = net(case.input, case.state)
        equals(got.map(torch.Tensor.cpu), wanted, f"output of one network after seed {seed}")


@pytest.mark.clause(id="DRP-7", level="MUST", source=f"{DROPOUT}: default 0")
@cases(MODES, TWO)
def test_nothing_to_drop(rnn, case):
    """With p = 0, and by default, training gives the result of evaluation and draws nothing."""
    place = torch if rnn.device.type == "cpu" else getattr(torch, rnn.device.type)
    wanted, within = propagated(case)
    for options in ({}, {"dropout": 0.0}):
        net = rnn.in_training(**options)
        with seeded(rnn):
            before = place.get_rng_state()
            got = net(case.input, case.state)
            equals(place.get_rng_state(), before, "state of the default generator")
        agrees(got, wanted, within)


@pytest.mark.clause(id="DRP-8", level="MUST", source=f"{MASK}: p = 1 is a probability too")
@cases(MODES, DEEP)
@cases([*TANH, *GRU, *LSTM], each({"L": 2, "T": 1, "hx": False}, {"L": 2, "batch_first": True}))
def test_everything_dropped(rnn, case):
    """With p = 1 each layer above the first reads zeros, and nothing becomes NaN."""
    unread = scaled(case, case.weights, 0.0)
    agrees(trained(rnn, 1.0), *predicted(case, unread, case.input, case.state or case.zeros))


@pytest.mark.clause(id="DRP-12", level="MUST", source=f"{MASK}: p = 1 is a probability too")
@pytest.mark.needs("grad")
@cases(MODES, TWO)
def test_no_gradient_through_what_is_dropped(rnn, case):
    """With p = 1 the gradients of the output with respect to the input and layer 0's weights are 0."""
    x, net = case.input.clone().requires_grad_(), rnn.in_training(dropout=1.0)
    leaves = {"x": x} | {n: w for n, w in net.module.named_parameters() if "_l0" in n}
    with seeded(rnn):
        output, _ = net.pair(net.raw(x, net.packed(case.state)))
    gradients = torch.autograd.grad(output.sum(), [*leaves.values()], allow_unused=True)
    for (name, leaf), gradient in zip(leaves.items(), gradients, strict=True):
        zeros = torch.zeros_like(leaf)
        equals(zeros if gradient is None else gradient, zeros, f"gradient of {name}")


@pytest.mark.clause(id="DRP-18", level="MUST", source=f"{MASK}; torch.autograd")
@pytest.mark.needs("grad_input")
@cases(SMOOTH, TWO, each({"dtype": torch.float64}))
def test_gradient_of_what_is_kept(rnn, case):
    """Backward in training goes through the values that the call kept, scaled as they were, and no others.

    After one seed the loss is a function of the input. Along a line its derivative is as near to differences
    as right ones with the best step ε = u^(1/3) are: within the bound of the gradient, times 1/ε.
    """
    step, loss, net = torch.finfo(case.dtype).eps ** (1 / 3), weighing(case), rnn.in_training(dropout=0.5)
    along = waves(case.input)

    def after_one_seed(x):
        with seeded(rnn):
            return weighed(net.attached(x, case.state), loss)

    x = case.input.to(rnn.device).clone().requires_grad_()
    (gradient,) = torch.autograd.grad(after_one_seed(x), x)
    ahead, behind = (float(after_one_seed(case.input + way * along)) for way in (step, -step))
    wanted = torch.tensor((ahead - behind) / (2 * step), dtype=torch.float64)
    within = float((expected(case).within["input"] * along.abs()).sum()) / step
    agrees((gradient.cpu() * along).sum(), wanted, within, "derivative along a line")


@pytest.mark.clause(id="DRP-9", level="SHOULD", source="torch.nn.RNN, source: a warning")
@cases(MODES, ONE)
def test_one_layer_warns(rnn, case):
    """A non-zero dropout with one layer warns at construction that it expects num_layers greater than 1."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rnn.construct(case.I, case.H, dropout=0.5, **case.options)
    said = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
    tells = any("expects num_layers greater than 1" in text for text in said)
    is_same(tells, True, f"whether {said} says so")


@pytest.mark.clause(id="DRP-13", level="SHOULD", source=f"{DROPOUT}: except the last layer")
@cases(MODES, ONE)
def test_one_layer_is_not_dropped(rnn, case):
    """A non-zero dropout with one layer changes nothing."""
    agrees(trained(rnn, 0.5), *propagated(case))
