"""61 Modes of execution: grad mode and none, training and evaluation."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnnspec import ragged
from rnnspec.axes import CELLS, GRU, LSTM, MODES, NETWORKS, TANH, cases, each
from rnnspec.bound import predicted, propagated
from rnnspec.check import agrees, differs, is_same
from rnnspec.notation import is_cell
from rnnspec.reference import Result

NO_GRAD = "torch.no_grad, torch.inference_mode"
TRAIN = "torch.nn.Module.train, eval"

QUIET = {"no_grad": torch.no_grad, "inference_mode": torch.inference_mode}

WIDE = each({}, {"T": 3, "B": 2, "I": 6, "H": 35}, {"T": 19, "B": 2, "H": 5})
MANY_ROWS = each({"T": 3, "B": 35})

KINDS = [*TANH, *GRU, *LSTM]
CELL_KINDS = [cell for cell in CELLS if "nonlinearity" not in cell]
ONE_ROW = each({"B": 1})
WIDER = each({"T": 3, "B": 2, "I": 6, "H": 67})


def _answer(rnn, case):
    """What a bare call returns, by name; of a cell, after one step."""
    cell = is_cell(case.mode)
    state = case.state and tuple(part[0] if cell else part for part in case.state)
    return rnn.named(case.input[0] if cell else case.input, state)


@pytest.mark.clause(id="MOD-1", level="MUST", source=NO_GRAD)
@pytest.mark.needs("grad")
@cases(MODES, WIDE)
@cases(MODES, MANY_ROWS)
@cases(MODES, each({"L": 2, "bidirectional": True}, {"hx": False}))
@cases(KINDS, [*ONE_ROW, *WIDER, *each({"T": 1, "bidirectional": True}, {"batch_first": True})])
@cases(KINDS, each({"L": 3, "T": 3, "B": 2, "bias": False}))
@cases(CELLS, WIDE)
@cases(CELL_KINDS, [*ONE_ROW, *each({"T": 3, "B": 2, "I": 6, "H": 67, "bias": False, "hx": False})])
def test_values_without_grad(rnn, case):
    """Grad mode, no_grad and inference_mode give the same values."""
    plain = rnn(case.input, case.state)
    wanted, within = propagated(case)
    agrees(plain, wanted, within)
    for quiet in QUIET.values():
        with quiet():
            got = rnn(case.input, case.state)
        agrees(got, plain, within=2 * within)
        agrees(got, wanted, within)


@pytest.mark.clause(id="MOD-4", level="MUST", source=NO_GRAD)
@pytest.mark.needs("grad", "packed", "hx")
@cases(MODES, NETWORKS)
@cases(KINDS, each({"hx": False}))
def test_values_without_grad_of_packed_input(rnn, case):
    """Packed input too gives the same values in grad mode, under no_grad and in inference_mode.

    They are compared with the equations, row by row, with lengths in order and in another.
    """
    lengths = [case.T, case.T - 1, 2]
    rows = [slice(b, b + 1) for b in range(case.B)]
    start = case.state or case.zeros
    alone = [
        predicted(case, case.weights, case.input[:n, row], tuple(part[:, row] for part in start))
        for n, row in zip(lengths, rows, strict=True)
    ]
    for order in ([0, 1, 2], [2, 0, 1]):
        sizes = torch.tensor(lengths)[order]
        packed = pack_padded_sequence(case.input[:, order], sizes, enforce_sorted=order == [0, 1, 2])
        state = case.state and tuple(part[:, order] for part in case.state)
        for mode in (torch.enable_grad, *QUIET.values()):
            with mode():
                output, final = rnn.pair(rnn.raw(packed, rnn.packed(state)))
                got = Result(pad_packed_sequence(output)[0], *final)
            for k, b in enumerate(order):
                agrees(got.rows(rows[k]).steps(slice(lengths[b])), *alone[b])


@pytest.mark.clause(id="MOD-2", level="MUST", source=NO_GRAD)
@pytest.mark.needs("grad")
@cases(MODES, NETWORKS, each({}, {"hx": False}))
@cases(CELLS, each({}, {"hx": False}))
def test_results_without_grad(rnn, case):
    """Results made under no_grad and in inference_mode do not require grad, and the latter are
    inference tensors.
    """
    rnn(case.input, case.state)
    for name, quiet in QUIET.items():
        with quiet():
            answer = _answer(rnn, case)
        for part, value in answer.items():
            is_same(value.requires_grad, False, f"requires_grad of {part} made under {name}")
            is_same(value.is_inference(), name == "inference_mode", f"is_inference of {part}, {name}")


@pytest.mark.clause(id="MOD-5", level="MUST", source=NO_GRAD)
@pytest.mark.needs("grad", "hx")
@cases(MODES, each({"B": 2, "I": 3}, {"B": 2, "I": 3, "L": 2, "bidirectional": True}))
@cases(CELLS, each({"B": 2, "I": 3}))
def test_results_are_fed_back(rnn, case):
    """Results made under no_grad and in inference_mode serve as input and state of a later call
    without grad.
    """
    rnn(case.input, case.state)
    for quiet in QUIET.values():
        with quiet():
            first = rnn(case.input, case.state)
            x = first.output[..., : case.I]
            got = rnn(x, first.state)
        again = rnn(x.clone(), tuple(part.clone() for part in first.state))
        wanted, within = predicted(case, case.weights, x, first.state)
        agrees(got, again, within=2 * within)
        agrees(got, wanted, within)


@pytest.mark.clause(id="MOD-3", level="MUST", source=TRAIN)
@pytest.mark.needs("module")
@cases(MODES, WIDE)
@cases(MODES, MANY_ROWS)
@cases(MODES, each({"L": 2, "bidirectional": True}))
@cases(CELLS, WIDE)
def test_training_is_evaluation(rnn, case):
    """Without dropout training and evaluation mode give the same values."""
    rnn.module.train()
    training = rnn(case.input, case.state)
    rnn.module.eval()
    evaluation = rnn(case.input, case.state)
    with torch.no_grad():
        quiet = rnn(case.input, case.state)
    rnn.module.train()
    wanted, within = propagated(case)
    agrees(training, wanted, within)
    for got in (evaluation, quiet):
        agrees(got, training, within=2 * within)
        agrees(got, wanted, within)


@pytest.mark.clause(id="MOD-13", level="MUST", source=TRAIN)
@pytest.mark.needs("module", "packed", "hx")
@cases(KINDS, each({"L": 2, "bidirectional": True}))
def test_training_is_evaluation_of_packed_input(rnn, case):
    """Of packed input too training and evaluation mode give the same values.

    They are compared with the equations, row by row.
    """
    lengths = ragged.lengths(case)
    wanted, within = ragged.alone(case, lengths)
    for training in (True, False):
        rnn.module.train(training)
        for mode in (torch.enable_grad, torch.no_grad):
            with mode():
                got = ragged.run(rnn, ragged.packed(case.input, lengths), case.state)
            agrees(got, wanted, within)
    rnn.module.train()


@pytest.mark.clause(id="MOD-6", level="SHOULD", source=f"{TRAIN}: neither is about gradients")
@pytest.mark.needs("module", "grad")
@cases(MODES, NETWORKS)
@cases(CELLS)
def test_evaluation_has_gradients(rnn, case):
    """In evaluation mode backward reaches the parameters that it reaches in training mode, or raises.

    The documents do not decide: cuDNN refuses it openly. No gradient, silently, is wrong.
    """
    reached, module = {}, rnn.module
    for mode in ("train", "eval"):
        getattr(module, mode)()
        module.zero_grad(set_to_none=True)
        loss = sum(part.sum() for part in _answer(rnn, case).values())
        reached[mode] = None
        if mode == "train" or loss.requires_grad:
            reached[mode] = _reached(loss, module, refusing=mode == "eval")
    module.train()
    wanted = reached["eval"] if reached["eval"] == "refused" else reached["train"]
    is_same(reached["eval"], wanted, "the list of parameters reached in evaluation mode")


def _reached(loss, module, refusing):
    try:
        loss.backward()
    except RuntimeError:
        if refusing:
            return "refused"
        raise
    named = module.named_parameters()
    return [name for name, p in named if p.grad is not None and bool((p.grad != 0).any())]


@pytest.mark.clause(id="MOD-7", level="MUST", source=TRAIN)
@pytest.mark.needs("module", "dropout")
@cases(MODES, each({"L": 2}, {"L": 2, "bidirectional": True}, {"L": 3, "T": 3}))
def test_the_mode_holds_for_the_next_call(rnn, case):
    """With dropout train() and eval() take effect on the next call, any number of times, and
    evaluation gives the values of a network without dropout.
    """
    plain, dropping = rnn(case.input, case.state), rnn.in_training(dropout=0.5)
    wanted, within = propagated(case)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(case.seed)
        for mode in ("train", "eval", "eval", "train", "eval", "train", "train"):
            getattr(dropping.module, mode)()
            got = dropping(case.input, case.state)
            if mode == "eval":
                agrees(got, wanted, within)
            else:
                differs(got.output, plain.output, 0.0, "output in training")
