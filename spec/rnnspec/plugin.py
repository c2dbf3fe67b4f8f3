"""The pytest plugin. Its hooks translate: options to subjects, markers to items, reports to rows."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Generator
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torch warns where there is no numpy, and warnings may be errors
    import torch

pytest.register_assert_rewrite("rnnspec.clauses", "rnnspec.check", "rnnspec.isolation.plugin")

from . import axes, benching, bound, kernels, options, scopes, sharding  # noqa: E402
from .blame import judged  # noqa: E402
from .case import Case  # noqa: E402
from .check import NotClaimed  # noqa: E402
from .handshake.noticed import noticed  # noqa: E402
from .implementation import Implementation  # noqa: E402
from .isolation.asked import left_out, only_marked  # noqa: E402
from .isolation.plugin import see_to_harm  # noqa: E402
from .items import counted, needs, network_of, profiles  # noqa: E402
from .keeping import kept, patches  # noqa: E402
from .network import Network  # noqa: E402
from .notation import BEYOND, dtype_name  # noqa: E402
from .recorded import claim, recorded, refuse_update  # noqa: E402
from .reporting import begun, concluded, shortened  # noqa: E402
from .session import EXPECTED, RUN, WHOLE, Recorder, Run, note_of  # noqa: E402
from .storage import whole  # noqa: E402
from .trial import trying  # noqa: E402

__all__ = ["recorded"]

pytest_plugins = (
    "rnnspec.benching",
    "rnnspec.exploring",
    "rnnspec.isolation.plugin",
    "rnnspec.sharding",
    "rnnspec.workers",
)

MARKERS = (
    "clause(id, level, source): the clause that a test states",
    "cases(*entries, scope): the networks on which a clause is tried (see rnnspec.axes.cases)",
    "isolated(why): a clause that may end the process of an implementation that is wrong",
    "needs(*claims): what a clause needs beyond the options of its cases",
)

TRIAL = pytest.StashKey[Any]()
KERNELS = pytest.StashKey[str]()
KNOWN = pytest.StashKey[dict[tuple[Any, ...], kernels.Ran]]()
"""What the calls of networks were seen to run: of a row, and of all so far."""
AROUND = pytest.StashKey[patches.Patches]()
"""What stands in torch, and is not torch's own, before the first row."""


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    here = str(config.invocation_params.dir)
    if here not in sys.path:
        sys.path.insert(0, here)
    subjects, places = options.implementations(config), options.places(config)
    scope = options.scope(config)
    refuse_update(config, options.names(config), [str(place) for place in places], scope)
    asked = any(config.getoption(name) for name in ("rnn", "rnn_results", "rnn_profile"))
    asked = asked and not benching.only(config)
    pairs = [(subject, place) for subject in subjects for place in places]
    run = Run(
        pairs,
        options.dtypes(config),
        scope,
        asked,
        threads=options.threads(config),
        further=options.further(config),
        profiles=options.profiles(config),
        deviations=options.deviations(config),
        shard=sharding.asked(config),
    )
    config.stash[RUN] = run
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        config.pluginmanager.register(Recorder(config, run), "rnnspec.recorder")


