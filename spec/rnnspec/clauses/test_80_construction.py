"""80 Errors: networks that are not made, and sequences that are not packed or padded."""

from __future__ import annotations

import pytest
import torch

from rnnspec.axes import CELLS, GRU, LSTM, TANH, cases
from rnnspec.check import rejects
from rnnspec.ragged import own_packing, packing

SOURCE = "torch's constructors; the documents give the meaning, not the range, of each argument"
RNN_UTILS = "torch.nn.utils.rnn"
PACK = f"{RNN_UTILS}.pack_padded_sequence, lengths"

LAYERS = [*TANH, *GRU, *LSTM]


def _not_made(rnn, case, error, **words):
    """The constructor refuses these words; its exception class matters to torch alone."""
    sizes = {"input_size": case.I, "hidden_size": case.H}
    what = ", ".join(f"{name}={value!r}" for name, value in words.items())
    rejects(lambda: rnn.construct(**sizes | words), what, error if rnn.claims("messages") else Exception)


@pytest.mark.clause(id="ERR-13", level="SHOULD", source=SOURCE)
@pytest.mark.needs("module")
@cases(LAYERS)
def test_sizes_of_layers(rnn, case):
    """input_size, hidden_size and num_layers are positive integers: 0, -1 and floats are refused.

    Whether True is the number 1, the documents do not say.
    """
    for name in ("input_size", "hidden_size", "num_layers"):
        for size in (0, -1):
            _not_made(rnn, case, ValueError, **{name: size})
        for size in (2.5, 2.0):
            _not_made(rnn, case, TypeError, **{name: size})


@pytest.mark.clause(id="ERR-26", level="SHOULD", source=SOURCE)
@pytest.mark.needs("module")
@cases(CELLS)
def test_sizes_of_cells(rnn, case):
    """input_size and hidden_size of a cell are integers and not negative.

    Whether they may be 0, the documents do not say: torch's cells take it, its layers do not.
    """
    for name in ("input_size", "hidden_size"):
        _not_made(rnn, case, RuntimeError, **{name: -1})
        for size in (2.5, 2.0):
            _not_made(rnn, case, TypeError, **{name: size})


@pytest.mark.clause(id="ERR-14", level="SHOULD", source="torch.nn.RNN, LSTM, GRU, dropout: a probability")
@pytest.mark.needs("module", "dropout", "layers")
@cases(LAYERS)
def test_dropout(rnn, case):
    """dropout is a number from 0 to 1: others, infinity and NaN are refused.

    torch takes no bool and no string for a number, which the documents do not ask for.
    """
    for dropout in (-0.1, 1.1, -1, 2, float("inf"), float("nan")):
        _not_made(rnn, case, ValueError, num_layers=2, dropout=dropout)
    for dropout in (True, False, "0.5") if rnn.claims("messages") else ():
        _not_made(rnn, case, ValueError, num_layers=2, dropout=dropout)


@pytest.mark.clause(
    id="ERR-28", level="SHOULD", source="torch.nn.RNN, LSTM, GRU, bias, batch_first, bidirectional"
)
@pytest.mark.needs("module")
@cases(LAYERS)
def test_flags(rnn, case):
    """bias, batch_first and bidirectional are bools: a string is refused, at the latest by the first call.

    torch takes neither numbers nor None, which the documents do not ask for; it finds a wrong bidirectional
    only when called.
    """
    x = case.input.float()
    error = TypeError if rnn.claims("messages") else Exception
    for name in ("bias", "batch_first", "bidirectional"):
        for value in ("False", "no", *((0, 1, None) if rnn.claims("messages") else ())):
            words = {name: value}
            rejects(lambda w=words: rnn.construct(case.I, case.H, **w)(x), f"{name}={value!r}", error)


@pytest.mark.clause(id="ERR-15", level="SHOULD", source="torch.nn.RNN, nonlinearity: tanh or relu")
@pytest.mark.needs("module")
@cases(TANH)
def test_nonlinearity(rnn, case):
    """An RNN is not made with another nonlinearity than 'tanh' and 'relu', by name or by position."""
    for other in ("sigmoid", "TANH", "relu6", ""):
        _not_made(rnn, case, ValueError, nonlinearity=other)
        error = ValueError if rnn.claims("messages") else Exception
        rejects(lambda f=other: rnn.construct(case.I, case.H, 1, f), f"RNN(I, H, 1, {other!r})", error)


