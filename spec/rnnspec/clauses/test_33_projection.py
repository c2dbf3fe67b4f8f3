"""33 Projection: h_t = W_hr (o ⊙ tanh c_t) of the LSTM."""

from __future__ import annotations

import pytest
import torch

from rnnspec.axes import BLOCKS, PROJECTED, cases, each
from rnnspec.bound import pinned, predicted
from rnnspec.check import agrees, equals, is_same, rejects

PROJ_SIZE = "torch.nn.LSTM, proj_size"
CONSEQUENCE = "consequence of the equations"

WIDE = each({"T": 3, "B": 2, "I": 6, "H": 37, "P": 33})
WITHOUT = each({"mode": "RNN"}, {"mode": "GRU"})


@pytest.mark.clause(id="PRJ-1", level="MUST", source=f"{PROJ_SIZE}; h_n, c_n and H_cell")
@pytest.mark.needs("proj", "hx")
@cases(
    PROJECTED,
    [*WIDE, *BLOCKS, {}, {"bias": False}, {"bias": False, "H": 35}, {"T": 1}, {"T": 1, "gain": 50.0}],
)
def test_step(rnn, case):
    """With proj_size the hidden state is h_t = W_hr (o ⊙ tanh(c_t)), which is put out, returned and fed
    back through W_hh, while c keeps its H columns and its equation.

    h_{t-1} is taken from the implementation's own output; c, which is not output, is carried along.
    """
    got = rnn(case.input, case.state)
    wanted, within = pinned(case, case.input, case.state, got.output)
    agrees(got, wanted, within)


@pytest.mark.clause(id="PRJ-4", level="MUST", source=f"{PROJ_SIZE}; W_hr has no bias")
@pytest.mark.needs("proj", "hx")
@cases(PROJECTED, [*WIDE, {}])
def test_projection_of_zeros(rnn, case):
    """With W_hr = 0 the output and h_n are exactly 0, and c follows its equation."""
    zero = {"weight_hr_l0": torch.zeros_like(case.weights["weight_hr_l0"])}
    blind = rnn.but(weights=zero)
    got = blind(case.input, case.state)
    equals(got.output, torch.zeros_like(got.output), "output at W_hr = 0")
    equals(got.h_n, torch.zeros_like(got.h_n), "h_n at W_hr = 0")
    wanted, within = predicted(case, blind.weights, case.input, case.state)
    agrees(got, wanted, within)


@pytest.mark.clause(id="PRJ-2", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("proj", "hx")
@cases(PROJECTED, [*WIDE, {}, {"P": 6}])
def test_projection_that_selects(rnn, case):
    """With W_hr the first P rows of the identity, the projected LSTM is the plain one whose W_hh has
    zero columns beyond P, and puts out its first P features.
    """
    H, P = case.H, case.P
    cut = rnn.but(weights={"weight_hr_l0": torch.eye(H).to(case.dtype)[:P]})
    W_hh = torch.nn.functional.pad(case.weights["weight_hh_l0"], (0, H - P))
    plain = rnn.but(weights={"weight_hh_l0": W_hh}, P=0)
    h_0 = torch.nn.functional.pad(case.h_0, (0, H - P))

    got, whole = cut(case.input, case.state), plain(case.input, (h_0, case.c_0))
    wanted, within = predicted(case, cut.weights, case.input, case.state)
    _, whole_within = predicted(plain.case, plain.weights, case.input, (h_0, case.c_0))
    agrees(got, wanted, within)
    agrees(got.output, whole.output[..., :P], within.output + whole_within.output[..., :P], axes="tbh")
    agrees(got.c_n, whole.c_n, within.c_n + whole_within.c_n, "c_n", "lbh")


@pytest.mark.clause(id="PRJ-3", level="SHOULD", source="torch.nn.LSTM, note; only the LSTM lists proj_size")
@pytest.mark.needs("module")
@cases(WITHOUT)
def test_no_projection_of_others(rnn, case):
    """RNN and GRU refuse the keyword proj_size, even with the value 0."""
    wrong = ValueError if rnn.claims("messages") else Exception
    for P in (0, 1, case.H - 1):
        rejects(lambda P=P: rnn.construct(case.I, case.H, proj_size=P), f"proj_size={P}", wrong)


@pytest.mark.clause(id="PRJ-5", level="SHOULD", source="torch.nn.RNN, GRU: device follows bidirectional")
@pytest.mark.needs("module")
@cases(WITHOUT)
def test_no_projection_by_position(rnn, case):
    """A number given by position after bidirectional is no projection for RNN and GRU."""
    nonlinearity = ("tanh",) if case.mode == "RNN" else ()
    options = (1, *nonlinearity, True, False, 0.0, False, case.H - 1)
    is_same(_projections(rnn, options), [], f"the projections of {case.mode}(I, H, *{options})")


def _projections(rnn, options):
    """The names of the projections of a module built so; none where it is refused."""
    try:
        with torch.random.fork_rng(devices=[]):
            module = rnn.construct(rnn.case.I, rnn.case.H, *options)
    except Exception:  # refused, as it may be: there is no module and no projection
        return []
    return [name for name in module.state_dict() if "weight_hr" in name]


@pytest.mark.clause(id="PRJ-6", level="SHOULD", source=f"{PROJ_SIZE}; torch's constructor")
@pytest.mark.needs("module", "proj")
@cases(PROJECTED)
def test_range_of_the_projection(rnn, case):
    """The LSTM refuses a proj_size that is negative or not below hidden_size."""
    wrong = ValueError if rnn.claims("messages") else Exception
    for P in (-1, case.H, case.H + 1):
        rejects(lambda P=P: rnn.construct(case.I, case.H, proj_size=P), f"proj_size={P}", wrong)
