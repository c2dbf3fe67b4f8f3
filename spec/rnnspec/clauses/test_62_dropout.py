"""62 Dropout: between the layers, in training, and nowhere else."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from math import log, sqrt

import pytest
import torch

from rnnspec import ragged
from rnnspec.axes import GRU, LSTM, MODES, PROJECTED, TANH, cases, each
from rnnspec.bound import predicted, propagated, roundings
from rnnspec.check import agrees, differs, equals, is_same, lies_between
from rnnspec.exact import rows
from rnnspec.reference import run

DROPOUT = "torch.nn.RNN, LSTM, GRU, dropout"
MASK = "torch.nn.Dropout"

SMOOTH = [*TANH, *GRU, *LSTM, *PROJECTED]
"""Networks whose outputs are not exactly 0."""

TWO = each({"L": 2}, {"L": 2, "bidirectional": True})
DEEP = [*TWO, *each({"L": 3, "T": 3, "B": 2})]
MANY = each({"L": 2, "T": 10, "B": 34}, {"L": 2, "T": 10, "B": 34, "bidirectional": True})
ONE = each({}, {"bidirectional": True})

READS = {"RNN": "h", "GRU": "n", "LSTM": "g"}
HELD = {"RNN": {}, "GRU": {"z": -1}, "LSTM": {"i": 1, "f": -1, "o": 1}}
"""Of a probe: the gate that reads, and those held open (1) or shut (-1)."""

FALSE_ALARM = 1e-12
"""For each interval: there are fewer than a thousand in a run, below 1e-9 for all of them."""

pytestmark = [pytest.mark.needs("dropout", "module")]


def _probes(case):
    """Weights with which each layer above the first shows what it reads: a unit is an increasing function of
    one feature, whatever was before, and 0 where the feature is 0.
    """
    weights = {name: value.clone() for name, value in case.weights.items()}
    wide = 2.0 ** (10 if case.dtype == torch.float64 else 7)  # sigmoid(-wide) is 0
    for number, suffix in list(enumerate(case.suffixes()))[case.D :]:
        for name in weights:
            if name.endswith(suffix):
                weights[name].zero_()
        first = number % case.D * case.width
        reads = weights[f"weight_ih{suffix}"][rows(case, READS[case.kind])]
        reads[: case.width, first : first + case.width] = torch.eye(case.width)
        for gate, sign in HELD[case.kind].items():
            weights[f"bias_ih{suffix}"][rows(case, gate)] = sign * wide
        if case.P:
            weights[f"weight_hr{suffix}"].copy_(torch.eye(case.P, case.H))
    return weights


def _scaled(case, weights, scale):
    """The weights where each layer above the first reads its input times `scale`."""
    upper = [f"weight_ih{suffix}" for suffix in list(case.suffixes())[case.D :]]
    return {name: value.double() * (scale if name in upper else 1) for name, value in weights.items()}


def _undropped(case, p):
    """What probes put out where every value is kept, and the bound.

    Beside the network's roundings: those of p, 1 - p, the scale and the product. A power of 2 is exact.
    """
    scale, depth, state = 1 / (1 - p), case.L - 1, case.state
    wanted, within = predicted(case, _scaled(case, _probes(case), scale), case.input, state)
    if p == 0.5:
        return wanted.output, within.output
    below = tuple(part[: case.D].double() for part in state)
    largest = run(case.but(L=1), case.weights, case.input.double(), below).output.abs().max()
    times = (4 + p * scale) * depth * scale**depth
    return wanted.output, within.output + times * roundings(case.dtype, 1, largest)


def _keeps_or_drops(got, wanted, within):
    """Each element is 0 or what it is without dropout."""
    kept = got != 0
    agrees(got, wanted * kept, within * kept, "output of the probes", "tbh")


def _share(events, wanted, what):
    """The share of independent events that happen is near their probability (Hoeffding's inequality)."""
    width = sqrt(log(2 / FALSE_ALARM) / (2 * events.numel()))
    lies_between(events.double().mean(), wanted, wanted, width, what)


@contextmanager
def _seeded(rnn, seed=1):
    """Draws repeatable, and the caller's generators as they were."""
    accelerator = rnn.device.type != "cpu"
    where = {"devices": [rnn.device], "device_type": rnn.device.type} if accelerator else {"devices": []}
    with torch.random.fork_rng(**where):
        torch.manual_seed(seed)
        yield


def _trained(rnn, p, weights=None, seed=1):
    """The result of a call in training, on the CPU."""
    with _seeded(rnn, seed):
        got = rnn.but(weights=weights).in_training(dropout=p)(rnn.case.input, rnn.case.state)
    return got.map(torch.Tensor.cpu)


@pytest.mark.clause(id="DRP-1", level="MUST", source=DROPOUT)
@cases(MODES, DEEP)
def test_between_the_layers(rnn, case):
    """In training the outputs of each layer but the last are dropped before the next layer reads them, and
    nothing else is.

    Layers that show what they read tell which values were dropped; the others are those of the recomposed
    network.
    """
    got = _trained(rnn, 0.5, _probes(case)).output
    _keeps_or_drops(got, *_undropped(case, 0.5))


@pytest.mark.clause(id="DRP-2", level="MUST", source=DROPOUT)
@cases(SMOOTH, TWO, each({"dtype": torch.float32}, {"dtype": torch.float64}))
def test_not_after_the_last_layer(rnn, case):
    """Nothing is dropped after the last layer: no element of the output is 0."""
    for p in (0.5, 0.9):
        zeros = int((_trained(rnn, p).output == 0).sum())
        is_same(zeros, 0, f"the number of zeros in the output at p = {p}")


@pytest.mark.clause(id="DRP-3", level="MUST", source=f"{DROPOUT}: outputs, not states; Outputs, h_n")
@cases(MODES, TWO)
def test_states_are_not_dropped(rnn, case):
    """The final states of layer 0 are the same in training and in evaluation, and the last layer's h_n is its
    last output.
    """
    got, D, P = _trained(rnn, 0.5), case.D, case.width
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
        got = _trained(rnn, p, _probes(case)).output
        _keeps_or_drops(got, *_undropped(case, p))


@pytest.mark.clause(id="DRP-5", level="MUST", source=MASK)
@cases(SMOOTH, MANY)
def test_independent_draws(rnn, case):
    """Each element is kept with probability 1 - p, independently over steps, rows, features and directions.

    Neighbours differ with probability 2p(1 - p).
    """
    for p in (0.1, 0.5, 0.9):
        kept = _trained(rnn, p, _probes(case)).output != 0
        _share(kept, 1 - p, f"share of the values kept at p = {p}")
        features = kept[..., : case.width // 2 * 2]
        pairs = {
            "steps": (kept[::2], kept[1::2]),
            "rows": (kept[:, ::2], kept[:, 1::2]),
            "features": (features[..., ::2], features[..., 1::2]),
        }
        if case.bidirectional:
            pairs["directions"] = kept.chunk(2, -1)
        for name, (one, other) in pairs.items():
            _share(one != other, 2 * p * (1 - p), f"share of neighbouring {name} that differ at p = {p}")


@pytest.mark.clause(id="DRP-6", level="MUST", source=f"{MASK}: on every forward call")
@cases(SMOOTH, TWO)
def test_fresh_mask(rnn, case):
    """Each call in training drops other values."""
    with _seeded(rnn):
        net = rnn.in_training(dropout=0.5)
        first, second = (net(case.input, case.state).output for _ in range(2))
    differs(second, first, 0.0, "the output of a second call")


@pytest.mark.clause(id="DRP-11", level="SHOULD", source="torch.manual_seed; notes on reproducibility")
@pytest.mark.needs("seeds")
@cases(SMOOTH, TWO)
def test_seed(rnn, case):
    """The same seed of the default generator drops the same values, and another seed others."""
    first, again, other = (_trained(rnn, 0.5, seed=seed) for seed in (1, 1, 2))
    equals(again, first)
    differs(other.output, first.output, 0.0, "the output after another seed")


@pytest.mark.clause(id="DRP-7", level="MUST", source=f"{DROPOUT}: default 0")
@cases(MODES, TWO)
def test_nothing_to_drop(rnn, case):
    """With p = 0, and by default, training gives the result of evaluation and draws nothing."""
    place = torch if rnn.device.type == "cpu" else getattr(torch, rnn.device.type)
    wanted, within = propagated(case)
    for options in ({}, {"dropout": 0.0}):
        net = rnn.in_training(**options)
        with _seeded(rnn):
            before = place.get_rng_state()
            got = net(case.input, case.state)
            equals(place.get_rng_state(), before, "state of the default generator")
        agrees(got, wanted, within)


@pytest.mark.clause(id="DRP-8", level="MUST", source=f"{MASK}: p = 1 is a probability too")
@cases(MODES, DEEP)
def test_everything_dropped(rnn, case):
    """With p = 1 each layer above the first reads zeros, and nothing becomes NaN."""
    unread = _scaled(case, case.weights, 0.0)
    agrees(_trained(rnn, 1.0), *predicted(case, unread, case.input, case.state))


@pytest.mark.clause(id="DRP-12", level="MUST", source=f"{MASK}: p = 1 is a probability too")
@pytest.mark.needs("grad")
@cases(MODES, TWO)
def test_no_gradient_through_what_is_dropped(rnn, case):
    """With p = 1 the gradients of the output with respect to the input and layer 0's weights are 0."""
    x, net = case.input.clone().requires_grad_(), rnn.in_training(dropout=1.0)
    leaves = {"x": x} | {n: w for n, w in net.module.named_parameters() if "_l0" in n}
    with _seeded(rnn):
        output, _ = net.pair(net.raw(x, net.packed(case.state)))
    gradients = torch.autograd.grad(output.sum(), [*leaves.values()], allow_unused=True)
    for (name, leaf), gradient in zip(leaves.items(), gradients, strict=True):
        zeros = torch.zeros_like(leaf)
        equals(zeros if gradient is None else gradient, zeros, f"gradient of {name}")


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
    agrees(_trained(rnn, 0.5), *propagated(case))


@pytest.mark.clause(id="DRP-10", level="MUST", source="consequence of packing")
@pytest.mark.needs("packed")
@cases(MODES, each({"L": 2, "B": 6}, {"L": 2, "B": 6, "bidirectional": True}))
def test_packed(rnn, case):
    """The values of a packed batch are dropped as those of a padded one are."""
    lengths, weights = ragged.lengths(case), _probes(case)
    net = rnn.but(weights=weights).in_training(dropout=0.5)
    with _seeded(rnn):
        got = ragged.run(net, ragged.packed(case.input, lengths), case.state).output.cpu()
    wanted, within = ragged.alone(case, lengths, _scaled(case, weights, 2.0))
    _keeps_or_drops(got, wanted.output, within.output)
    if case.nonlinearity == "tanh":
        kept = torch.cat([got[:n, b].flatten() for b, n in enumerate(lengths)]) != 0
        _share(kept, 0.5, "share of the values kept")


@pytest.mark.clause(id="DRP-14", level="SHOULD", source="consequence of packing; torch.manual_seed")
@pytest.mark.needs("packed", "seeds")
@cases(MODES, TWO)
def test_packed_as_padded(rnn, case):
    """Where all lengths are equal, packed and padded input lose the same values after the same seed."""
    net = rnn.but(weights=_probes(case)).in_training(dropout=0.5)
    packed = ragged.packed(case.input, [case.T] * case.B)
    with _seeded(rnn):
        got = ragged.run(net, packed, case.state).output
    _, within = _undropped(case, 0.5)
    agrees(got, _trained(rnn, 0.5, _probes(case)).output, 2 * within, axes="tbh")
