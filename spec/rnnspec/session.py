"""One session: the rows as they come in, and the summary, the file and the status at the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from . import result
from .deviations import Deviations, load
from .implementation import Implementation
from .maths import Place
from .notation import dtype_name
from .profiles import Profile, verdict
from .report import terminal
from .report.handshakes import Handshake
from .scopes import Scope
from .shards import Shard
from .tallies import Tally

NOTE = "rnnspec"
"""Under this name a report carries its row, norm and times among its user properties."""

EXPECTED = "rnnspec_expected"
"""Under this name an xdist worker says how many clauses it collected."""

WHOLE = "rnnspec_whole"
"""Under this name an xdist worker says whether these are all that there are."""


class Note(NamedTuple):
    """What a report says of a clause: its row and norm, the profiles that count it, and seconds spent.

    `handshake` is what was found at the first failure of an implementation and mode.
    """

    row: result.Row
    norm: str
    profiles: list[str]
    spent: Mapping[str, float]
    handshake: Handshake | None = None


class Union(NamedTuple):
    """What the shards of a run are together: how many rows, which (see `shards.digest`), and whether all."""

    rows: int
    digest: str
    whole: bool


@dataclass
class Run:
    """One session: what is tried, and what was noted so far, once for each item of pytest's.

    `expected` is how many rows there must be, `all` how many there would be if nothing were left out, `whole`
    whether these are the same. A `shard` is never whole; `union` is what it is a part of. `elsewhere` are the
    workers on other machines.
    """

    subjects: list[tuple[Implementation, Place]]
    dtypes: list[torch.dtype]
    scope: Scope
    asked: bool
    threads: int = 1
    further: list[torch.dtype] = field(default_factory=list)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    deviations: Deviations = field(default_factory=load)
    notes: dict[str, Note] = field(default_factory=dict)
    expected: int = 0
    all: int | None = None
    whole: bool = False
    shard: Shard | None = None
    union: Union | None = None
    elsewhere: set[str] = field(default_factory=set)

    @property
    def rows(self) -> list[result.Row]:
        return [note.row for note in self.notes.values()]

    @property
    def handshakes(self) -> list[Handshake]:
        return [note.handshake for note in self.notes.values() if note.handshake]

    @property
    def spent(self) -> dict[str, float]:
        """Seconds, by what took them, over all rows."""
        total: dict[str, float] = defaultdict(float)
        for note in self.notes.values():
            for what, seconds in note.spent.items():
                total[what] += seconds
        return total

    @property
    def wanted(self) -> bool:
        """This session tries the specification: it is not about somebody's other tests alone."""
        return self.asked or bool(self.notes) or self.expected > 0

    @property
    def ran(self) -> bool:
        """At least one clause was tried."""
        return any(row.outcome != "NOT CLAIMED" for row in self.rows)

    @property
    def complete(self) -> bool:
        """No row is missing of those that were to be tried."""
        return len(self.notes) == self.expected

    @property
    def tallies(self) -> Iterator[Tally]:
        """Of each implementation on each device, and each profile."""
        for subject, place in self.subjects:
            for name in self.profiles:
                counted = [note.row for note in self.notes.values() if name in note.profiles]
                mine = subject.name, str(place)
                yield Tally(name, *mine).of(r for r in counted if (r.implementation, r.device) == mine)

    def verdicts(self) -> Iterator[tuple[bool | None, str]]:
        """Of each tally: whether the implementation conforms, in a sentence."""
        for tally in self.tallies:
            yield verdict(tally, self.scope, self.whole and self.complete)


RUN = pytest.StashKey[Run]()


def note_of(report: pytest.TestReport) -> Any:
    """What the plugin noted on a report; None if it is not a clause's."""
    return dict(getattr(report, "user_properties", ())).get(NOTE)


