"""Ways to have the same result: one call over all, a call for each step, a call for each row, packed ..."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_packed_sequence

from ..case import Case
from ..ragged import packed
from ..reference import Result

State = tuple[Tensor, ...]
Part = tuple[Any, Any]
"""What a call is given, or what it returns: an input or output, and a state as the mode has it."""


class Way:
    """How a case is called. The input is taken apart beforehand; only calls are timed."""

    name: str
    needs: frozenset[str] = frozenset()
    """Claims beside those of the case."""

    def fits(self, case: Case) -> bool:
        return True

    def case(self, case: Case) -> Case:
        """The case as this way has it built."""
        return case

    def sizes(self, case: Case) -> list[int]:
        """Steps of each row."""
        return [case.T] * case.B

    def parts(self, case: Case, x: Tensor, state: State) -> list[Part]:
        """What the calls are given, of x (T, B, I) and states (L·D, B, ·)."""
        raise NotImplementedError

    def run(self, module: Any, parts: Sequence[Part]) -> list[Part]:
        """The calls."""
        return [module(x, state) for x, state in parts]

    def joined(self, pieces: Sequence[Any]) -> Tensor:
        """Outputs of the calls as one (T, B, *); inputs, and their gradients, likewise."""
        raise NotImplementedError

    def states(self, found: Sequence[Any]) -> State:
        """The final state of the calls."""
        return _tuple(found[-1])

    def result(self, found: Sequence[Part]) -> Result:
        outputs, states = zip(*found, strict=True)
        return Result(self.joined(outputs), *self.states(states))


class Whole(Way):
    """The loaf: all rows over all steps in one call."""

    name = "whole"

    def parts(self, case: Case, x: Tensor, state: State) -> list[Part]:
        return [(x, _packed(state))]

    def joined(self, pieces: Sequence[Any]) -> Tensor:
        only: Tensor = pieces[0]
        return only


class Letters(Way):
    """Letter by letter: a call for each step, which carries the state."""

    name = "letters"

    def fits(self, case: Case) -> bool:
        return case.D == 1

    def parts(self, case: Case, x: Tensor, state: State) -> list[Part]:
        return [(x[t : t + 1].contiguous(), None if t else _packed(state)) for t in range(len(x))]

    def run(self, module: Any, parts: Sequence[Part]) -> list[Part]:
        state, found = parts[0][1], []
        for x_t, _ in parts:
            output, state = module(x_t, state)
            found.append((output, state))
        return found

    def joined(self, pieces: Sequence[Any]) -> Tensor:
        return torch.cat([*pieces])


class Rows(Way):
    """Slice by slice: a call for each row, over all its steps."""

    name = "rows"

    def parts(self, case: Case, x: Tensor, state: State) -> list[Part]:
        rows = [tuple(part[:, b : b + 1].contiguous() for part in (x, *state)) for b in range(case.B)]
        return [(x_b, _packed(tuple(state_b))) for x_b, *state_b in rows]

    def joined(self, pieces: Sequence[Any]) -> Tensor:
        return torch.cat([*pieces], 1)

    def states(self, found: Sequence[Any]) -> State:
        return tuple(torch.cat(part, 1) for part in zip(*map(_tuple, found), strict=True))


class BatchFirst(Whole):
    """The loaf, with the batch before the time."""

    name = "batch first"

    def case(self, case: Case) -> Case:
        return case.but(batch_first=True)

    def parts(self, case: Case, x: Tensor, state: State) -> list[Part]:
        return [(x.transpose(0, 1).contiguous(), _packed(state))]

    def joined(self, pieces: Sequence[Any]) -> Tensor:
        only: Tensor = pieces[0]
        return only.transpose(0, 1)


class Packed(Way):
    """Rows of unequal lengths, packed beforehand; `fill` is the share of T that they have on average."""

    needs = frozenset({"packed", "lengths"})

    def __init__(self, fill: float) -> None:
        self.fill, self.name = fill, f"packed {fill:g}"

    def fits(self, case: Case) -> bool:
        return case.B > 1

    def sizes(self, case: Case) -> list[int]:
        """From T downwards, along a power whose mean is the fill."""
        power = 1 / self.fill - 1
        return [max(1, round(case.T * ((b + 0.5) / case.B) ** power)) for b in range(case.B - 1)] + [case.T]

    def parts(self, case: Case, x: Tensor, state: State) -> list[Part]:
        return [(packed(x, self.sizes(case)), _packed(state))]

    def joined(self, pieces: Sequence[Any]) -> Tensor:
        return pad_packed_sequence(pieces[0])[0]


FILLS = (0.25, 0.5, 1.0)

WAYS: Mapping[str, Way] = {
    way.name: way for way in (Whole(), Letters(), Rows(), BatchFirst(), *map(Packed, FILLS))
}
"""By their names; ratios are to the first."""


def _packed(state: State) -> Any:
    return state if len(state) > 1 else state[0]


def _tuple(state: Any) -> State:
    return state if isinstance(state, tuple) else (state,)
