"""Math modes: what of torch's backends is in force while a row is tried, and whether it took effect."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from .affine import TF32
from .case import Case
from .factors import EXACTLY, Factors, Held

TF32_PLACES = ("torch.backends.cuda.matmul.allow_tf32", "torch.backends.cudnn.allow_tf32")

STATEMENTS = {
    "default": (),
    "tf32": tuple(f"{place} = True" for place in TF32_PLACES),
    "no-tf32": tuple(f"{place} = False" for place in TF32_PLACES),
    "deterministic": ("torch.use_deterministic_algorithms(True)",),
    "cudnn": ("torch.backends.cudnn.enabled = True",),
    "no-cudnn": ("torch.backends.cudnn.enabled = False",),
    "onednn": ("torch.backends.mkldnn.enabled = True",),
    "no-onednn": ("torch.backends.mkldnn.enabled = False",),
}
"""The words of `--rnn-math`, and what each says to torch."""

REDUCED = tuple(f"allow_{half}_reduced_precision_reduction" for half in ("fp16", "bf16"))
SUMS = tuple(f"torch.backends.cuda.matmul.{name} = False" for name in REDUCED)
"""Half types sum in float32, which cuBLAS does by itself only where it is not split."""

WORKSPACES = (":4096:8", ":16:8")
"""What cuBLAS needs in CUBLAS_WORKSPACE_CONFIG to repeat its bits."""

LIBRARIES = {"cudnn": ("cuDNN", "cudnn"), "onednn": ("oneDNN", "mkldnn")}
"""Libraries of kernels: their names, and what the names of torch's operations have of them."""


@dataclass(frozen=True)
class Maths:
    """A mode: some words, none of them by default."""

    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "+".join(self.words)

    @classmethod
    def named(cls, name: str) -> Maths:
        """Of words with + between them.

        Raises:
            ValueError: one is none of `STATEMENTS`.
        """
        words = tuple(dict.fromkeys(name.split("+")))
        for word in words:
            if word not in STATEMENTS:
                raise ValueError(f"{word!r} is not one of {', '.join(STATEMENTS)}")
        return cls(tuple(word for word in words if word != "default"))

    def factors(self, case: Case, own: Factors) -> Factors:
        """How finely the factors of products are held, beside what an implementation says of itself."""
        if "tf32" not in self.words or case.dtype != torch.float32:
            return own
        return Factors(Held(TF32), Held(TF32)) if own == EXACTLY else own

    def missed(self, device: torch.device, dtype: torch.dtype, kernels: Sequence[str] | None) -> str:
        """Why this mode was not in effect in a call that ran `kernels`; nothing where they are not known."""
        if "tf32" in self.words and (why := _without_tf32(device, dtype)):
            return why
        if "deterministic" in self.words and device.type == "cuda" and _workspace() not in WORKSPACES:
            return f"deterministic: cuBLAS needs CUBLAS_WORKSPACE_CONFIG={WORKSPACES[0]} in the environment"
        if not self.words or kernels is None:
            return ""
        if not kernels:
            return f"{self}: no product of torch's was seen in a call, and its modes are about no other"
        for word, (name, part) in LIBRARIES.items():
            ran = [kernel for kernel in kernels if part in kernel]
            if word in self.words and not ran:
                return f"{word}: {name} did not run, but {', '.join(kernels)}"
            if f"no-{word}" in self.words and ran:
                return f"no-{word}: {name} ran all the same, as {', '.join(ran)}"
        return ""


DEFAULT = Maths()


def _workspace() -> str:
    return os.environ.get("CUBLAS_WORKSPACE_CONFIG", "")


def _without_tf32(device: torch.device, dtype: torch.dtype) -> str:
    if device.type != "cuda":
        return f"tf32: it is a mode of CUDA, not of {device.type}"
    if dtype != torch.float32:
        return "tf32: it is about float32"
    if torch.version.hip or torch.cuda.get_device_capability(device) < (8, 0):
        return f"tf32: {torch.cuda.get_device_name(device)} has no such products"
    return ""


def left_alone(device: torch.device) -> Maths:
    """The mode of float32 products that torch is in if nothing is said to it: TF32 where cuDNN may use it."""
    places = torch.backends.cuda.matmul, torch.backends.cudnn
    allowed = device.type == "cuda" and any(place.allow_tf32 for place in places)
    return Maths(("tf32",)) if allowed else DEFAULT


class Place(NamedTuple):
    """Where a row is tried: on a device, in a mode."""

    device: torch.device
    maths: Maths = DEFAULT

    def __str__(self) -> str:
        return f"{self.device} {self.maths}".strip()

    @property
    def statements(self) -> list[str]:
        """What is said to torch; on CUDA that float32 is float32 too, unless TF32 is asked for, and how
        half types sum.
        """
        words, cuda = self.maths.words, self.device.type == "cuda"
        if cuda and "tf32" not in words:
            words = tuple(dict.fromkeys(("no-tf32", *words)))
        return [*SUMS * cuda, *(statement for word in words for statement in STATEMENTS[word])]

    def say(self) -> None:
        """To torch. Who tries a row puts torch's settings back (`keeping.kept`)."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch 2.9 advises other words, which older ones do not have
            for statement in self.statements:
                exec(statement, {"torch": torch})
