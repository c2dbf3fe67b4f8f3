"""The calls as lines, and as loops where they carry a state over consecutive rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import torch

from ..network import Network
from ..trial import Call
from .chain import MADE

ROW = re.compile(r"(.*\[(?::, )*)(\d+)(:\d+)?(\].*)")


class Step(NamedTuple):
    """A call as it is written: `names = network(x, state)`; `final` is the state in `names`."""

    number: int
    call: Call
    network: str
    weights: str
    names: str
    x: str
    state: tuple[str, ...]
    final: str

    def __str__(self) -> str:
        return f"{self.names} = {self.network}({', '.join([self.x, *self.given])})"

    @property
    def given(self) -> list[str]:
        """The state as an argument, if there is one."""
        return [f"({', '.join(self.state)})"] if len(self.state) > 1 else list(self.state)

    @property
    def start(self) -> list[str]:
        """What the state is, each part: zeros where none is given."""
        zeros = [f"torch.zeros_like({name})" for name in self.final.strip("()").split(", ")]
        return list(self.state) or zeros


def moved_to(network: Network, dtype: torch.dtype) -> str:
    """The method that moves something from the cpu to the network's device, and to a dtype."""
    device = f'"{network.device}", ' if network.device.type != "cpu" else ""
    return f".to({device}{dtype})"


def looped(steps: list[Step], ending: str) -> Iterator[str]:
    """The calls; those that carry a state over consecutive rows as a loop."""
    while steps:
        n = 1
        while n < len(steps) and follows(steps[n - 1], steps[n], steps[n + 1 :], ending):
            n += 1
        run = n > 2 and steps[0].state
        yield from loop(steps[:n]) if run else map(str, steps[:n])
        steps = steps[n:]


def follows(before: Step, step: Step, later: list[Step], ending: str) -> bool:
    """Whether this step goes on, with the next row of the input, and no other needs the last."""
    one, two = ROW.fullmatch(before.x), ROW.fullmatch(step.x)
    if not one or not two or (one[1], int(one[2]) + 1) != (two[1], int(two[2])):
        return False
    needed = "\n".join([*(str(each).partition(" = ")[2] for each in later), ending])
    taken = before.number in {int(number) for _, number in MADE.findall(needed)}
    return not taken and before.network == step.network and step.given == [before.final]


def loop(steps: list[Step]) -> Iterator[str]:
    last, match = steps[-1], ROW.fullmatch(steps[0].x)
    assert match
    first = "" if match[2] == "0" else f"{match[2]}, "
    x = f"{match[1]}{'t:t + 1' if match[3] else 't'}{match[4]}"
    yield f"{last.final.strip('()')} = {', '.join(steps[0].state)}"
    yield f"for t in range({first}{int(match[2]) + len(steps)}):"
    yield f"    {last._replace(x=x, state=(last.final,))}"


def renumbered(lines: list[str]) -> list[str]:
    """Results numbered from 1 as they come; the only one has no number."""
    numbers = list(dict.fromkeys(number for _, number in MADE.findall("\n".join(lines))))
    new = {old: str(n) if len(numbers) > 1 else "" for n, old in enumerate(numbers, 1)}
    return [MADE.sub(lambda made: made[1] + new[made[2]], line) for line in lines]
