"""How syrupy keeps the recordings: where, in which form, and which of them nobody owns."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from syrupy.data import Snapshot, SnapshotCollection, SnapshotCollections
from syrupy.extensions.base import AbstractSyrupyExtension
from syrupy.location import PyTestLocation

from . import check, recording
from .case import Case
from .recording import BadRecording, Entry
from .tensors import laid_out

OWNED = pytest.StashKey[dict[str, set[str]]]()
"""The cases that the clauses of a complete run own, by the name of the file."""


class Recordings(AbstractSyrupyExtension):
    """The layout of `recording`, for syrupy. The index of an assertion is `<CLAUSE>-<MODE>/<case>`,
    its data the JSON text of an entry; `compare` raises where two of them differ.
    """

    file_extension = "json"
    compare: Callable[[Entry, Entry], None]
    difference: Exception | None = None

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        return str(recording.snapshots_folder())

    @classmethod
    def get_file_basename(cls, *, test_location: PyTestLocation, index: int | str) -> str:
        return str(index).partition("/")[0]

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: int | str = 0) -> str:
        return str(index).partition("/")[2]

    def serialize(self, data: Entry, **_: Any) -> str:
        return laid_out(data.json())

    def matches(self, *, serialized_data: str, snapshot_data: str) -> bool:
        got, wanted = (Entry.read(json.loads(text)) for text in (serialized_data, snapshot_data))
        try:
            self.compare(got, wanted)
        except (check.Failed, BadRecording) as difference:
            self.difference = difference
            return False
        return True

    def read_snapshot_data_from_location(
        self, *, snapshot_location: str, snapshot_name: str, session_id: str
    ) -> str | None:
        entry = recording.load(Path(snapshot_location)).get(snapshot_name)
        return None if entry is None else laid_out(entry.json())

    @classmethod
    def write_snapshot_collection(cls, *, snapshot_collection: SnapshotCollection, **_: Any) -> None:
        new = {snapshot.name: json.loads(str(snapshot.data)) for snapshot in snapshot_collection}
        recording.save(Path(snapshot_collection.location), lambda cases: cases.update(new))

    def delete_snapshots(self, *, snapshot_location: str, snapshot_names: set[str]) -> None:
        def without(cases: dict[str, Any]) -> None:
            for name in snapshot_names:
                cases.pop(name, None)

        recording.save(Path(snapshot_location), without)

    def read_snapshot_collection(self, *, snapshot_location: str) -> SnapshotCollection:
        """The cases in a file; none where it cannot be read."""
        found = SnapshotCollection(location=snapshot_location)
        try:
            for name in recording.load(Path(snapshot_location)):
                found.add(Snapshot(name=name))
        except BadRecording:
            pass
        return found

    def discover_snapshots(
        self, *, test_location: PyTestLocation, ignore_extensions: list[str] | None = None
    ) -> SnapshotCollections:
        """What no clause owns, in a complete run (see `claim`); nothing in any other.

        Syrupy calls unused what is discovered and was not compared: the run fails, or the entry is
        deleted if it updates. To discover all would be wrong of a clause that is not in this run,
        and of one that failed before it came to compare. A file that cannot be read is for the
        clause that owns it to report.
        """
        found, owned = SnapshotCollections(), test_location.item.config.stash.get(OWNED, None)
        if owned is None:
            return found
        for path in sorted(recording.snapshots_folder().glob("[!.]*")):
            there = self.read_snapshot_collection(snapshot_location=str(path))
            for name in owned.get(path.name, ()):
                there.remove(name)
            if there.has_snapshots or path.name not in {*owned, recording.SCHEMA}:
                found.add(there)
        return found


class Anywhere(PyTestLocation):
    """A test that its snapshots are not named after, of which syrupy would warn."""

    def matches_snapshot_name(self, snapshot_name: str) -> bool:
        return True

    def matches_snapshot_location(self, snapshot_location: str) -> bool:
        return True


def claim(
    config: pytest.Config,
    items: Sequence[pytest.Item],
    case_of: Callable[[pytest.Item], Case | None],
    everything: bool,
) -> None:
    """Tell which recordings the clauses own, so that what is left over can be found.

    For pytest_collection_modifyitems with `tryfirst=True`: `items` are all that was collected,
    `case_of` gives an item's case. `everything` is true if the options leave out no case of the
    reference; whether the command line leaves out clauses is seen here.
    """
    if not everything or not whole(config, items):
        return
    owned = config.stash.setdefault(OWNED, {})
    for item in items:
        case = case_of(item)
        if case is not None and "recorded" in getattr(item, "fixturenames", ()):
            path = recording.location(clause_of(item), case.mode)
            owned.setdefault(path.name, set()).add(str(case))


def whole(config: pytest.Config, items: Sequence[pytest.Item]) -> bool:
    """Whether no clause is left out: `items` are all that was collected, before any are deselected."""
    chapters = {path.resolve() for path in recording.CHAPTERS.rglob("test_*.py")}
    collected = {item.path.resolve() for item in items}
    option = vars(config.option)
    narrowed = any(option.get(name) for name in ("keyword", "markexpr", "deselect", "lf"))
    narrowed = narrowed or any("::" in str(argument) for argument in config.args)
    return not narrowed and chapters <= collected


def clause_of(item: pytest.Item) -> str:
    """The id of the clause that a test states."""
    marker = item.get_closest_marker("clause")
    assert marker is not None, "only a clause has recordings"
    return str(marker.kwargs["id"])
