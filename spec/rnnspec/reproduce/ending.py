"""The last lines: what was got and wanted, or how the last result is made up."""

from __future__ import annotations

import torch

from ..check import Evidence
from .chain import Deviation, taken_apart
from .equations import Wanted, computed
from .form import Misshapen, Unrefused, compared, structure
from .matching import numbers
from .steps import Step

UNSEEN = "# The clause goes on to compare what it computes from this: see its text."
UNKNOWN = "# wanted: as the clause computes it; what it does besides these calls is not shown here"
FURTHER = "# The clause looks at more than what these calls return: see its text."
PARAMETERS = "print([(name, tuple(part.shape)) for name, part in rnn.named_parameters()])"


Found = Deviation | Misshapen | Unrefused
"""What the clause found, where it is in the results of the calls."""


def ending(steps: list[Step], deviation: Found | None) -> list[str]:
    """Shows the element that deviates, or the form; or else how the last result is made up."""
    last = shown(steps[-1]) if steps else [FURTHER, PARAMETERS]
    if not deviation or isinstance(deviation, Unrefused):
        return last
    if isinstance(deviation, Misshapen):
        return compared(deviation)
    found, evidence = wanted(steps, deviation), deviation.evidence
    if not found:
        return [UNSEEN, *last]
    within = allowed(evidence)
    off = f"not abs(got - wanted) <= {within}" if evidence.within else "got != wanted"
    return [
        *found[0],
        f"got, wanted = {deviation.got}, {found[1]}",
        f'print(f"got {{got!r}}, wanted {{wanted!r}}, at most {within} apart")',
        f"raise SystemExit({off})",
    ]


def wanted(steps: list[Step], deviation: Deviation) -> Wanted | None:
    """What was wanted; None where it cannot be told what was got."""
    evidence, got, wanted = deviation
    if not got:
        return None
    if wanted and not wanted.common:
        return [], str(wanted)
    if by_equations := computed(steps, got, evidence):
        return by_equations
    if wanted:
        return [], str(wanted)
    if got.common:
        return None
    return [UNKNOWN], numbers(torch.tensor([evidence.wanted], dtype=torch.float64))[0]


def allowed(evidence: Evidence) -> str:
    """The bound, rounded up where that hides nothing."""
    short = f"{evidence.within * 1.006:.3g}"
    hides = abs(evidence.got - evidence.wanted) <= float(short)
    return repr(evidence.within) if hides else short


def shown(step: Step) -> list[str]:
    """How a result is made up, and whether it is made up as torch's; nothing where the call itself raises."""
    if step.call.result is None:
        return ["# this call raises, or returns nothing", f"raise SystemExit({step.names} is None)"]
    parts = taken_apart(step.call, step.number)[2]
    if wrong := structure(step, parts):
        return wrong
    return [FURTHER, f"print({', '.join(f'tuple({part.text}.shape)' for part in parts)})"]
