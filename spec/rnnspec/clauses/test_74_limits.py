"""74 Limits: sizes of 1, sizes around the blocks of a kernel, and many layers."""

from __future__ import annotations

import pytest

from rnnspec.axes import CELLS, ELMAN, GRU, LSTM, MODES, TANH, cases, each
from rnnspec.bound import pinned, propagated
from rnnspec.check import agrees

CONSEQUENCE = "consequence of the equations"

ONE = each({"T": 1}, {"B": 1}, {"I": 1})
ALL_ONE = {"T": 1, "B": 1, "I": 1}


@pytest.mark.clause(id="LIM-1", level="MUST", source="torch.nn.RNN, Inputs: a size is not restricted")
@pytest.mark.needs("hx")
@cases([*MODES, *CELLS], ONE)
@cases([*ELMAN, *GRU, *LSTM, *CELLS], each({"H": 1, "seed": 2}, {**ALL_ONE, "H": 1}))
@cases(each({"mode": "LSTM", "H": 2, "P": 1}, {"mode": "LSTM", **ALL_ONE, "H": 2, "P": 1, "seed": 3}))
def test_sizes_of_one(rnn, case):
    """Every size may be 1, each of T, B, I and H alone and all of them together; a projection's P
    with an H of 2.
    """
    wanted, within = propagated(case)
    agrees(rnn(case.input, case.state), wanted, within)


AROUND = each(
    {"T": 3, "B": 15, "I": 16, "H": 17},
    {"T": 16, "B": 17, "I": 31, "H": 15},
    {"T": 15, "B": 3, "I": 32, "H": 31},
    {"T": 31, "B": 16, "I": 17, "H": 33},
    {"T": 32, "B": 31, "I": 33, "H": 16},
    {"T": 5, "B": 64, "I": 7, "H": 63},
    {"T": 3, "B": 7, "I": 129, "H": 64},
    {"T": 3, "B": 2, "I": 257, "H": 129},
)
"""Below, at and past the blocks of 16, 32, 64, 128 and 256, no two sizes alike."""

PAST_256_UNITS = each({"T": 2, "B": 3, "I": 5, "H": 259})


@pytest.mark.clause(id="LIM-3", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("hx")
@cases(MODES, AROUND)
@cases(CELLS, AROUND[:2])
@cases([*TANH, *GRU, *LSTM, *CELLS[:1], *CELLS[2:]], PAST_256_UNITS)
def test_sizes_around_blocks(rnn, case):
    """Odd and prime sizes, all different, below, at and past every block of a kernel are right.

    Every step is checked by itself, with the hidden state before it the network's own.
    """
    got = rnn(case.input, case.state)
    wanted, within = pinned(case, case.input, case.state, got.output)
    agrees(got, wanted, within)


@pytest.mark.clause(id="LIM-4", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("layers", "bidirectional", "hx")
@cases(MODES, each({"L": 4, "bidirectional": True, "T": 3, "B": 2}))
def test_four_layers(rnn, case):
    """Four layers of both directions, with a projection too, give the output and the final states of
    the equations.
    """
    wanted, within = propagated(case)
    agrees(rnn(case.input, case.state), wanted, within)


@pytest.mark.clause(id="LIM-5", level="MUST", source=CONSEQUENCE)
@pytest.mark.needs("layers", "hx")
@cases(MODES, each({"L": 7, "T": 3, "B": 2, "I": 6, "H": 5}))
@cases([*TANH, *GRU, *LSTM], each({"L": 12, "T": 2, "B": 2, "I": 6, "H": 5}))
def test_many_layers(rnn, case):
    """Seven layers of one direction, and twelve, give the output and the final states of the equations."""
    wanted, within = propagated(case)
    agrees(rnn(case.input, case.state), wanted, within)
