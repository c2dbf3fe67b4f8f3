"""21 Seeding and initialisation: what a constructor draws, and that a call draws nothing."""

from __future__ import annotations

from math import inf, sqrt

import pytest
import torch

from rnnspec import notebook
from rnnspec.axes import CELLS, ELMAN, GRU, LSTM, MODES, NETWORKS, cases, each
from rnnspec.bound import roundings
from rnnspec.check import agrees, equals, lies_between
from rnnspec.notation import UNIT_ROUNDOFF
from rnnspec.renewed import around

NOTES = "torch.nn.RNN, LSTM, GRU and cells, notes"
ROUTINE = "torch's initialisation routine; not documented"

LARGE = each({"I": 33, "H": 65, "L": 2, "bidirectional": True})
PROJECTED = each({"mode": "LSTM", "P": 33})
BELOW_AND_PAST_16 = each({}, {"I": 19, "H": 17, "bias": False})


def _seeded(rnn, seed, **options):
    """A module of the case, in its dtype, made after the seed; the caller's generator stays."""
    case = rnn.case
    if case.dtype != torch.get_default_dtype():
        rnn.needs("factory")
        options["dtype"] = case.dtype
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return rnn.construct(case.I, case.H, **case.options, **options)


def _parameters(module, case):
    return {name: getattr(module, name).detach() for name in case.weights}


@pytest.mark.clause(id="INI-1", level="MUST", source=f"{NOTES} on initialisation")
@pytest.mark.needs("seeds", "module")
@cases([*ELMAN, *GRU, *LSTM, *PROJECTED], LARGE)
@cases(CELLS, each({"I": 33, "H": 65}))
def test_uniform(rnn, case):
    """Every weight and bias, in every layer and gate block, is drawn from the uniform distribution
    on [−1/√H, 1/√H].

    With u a draw times √H, the means of u, u² and u⁴ are 0, 1/3 and 1/5, and the largest of n is
    below 1 − 25/n once in e²⁵. A half type's draws lie on a grid, of which `grain` takes account.
    """
    k = 1 / sqrt(case.H)
    grain = 4 * UNIT_ROUNDOFF[case.dtype]
    for name, value in _parameters(_seeded(rnn, case.seed), case).items():
        lies_between(value, -k, k, roundings(case.dtype, 1, k), name)
        blocks = 1 if "_hr" in name else case.G
        u = value.double().reshape(blocks, -1) / k
        for part, powers in ((u, (1, 2)), (u.reshape(1, -1), (1, 2, 4))):
            n = part.shape[1]
            for p in powers:
                mean = 0 if p == 1 else 1 / (p + 1)
                sigma = sqrt((1 / (2 * p + 1) - mean**2) / n)
                wanted = torch.full((len(part),), mean, dtype=torch.float64)
                allowed = 5 * sigma + p * grain
                agrees((part**p).mean(1), wanted, allowed, f"mean of (√H {name})^{p}", "g")
            largest = part.abs().amax(1)
            lies_between(largest, 1 - 25 / n - grain, inf, 0.0, f"largest √H {name} of a block")


@pytest.mark.clause(id="INI-2", level="SHOULD", source=ROUTINE)
@pytest.mark.needs("seeds", "module")
@cases(MODES, NETWORKS, BELOW_AND_PAST_16)
@cases(CELLS, BELOW_AND_PAST_16)
def test_one_uniform_fill_each(rnn, case):
    """The parameters are drawn one after another, in the order of the state dict, each by one
    uniform fill from the global generator.
    """
    got, k = _parameters(_seeded(rnn, case.seed), case), 1 / sqrt(case.H)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(case.seed)
        for name, shape, _ in case.parameters():
            wanted = torch.empty(shape, dtype=case.dtype).uniform_(-k, k)
            equals(got[name], wanted, name)


