"""What older releases of torch lack is not claimed there, and is claimed by what was made for a newer one."""

from __future__ import annotations

import pytest
import torch

from rnnspec import implementation
from rnnspec.adapters.torch_tools import CALLED
from rnnspec.case import Case
from rnnspec.check import NotClaimed
from rnnspec.implementation import DropIn
from rnnspec.lacking import LACKS, lacking
from rnnspec.loading import load
from rnnspec.network import Network
from rnnspec.notation import CLAIMS, LAYERS


def torchs(mode: str) -> DropIn:
    return DropIn("torch.nn", {mode: getattr(torch.nn, mode)})


class Fast(torch.nn.LSTM):
    claims = frozenset({"export"})


def test_names_claims() -> None:
    assert {claim for claims in LACKS.values() for claim in claims} <= CLAIMS.keys()
    assert all(why for claims in LACKS.values() for why in claims.values())


@pytest.mark.parametrize(
    ("version", "claims"),
    {
        "2.0.1": "compile compile_fullgraph export float16 messages padding_side",
        "2.0.1+cu117": "compile compile_fullgraph export float16 messages padding_side",
        "2.1.2": "export float16 messages padding_side",
        "2.2.0": "messages padding_side",
        "2.4.1+cpu": "padding_side",
        "2.5.0": "",
        "2.13.0": "",
        "2.16.0a0+git1234567": "",
    }.items(),
)
def test_by_version(version: str, claims: str) -> None:
    assert sorted(lacking(version)) == claims.split()


def test_the_one_that_is_imported_is_meant() -> None:
    assert lacking() == lacking(torch.__version__)


def test_no_class_promises_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither torch's own nor another that says so; a row that needs it is not claimed, with the reason."""
    monkeypatch.setattr(implementation, "lacking", lambda: lacking("2.0.1"))
    for subject in (load("torch.nn"), DropIn("fast", {"LSTM": Fast})):
        assert not lacking("2.0.1").keys() & subject.claimed("LSTM")
        assert subject.unclaimed("LSTM")["padding_side"] == LACKS["<2.5"]["padding_side"]
        half = Network(subject, Case("LSTM", dtype=torch.float16), torch.device("cpu"))
        with pytest.raises(NotClaimed, match=r"float16 .* is not claimed: products in float16 on the CPU"):
            half.needs()
        half.but(dtype=torch.bfloat16).needs()


def test_a_newer_release_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(implementation, "lacking", lambda: lacking("2.13.0"))
    assert DropIn("fast", {"LSTM": Fast}).claimed("LSTM") >= {"export", "float16", "padding_side"}
    assert all(lacking("2.0.1").keys() <= torchs(m).claimed(m) for m in LAYERS)


def test_what_torchs_tools_make_lacks_it_too() -> None:
    assert CALLED.isdisjoint(lacking())
