"""pytest: `--rnn-shard K/N`, for which a session collects everything and tries its part."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from .isolation.asked import only_marked
from .items import network_of
from .notation import dtype_name
from .reporting import begun
from .result import Row
from .session import RUN, Union
from .shards import MOST, Shard, digest, shard

UNION = "rnnspec_union"
"""Under this name an xdist worker says of what its session is a shard."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("rnnspec").addoption(
        "--rnn-shard",
        metavar="K/N",
        help="part K of N of all rows, for one of N machines; rnnspec merge joins the results",
    )


def asked(config: pytest.Config) -> Shard | None:
    """The shard that was asked for.

    Raises:
        pytest.UsageError: it is none.
    """
    given = config.getoption("rnn_shard")
    found = None if given is None else shard(given)
    if given is not None and found is None:
        raise pytest.UsageError(f"--rnn-shard: {given!r} is no shard, from 1/1 to {MOST}/{MOST}, such as 3/8")
    return found


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, object, object]:
    """After all that leaves rows out, and before the isolated ones are set apart."""
    result = yield
    run = config.stash[RUN]
    if run.shard is not None:
        rows = [item for item in items if network_of(item)]
        run.union = Union(len(rows), digest(map(_key, rows)), len(rows) == run.all)
        out = {item for item in rows if not _within(run.shard, item)}
        config.hook.pytest_deselected(items=list(out))
        items[:] = [item for item in items if item not in out]
    return result


def _within(part: Shard, item: pytest.Item) -> bool:
    network, marker = network_of(item), item.get_closest_marker("clause")
    assert network is not None
    assert marker is not None
    return part.has(marker.kwargs["id"], str(network.case), dtype_name(network.case.dtype))


def _key(item: pytest.Item) -> tuple[str, ...]:
    network = network_of(item)
    assert network is not None
    return Row(**begun(item, network)["row"]).key


def pytest_collection_finish(session: pytest.Session) -> None:
    run, output = session.config.stash[RUN], getattr(session.config, "workeroutput", None)
    if output is not None and run.union and not only_marked(session.config):
        output[UNION] = tuple(run.union)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Under xdist the workers collect."""
    if UNION in (output := getattr(node, "workeroutput", {})):
        node.config.stash[RUN].union = Union(*output[UNION])