@pytest.mark.clause(id="INI-3", level="MUST", source="torch's notes on reproducibility")
@pytest.mark.needs("seeds", "module")
@cases(MODES, NETWORKS, BELOW_AND_PAST_16)
@cases(CELLS, BELOW_AND_PAST_16)
def test_reproducible(rnn, case):
    """The same seed and the same constructor give the same parameters, to the bit, and so does
    reset_parameters after that seed.
    """
    first = _parameters(_seeded(rnn, case.seed), case)
    again = _seeded(rnn, case.seed)
    for name, value in _parameters(again, case).items():
        equals(value, first[name], f"{name} of the second module")
    reset = _seeded(rnn, case.seed + 1)
    if hasattr(reset, "reset_parameters"):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(case.seed)
            reset.reset_parameters()
        for name, value in _parameters(reset, case).items():
            equals(value, first[name], f"{name} after reset_parameters")


@pytest.mark.clause(id="INI-4", level="SHOULD", source=f"consequence of INI-2; {ROUTINE}")
@pytest.mark.needs("seeds", "module")
@cases(MODES, each({"batch_first": True}, {"bias": False}, {"L": 3}, {"bidirectional": True}))
@cases(MODES, each({"L": 2, "bidirectional": True}))
@cases(CELLS, each({}, {"bias": False}))
def test_networks_of_one_seed_begin_alike(rnn, case):
    """After one seed, networks of the same sizes have the same parameters up to the first that one
    of them lacks: with any layout, nonlinearity, dropout, depth and directions, layer or cell.
    """
    plainest = rnn.but(
        L=1, bidirectional=False, bias=True, batch_first=False, nonlinearity="tanh",
        mode=case.kind if case.kind in rnn.implementation.modes else case.mode,
    )  # fmt: skip
    shortest = _parameters(_seeded(plainest, case.seed), plainest.case)
    for options in ({}, {"dropout": 0.5}) if case.L > 1 and rnn.claims("dropout") else ({},):
        longer = _parameters(_seeded(rnn, case.seed, **options), case)
        for (name, value), (other, same) in zip(shortest.items(), longer.items(), strict=False):
            if name.removesuffix("_l0") != other.removesuffix("_l0"):
                break
            equals(same, value, f"{other}, with {options or 'no dropout'},")


@pytest.mark.clause(id="INI-5", level="MUST", source="consequence of the equations")
@pytest.mark.needs("seeds")
@cases(MODES, NETWORKS, each({}, {"hx": False}))
def test_a_call_draws_nothing(rnn, case):
    """A call in eval mode, or without dropout, leaves the random generators as they were."""
    quiet = {"without dropout": around(rnn, rnn.module)}
    if case.L > 1 and rnn.claims("module", "dropout"):
        module = _seeded(rnn, case.seed, dropout=0.5).to(rnn.device)
        quiet["in eval mode"] = around(rnn, module.eval())
    for which, network in quiet.items():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(case.seed)
            torch.rand(3)
            before = _generators(rnn.device)
            network.raw(case.input, rnn.packed(case.state))
            for kind, state in _generators(rnn.device).items():
                equals(state, before[kind], f"the {kind} generator after a call {which}")


def _generators(device):
    states = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        states[device.type] = getattr(torch, device.type).get_rng_state()
    return states


@pytest.mark.clause(id="INI-6", level="SHOULD", source="notebook In [3], [5], [7], [8]")
@pytest.mark.needs("seeds", "module")
@cases(each({**notebook.SIZES, "B": 3, "batch_first": True, "dtype": torch.float32}))
def test_the_notebook(rnn, case, recorded):
    """After seed 50, RNN(4, 2) and then one normal draw of shape (1, B, 2) give the notebook's
    parameters and initial states.

    They are compared with the four printed decimals for B = 1 and B = 3, and then with the record
    to the bit: float32 on the CPU, wherever the network runs.
    """
    for B in (1, case.B):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(notebook.SEED)
            module = rnn.construct(case.I, case.H, batch_first=True)
            h_0 = torch.randn(1, B, case.H)
        drawn = _parameters(module, case) | {"h_0": h_0}
        for name, value in drawn.items():
            wanted = torch.tensor(notebook.PRINTED[name], dtype=torch.float64)
            wanted = wanted[:, :B] if name == "h_0" else wanted
            agrees(value, wanted, notebook.HALF_DIGIT, f"{name} for B = {B}")
    configuration = {"seed": notebook.SEED, "module": "RNN(4, 2, batch_first=True)"}
    exactly = dict.fromkeys(drawn, 0.0)
    recorded.agrees(drawn, exactly, given={}, configuration=configuration, dtype=torch.float32)
