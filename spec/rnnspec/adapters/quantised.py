"""torch.ao.quantization.quantize_dynamic: weights are quantised once, inputs anew for each product.

Its products are coarser, and everything else is in float32, as in torch.nn. How coarse (`factors`):

- qint8. A weight is a multiple of the step max |W| / 127.5, rounded to the nearest between -128 and 127 steps
  (MinMaxObserver, symmetric, for the whole matrix): off by half a step. An input is quantised with the step
  (max x - min x) / 127, 0 included, which is at most 2 max |x| / 127 (with 8 bits half of it), or with
  6.1e-5 where that is less; 0 is a whole number of steps, so that the ends too are off by half a step. Their
  products are summed exactly. The float32 numbers that scale them make it little more: `HALF`.
- float16. A weight is rounded to float16; inputs and sums are float32.

One call quantises the sequences of a batch together: the step is as large as the largest row makes it.
For the rest the documentation promises torch.nn's interface. nn.RNN comes back as it was, in silence: that is
refused here.

A bound from this is some hundred times a float32 one, and some ten times below what an exchanged gate does.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.ao.quantization import quantize_dynamic

from ..case import Case
from ..factors import Factors, Held
from ..implementation import Run
from ..notation import SMALLEST, UNIT_ROUNDOFF
from .torch_tools import CALLED, Made

HALF = 0.5 + 2.0**-10
"""Half a step, and what a few roundings to float32 of up to 128 steps come to: 8 of 2^-24 are 2^-14 steps."""

LEAST = 6.1e-5
"""The smallest step of an input."""


class Quantised(Made):
    claims = CALLED - {"float64", "half", "float16", "grad_input", "grad", "grad2"}
    precision: torch.dtype

    def build(self, case: Case, weights: Mapping[str, Tensor], device: torch.device) -> Run:
        module: Any = self.modules.build(case, weights, device)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is deprecated is no result
            found: Any = quantize_dynamic(  # type: ignore[no-untyped-call]
                nn.Sequential(module), {type(module)}, dtype=self.precision
            )[0]
        if type(found) is type(module):
            raise NotImplementedError(f"quantize_dynamic leaves torch.nn.{case.mode} as it is, in silence")
        return Called(found)


class Called:
    """A quantised module; it has no parameters."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def __call__(self, *args: Any) -> Any:
        return self.module(*args)


class Qint8(Quantised):
    name = "dynamic-quantised-qint8"
    claims = Quantised.claims - {"apart"}  # one step for all rows, and for all steps of the input
    precision = torch.qint8

    def factors(self, case: Case) -> Factors:
        inputs = Held(share=2 * HALF / 127, absolute=HALF * LEAST, least=max(1.0, case.span))
        return Factors(weights=Held(share=HALF / 127.5), inputs=inputs)


class Float16(Quantised):
    name = "dynamic-quantised-float16"
    precision = torch.float16

    def factors(self, case: Case) -> Factors:
        u, smallest = UNIT_ROUNDOFF[torch.float16], SMALLEST[torch.float16]
        return Factors(weights=Held(relative=u, absolute=smallest / 2))


QINT8 = Qint8()
FLOAT16 = Float16()