@pytest.mark.clause(id="ERR-18", level="SHOULD", source=f"{RNN_UTILS}.pack_padded_sequence, pack_sequence")
@pytest.mark.needs("packed")
@cases(TANH)
def test_nothing_to_pack(rnn, case):
    """A batch without rows or steps, an empty list of sequences, and one with an empty sequence are not
    packed.
    """
    f, x = packing(rnn), case.input.to(rnn.device)
    probes = {
        "a batch of no rows": lambda: f.pack_padded_sequence(x[:, :0], []),
        "a batch of no steps": lambda: f.pack_padded_sequence(x[:0], [0, 0, 0]),
        "an empty list": lambda: f.pack_sequence([]),
        "an empty sequence": lambda: f.pack_sequence([x[:, 0], x[:0, 1]]),
        "an empty sequence first": lambda: f.pack_sequence([x[:0, 0], x[:, 1]], enforce_sorted=False),
    }
    for what, call in probes.items():
        rejects(call, what, RuntimeError)


@pytest.mark.clause(id="ERR-29", level="MUST", source=f"{PACK}: on the CPU if provided as a tensor")
@pytest.mark.needs("packed")
@cases(TANH)
def test_lengths_elsewhere(rnn, case):
    """A tensor of lengths that is not on the CPU is refused; the meta device is tried."""
    f, x = packing(rnn), case.input.to(rnn.device)
    lengths = torch.tensor([5, 3, 1], device="meta")
    rejects(lambda: f.pack_padded_sequence(x, lengths), "lengths on the meta device")


@pytest.mark.clause(id="ERR-20", level="SHOULD", source=f"{PACK}: a tensor or a list of int")
@pytest.mark.needs("packed")
@cases(TANH)
def test_lengths_that_are_no_integers(rnn, case):
    """Lengths that are not integers are refused, in a list and in a tensor, sorted or not."""
    f, x = own_packing(rnn), case.input.to(rnn.device)
    fractions = [4.5, 2.9, 1.2]
    for lengths in (fractions, torch.tensor(fractions), torch.tensor([5.0, 3.0, 1.0])):
        for in_order in (True, False):
            what = f"lengths {lengths}, enforce_sorted={in_order}"
            call = lambda n=lengths, s=in_order: f.pack_padded_sequence(x, n, enforce_sorted=s)  # noqa: E731
            rejects(call, what)


@pytest.mark.clause(id="ERR-42", level="SHOULD", source=f"{PACK}: a tensor or a list of int")
@pytest.mark.needs("packed")
@cases(TANH)
def test_lengths_that_are_bools(rnn, case):
    """A mask is not taken for lengths: a tensor of bools is refused, sorted or not."""
    f, x, mask = own_packing(rnn), case.input.to(rnn.device), torch.ones(3).bool()
    for in_order in (True, False):
        what = f"a tensor of three bools, enforce_sorted={in_order}"
        rejects(lambda s=in_order: f.pack_padded_sequence(x, mask, enforce_sorted=s), what)


@pytest.mark.clause(id="ERR-21", level="SHOULD", source=f"{RNN_UTILS}.pad_sequence, sequences")
@pytest.mark.needs("packed")
@cases(TANH)
def test_sequences_that_do_not_fit(rnn, case):
    """An empty list, and sequences of different trailing axes, are neither padded nor packed.

    A trailing axis of 1 is not tried: the documents only assume that all are the same.
    """
    f, x = packing(rnn), case.input.to(rnn.device)
    for what, other in (("fewer features", x[:3, 1, :-1]), ("no features", x[:3, 1, 0])):
        both = [x[:, 0], other]
        rejects(lambda s=both: f.pad_sequence(s), f"a sequence of {what}, padded", RuntimeError)
        rejects(lambda s=both: f.pack_sequence(s), f"a sequence of {what}, packed", RuntimeError)
    rejects(lambda: f.pad_sequence([]), "an empty list", RuntimeError)


@pytest.mark.clause(id="ERR-30", level="SHOULD", source=f"{RNN_UTILS}.pad_sequence, padding_side")
@pytest.mark.needs("packed", "padding_side")
@cases(TANH)
def test_sides(rnn, case):
    """pad_sequence refuses any padding_side but 'left' and 'right'."""
    f, x = packing(rnn), case.input.to(rnn.device)
    for side in ("centre", "LEFT", ""):
        both = [x[:, 0], x[:3, 1]]
        rejects(
            lambda s=side, b=both: f.pad_sequence(b, padding_side=s), f"padding_side={side!r}", RuntimeError
        )