def pytest_report_header(config: pytest.Config) -> list[str]:
    run = config.stash[RUN]
    names = ", ".join(f"{subject.name} on {place}" for subject, place in run.subjects)
    dtypes = ", ".join(dtype_name(dtype) for dtype in run.dtypes)
    said = f"rnnspec: {names}; {dtypes}; torch {torch.__version__}; scope {run.scope}"
    said += f"; shard {run.shard}" if run.shard else ""
    changes = {subject.name: ", ".join(subject.changes) for subject, _ in run.subjects}
    return [said, *(f"{name} changed torch at import: {what}" for name, what in changes.items() if what)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("clause")
    if marker is None:
        return
    run, fixed = metafunc.config.stash[RUN], "recorded" in metafunc.fixturenames
    entries = scopes.chosen(metafunc.definition.iter_markers("cases"), run.scope.name)
    found = [case for dtype in run.dtypes for case in axes.built(entries, dtype)]
    found += axes.named(entries, run.further)
    found = found if run.scope.has(marker.kwargs["id"]) else []
    networks = [
        Network(subject, case, place.device, maths=place.maths)
        for subject, place in run.subjects
        for case in run.scope.cases(
            marker.kwargs["id"], _asked(subject, found, metafunc.definition, run), fixed
        )
    ]
    if only_marked(metafunc.config) and not metafunc.definition.get_closest_marker("isolated"):
        networks = [n for n in networks if n.implementation.may_die(n.case)]
    ids = [f"{n.implementation.name}-{n.place}-{dtype_name(n.case.dtype)}-{n.case}" for n in networks]
    metafunc.parametrize("rnn", networks, ids=ids, indirect=True)


def _asked(subject: Implementation, found: list[Case], clause: pytest.Item, run: Run) -> list[Case]:
    """The cases that a clause has for an implementation: of its modes, and none of what torch has no word for
    unless it claims it. A profile asks them as they are.
    """
    cases = [case for case in found if case.mode in subject.modes]
    if not run.profiles:
        cases = list(dict.fromkeys(subject.fitted(case) for case in cases))
    own = needs(clause)
    return [case for case in cases if BEYOND.keys() & {*own, *case.needs} <= subject.claimed(case.mode)]


@pytest.fixture
def rnn(request: pytest.FixtureRequest) -> Network:
    """The network under test, with the numbers of `case`."""
    network: Network = request.param
    network.needs(*needs(request.node))
    return network


@pytest.fixture
def case(rnn: Network) -> Case:
    """The case of this item: sizes, options, and the numbers drawn from its seed."""
    return rnn.case


@pytest.hookimpl(tryfirst=True)  # before syrupy counts, and before -k and -m
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A clause none of whose modes an implementation has is no item; the rest own their recordings.

    Of these, the rows of no profile that was asked for are deselected.
    """
    complete = whole(config, items)
    items[:] = [i for i in items if i.get_closest_marker("clause") is None or network_of(i)]
    run = config.stash[RUN]
    everything = any(subject.name == "torch.nn" for subject, _ in run.subjects)
    everything = everything and {torch.float32, torch.float64} <= set(run.dtypes)
    everything = everything and run.scope.name != "smoke"
    claim(config, items, _case, everything)
    if run.profiles:
        out = {item for item in items if network_of(item) and not profiles(item)}
        config.hook.pytest_deselected(items=list(out))
        items[:] = [item for item in items if item not in out]
    run.all = sum(1 for item in items if network_of(item)) if complete else None


def pytest_collection_finish(session: pytest.Session) -> None:
    session.config.stash[AROUND] = patches.changed()
    session.config.stash[KNOWN] = {}
    run = session.config.stash[RUN]
    run.expected = sum(1 for item in session.items if network_of(item)) + left_out(session.config)
    run.whole = run.expected == run.all and run.shard is None
    output = getattr(session.config, "workeroutput", None)
    if output is not None and not only_marked(session.config):
        output |= {EXPECTED: run.expected, WHOLE: run.whole}


def _case(item: pytest.Item) -> Case | None:
    network = network_of(item)
    return network.case if network else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if item.get_closest_marker("clause") is None:
        return (yield)
    with bound.threads(item.config.stash[RUN].threads), trying() as trial:
        item.stash[TRIAL] = (trial, time.perf_counter())
        vars(item)["repr_failure"] = lambda excinfo: ""  # the verdict says it, and in less time
        try:
            return (yield)
        finally:  # thousands of networks are not to be kept
            del item.stash[TRIAL]
            network = network_of(item)
            if network:
                network.forget()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """What an implementation changes in the process is undone; a warning is no result of a clause."""
    network = network_of(pyfuncitem)
    if network is None:
        return (yield)
    around = pyfuncitem.config.stash[AROUND]
    with kept(network.implementation.changes.patches, around), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ran = _ran(pyfuncitem.config, network)
        pyfuncitem.stash[KERNELS] = " ".join(ran or ())
        if why := network.maths.missed(network.device, network.case.dtype, ran):
            raise NotClaimed(why)
        network.place.say()
        return (yield)


def _ran(config: pytest.Config, network: Network) -> kernels.Ran:
    """The kernels of its calls, where modes are asked for."""
    asked = config.getoption("rnn_math")
    return kernels.seen(network, config.stash[AROUND], config.stash[KNOWN]) if asked else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    network = network_of(item)
    if network is None:
        return report
    if report.when == "teardown" or (report.when == "setup" and report.passed):
        return shortened(item, report)
    trial, start = item.stash[TRIAL]
    note, error = begun(item, network), call.excinfo.value if call.excinfo else None
    listed = item.config.stash[RUN].deviations.of(note["row"]["clause"], network)
    verdict = judged(call.excinfo, trial, network).considering(listed, network.implementation.name)
    note["row"] |= {
        "outcome": verdict.outcome,
        "headroom": _finite(trial.headroom),
        "message": verdict.message,
        "seconds": round(time.perf_counter() - start, 6),
        "kernels": item.stash.get(KERNELS, ""),
    }
    note["spent"] = dict(trial.spent)
    note["profiles"] = counted(item, error)
    see_to_harm(item, network, note)
    note |= noticed(item, network, verdict.outcome, error, note["row"]["seconds"])
    concluded(report, note, verdict.traceback, verdict.script)
    return shortened(item, report)


def _finite(value: float | None) -> float | None:
    return None if value is None else min(value, sys.float_info.max)


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    note = note_of(report)
    outcome = note and note["row"]["outcome"]
    if outcome == "NOT CLAIMED":
        return "not claimed", "n", outcome
    if outcome == "KNOWN":
        return "known deviations", "k", outcome
    return None
