"""90 Devices: where results are, the meta device, and accelerators beside the CPU."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from inspect import signature

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from rnnspec import gradients, ragged
from rnnspec.axes import CELLS, GRU, LSTM, MODES, NETWORKS, PROJECTED, TANH, cases, each
from rnnspec.bound import propagated
from rnnspec.check import NotClaimed, agrees, equals, has_dtype, has_shape, is_same, rejects
from rnnspec.gradients import expected, weighing
from rnnspec.notation import is_cell
from rnnspec.renewed import around, follows, holds

MODULE = "torch.nn.Module"
META = torch.device("meta")
CPU = torch.device("cpu")

PACKING = "torch.nn.utils.rnn.PackedSequence; pack_padded_sequence, lengths"
EQUATIONS = "torch.nn.RNN, LSTM, GRU and cells, equations"

FEW = each({"T": 3, "B": 2})
BOTH = each({"T": 3, "B": 2, "bidirectional": True})
DEEP = each({"T": 3, "B": 2, "L": 2, "bidirectional": True})
KINDS = [*TANH, *GRU, *LSTM, *PROJECTED]


def _results(rnn, x):
    """What a bare call returns, by name: of a cell after one step, of a packed batch its data."""
    case = rnn.case
    if is_cell(case.mode):
        return rnn.named(x[0], case.state and tuple(part[0] for part in case.state))
    found = rnn.named(x, case.state)
    if isinstance(found["output"], PackedSequence):
        found["output"] = found["output"].data
    return found


def _inputs(rnn):
    """The input of the case, padded and, where that is claimed, packed."""
    case = rnn.case
    if is_cell(case.mode) or not rnn.claims("packed"):
        return [case.input]
    return [case.input, ragged.packed(case.input, ragged.lengths(case))]


def _everywhere(rnn):
    """The device under test, and the meta device where that is claimed."""
    return (rnn.device, META) if rnn.claims("meta") else (rnn.device,)


@pytest.mark.clause(id="DEV-1", level="MUST", source="torch.nn.RNN, LSTM, GRU and cells, Outputs")
@cases(MODES, DEEP, each({}, {"hx": False}))
@cases(CELLS, FEW, each({}, {"hx": False}))
def test_devices_of_results(rnn, case):
    """Output and states are on the device of the input, an omitted state is too, whatever torch's default
    device is.
    """
    inputs, module = _inputs(rnn), rnn.module
    for x in inputs:
        device = x.to(rnn.device).data.device
        for default in _everywhere(rnn):
            with default:
                results = _results(around(rnn, module), x)
            for name, part in results.items():
                is_same(part.device, device, f"device of {name} where the default is {default}")


@pytest.mark.clause(id="DEV-3", level="MUST", source="torch, meta device")
@pytest.mark.needs("meta")
@cases(KINDS, FEW)
@cases(KINDS, DEEP, each({"hx": False}))
@cases(CELLS, FEW, each({}, {"hx": False}))
def test_shapes_on_the_meta_device(rnn, case):
    """On the meta device a call gives the shapes and dtypes of a real call, and tensors without data."""
    there = replace(rnn, device=META)
    for x in _inputs(rnn):
        wanted, results = _results(rnn, x), _results(there, x)
        is_same(list(results), list(wanted), "the list of results")
        for name, part in results.items():
            is_same(part.device.type, "meta", f"device of {name}")
            has_shape(part, wanted[name].shape, name)
            has_dtype(part, wanted[name].dtype, name)


def _without_memory(rnn):
    """A module that was made on the meta device and called there."""
    with torch.random.fork_rng(devices=[]), META:
        module = rnn.construct()
    module = module.to(device=META, dtype=rnn.case.dtype)
    around(replace(rnn, device=META), module)(rnn.case.input, rnn.case.state)
    return module


@pytest.mark.clause(id="DEV-7", level="MUST", source=f"{MODULE}.to_empty")
@pytest.mark.needs("meta", "module")
@cases(KINDS, BOTH)
@cases(CELLS, FEW)
def test_memory_after_the_meta_device(rnn, case):
    """A module that was made on the meta device works after to_empty and load_state_dict."""
    module = _without_memory(rnn).to_empty(device=rnn.device)
    module.load_state_dict({n: v.clone() for n, v in rnn.weights.items()})
    follows(around(rnn, module))


@pytest.mark.clause(id="DEV-8", level="MUST", source=f"{MODULE}.load_state_dict, assign")
@pytest.mark.needs("meta", "module")
@cases(KINDS, BOTH)
@cases(CELLS, FEW)
def test_assigning_after_the_meta_device(rnn, case):
    """A module that was made on the meta device works after load_state_dict with assign=True."""
    if "assign" not in signature(nn.Module.load_state_dict).parameters:
        raise NotClaimed("torch 2.1 brought it")
    module = _without_memory(rnn)
    module.load_state_dict({n: v.to(rnn.device, copy=True) for n, v in rnn.weights.items()}, assign=True)
    follows(around(rnn, module))


@pytest.mark.clause(id="DEV-4", level="MUST", source=PACKING)
@pytest.mark.needs("packed")
@cases(KINDS, each({}, {"L": 2, "bidirectional": True}))
def test_devices_of_packed_results(rnn, case):
    """A packed result has its batch_sizes on the CPU, whatever the device of its data, and its indices
    where the data is.
    """
    packed = ragged.packed(case.input, ragged.lengths(case))
    for device in _everywhere(rnn):
        network = replace(rnn, device=device)
        output, _ = network.pair(network.raw(packed, network.packed(case.state)))
        is_same(output.data.device, packed.to(device).data.device, "device of the data")
        equals(output.batch_sizes, packed.batch_sizes, "batch_sizes")
        is_same(output.batch_sizes.device, CPU, "device of batch_sizes")
        for name in ("sorted_indices", "unsorted_indices"):
            is_same(getattr(output, name).device, output.data.device, f"device of {name}")


@pytest.mark.clause(id="DEV-9", level="MUST", source=PACKING)
@pytest.mark.needs("packed", "meta")
@cases(TANH)
def test_devices_of_packed_sequences(rnn, case):
    """Packing and padding keep batch_sizes and lengths on the CPU, as int64, and the indices where the data
    is, on any device.
    """
    f = ragged.own_packing(rnn)
    for x in (case.input.to(device) for device in _everywhere(rnn)):
        for lengths in ([5, 3, 1], torch.tensor([5, 3, 1])):
            packed = f.pack_padded_sequence(x, lengths, enforce_sorted=False)
            dense, unpacked = f.pad_packed_sequence(f.pack_padded_sequence(x, lengths))
            for name, part in (("batch_sizes", packed.batch_sizes), ("lengths", unpacked)):
                has_dtype(part, torch.int64, name)
                is_same(part.device, CPU, f"device of {name}")
            for part in (packed.data, packed.sorted_indices, packed.unsorted_indices, dense):
                is_same(part.device, x.device, "device of data, indices and padded batch")


@pytest.mark.clause(id="DEV-13", level="MUST", source=PACKING)
@pytest.mark.needs("packed", "meta")
@cases(TANH)
def test_lengths_off_the_cpu(rnn, case):
    """Lengths that are not on the CPU are refused."""
    f = ragged.own_packing(rnn)
    lengths = torch.tensor([5, 3, 1], device=META)
    for sort in (True, False):
        pack = partial(f.pack_padded_sequence, case.input, lengths, enforce_sorted=sort)
        rejects(pack, "a tensor of lengths that is not on the CPU")


@pytest.mark.clause(id="DEV-6", level="SHOULD", source=f"{MODULE}.eval; cuDNN, training reserve space")
@pytest.mark.needs("module", "grad")
@cases(KINDS, BOTH)
@cases(CELLS, FEW)
def test_backward_in_another_mode(rnn, case):
    """Backward gives the right gradients, or raises, where training and evaluation change between the call
    and backward.
    """
    loss = weighing(case).parts
    for before, after in ((False, True), (True, False), (False, False)):
        asked = gradients.leaves(rnn)
        rnn.module.train(before)
        parts = rnn.attached(asked.x, asked.state).parts
        rnn.module.train(after)
        try:
            got = gradients.of(parts, loss, asked.named())
        except Exception:  # cuDNN can go backward in training mode only, and says so
            continue
        gradients.agree(got, expected(case))
    rnn.module.train()


def _on_an_accelerator(rnn):
    if rnn.device.type == "cpu":
        raise NotClaimed("it is about accelerators")


@pytest.mark.clause(id="DEV-2", level="MUST", source=EQUATIONS)
@cases(MODES, NETWORKS, FEW)
@cases(CELLS, FEW)
@cases(MODES, each({"T": 3, "B": 35, "I": 33, "H": 67}))
def test_accelerators_agree_with_the_cpu(rnn, case):
    """An accelerator gives the CPU's values within the sum of both bounds, of padded and of packed input."""
    _on_an_accelerator(rnn)
    near = replace(rnn, device=CPU)
    runs = [(lambda net: net(case.input, case.state), propagated(case))]
    if not is_cell(case.mode) and rnn.claims("packed"):
        sizes = ragged.lengths(case)
        packed = ragged.packed(case.input, sizes)
        runs.append((lambda net: ragged.run(net, packed, case.state), ragged.alone(case, sizes)))
    for run, (wanted, within) in runs:
        got, there = run(rnn), run(near)
        agrees(got, wanted, within)
        agrees(got, there, 2 * within)


