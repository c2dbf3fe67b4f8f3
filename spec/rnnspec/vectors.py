"""The recorded tensors in the formats of others: JSON as they are kept, safetensors, NumPy's archives.

In the latter two there is a file for each clause and mode, in which a tensor is called `<case>/given/<name>`
or `<case>/result/<name>`. The configurations are JSON: in an archive `<case>/configuration` is an array of
bytes, in safetensors the entry `configurations` of the metadata has them by case. What the names and words
mean is said in `schema.json`, which is written beside them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from .recording import SCHEMA, Entry, load, snapshots_folder
from .source import Refused


def write(folder: Path, form: str) -> list[Path]:
    """Writes all recordings into a folder, as one of `FORMATS`; the files, the schema last.

    Raises:
        Refused: the format, or what it needs, is missing.
    """
    if form not in FORMATS:
        raise Refused(f"--format: {form!r} is not one of {', '.join(FORMATS)}")
    folder.mkdir(parents=True, exist_ok=True)
    kept = sorted(path for path in snapshots_folder().glob("*.json") if path.name != SCHEMA)
    written = [FORMATS[form](path, folder) for path in kept]
    return [*written, Path(shutil.copyfile(snapshots_folder() / SCHEMA, folder / SCHEMA))]


def tensors(entries: Mapping[str, Entry]) -> Iterator[tuple[str, Tensor]]:
    """All tensors of a file, by the names that they have in an archive."""
    for case, entry in entries.items():
        for part in ("given", "result"):
            for name, tensor in getattr(entry, part).items():
                yield f"{case}/{part}/{name}", tensor.contiguous()


def configurations(entries: Mapping[str, Entry]) -> dict[str, dict[str, Any]]:
    """By case."""
    return {case: dict(entry.configuration) for case, entry in entries.items()}


def _json(path: Path, folder: Path) -> Path:
    return Path(shutil.copyfile(path, folder / path.name))


def _npz(path: Path, folder: Path) -> Path:
    entries = load(path)
    arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in tensors(entries)}
    for case, configuration in configurations(entries).items():
        arrays[f"{case}/configuration"] = np.frombuffer(json.dumps(configuration).encode(), np.uint8)
    to = folder / f"{path.stem}.npz"
    np.savez(to, **arrays)
    return to


def _safetensors(path: Path, folder: Path) -> Path:
    try:
        from safetensors.torch import save_file
    except ImportError as error:
        raise Refused("the format needs safetensors: pip install safetensors") from error
    entries, to = load(path), folder / f"{path.stem}.safetensors"
    told = json.dumps(configurations(entries))  # one entry: of several the order is by chance
    save_file(dict(tensors(entries)), to, {"configurations": told})
    return to


FORMATS: Mapping[str, Callable[[Path, Path], Path]] = {
    "json": _json,
    "safetensors": _safetensors,
    "npz": _npz,
}
"""By their names: what writes one file of recordings into a folder."""
