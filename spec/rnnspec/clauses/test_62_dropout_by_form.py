"""62 Dropout: of packed and unbatched input, and without grad."""

from __future__ import annotations

import pytest
import torch

from rnnspec import ragged
from rnnspec.axes import GRU, LSTM, MODES, TANH, cases, each
from rnnspec.check import agrees, equals
from rnnspec.dropping import keeps_or_drops, probes, scaled, seeded, share, trained, undropped

DROPOUT = "torch.nn.RNN, LSTM, GRU, dropout"
MASK = "torch.nn.Dropout"

KINDS = [*TANH, *GRU, *LSTM]
TWO = each({"L": 2}, {"L": 2, "bidirectional": True})

pytestmark = [pytest.mark.needs("dropout", "module")]


@pytest.mark.clause(id="DRP-10", level="MUST", source="consequence of packing")
@pytest.mark.needs("packed")
@cases(MODES, each({"L": 2, "B": 6}, {"L": 2, "B": 6, "bidirectional": True}))
def test_packed(rnn, case):
    """The values of a packed batch are dropped as those of a padded one are."""
    lengths, weights = ragged.lengths(case), probes(case)
    net = rnn.but(weights=weights).in_training(dropout=0.5)
    with seeded(rnn):
        got = ragged.run(net, ragged.packed(case.input, lengths), case.state).output.cpu()
    wanted, within = ragged.alone(case, lengths, scaled(case, weights, 2.0))
    keeps_or_drops(got, wanted.output, within.output)
    if case.nonlinearity == "tanh":
        kept = torch.cat([got[:n, b].flatten() for b, n in enumerate(lengths)]) != 0
        share(kept, 0.5, "share of the values kept")
    net = rnn.but(weights=weights).in_training(dropout=1.0)
    with seeded(rnn):
        got = ragged.run(net, ragged.packed(case.input, lengths), case.state).output.cpu()
    equals(got, torch.zeros_like(got), "output at p = 1")


@pytest.mark.clause(id="DRP-14", level="SHOULD", source="consequence of packing; torch.manual_seed")
@pytest.mark.needs("packed", "seeds")
@cases(MODES, TWO)
def test_packed_as_padded(rnn, case):
    """Where all lengths are equal, packed and padded input lose the same values after the same seed."""
    net = rnn.but(weights=probes(case)).in_training(dropout=0.5)
    packed = ragged.packed(case.input, [case.T] * case.B)
    with seeded(rnn):
        got = ragged.run(net, packed, case.state).output
    _, within = undropped(case, 0.5)
    agrees(got, trained(rnn, 0.5, probes(case)).output, 2 * within, axes="tbh")


@pytest.mark.clause(id="DRP-15", level="MUST", source=f"{MASK}: in training, with grad or without")
@pytest.mark.needs("grad")
@cases(KINDS, TWO[:1])
def test_without_grad(rnn, case):
    """In training values are dropped under no_grad and in inference_mode too, as with grad."""
    wanted, within = undropped(case, 0.5)
    for p in (0.5, 1.0):
        net = rnn.but(weights=probes(case)).in_training(dropout=p)
        for mode in (torch.no_grad, torch.inference_mode):
            with seeded(rnn), mode():
                got = net(case.input, case.state).output.cpu()
            keeps_or_drops(got, (p < 1) * wanted, within)


@pytest.mark.clause(id="DRP-16", level="MUST", source=f"{DROPOUT}; Inputs: input without a batch axis")
@pytest.mark.needs("unbatched", "hx")
@cases(KINDS, TWO[:1])
def test_unbatched(rnn, case):
    """The values of unbatched input are dropped as those of a batch are."""
    wanted, within = undropped(case, 0.5)
    x, state = case.input[:, 1], rnn.packed(tuple(part[:, 1] for part in case.state))
    for p in (0.5, 1.0):
        net = rnn.but(weights=probes(case)).in_training(dropout=p)
        with seeded(rnn):
            got = net.pair(net.raw(x, state))[0].detach().cpu()[:, None]
        keeps_or_drops(got, (p < 1) * wanted[:, 1:2], within[:, 1:2])
