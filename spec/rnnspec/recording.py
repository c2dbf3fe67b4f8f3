"""The files of `snapshots/`: one per clause and mode, `<CLAUSE>-<MODE>.json`, one entry per case.

`schema.json` beside them says how to read one with nothing of ours.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch import Tensor

from .notation import DTYPES
from .tensors import Malformed, decode, encode, has_keys, laid_out

HERE = Path(__file__).parent
CHAPTERS = HERE / "clauses"
SCHEMA = "schema.json"
REFERENCE = "torch.nn"
WRITTEN_BY = {"implementation": [REFERENCE], "torch": [], "device": ["cpu"], "dtype": [*DTYPES]}
"""What is said of the writer, and the words for it; any version."""


class BadRecording(Exception):
    """A recording is missing, malformed, or of another case: nothing is said about an RNN."""


def packaged() -> bool:
    """The recordings are those of an installed wheel."""
    return (HERE / "snapshots").is_dir()


def snapshots_folder() -> Path:
    """The folder of the recordings: the packaged one of a wheel, else that of the checkout.

    The latter is written from the chapters on, as syrupy names the snapshots of a test file: a run
    given `spec`, or any folder down to the chapters, is to syrupy a run over these snapshots.
    """
    return HERE / "snapshots" if packaged() else CHAPTERS / "../../../snapshots"


def location(clause: str, mode: str) -> Path:
    """The file of a clause and mode, whether it exists or not."""
    return snapshots_folder() / f"{clause}-{mode}.json"


@dataclass(frozen=True)
class Entry:
    """One recorded case: who wrote it, the configuration, and tensors (on the CPU) by name."""

    written_by: Mapping[str, str]
    configuration: Mapping[str, Any]
    given: Mapping[str, Tensor]
    result: Mapping[str, Tensor]

    @classmethod
    def read(cls, coded: Any, place: str = "") -> Entry:
        """The entry of a JSON value that lies at `place` in its file; raises `Malformed`."""
        has_keys(coded, ("written_by", "configuration", "given", "result"), place)
        has_keys(coded["written_by"], [*WRITTEN_BY], f"{place}/written_by")
        for key, allowed in WRITTEN_BY.items():
            value = coded["written_by"][key]
            if not isinstance(value, str) or value not in (allowed or [value]):
                raise Malformed(f"{place}/written_by/{key}: {value!r}, not one of {[*allowed]}")
        for part in ("configuration", "given", "result"):
            if not isinstance(coded[part], dict):
                raise Malformed(f"{place}/{part}: an object was expected")
        given, result = (
            {name: decode(item, f"{place}/{part}/{name}") for name, item in coded[part].items()}
            for part in ("given", "result")
        )
        return cls(coded["written_by"], coded["configuration"], given, result)

    def json(self) -> dict[str, Any]:
        """The JSON value of the entry; raises TypeError for what JSON cannot hold."""
        plain = json.loads(json.dumps(dict(self.configuration)))
        coded: dict[str, Any] = {"written_by": dict(self.written_by), "configuration": plain}
        for part, tensors in (("given", self.given), ("result", self.result)):
            coded[part] = {name: encode(tensor) for name, tensor in tensors.items()}
        return coded


def load(path: Path) -> Mapping[str, Entry]:
    """The entries of a file by case; none where there is no such file.

    Raises `BadRecording`, with the file and the place, for whatever the schema forbids.
    """
    try:
        now = path.stat()
    except FileNotFoundError:
        return {}
    return _load(path, (now.st_ino, now.st_mtime_ns, now.st_size))


@lru_cache(maxsize=256)
def _load(path: Path, _: tuple[int, ...]) -> Mapping[str, Entry]:
    try:
        return {key: Entry.read(case, f"/cases/{key}") for key, case in _cases(path).items()}
    except (Malformed, UnicodeDecodeError) as error:
        raise BadRecording(f"{path.parent.name}/{path.name}: {error}") from error


def _cases(path: Path) -> dict[str, Any]:
    """The JSON values of the cases in a file; raises `Malformed`."""
    text = path.read_text(encoding="utf-8")
    try:
        file = json.loads(text, parse_constant=_refuse, object_pairs_hook=_distinct)
    except json.JSONDecodeError as error:
        raise Malformed(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    has_keys(file, ("$schema", "clause", "mode", "cases"), "")
    for key, wanted in _heading(path).items():
        if file[key] != wanted:
            raise Malformed(f"/{key}: {file[key]!r} in a file of this name, not {wanted!r}")
    cases = file["cases"]
    if not isinstance(cases, dict) or not cases:
        raise Malformed("/cases: an object with a case in it was expected")
    return cases


def _heading(path: Path) -> dict[str, str]:
    clause, _, mode = path.stem.rpartition("-")
    return {"$schema": SCHEMA, "clause": clause, "mode": mode}


def _refuse(constant: str) -> None:
    raise Malformed(f"{constant} is not JSON; as a value it is a string")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise Malformed(f"the key {name!r} is there twice in one object")
    return dict(pairs)


def save(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the cases (JSON values) of a file, whatever other processes change in it meanwhile.

    It is replaced as a whole, its cases sorted; without any it is removed.
    """
    with _locked(path):
        cases = _cases(path) if path.exists() else {}
        change(cases)
        if not cases:
            path.unlink(missing_ok=True)
            return
        new = path.with_name(f".{path.name}.new")
        text = laid_out({**_heading(path), "cases": dict(sorted(cases.items()))})
        new.write_bytes(f"{text}\n".encode())
        os.replace(new, path)


@contextmanager
def _locked(path: Path, seconds: float = 60) -> Iterator[None]:
    """Alone among the processes of a run. (A file with a leading dot is no snapshot to syrupy.)"""
    lock, deadline = path.with_name(f".{path.name}.lock"), time.monotonic() + seconds
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{lock.name} is in the way since {seconds:.0f} s") from None
            time.sleep(0.01)
    try:
        yield
    finally:
        lock.unlink()
