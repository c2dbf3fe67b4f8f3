"""The notebook that rnnspec started from: "hello" and its printed numbers, four decimals each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .bound import predicted
from .case import Case
from .check import agrees
from .reference import Result

if TYPE_CHECKING:
    from .recorded import Recorded

SEED = 50
SIZES: dict[str, Any] = {"mode": "RNN", "T": 5, "I": 4, "H": 2}
LETTERS = "helo"
SLICE = ("hello",)
LOAF = ("hello", "eolll", "lleel")

HALF_DIGIT = 0.5e-4
"""Half a unit of the last printed digit."""

# fmt: off
PRINTED = {
    "weight_ih_l0": [[0.1669, -0.6100, -0.1566, -0.6500], [-0.1395, -0.5032, -0.0559, -0.0174]],
    "weight_hh_l0": [[0.1310, 0.6553], [-0.5332, -0.1347]],
    "bias_ih_l0": [-0.0021, 0.7053],
    "bias_hh_l0": [0.1483, 0.0324],
    "h_0": [[[-1.8826, -1.0217], [-0.2169, -1.0115], [0.1614, -0.0939]]],
    "hello": [[-0.5393, 0.9402], [0.0814, 0.3760], [0.2418, 0.5283], [0.3517, 0.4476],
              [-0.1629, 0.4402]],
    "eolll": [[-0.8194, 0.4513], [-0.3054, 0.7992], [0.4408, 0.6273], [0.4288, 0.3472],
              [0.2667, 0.3854]],
    "lleel": [[-0.0508, 0.5430], [0.3264, 0.5620], [-0.0527, -0.0152], [-0.4468, 0.2586],
              [0.1002, 0.7090]],
}
# fmt: on
"""Parameters and states under seed 50, and the outputs (T, H) of each word."""


def printed(words: tuple[str, ...]) -> Result:
    """The printed outputs of the words as a batch, (T, B, 2), and the last of them as h_n."""
    output = torch.stack([torch.tensor(PRINTED[word], dtype=torch.float64) for word in words], 1)
    return Result(output, output[-1:])


def letters(words: tuple[str, ...], dtype: torch.dtype) -> Tensor:
    """The words one-hot, time first: (T, B, 4)."""
    codes = torch.tensor([[LETTERS.index(letter) for letter in word] for word in words])
    return torch.eye(len(LETTERS)).to(dtype)[codes].transpose(0, 1)


CASE = {**SIZES, "B": 3, "batch_first": True, "dtype": torch.float32}
"""The network of the notebook, as INI-6 records it."""


def seeded(recorded: Recorded, dtype: torch.dtype) -> tuple[dict[str, Tensor], Tensor]:
    """The weights and h_0 (1, 3, 2) that seed 50 gave, as INI-6 recorded them, in a dtype."""
    entry = recorded.read("INI-6", "RNN", str(Case(**CASE)))
    numbers = {name: value.to(dtype, copy=True) for name, value in entry.result.items()}
    return numbers, numbers.pop("h_0")


def agrees_with_the_page(
    recorded: Recorded,
    case: Case,
    got: Result,
    words: tuple[str, ...],
    weights: Mapping[str, Tensor],
    h_0: Tensor,
) -> None:
    """`got` is what the page prints for the words, to half a digit, and what is recorded."""
    __tracebackhide__ = True
    x = letters(words, case.dtype)
    expected, within = predicted(case, weights, x, (h_0,))
    agrees(got, printed(words), within.map(lambda bound: bound + HALF_DIGIT))
    _, writers = predicted(case.but(dtype=torch.float32), weights, x, (h_0,))
    recorded.agrees(
        dict(got.items()),
        {name: bound + dict(writers.items())[name] for name, bound in within.items()},
        given={"input": x, "h_0": h_0, **weights},
        configuration={"input_size": case.I, "hidden_size": case.H, **case.options, "seed": SEED},
        dtype=torch.float32,
        oracle=dict(expected.items()),
    )
