"""The pytest plugin. Its hooks translate: options to subjects, markers to items, reports to rows."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.register_assert_rewrite("rnnspec.clauses", "rnnspec.check")

from . import axes, implementation, result  # noqa: E402
from .blame import judged  # noqa: E402
from .case import Case  # noqa: E402
from .deviations import listed  # noqa: E402
from .implementation import Implementation, Network, Unusable  # noqa: E402
from .notation import CLAIMS, DTYPES, dtype_name  # noqa: E402
from .recorded import claim, recorded, refuse_update  # noqa: E402
from .report import terminal  # noqa: E402
from .trial import trying  # noqa: E402

__all__ = ["recorded"]

MARKERS = (
    "clause(id, level, source): the clause that a test states",
    "cases(*entries): the networks on which a clause is tried (see rnnspec.axes.cases)",
    "needs(*claims): what a clause needs beyond the options of its cases",
    "deviates(implementation, reason, dtype, case): a known deviation (see rnnspec.deviations)",
)


@dataclass
class Run:
    """One session: what is tried, and the rows so far."""

    subjects: list[tuple[Implementation, torch.device]]
    dtypes: list[torch.dtype]
    asked: bool
    rows: list[result.Row] = field(default_factory=list)
    norms: dict[str, str] = field(default_factory=dict)
    expected: int = 0
    spent: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def wanted(self) -> bool:
        """This session tries the specification: it is not about somebody's other tests alone."""
        return self.asked or bool(self.rows) or self.expected > 0

    @property
    def ran(self) -> bool:
        """At least one clause was tried."""
        return any(row.outcome != "NOT CLAIMED" for row in self.rows)


RUN = pytest.StashKey[Run]()
TRIAL = pytest.StashKey[Any]()
NOTE = "rnnspec"
EXPECTED = "rnnspec_expected"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rnnspec", "rnnspec: is this RNN right?")
    group.addoption(
        "--rnn",
        action="append",
        metavar="NAME",
        help="what to check: torch.nn (default), module[:attribute], MODE=module:Class; repeatable",
    )
    group.addoption(
        "--rnn-without",
        action="append",
        default=[],
        metavar="CLAIMS",
        help=f"claims to give up, comma-separated: {', '.join(CLAIMS)}",
    )
    group.addoption(
        "--rnn-device",
        action="append",
        metavar="DEVICE",
        help="where to run; default: cpu and the accelerator that torch reports; repeatable",
    )
    group.addoption(
        "--rnn-dtype",
        action="append",
        metavar="DTYPE",
        help=f"default: float32 and float64; repeatable; one of {', '.join(DTYPES)}",
    )
    group.addoption("--rnn-results", metavar="FILE", help="write the rows as JSON Lines")
    parser.addini("rnn", "implementations to check, as --rnn", type="linelist", default=[])


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    here = str(config.invocation_params.dir)
    if here not in sys.path:
        sys.path.insert(0, here)
    names = list(dict.fromkeys(config.getoption("rnn") or config.getini("rnn") or ["torch.nn"]))
    devices = [_device(name) for name in dict.fromkeys(config.getoption("rnn_device") or _devices())]
    without = _claims(config.getoption("rnn_without"))
    try:
        subjects = [implementation.load(name) for name in names]
    except Unusable as error:
        raise pytest.UsageError(f"--rnn: {error}") from error
    refuse_update(config, names, [str(device) for device in devices])
    if without:
        subjects = [implementation.Without(subject, without) for subject in subjects]
    dtypes = [_dtype(name) for name in dict.fromkeys(config.getoption("rnn_dtype") or ("float32", "float64"))]
    asked = bool(config.getoption("rnn") or config.getoption("rnn_results"))
    config.stash[RUN] = Run([(s, d) for s in subjects for d in devices], dtypes, asked)
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        config.pluginmanager.register(Recorder(config), "rnnspec.recorder")


