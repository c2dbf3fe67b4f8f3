"""The letters and words of the specification.

T time, B batch, I input size, H hidden size, P projection (H where there is none), L layers,
D directions, G gate blocks. A *mode* is the name of the class that a network replaces.
"""

from __future__ import annotations

import torch

GATES = {"RNN": "h", "GRU": "rzn", "LSTM": "ifgo"}
"""The gate blocks of each kind of network, in the order in which their rows are stacked."""

LAYERS = ("RNN", "GRU", "LSTM")
CELLS = ("RNNCell", "GRUCell", "LSTMCell")
MODES = LAYERS + CELLS

NONLINEARITIES = ("tanh", "relu")

DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

UNIT_ROUNDOFF = {
    torch.float64: 2.0**-53,
    torch.float32: 2.0**-24,
    torch.bfloat16: 2.0**-8,
    torch.float16: 2.0**-11,
}
"""The largest relative error of rounding a number to each dtype, halfway cases included."""

SMALLEST = {
    torch.float64: 2.0**-1022,
    torch.float32: 2.0**-126,
    torch.bfloat16: 2.0**-126,
    torch.float16: 2.0**-24,
}
"""Below this a number may be flushed to zero (float16: rounded to its subnormal grid)."""

OPTIONAL = {
    "autocast": "calls under torch.autocast",
    "compile": "torch.compile",
    "compile_fullgraph": "torch.compile as one graph",
    "script": "torch.jit.script",
    "trace": "torch.jit.trace",
    "export": "torch.export",
    "onnx": "torch.onnx.export",
    "vmap": "torch.vmap",
    "jvp": "forward-mode derivatives by torch.autograd.forward_ad",
}
"""What torch's tools make of its modules. No class promises it by having torch's constructor and call: it
is claimed by torch.nn, by a class whose attribute `claims` names it, and with --rnn-with.
"""

BEYOND = {
    "reset_before": "a GRU whose reset gate scales the state before the recurrent product",
    "padded": "padded input with the lengths of its rows",
    "zero_padding": "zeros in the output beyond the end of a row",
}
"""What torch's modules have no word for, and other libraries do. A clause about it is none of torch's: it has
no row where it is not claimed.
"""

CLAIMS = {
    "float32": "numbers in float32",
    "float64": "numbers in float64",
    "half": "bfloat16 and float16",
    "float16": "numbers in float16, beside half",
    "layers": "num_layers above 1",
    "bidirectional": "bidirectional=True",
    "proj": "proj_size of the LSTM",
    "tanh": "nonlinearity='tanh' of the RNN",
    "relu": "nonlinearity='relu' of the RNN",
    "reset_after": "a GRU whose reset gate scales the recurrent product, as torch's does",
    "b_hn": "a bias in the GRU's recurrent product of the candidate",
    "nobias": "bias=False",
    "batch_first": "batch_first=True",
    "unbatched": "input without a batch axis",
    "lengths": "sequences of unequal lengths in one call",
    "packed": "PackedSequence input",
    "padding_side": "padding_side of pad_sequence",
    "hx": "an initial state can be given",
    "apart": "no number is rounded on account of others beside it",
    "empty": "axes of size 0",
    "dropout": "dropout between layers in training",
    "grad_input": "gradients of the input and the states by torch's autograd",
    "grad": "gradients of these and of the weights",
    "grad2": "second derivatives by torch's autograd",
    "module": "torch's constructor, attributes and state dict",
    "seeds": "parameters drawn from torch's generator as torch draws them",
    "factory": "the constructor takes device= and dtype=",
    "copy": "copy.deepcopy, and pickling of whole modules",
    "hooks": "torch.nn.Module's hooks, parametrizations and pruning",
    "meta": "the meta device",
    "same_dtype": "another dtype than the weights' is refused",
    "messages": "torch's own exception classes",
    **OPTIONAL,
    **BEYOND,
}
"""What an implementation may leave unclaimed. Each claim is all or nothing, for every mode."""

BASIC = frozenset({"float32", "float64", "tanh", "reset_after", "b_hn", "hx", "apart"})
"""One layer in one direction, with torch's equations, from a state that can be given."""


def kind(mode: str) -> str:
    """The network family of a mode: `LSTMCell` -> `LSTM`."""
    return mode.removesuffix("Cell")


def is_cell(mode: str) -> bool:
    return mode.endswith("Cell")


def dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
