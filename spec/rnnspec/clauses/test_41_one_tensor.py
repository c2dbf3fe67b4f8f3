"""41 Layout: one tensor that is given twice."""

from __future__ import annotations

import pytest
import torch

from rnnspec.axes import LAYERS, LSTM, cases
from rnnspec.bound import predicted
from rnnspec.check import agrees


@pytest.mark.clause(id="LAY-8", level="MUST", source="consequence of the equations; Inputs, h_0 and c_0")
@pytest.mark.needs("hx")
@cases(LSTM, LAYERS)
@cases([{"mode": "LSTMCell"}])
def test_one_tensor_for_both_states(rnn, case):
    """One tensor given for h_0 and for c_0 gives the result of two equal ones, with grad or without."""
    both = case.state[0].to(rnn.device)
    wanted = predicted(case, case.weights, case.input, (case.state[0], case.state[0]))
    for mode in (torch.enable_grad, torch.no_grad):
        with mode():
            agrees(rnn(case.input, (both, both)), *wanted)
