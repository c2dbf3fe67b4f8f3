"""20 Parameters: their names, order, shapes and gate blocks, and the options that lead to them."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor

from rnnspec.axes import CELLS, GRU, LSTM, MODES, NETWORKS, PROJECTED, TANH, cases, each
from rnnspec.bound import predicted
from rnnspec.check import agrees, has_shape, is_same, rejects
from rnnspec.exact import rows
from rnnspec.notation import GATES, is_cell

ATTRIBUTES = "torch.nn.RNN, LSTM, GRU, Attributes"
SIGNATURES = "torch.nn.RNN, LSTM, GRU and cells, signatures"

GATED = [*GRU, *LSTM, *PROJECTED]
GATED_CELLS = each({"mode": "GRUCell"}, {"mode": "LSTMCell"})

DEEP = {"L": 3, "bidirectional": True}
SHALLOW_OR_DEEP = each({}, {"bias": False}, {"bidirectional": True}, DEEP, {**DEEP, "bias": False})


def _made(rnn, *args):
    """A module as the constructor leaves it; the caller's generator stays as it is."""
    with torch.random.fork_rng(devices=[]):
        return rnn.construct(*args)


def _names(case):
    """By layer, then direction, then role."""
    roles = ["weight_ih", "weight_hh"]
    roles += ["bias_ih", "bias_hh"] if case.bias else []
    roles += ["weight_hr"] if case.P else []
    directions = ("", "_reverse")[: case.D]
    return [f"{role}_l{k}{d}" for k in range(case.L) for d in directions for role in roles]


@pytest.mark.clause(id="PAR-1", level="MUST", source=ATTRIBUTES)
@pytest.mark.needs("module")
@cases(MODES, SHALLOW_OR_DEEP)
def test_names(rnn, case):
    """The learnable tensors of layer k are weight_ih_lk, weight_hh_lk, bias_ih_lk, bias_hh_lk and,
    with a projection, weight_hr_lk, and those of the reverse direction have the suffix _reverse.
    """
    module = _made(rnn)
    state = module.state_dict(keep_vars=True)
    learnable = [name for name, value in state.items() if value.requires_grad]
    is_same(sorted(learnable), sorted(_names(case)), "the names of the learnable tensors")
    missing = [name for name in _names(case) if not isinstance(getattr(module, name, None), Tensor)]
    is_same(missing, [], "the list of names that are no attribute")


@pytest.mark.clause(id="PAR-2", level="SHOULD", source="torch's flat weights; not documented")
@pytest.mark.needs("module")
@cases(MODES, SHALLOW_OR_DEEP)
def test_order(rnn, case):
    """Parameters and state dict come by layer, then direction, then ih, hh, ih bias, hh bias, hr,
    and the state dict holds nothing else.

    Where there is an `all_weights`, its entry k·D + d lists the same objects.
    """
    module, names = _made(rnn), _names(case)
    is_same(list(module.state_dict()), names, "the keys of the state dict")
    known = {id(getattr(module, name)): name for name in names}
    order = [known.get(id(parameter), "another tensor") for parameter in module.parameters()]
    is_same(order, names, "the order of the parameters")
    if hasattr(module, "all_weights"):
        listed = [[known.get(id(p), "another tensor") for p in part] for part in module.all_weights]
        by_place = [[n for n in names if n.endswith(suffix)] for suffix in case.suffixes()]
        is_same(listed, by_place, "all_weights")


@pytest.mark.clause(id="PAR-3", level="MUST", source=ATTRIBUTES)
@pytest.mark.needs("module")
@cases(MODES, SHALLOW_OR_DEEP)
def test_shapes(rnn, case):
    """weight_ih is (G·H, I) in layer 0 and (G·H, D·P) above, weight_hh is (G·H, P), each bias is
    (G·H) and weight_hr is (P, H).
    """
    module = _made(rnn)
    G, H, P, D = case.G, case.H, case.width, case.D
    for number, suffix in enumerate(case.suffixes()):
        shapes = {"weight_ih": (G * H, case.I if number < D else D * P), "weight_hh": (G * H, P)}
        shapes |= {"bias_ih": (G * H,), "bias_hh": (G * H,)} if case.bias else {}
        shapes |= {"weight_hr": (P, H)} if case.P else {}
        for role, shape in shapes.items():
            has_shape(getattr(module, role + suffix), shape, role + suffix)


@pytest.mark.clause(id="PAR-4", level="MUST", source="torch.nn.LSTM, GRU and cells, Attributes")
@pytest.mark.needs("hx")
@cases(GATED, NETWORKS, each({"seed": 6}))
@cases(GATED, each({"T": 3, "B": 2, "I": 6, "H": 35}))
@cases(GATED_CELLS)
def test_gate_blocks(rnn, case):
    """The G·H rows are G blocks of H rows, in the order i, f, g, o for the LSTM and r, z, n for the
    GRU, in each of weight_ih, weight_hh, bias_ih and bias_hh.

    One block of one tensor at a time is replaced by other numbers, large enough to open or to shut
    its gate, and the first step follows.
    """
    x, other = case.input[:1], case.but(seed=case.seed + 1).weights
    for name, tensor in case.weights.items():
        for gate in GATES[case.kind] if "_hr" not in name else ():
            replaced = tensor.clone()
            replaced[rows(case, gate)] = 16 * other[name][rows(case, gate)]
            changed = rnn.but(weights={name: replaced})
            wanted, within = predicted(case, changed.weights, x, case.state)
            agrees(changed(x, case.state), wanted, within)


