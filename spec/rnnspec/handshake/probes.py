"""The few small networks that a handshake calls, and what came of the calls."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from ..bound import propagated
from ..case import Case
from ..check import Failed, NotClaimed
from ..isolation.limits import Ended, Escaped, contained
from ..keeping import pristine
from ..network import Network
from ..notation import is_cell
from ..reference import Result

HALF = (torch.bfloat16, torch.float16)


class Stage(NamedTuple):
    """Networks that differ from the simplest in an option: in words, as changes, and what they build upon."""

    name: str
    changes: Mapping[str, Any]
    after: tuple[str, ...] = ()


STAGES = (
    Stage("one layer", {}),
    Stage("relu", {"nonlinearity": "relu"}),
    Stage("without biases", {"bias": False}),
    Stage("batch_first", {"batch_first": True}),
    Stage("two layers", {"L": 2}),
    Stage("bidirectional", {"bidirectional": True}),
    Stage("two bidirectional layers", {"L": 2, "bidirectional": True}, ("two layers", "bidirectional")),
    Stage("projection", {"P": 3}),
)

KINDS: Mapping[str, Mapping[str, Any]] = {
    "with a state": {},
    "without a state": {"hx": False},
    "where T = B and I = H": {"T": 4, "B": 4, "I": 6, "H": 6},
}
"""How each stage is tried: sizes that are all distinct, and some that are not, where a transpose is accepted.

Of a stage that builds upon others the first is enough."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What a network gave for a case, or else, in a line, why there is nothing; and what it must give."""

    kind: str
    case: Case
    got: Result | None
    raised: str = ""

    def parts(self) -> Iterator[tuple[str, Tensor, Tensor, Tensor]]:
        """Name, what it is, what it must be, and by how much it may differ, of each part of the result."""
        assert self.got is not None
        wanted, within = propagated(self.case)
        for (name, part), (_, want), (_, bound) in zip(
            self.got.items(), wanted.items(), within.items(), strict=True
        ):
            yield name, part, want, bound

    @property
    def right(self) -> bool:
        return all(
            part.shape == want.shape
            and part.dtype == self.case.dtype
            and bool(((part.double() - want).abs() <= bound).all())
            for _, part, want, bound in self.parts()
        )


def applicable(network: Network) -> Iterator[tuple[Stage, dict[str, Case]]]:
    """The stages of a network's mode that its implementation claims, with the case of each kind."""
    own = network.case
    for stage in STAGES:
        if (stage.name == "relu" and own.kind != "RNN") or (
            stage.name == "projection" and own.mode != "LSTM"
        ):
            continue
        if is_cell(own.mode) and stage.changes.keys() - {"nonlinearity", "bias"}:
            continue
        base = Case(own.mode, T=2 if own.dtype in HALF else 5, dtype=own.dtype).but(**stage.changes)
        kinds = list(KINDS.items())[: 1 if stage.after else None]
        cases = {kind: network.implementation.fitted(base.but(**changes)) for kind, changes in kinds}
        cases = {kind: case for kind, case in cases.items() if network.claims(*case.needs)}
        if cases:
            yield stage, cases


def answer(network: Network, kind: str, case: Case, interrupted: Callable[[], bool]) -> Answer | None:
    """The answer to a case; None where it is refused openly, or may end the process. Nothing else escapes."""
    if network.implementation.may_die(case):
        return None
    try:
        with contained(interrupted), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            asked = replace(network, case=case, given=None)
            got = asked(case.input, case.state)
        return Answer(kind, asked.case, _kept(got))
    except NotClaimed:
        return None
    except Failed as error:
        return Answer(kind, case, None, in_a_line(str(error)))
    except (KeyboardInterrupt, pytest.exit.Exception):
        raise
    except BaseException as error:  # whatever it is: SystemExit too
        return Answer(kind, case, None, in_a_line(_told(error)))


def _told(error: BaseException) -> str:
    if isinstance(error, Ended):
        return f"it {str(error).removesuffix(' in the middle of a clause')}"
    return (
        f"it raises {error}" if isinstance(error, Escaped) else f"it raises {type(error).__name__}: {error}"
    )


@pristine
def _kept(result: Result) -> Result:
    """A copy on the CPU, in the dtype that it has."""
    return result.map(lambda part: part.detach().cpu().clone())


def in_a_line(text: str, most: int = 240) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