def _devices() -> list[str]:
    """The CPU, and the accelerator that torch reports."""
    found = ["cpu"]
    accelerator = getattr(torch, "accelerator", None)
    if accelerator is not None and accelerator.is_available():
        found.append(accelerator.current_accelerator().type)
    elif accelerator is None and torch.cuda.is_available():
        found.append("cuda")
    return found


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = str(error).splitlines()[0]
        raise pytest.UsageError(
            f"--rnn-device: {name!r} cannot be used here ({first}); write one of {_devices()}"
        ) from error
    return device


def _dtype(name: str) -> torch.dtype:
    if name not in DTYPES:
        raise pytest.UsageError(f"--rnn-dtype: {name!r} is not one of {', '.join(DTYPES)}")
    return DTYPES[name]


def _claims(values: list[str]) -> frozenset[str]:
    names = [name.strip() for value in values for name in value.split(",")]
    for name in names:
        if name not in CLAIMS:
            raise pytest.UsageError(f"--rnn-without: {name!r} is not one of {', '.join(CLAIMS)}")
    return frozenset(names)


def pytest_report_header(config: pytest.Config) -> list[str]:
    run = config.stash[RUN]
    names = ", ".join(f"{subject.name} on {device}" for subject, device in run.subjects)
    dtypes = ", ".join(dtype_name(dtype) for dtype in run.dtypes)
    return [f"rnnspec: {names}; {dtypes}; torch {torch.__version__}"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("clause") is None:
        return
    run = metafunc.config.stash[RUN]
    entries = [entry for marker in metafunc.definition.iter_markers("cases") for entry in marker.args]
    networks = [
        Network(subject, case, device)
        for subject, device in run.subjects
        for dtype in run.dtypes
        for case in axes.built(entries, dtype)
        if case.mode in subject.modes
    ]
    ids = [f"{n.implementation.name}-{n.device}-{dtype_name(n.case.dtype)}-{n.case}" for n in networks]
    metafunc.parametrize("rnn", networks, ids=ids, indirect=True)


@pytest.fixture
def rnn(request: pytest.FixtureRequest) -> Network:
    """The network under test, with the numbers of `case`."""
    network: Network = request.param
    marker = request.node.get_closest_marker("needs")
    network.needs(*(marker.args if marker else ()))
    return network


@pytest.fixture
def case(rnn: Network) -> Case:
    """The case of this item: sizes, options, and the numbers drawn from its seed."""
    return rnn.case


@pytest.hookimpl(tryfirst=True)  # before syrupy counts, and before -k and -m
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A clause none of whose modes an implementation has is no item; the rest own their recordings."""
    items[:] = [i for i in items if i.get_closest_marker("clause") is None or _network(i)]
    run = config.stash[RUN]
    everything = any(subject.name == "torch.nn" for subject, _ in run.subjects)
    everything = everything and {torch.float32, torch.float64} <= set(run.dtypes)
    claim(config, items, _case, everything)


def pytest_collection_finish(session: pytest.Session) -> None:
    clauses = [item for item in session.items if item.get_closest_marker("clause")]
    session.config.stash[RUN].expected = len(clauses)
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[EXPECTED] = len(clauses)


def _network(item: pytest.Item) -> Network | None:
    callspec = getattr(item, "callspec", None)
    found = callspec.params.get("rnn") if callspec else None
    return found if isinstance(found, Network) else None


def _case(item: pytest.Item) -> Case | None:
    network = _network(item)
    return network.case if network else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if item.get_closest_marker("clause") is None:
        return (yield)
    with trying() as trial:
        item.stash[TRIAL] = (trial, time.perf_counter())
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    marker, network = item.get_closest_marker("clause"), _network(item)
    if (
        marker is None
        or network is None
        or report.when == "teardown"
        or (report.when == "setup" and report.passed)
    ):
        return report
    trial, start = item.stash[TRIAL]
    listing = listed(item.iter_markers("deviates"), network)
    verdict = judged(call.excinfo, trial, network).considering(listing)
    row = result.Row(
        clause=marker.kwargs["id"],
        level=marker.kwargs["level"],
        case=str(network.case),
        mode=network.case.mode,
        implementation=network.implementation.name,
        device=str(network.device),
        dtype=dtype_name(network.case.dtype),
        outcome=verdict.outcome,
        headroom=_finite(trial.headroom),
        message=verdict.message,
        seconds=round(time.perf_counter() - start, 6),
    )
    if verdict.outcome in ("NOT CLAIMED", "KNOWN"):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, verdict.message)
    elif verdict.outcome != "PASS":
        report.outcome = "failed"
        report.longrepr = "\n".join([_title(item, row), "", verdict.details])
    note = {"row": vars(row), "norm": norm(item), "spent": dict(trial.spent)}
    report.user_properties.append((NOTE, note))
    return report


def _finite(value: float | None) -> float | None:
    return None if value is None else min(value, sys.float_info.max)


def _title(item: pytest.Item, row: result.Row) -> str:
    marker = item.get_closest_marker("clause")
    source = marker.kwargs["source"] if marker else ""
    return (
        f"{row.clause} ({row.level}): {norm(item)}\n"
        f"source: {source}\n"
        f"tried:  {row.implementation}, {row.case}, {row.dtype}, {row.device}"
    )


def norm(item: pytest.Item) -> str:
    """The first sentence of a clause's docstring."""
    text = " ".join((getattr(item, "function", None).__doc__ or "").split())
    return text.partition(". ")[0].rstrip(".") + "."


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    note = _note(report)
    outcome = note and note["row"]["outcome"]
    if outcome == "NOT CLAIMED":
        return "not claimed", "n", outcome
    if outcome == "KNOWN":
        return "known deviations", "k", outcome
    return None


def _note(report: pytest.TestReport) -> Any:
    return dict(getattr(report, "user_properties", ())).get(NOTE)


class Recorder:
    """Where the session is steered (not on xdist's workers): rows come in, results go out."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.run = config.stash[RUN]
        name = config.getoption("rnn_results")
        self.path = Path(config.invocation_params.dir, name) if name else None

    def pytest_sessionstart(self) -> None:
        """A file of an earlier run is not to be mistaken for this one's."""
        if self.path:
            self.path.unlink(missing_ok=True)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Under xdist the workers collect; each of them collects all."""
        expected = getattr(node, "workeroutput", {}).get(EXPECTED, 0)
        self.run.expected = max(self.run.expected, expected)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        note = _note(report)
        if note:
            row = result.Row(**note["row"])
            self.run.rows.append(row)
            for what, seconds in note["spent"].items():
                self.run.spent[what] += seconds
            self.run.norms[row.clause] = note["norm"]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        run = self.run
        complete = len(run.rows) == run.expected
        if self.path and complete and run.rows:
            result.write(self.path, self._header(), run.rows)
        passed = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if passed and run.wanted and (not complete or not run.ran):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

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
                }
                for subject in subjects.values()
            ],
            seconds={what: round(value, 3) for what, value in run.spent.items()},
            devices=list(dict.fromkeys(str(device) for _, device in run.subjects)),
            dtypes=[dtype_name(dtype) for dtype in run.dtypes],
            arguments=[str(argument) for argument in self.config.invocation_params.args],
        )

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        run, say = self.run, terminalreporter.write_line
        if not run.wanted:
            return
        terminalreporter.section("rnnspec")
        for line in terminal.lines(run.rows, run.norms):
            say(line)
        if not run.ran:
            say("no clause ran: this is not a pass", red=True)
        if len(run.rows) != run.expected:
            say(f"{len(run.rows)} of {run.expected} rows: this is not a pass", red=True)
        if self.path and self.path.exists():
            say(f"results: {self.path}")
        elif self.path:
            say(f"no results written to {self.path}: the run is not complete", red=True)
