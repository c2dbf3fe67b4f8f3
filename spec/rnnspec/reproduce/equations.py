"""What was wanted where no result holds it: by the equations, in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..bound import pinned
from ..case import Case
from ..check import Evidence
from ..notation import is_cell
from ..reference import Result, run
from ..trial import Call
from .chain import MADE, Place, flat, of_result
from .matching import grouped
from .steps import Step, moved_to

Oracle = Callable[..., tuple[Result, Any]]
Wanted = tuple[list[str], str]
"""The lines that compute what was wanted, and the expression for it."""


def computed(steps: list[Step], got: Place, evidence: Evidence) -> Wanted | None:
    """By the equations over all steps, or over each step from the h that the network gave."""
    step = next(step for step in steps if step.number == got.call)
    case = step.call.network.case
    own = MADE.search(" ".join([step.x, *step.state]))
    if not own and gives(from_scratch, [step], got, evidence):
        return ["# wanted: the equations, in float64"], repr(evidence.wanted)
    if case.L == case.D == 1 and not case.P and case.reset == "after":  # torch's functions have no other
        for trail in ([step], trail_of(steps, step)):
            if gives(pinned, trail, got, evidence):
                return equations(trail, got)
    return None


def trail_of(steps: list[Step], last: Step) -> list[Step]:
    """The steps of one network that lead to this one, each from the state of the one before."""
    trail = [last]
    for step in reversed(steps):
        earlier = step.number < last.number and step.network == last.network
        if earlier and trail[0].given == [step.final]:
            trail.insert(0, step)
    return trail


def gives(oracle: Oracle, steps: list[Step], got: Place, evidence: Evidence) -> bool:
    """Whether the oracle, on what went into these steps, gives the number that was wanted."""
    calls = [step.call for step in steps]
    network = calls[0].network
    depth = 2 if is_cell(network.case.mode) else 3
    if any(not isinstance(call.x, Tensor) or call.x.dim() != depth for call in calls):
        return False
    try:
        result, _ = oracle(network.case, *time_first(calls), network.weights)
    except (IndexError, RuntimeError):  # the output has not the steps that went in
        return False
    name, at = spot(calls, got)
    value = float(dict(result.items())[name][at])
    return abs(value - evidence.wanted) <= 1e-12 * (1 + abs(value))


def from_scratch(
    case: Case, x: Tensor, state: tuple[Tensor, ...], output: Tensor, weights: Mapping[str, Tensor]
) -> tuple[Result, Any]:
    """The equations over all steps; called as `pinned` is."""
    return run(case, weights, x.double(), tuple(part.double() for part in state)), None


def time_first(calls: Sequence[Call]) -> tuple[Tensor, tuple[Tensor, ...], Tensor]:
    """What went into a call of a layer, or some of a cell, and its output, all with every axis."""
    case = calls[0].network.case
    state = [part.detach().cpu() for part in flat(calls[0].state)]
    x, output = (flat([part])[0].detach().cpu() for part in (calls[0].x, flat(calls[0].result)[0]))
    if is_cell(case.mode):
        x = torch.stack([call.x.detach().cpu() for call in calls])
        output = torch.stack([flat(call.result)[0].detach().cpu() for call in calls])
        state = [part[None] for part in state]
    elif case.batch_first:
        x, output = x.transpose(0, 1), output.transpose(0, 1)
    if not state:
        state = [zeros[:, :1].expand(-1, x.shape[1], -1) for zeros in case.but(B=1).zeros]
    return x, tuple(state), output


def spot(calls: Sequence[Call], got: Place) -> tuple[str, tuple[int, ...]]:
    """Where the element is in the result of all of these calls, time first."""
    case, name, at = calls[0].network.case, of_result(got.part), got.at
    if is_cell(case.mode):
        return (name, (0, *at)) if name == "c_n" else ("output", (len(calls) - 1, *at))
    return name, (at[1], at[0], *at[2:]) if name == "output" and case.batch_first else at


def equations(steps: list[Step], got: Place) -> Wanted:
    """By torch's functions, in float64, each step from the network's own h."""
    calls = [step.call for step in steps]
    network, (name, at) = calls[0].network, spot(calls, got)
    t = at[0] if name == "output" else len(time_first(calls)[0]) - 1
    lines = [
        "# wanted: the equations, in float64, each step from the h that the network gave",
        f"w = [w{moved_to(network, torch.float64)} for w in {steps[0].weights}.values()]",
        *stepped(network.case, *trajectory(network.case, steps, t)),
    ]
    last = "step" if network.case.kind != "LSTM" else "c_t" if name == "c_n" else "h_t"
    return lines, f"{last}[{', '.join(map(str, at[1:]))}].item()"


def stepped(case: Case, x: list[str], h: list[str], c: str) -> list[str]:
    """The last step; an LSTM's carries its c through those before it."""
    if case.kind == "LSTM":
        return [
            f"c_t = {grouped(c)}.double()",
            f"for x_t, before in zip([{', '.join(x)}], [{', '.join(h)}]):",
            "    h_t, c_t = torch.lstm_cell(x_t.double(), (before.double(), c_t), *w)",
        ]
    kind = "gru" if case.kind == "GRU" else f"rnn_{case.nonlinearity}"
    return [f"step = torch.{kind}_cell({x[-1]}.double(), {h[-1]}.double(), *w)"]


def trajectory(case: Case, steps: list[Step], t: int) -> tuple[list[str], list[str], str]:
    """The inputs up to step t, the h before each of them, and the c before the first."""
    first, step = steps[0].start, steps[-1]
    if is_cell(case.mode):
        return [step.x for step in steps], [step.start[0] for step in steps], first[-1]
    turn = ":, " if case.batch_first else ""
    x = [f"{grouped(step.x)}[{turn}{n}]" for n in range(t + 1)]
    own = [f"out{step.number}[{turn}{n}]" for n in range(t)]
    return x, [f"{grouped(first[0])}[0]", *own], f"{grouped(first[-1])}[0]"