class Recorder:
    """Where the session is steered (not on xdist's workers): rows come in, results go out."""

    def __init__(self, config: pytest.Config, run: Run) -> None:
        self.config, self.run = config, run
        name = config.getoption("rnn_results")
        self.path = Path(config.invocation_params.dir, name) if name else None
        self.unwritten = "the run is not complete"

    def pytest_sessionstart(self) -> None:
        """A file of an earlier run is not to be mistaken for this one's."""
        if self.path:
            self.path.unlink(missing_ok=True)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Under xdist the workers collect; each of them collects all."""
        output = getattr(node, "workeroutput", {})
        if EXPECTED in output:  # it came to its end, and was there for all
            self.run.expected, self.run.whole = output[EXPECTED], output[WHOLE]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The last that is said of an item counts: it may pass, and end the process afterwards."""
        note = note_of(report)
        if note:
            row = result.Row(**note["row"])
            found = Handshake(row, **note["handshake"]) if "handshake" in note else None
            self.run.notes[report.nodeid] = Note(row, note["norm"], note["profiles"], note["spent"], found)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        run = self.run
        self._write()
        verdicts = [conforms for conforms, _ in run.verdicts()]
        passed = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        missing = not run.complete or not run.ran or (self.path and not self.path.exists())
        if passed and run.wanted and (missing or False in verdicts):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _write(self) -> None:
        """The rows, if they are all there and there is room for them."""
        if self.path and self.run.complete and (self.run.notes or self.run.union):
            try:
                result.write(self.path, self._header(), self.run.rows)
            except OSError as error:
                self.unwritten = error.strerror or str(error)

    def _header(self) -> dict[str, Any]:
        run = self.run
        subjects = {subject.name: subject for subject, _ in run.subjects}
        return result.header(
            run.expected,
            [
                {
                    "name": subject.name,
                    "claims": {mode: sorted(subject.claimed(mode)) for mode in subject.modes},
                    "unclaimed": {mode: dict(subject.unclaimed(mode)) for mode in subject.modes},
                    "versions": dict(subject.versions),
                    "changes": list(subject.changes),
                }
                for subject in subjects.values()
            ],
            seconds={what: round(value, 3) for what, value in run.spent.items()},
            devices=list(dict.fromkeys(str(place) for _, place in run.subjects)),
            dtypes=[dtype_name(dtype) for dtype in run.dtypes],
            scope=run.scope.name,
            whole=run.whole,
            threads=run.threads,
            seed=list(run.scope.seeds) or "of each case",
            profiles=[said for _, said in run.verdicts()],
            handshakes=[
                {key: getattr(found.row, key) for key in ("implementation", "mode", "device", "dtype")}
                | {"said": found.said}
                for found in run.handshakes
            ],
            arguments=[str(argument) for argument in self.config.invocation_params.args],
            **self._part(),
        )

    def _part(self) -> dict[str, Any]:
        """Which shard it is, of what, and its tallies; which workers there were on other machines."""
        union, tallies = self.run.union, [asdict(tally) for tally in self.run.tallies]
        part = {"shard": str(self.run.shard), "of": union._asdict(), "tallies": tallies} if union else {}
        return part | ({"workers": sorted(self.run.elsewhere)} if self.run.elsewhere else {})

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> Generator[None, object, object]:
        """After all else, a line for each failure included: what is said here is not to be buried."""
        result = yield
        if self.run.wanted:
            terminalreporter.section("rnnspec")
            self._say(terminalreporter.write_line)
        return result

    def _say(self, say: Callable[..., None]) -> None:
        run = self.run
        norms = {note.row.clause: note.norm for note in run.notes.values()}
        for line in terminal.lines(run.rows, norms, run.handshakes):
            say(line)
        if not run.ran:
            say("no clause ran: this is not a pass", red=True)
        for conforms, said in run.verdicts():
            say(said, red=conforms is False, green=conforms is True)
        if not run.complete:
            say(f"{len(run.notes)} of {run.expected} rows: this is not a pass", red=True)
        if run.shard and run.union:
            say(f"shard {run.shard}, {run.expected} of {run.union.rows} rows: no verdict on the whole")
        if self.path and self.path.exists():
            say(f"results: {self.path}")
        elif self.path:
            say(f"no results written to {self.path}: {self.unwritten}", red=True)
