"""The fixture `recorded`: what the reference gave for a case, kept in `snapshots/` through syrupy.

Everything is keyed by clause, mode and case; nothing by the path or node id of a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pytest
import torch
from syrupy.assertion import SnapshotAssertion
from torch import Tensor

from . import check, recording
from .case import Case
from .notation import dtype_name
from .recording import REFERENCE, BadRecording, Entry
from .scopes import Scope
from .storage import Anywhere, Recordings, claim, clause_of
from .tensors import encode

__all__ = ["Recorded", "claim", "recorded", "refuse_update"]


class Recorded:
    """The recordings, for one item: a clause tried on a case."""

    def __init__(self, snapshot: SnapshotAssertion, item: pytest.Item, case: Case) -> None:
        self.clause, self.case = clause_of(item), case
        self._snapshot = snapshot.use_extension(Recordings)
        self._snapshot.test_location = Anywhere(item)

    def agrees(
        self,
        result: Mapping[str, Tensor],
        within: Mapping[str, Tensor | float],
        *,
        given: Mapping[str, Tensor],
        configuration: Mapping[str, Any],
        dtype: torch.dtype,
        oracle: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Every tensor of `result` is `within` its bound of the recorded one.

        `within` holds absolute errors, and broadcasts to what it bounds. `given` are the tensors
        that the result follows from, `configuration` is the rest of it, in JSON's types. `dtype` is
        that of the recording: an item of another dtype is compared in float64, and the tensors that
        it was given in another dtype by their shapes only.

        With --snapshot-update the result is written where it disagrees with the recorded one, if it
        is `within` its bound of `oracle`, of which names may be absent, and has no NaN.

        Raises `check.Failed` for a wrong result; `BadRecording` for a recording that is missing,
        malformed, or of another configuration or givens; `check.NotClaimed` where a recording would
        be written by an item of another dtype.
        """
        __tracebackhide__ = True
        if self._snapshot.update_snapshots or self._snapshot.update_new_snapshots_only:
            if self.case.dtype != dtype:
                raise check.NotClaimed(f"recordings are written in {dtype_name(dtype)}")
            for name, value in result.items():
                check.agrees(value, (oracle or {}).get(name, value), within[name], name)
        extension = self._snapshot.extension
        assert isinstance(extension, Recordings)
        extension.compare = partial(self._compare, within)
        entry = Entry(_writer(dtype), configuration, given, result)
        key = f"{self.clause}-{self.case.mode}/{self.case}"
        if self._snapshot(name=key) != entry:
            raise self._difference(extension)

    def read(self, clause: str, mode: str, key: str) -> Entry:
        """What another clause recorded for the case of that name: its `given`, its `result`.

        Raises `BadRecording` where there is nothing.
        """
        entry = recording.load(recording.location(clause, mode)).get(key)
        if entry is None:
            raise BadRecording(f"{clause}-{mode}.json has no {key!r}. {remedy(clause)}")
        return entry

    def _compare(self, within: Mapping[str, Tensor | float], got: Entry, wanted: Entry) -> None:
        same = wanted.written_by["dtype"] == dtype_name(self.case.dtype)
        changed = _changed(got, wanted, same)
        if changed:
            raise BadRecording(
                f"{self.clause}-{self.case.mode}.json, {self.case}: {changed} not as recorded: "
                f"the case has changed. {remedy(self.clause)}"
            )
        for name, value in wanted.result.items():
            pair = (got.result[name], value)
            have, want = pair if same else (part.double() for part in pair)
            check.agrees(have, want, within[name], name, check.AXES.get(name, ""))

    def _difference(self, extension: Recordings) -> Exception:
        """Why syrupy found the last assertion false."""
        last = self._snapshot.executions[self._snapshot.num_executions - 1]
        if last.exception is None and last.recalled_data is None:
            name = f"{self.clause}-{self.case.mode}.json"
            return BadRecording(f"{name} has no '{self.case}'. {remedy(self.clause)}")
        found = last.exception or extension.difference
        assert found is not None
        return found


def _writer(dtype: torch.dtype) -> dict[str, str]:
    version = torch.__version__.partition("+")[0]
    values = (REFERENCE, version, "cpu", dtype_name(dtype))
    return dict(zip(recording.WRITTEN_BY, values, strict=True))


def _changed(got: Entry, wanted: Entry, same_dtype: bool) -> str | None:
    """Which part of the case is another one, for a sentence; None if it is the same case."""
    if got.written_by["dtype"] != wanted.written_by["dtype"]:
        return "the dtype of the recording is"
    if dict(got.configuration) != dict(wanted.configuration):
        return "the configuration is"
    if (got.given.keys(), got.result.keys()) != (wanted.given.keys(), wanted.result.keys()):
        return "the names of the tensors are"
    for name, tensor in wanted.given.items():
        other = got.given[name]
        in_full = same_dtype or tensor.dtype == other.dtype
        alike = not in_full or repr(encode(tensor)) == repr(encode(other))
        if tensor.shape != other.shape or not alike:
            return f"the given {name} is"
    return None


def remedy(clause: str) -> str:
    """How to record anew."""
    command = f"""pytest spec -m "clause(id='{clause}')" --snapshot-update"""
    return f"To record it in a checkout: {command}"


def refuse_update(
    config: pytest.Config, implementations: Sequence[str], devices: Sequence[str], scope: Scope
) -> None:
    """Only the reference writes recordings, on the CPU, in a checkout, of all cases as they are.

    For pytest_configure, before anything is written. Raises `pytest.UsageError`.
    """
    for option in ("--snapshot-update", "--snapshot-update-new-only"):
        if not config.getoption(option, False):
            continue
        for name in implementations:
            if name != REFERENCE:
                raise pytest.UsageError(f"{option}: only {REFERENCE} writes recordings, not {name}")
        for device in devices:
            if device != "cpu":
                raise pytest.UsageError(
                    f"{option}: recordings are written on the cpu, not on {device}: add --rnn-device cpu"
                )
        if scope != Scope():
            raise pytest.UsageError(
                f"{option}: recordings are those of the default scope and seeds: "
                "leave out --rnn-scope and --rnn-seed"
            )
        if recording.packaged():
            raise pytest.UsageError(f"{option}: an installed rnnspec keeps its recordings: use a checkout")


@pytest.fixture
def recorded(request: pytest.FixtureRequest, snapshot: SnapshotAssertion, case: Case) -> Recorded:
    """What the reference gave for this clause and case."""
    return Recorded(snapshot, request.node, case)