@pytest.mark.clause(id="DEV-10", level="MUST", source=EQUATIONS)
@pytest.mark.needs("grad")
@cases(KINDS, NETWORKS, FEW)
@cases(CELLS, FEW)
def test_gradients_on_accelerators(rnn, case):
    """An accelerator gives the CPU's gradients within the sum of both bounds."""
    _on_an_accelerator(rnn)
    got = gradients.given(rnn, weighing(case))
    there = gradients.given(replace(rnn, device=CPU), weighing(case))
    wanted = expected(case)
    gradients.agree(got, wanted)
    for name, part in got.items():
        agrees(part, there[name], 2 * wanted.within[name], f"gradient of {name}")


@pytest.mark.clause(id="DEV-11", level="MUST", source="torch.nn.RNN, flatten_parameters: memory, not values")
@pytest.mark.needs("module")
@cases(KINDS, NETWORKS, FEW)
def test_scattered_weights_on_accelerators(rnn, case):
    """On an accelerator weights that lie apart in memory give what weights in one piece give."""
    _on_an_accelerator(rnn)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that the weights are not in one piece
        follows(rnn)
        for name, value in rnn.weights.items():
            getattr(rnn.module, name).data = value.to(rnn.device, copy=True)
        follows(rnn)


@pytest.mark.clause(id="DEV-5", level="MUST", source=f"{MODULE}.to")
@pytest.mark.needs("module")
@cases(KINDS, NETWORKS, FEW)
@cases(CELLS, FEW)
def test_modules_are_moved(rnn, case):
    """Moving a module to an accelerator and back keeps every bit of its weights, and it works after each
    move.
    """
    _on_an_accelerator(rnn)
    for device in (rnn.device, CPU, rnn.device):
        rnn.module.to(device)
        holds(rnn.module, rnn.weights)
        follows(around(replace(rnn, device=device), rnn.module))


@pytest.mark.clause(id="DEV-12", level="MUST", source="torch.nn.utils.rnn.PackedSequence.to")
@pytest.mark.needs("packed")
@cases(TANH)
def test_packed_batches_are_moved(rnn, case):
    """Moving a packed batch to an accelerator and back keeps every bit of it."""
    _on_an_accelerator(rnn)
    packed = ragged.packed(case.input, ragged.lengths(case))
    back = packed.to(rnn.device).to(CPU)
    for name, part in packed._asdict().items():
        equals(getattr(back, name), part, name)
