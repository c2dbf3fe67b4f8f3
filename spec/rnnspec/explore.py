"""Clauses about all sizes: tried on networks drawn at random, they fail with the smallest that does.

`for_all` turns the text of a clause, which is about one network, into one about networks of any sizes. Each
of its rows tries a few small ones, the same in every run; with `--rnn-explore SECONDS` it goes on with other,
and larger, ones until its share of the time is over. A failure is shrunk by Hypothesis and reported as a line
`@fixed(...)`; above `@for_all` in the chapter, that network is tried first from then on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from functools import wraps
from inspect import Parameter, Signature, unwrap
from typing import TYPE_CHECKING, Any
from zlib import crc32

from .case import FIELDS, Case
from .check import NotClaimed
from .isolation.limits import overtime
from .network import Network
from .notation import dtype_name
from .trial import current

if TYPE_CHECKING:
    import hypothesis

Below = Callable[[int], int]
"""below(n) draws a number from 0 to n - 1; the smaller it is, the simpler."""

Draw = Callable[[Case, Below], Any]
"""Draws what a clause needs beside a case: where it is cut, which of its rows are taken."""

SMALL = {"T": 5, "B": 6, "I": 6, "H": 10}
"""The largest sizes of the networks that every run tries."""

EXAMPLES = 8
"""So many of these for each row."""

FARTHER = 4
"""Exploring goes so many times as far, with as many networks as time allows."""

ROOM = 2000
"""The bound of a case takes time with T·B·H: while exploring this leaves large T and H few rows."""

SEEDS = 100
"""The numbers of a network come from one of so many seeds. (All that is drawn is below 100: larger numbers
Hypothesis also takes from the source of the modules at hand, and a run would depend on what they are.)
"""

KEEP = "  drawn    as a fixed case, to put above @for_all:\n           "


def for_all(layers: int = 0, **draws: Draw) -> Callable[[Callable[..., None]], Callable[[Network], None]]:
    """Try a clause on networks of any sizes, and up to so many layers, with these draws for each."""

    def any_size_of(clause: Callable[..., None]) -> Callable[[Network], None]:
        @wraps(clause)
        def any_size(rnn: Network) -> None:
            __tracebackhide__ = True
            Row(clause, rnn, layers, draws).run()

        function: Any = any_size
        function.__signature__ = Signature([Parameter("rnn", Parameter.POSITIONAL_OR_KEYWORD)])
        function.explores = True
        return any_size

    return any_size_of


def fixed(**example: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A network that failed once, and its draws: tried first in the rows that differ in sizes alone."""

    def noted(clause: Callable[..., None]) -> Callable[..., None]:
        vars(unwrap(clause)).setdefault("fixed", []).append(example)
        return clause

    return noted


class Row:
    """One clause on one case, whose sizes and seed are replaced by others."""

    def __init__(
        self, clause: Callable[..., None], rnn: Network, layers: int, draws: Mapping[str, Draw]
    ) -> None:
        self.clause, self.rnn, self.layers, self.draws = clause, rnn, layers, draws
        self.failure: Exception | None = None
        self.refused: NotClaimed | None = None
        self.over: BaseException | None = None

    def run(self) -> None:
        """The fixed examples, the small ones, and others while there is time."""
        __tracebackhide__ = True
        for example in self.fixed():
            self.attempt(*example)
        settings, case = current().search, self.rnn.case
        name = f"{self.clause.__name__} {case} {dtype_name(case.dtype)}"
        self.search(name, EXAMPLES, 1)
        end, turn = time.monotonic() + settings.seconds, 0
        while time.monotonic() < end:
            turn += 1
            self.search(f"{name} {settings.seed} {turn}", 100, FARTHER, end)
        if self.refused:
            raise self.refused

    def fixed(self) -> Iterator[tuple[Case, Mapping[str, Any]]]:
        """The fixed examples that belong to this row."""
        row = self.rnn.case
        for example in getattr(self.clause, "fixed", ()):
            case = Case(dtype=row.dtype, **{k: v for k, v in example.items() if k in FIELDS})
            same = case.but(**{letter: getattr(row, letter) for letter in self.most(1)}) == row
            if same and bool(case.P) == bool(row.P):
                yield case, {k: v for k, v in example.items() if k not in FIELDS}

    def most(self, times: int) -> dict[str, int]:
        """What is drawn of a case, and the largest value of each."""
        most = {letter: times * size for letter, size in SMALL.items()}
        if "half" in self.rnn.case.needs:
            most["T"] = SMALL["T"]  # errors grow with time, and half types have few digits
        most |= {"L": self.layers} if self.layers else {}
        most |= {"P": 4} if self.rnn.case.P else {}
        return most | {"seed": SEEDS}

    def drawn(self, below: Below, times: int) -> tuple[Case, Mapping[str, Any]]:
        """A case and what the clause needs beside it."""
        sizes = {letter: 1 + below(limit) for letter, limit in self.most(times).items()}
        sizes["H"] += sizes.get("P", 0)  # H > P
        sizes["B"] = min(sizes["B"], 1 + ROOM // (sizes["T"] * sizes["H"]))
        case = self.rnn.case.but(**sizes)
        return case, {name: draw(case, below) for name, draw in self.draws.items()}

    def attempt(self, case: Case, drawn: Mapping[str, Any]) -> None:
        """The clause on one network; the trial is about this one alone. Once the time is over, it is over."""
        if self.over:
            raise self.over
        trial = current()
        trial.calls.clear()
        try:
            trial.drawn = network = self.rnn.but(**{name: getattr(case, name) for name in FIELDS})
            self.clause(network, case, **drawn)
        except NotClaimed as refused:  # which hides no failure of another network
            self.refused = refused
        except Exception as error:
            self.failure = error
            trial.example = KEEP + line(case, drawn)
            raise
        except BaseException as error:
            self.over = error if overtime(error) else None
            raise

    def search(self, seed: str, examples: int, times: int, end: float = float("inf")) -> None:
        """Draw so many networks, fewer where time is over; raise the failure of the smallest that fails."""
        __tracebackhide__ = True
        import hypothesis  # takes a second: whoever searches for nothing does not wait for it
        from hypothesis import strategies as st

        @st.composite
        def networks(draw: st.DrawFn) -> tuple[Case, Mapping[str, Any]]:
            return self.drawn(lambda n: draw(st.integers(0, n - 1)), times)

        @hypothesis.seed(crc32(seed.encode()))
        @quietly(examples, current().search.shrinks)
        @hypothesis.given(networks())
        def attempts(network: tuple[Case, Mapping[str, Any]]) -> None:
            if self.failure or time.monotonic() < end:
                self.attempt(*network)

        try:
            attempts()
        except Exception as error:
            if self.failure in (None, error):
                raise
            raise self.failure from None  # which does not happen every time


def quietly(examples: int, shrinks: bool) -> hypothesis.settings:
    """Hypothesis draws and shrinks, no more: it keeps nothing, measures nothing, prints nothing."""
    from hypothesis import HealthCheck, Phase, Verbosity, settings

    return settings(
        max_examples=examples,
        phases=(Phase.generate, Phase.shrink)[: 1 + shrinks],
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )


def line(case: Case, drawn: Mapping[str, Any]) -> str:
    """The fixed example that stands for a network and its draws."""
    default = Case(case.mode, dtype=case.dtype)
    given = {field.name: getattr(case, field.name) for field in fields(Case)}
    told = {k: v for k, v in given.items() if k in ("mode", *SMALL) or v != getattr(default, k)}
    return f"@fixed({', '.join(f'{k}={v!r}' for k, v in (told | {**drawn}).items())})".replace("'", '"')