@pytest.mark.clause(id="PAR-5", level="MUST", source="torch.nn.RNN, LSTM, GRU and cells, bias")
@pytest.mark.needs("module")
@cases(MODES, NETWORKS, each({"bias": False}))
@cases(CELLS, each({"bias": False}))
def test_without_biases(rnn, case):
    """With bias=False there are no bias tensors, and a state dict that has them is refused.

    A cell has the attributes bias_ih and bias_hh all the same, and they are None.
    """
    module, biased = _made(rnn), case.but(bias=True).weights
    is_same([name for name in module.state_dict() if "bias" in name], [], "the list of biases")
    for name in [name for name in biased if "bias" in name]:
        default = "missing" if is_cell(case.mode) else None
        is_same(getattr(module, name, default), None, f"the attribute {name}")
    wrong = RuntimeError if rnn.claims("messages") else Exception
    rejects(lambda: module.load_state_dict(biased), "a state dict with biases", wrong)


@pytest.mark.clause(id="PAR-11", level="MUST", source=f"{SIGNATURES}; torch.set_default_dtype")
@pytest.mark.needs("module")
@cases([*TANH, *GRU, *PROJECTED, *CELLS[:1], *CELLS[2:]])
def test_device_and_dtype(rnn, case):
    """Parameters are on the device and of the dtype that the constructor is given, and without them of
    torch's default dtype.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(case.dtype)
    try:
        _are_made(_made(rnn), case, "cpu")
    finally:
        torch.set_default_dtype(before)
    if rnn.claims("factory"):
        sizes, options = (case.I, case.H), {**case.options, "dtype": case.dtype}
        for device in ("cpu", "meta") if rnn.claims("meta") else ("cpu",):
            with torch.random.fork_rng(devices=[]):
                module = rnn.construct(*sizes, device=device, **options)
            _are_made(module, case, device)


def _are_made(module, case, device):
    for name in case.weights:
        parameter = getattr(module, name)
        made = (parameter.device.type, parameter.dtype)
        is_same(made, (device, case.dtype), f"the device and the dtype of {name}")


POSITIONS = {
    "RNN": "num_layers nonlinearity bias batch_first dropout bidirectional",
    "GRU": "num_layers bias batch_first dropout bidirectional",
    "LSTM": "num_layers bias batch_first dropout bidirectional proj_size",
    "RNNCell": "bias nonlinearity",
    "GRUCell": "bias",
    "LSTMCell": "bias",
}
"""The options in their order, after input_size and hidden_size."""


@pytest.mark.clause(id="PAR-7", level="SHOULD", source=f"{SIGNATURES}; torch.nn.Module.extra_repr")
@pytest.mark.needs("module")
@cases(MODES, each({"L": 2, "bias": False, "batch_first": True, "bidirectional": True}))
@cases(CELLS, each({"bias": False}))
def test_options(rnn, case):
    """The options can be given in their documented order without names, and then they are
    attributes, beside `mode`, and the repr shows the sizes and each option that is not its default.

    A layer's nonlinearity in the repr is a clause of its own.
    """
    names = POSITIONS[case.mode].split()
    names = [name for name in names if name != "proj_size" or case.P]
    values = {"num_layers": case.L, "bias": case.bias, "nonlinearity": "tanh", "dropout": 0.25}
    values = {name: value for name, value in (values | case.options).items() if name in names}
    positional = [values[name] for name in names]
    module = _made(rnn, case.I, case.H, *positional)

    wanted = {"input_size": case.I, "hidden_size": case.H, **values}
    if not is_cell(case.mode):
        relu_or_tanh = f"_{case.nonlinearity.upper()}" if case.mode == "RNN" else ""
        wanted["mode"] = case.mode + relu_or_tanh
    shown = {name: getattr(module, name, "no attribute") for name in wanted}
    is_same(shown, wanted, f"what {case.mode}{(case.I, case.H, *positional)} has")

    if case.mode == "RNN" or values.get("nonlinearity") == "tanh":
        values.pop("nonlinearity", None)
    _shows(module, case, values)


@pytest.mark.clause(id="PAR-8", level="SHOULD", source="torch.nn.Module.extra_repr; RNNCell does")
@pytest.mark.needs("module")
@cases(each({"mode": "RNN", "nonlinearity": "relu"}))
def test_repr_of_relu(rnn, case):
    """The repr of an RNN with nonlinearity='relu' shows the nonlinearity."""
    _shows(_made(rnn), case, {"nonlinearity": "relu"})


def _shows(module, case, options):
    """The repr has the two sizes and then the options, with or without quotes."""
    text = repr(module).replace("'", "")
    is_same(bool(re.search(rf"\b{case.I}\b.*\b{case.H}\b", text)), True, f"both sizes in {text}")
    absent = [name for name, value in options.items() if f"{name}={value}" not in text]
    is_same(absent, [], f"what is absent from {text}")
