"""`rnnspec vectors`: every format holds the recorded tensors bit for bit, and how they were made."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from typer.testing import Result

from rnnspec import vectors
from rnnspec.recording import Entry, load, snapshots_folder
from rows_kit import run

RECORDED = sorted(path for path in snapshots_folder().glob("*.json") if path.name != "schema.json")


def recorded() -> Iterator[tuple[str, str, Entry]]:
    """Every entry, with the name of its file and its case."""
    for path in RECORDED:
        for case, entry in load(path).items():
            yield path.stem, case, entry


def bits(tensor: Tensor) -> tuple[str, tuple[int, ...], bytes]:
    """All that is to be kept of one."""
    raw = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape), raw


def wanted(stem: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tensors of a file by name, as bits, and the configurations by case."""
    tensors: dict[str, Any] = {}
    configurations: dict[str, Any] = {}
    for at, case, entry in recorded():
        if at == stem:
            configurations[case] = dict(entry.configuration)
            for part, named in (("given", entry.given), ("result", entry.result)):
                tensors |= {f"{case}/{part}/{name}": bits(tensor) for name, tensor in named.items()}
    return tensors, configurations


def written(folder: Path, form: str) -> Result:
    ran = run("vectors", folder, "--format", form)
    assert ran.exit_code == 0, ran.output
    said = [Path(line) for line in ran.stdout.splitlines()]
    assert sorted(said) == sorted(folder.iterdir())
    assert [path.stem for path in said] == [*(path.stem for path in RECORDED), "schema"]
    assert (folder / "schema.json").read_bytes() == (snapshots_folder() / "schema.json").read_bytes()
    return ran


def test_there_is_something_to_write() -> None:
    assert len(RECORDED) > 5
    assert {str(t.dtype) for _, _, e in recorded() for t in e.result.values()} >= {"torch.float32"}


def test_json_is_as_it_is_kept(tmp_path: Path) -> None:
    written(tmp_path / "deep" / "vectors", "json")
    for path in RECORDED:
        assert (tmp_path / "deep" / "vectors" / path.name).read_bytes() == path.read_bytes()


def test_json_is_the_default(tmp_path: Path) -> None:
    assert run("vectors", tmp_path).exit_code == 0
    assert (tmp_path / RECORDED[0].name).read_bytes() == RECORDED[0].read_bytes()


def test_archives_of_numpy(tmp_path: Path) -> None:
    """Read with nothing but NumPy, without pickles."""
    written(tmp_path, "npz")
    for path in RECORDED:
        with np.load(tmp_path / f"{path.stem}.npz", allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
        told = {
            name.removesuffix("/configuration"): json.loads(found.pop(name).tobytes())
            for name in [*found]
            if name.endswith("/configuration")
        }
        bits_of = {name: (str(a.dtype), a.shape, a.tobytes()) for name, a in found.items()}
        assert (bits_of, told) == wanted(path.stem)


DTYPES = {
    **{"F64": "float64", "F32": "float32", "BF16": "bfloat16", "F16": "float16"},
    **{"I64": "int64", "BOOL": "bool"},
}


def safetensors(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A file as the format's description has it, read without its library."""
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    entries, data = json.loads(content[8 : 8 + size]), content[8 + size :]
    told = json.loads(entries.pop("__metadata__")["configurations"])
    tensors = {
        name: (DTYPES[each["dtype"]], tuple(each["shape"]), data[slice(*each["data_offsets"])])
        for name, each in entries.items()
    }
    return tensors, told


def test_safetensors(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    written(tmp_path, "safetensors")
    for path in RECORDED:
        file = tmp_path / f"{path.stem}.safetensors"
        assert safetensors(file) == wanted(path.stem)
        assert {name: bits(tensor) for name, tensor in load_file(file).items()} == wanted(path.stem)[0]


@pytest.mark.parametrize("form", vectors.FORMATS)
def test_written_twice_they_are_the_same(form: str, tmp_path: Path) -> None:
    for name in ("one", "two", "two"):
        written(tmp_path / name, form)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@pytest.mark.parametrize("form", ["hdf5", "", "JSON", "[red]", "npz "])
def test_another_format_is_refused(form: str, tmp_path: Path) -> None:
    ran = run("vectors", tmp_path / "folder", "--format", form)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == f"rnnspec: --format: {form!r} is not one of json, safetensors, npz\n"
    assert not (tmp_path / "folder").exists()


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        ran = run("vectors", folder)
        assert (ran.exit_code, ran.stdout) == (2, "")
        assert ran.stderr.startswith("rnnspec: ")
        assert ran.stderr.count("\n") == 1
    assert (tmp_path / "file").read_text() == "kept"


def test_the_recordings_are_not_written_over() -> None:
    before = {path: path.read_bytes() for path in snapshots_folder().iterdir()}
    ran = run("vectors", snapshots_folder())
    assert ran.exit_code == 2
    assert {path: path.read_bytes() for path in snapshots_folder().iterdir()} == before


def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("safetensors", "safetensors.torch"):
        monkeypatch.setitem(sys.modules, name, None)
    ran = run("vectors", tmp_path / "folder", "--format", "safetensors")
    assert ran.exit_code == 2
    assert ran.stderr == "rnnspec: the format needs safetensors: pip install safetensors\n"
