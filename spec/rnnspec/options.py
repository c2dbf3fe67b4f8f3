"""The options: what is tried, where, and on how much. What cannot be used is said in one line."""

from __future__ import annotations

import pytest
import torch

from . import loading
from .deviations import Deviations, Refused, load
from .implementation import Amended, Implementation
from .loading import Unusable
from .maths import STATEMENTS, Maths, Place
from .notation import CLAIMS, DTYPES, OPTIONAL
from .profiles import PROFILES, Profile
from .scopes import SCOPES, Scope

DEFAULT = ("float32", "float64")
"""The dtypes in which the specification is tried."""


def add(parser: pytest.Parser) -> None:
    """The kit's own options, and `rnn` for the ini file."""
    group = parser.getgroup("rnnspec", "rnnspec: is this RNN right?")
    group.addoption(
        "--rnn",
        action="append",
        metavar="NAME",
        help="what to check: torch.nn (default), module[:attribute], MODE=module:Class; repeatable",
    )
    group.addoption(
        "--rnn-with",
        action="append",
        default=[],
        metavar="CLAIMS",
        help=f"claims to make beside an implementation's own, comma-separated: {', '.join(OPTIONAL)}",
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
        "--rnn-math",
        action="append",
        metavar="MODE",
        help=f"torch's math mode, or several of {', '.join(STATEMENTS)}, with + between them; repeatable",
    )
    group.addoption(
        "--rnn-dtype",
        action="append",
        metavar="DTYPE",
        help=f"default: float32 and float64; repeatable; one of {', '.join(DTYPES)}",
    )
    group.addoption(
        "--rnn-scope",
        default="core",
        metavar="SCOPE",
        help=f"how many cases: {', '.join(SCOPES)}; default: core",
    )
    group.addoption(
        "--rnn-seed",
        action="append",
        default=[],
        metavar="SEED",
        help="try every case with this seed, not with its own; repeatable",
    )
    group.addoption(
        "--rnn-threads",
        type=int,
        default=1,
        metavar="N",
        help="torch's threads while a clause is tried; default: 1",
    )
    group.addoption(
        "--rnn-profile",
        action="append",
        default=[],
        metavar="NAME",
        help=f"only the rows of a profile, and whether it is met: {', '.join(PROFILES)}; repeatable",
    )
    group.addoption(
        "--rnn-deviations",
        action="append",
        default=[],
        metavar="FILE",
        help="known deviations beside those that are shipped, as TOML; repeatable",
    )
    group.addoption("--rnn-results", metavar="FILE", help="write the rows as JSON Lines")
    parser.addini("rnn", "implementations to check, as --rnn", type="linelist", default=[])


def names(config: pytest.Config) -> list[str]:
    """The names of the implementations, each once."""
    return list(dict.fromkeys(config.getoption("rnn") or config.getini("rnn") or ["torch.nn"]))


def implementations(config: pytest.Config) -> list[Implementation]:
    """The implementations, with the claims that are made for them and without those that are given up.

    Raises:
        pytest.UsageError: a name or a claim is none.
    """
    more, without = (_claims(config, option) for option in ("--rnn-with", "--rnn-without"))
    try:
        found = [loading.load(name) for name in names(config)]
    except Unusable as error:
        raise pytest.UsageError(f"--rnn: {error}") from error
    return [Amended(one, more, without) for one in found] if more or without else found


def devices(config: pytest.Config) -> list[torch.device]:
    """The devices, each once.

    Raises:
        pytest.UsageError: torch cannot use one here.
    """
    return [_device(name) for name in dict.fromkeys(config.getoption("rnn_device") or loading.devices())]


def places(config: pytest.Config) -> list[Place]:
    """The devices, in each of the math modes that are asked for.

    Raises:
        pytest.UsageError: torch cannot use a device here, or a mode is none.
    """
    try:
        modes = [Maths.named(name) for name in config.getoption("rnn_math") or ["default"]]
    except ValueError as error:
        raise pytest.UsageError(f"--rnn-math: {error}") from error
    return [Place(device, mode) for device in devices(config) for mode in dict.fromkeys(modes)]


def dtypes(config: pytest.Config) -> list[torch.dtype]:
    """The dtypes, each once.

    Raises:
        pytest.UsageError: one is not of `notation.DTYPES`.
    """
    given = config.getoption("rnn_dtype") or DEFAULT
    return [_dtype(name) for name in dict.fromkeys(given)]


def further(config: pytest.Config) -> list[torch.dtype]:
    """Where nothing else is asked for: the other dtypes, for the cases that name their dtype."""
    given = config.getoption("rnn_dtype")
    return [] if given else [dtype for name, dtype in DTYPES.items() if name not in DEFAULT]


def scope(config: pytest.Config) -> Scope:
    """The scope and the seeds, each once.

    Raises:
        pytest.UsageError: there is none of that name, or a seed is no seed.
    """
    name = config.getoption("rnn_scope")
    if name not in SCOPES:
        raise pytest.UsageError(f"--rnn-scope: {name!r} is not one of {', '.join(SCOPES)}")
    seeds = dict.fromkeys(_seed(text) for text in config.getoption("rnn_seed"))
    return Scope(name, tuple(seeds))


def profiles(config: pytest.Config) -> dict[str, Profile]:
    """The profiles by name; half types belong to each of them where they are asked for.

    Raises:
        pytest.UsageError: there is none of that name.
    """
    found = {}
    for name in config.getoption("rnn_profile"):
        if name not in PROFILES:
            raise pytest.UsageError(f"--rnn-profile: {name!r} is not one of {', '.join(PROFILES)}")
        halves = {"half", "float16"} if config.getoption("rnn_dtype") else set()
        found[name] = PROFILES[name].also(halves)
    return found


def deviations(config: pytest.Config) -> Deviations:
    """The known deviations, those that are shipped and those that are given.

    Raises:
        pytest.UsageError: a file cannot be read, or an entry of it is none.
    """
    try:
        return load(config.getoption("rnn_deviations"), config.invocation_params.dir)
    except Refused as error:
        raise pytest.UsageError(f"--rnn-deviations: {error}") from error


def _device(name: str) -> torch.device:
    try:
        return loading.usable(name)
    except Unusable as error:
        raise pytest.UsageError(f"--rnn-device: {error}") from error


def _dtype(name: str) -> torch.dtype:
    if name not in DTYPES:
        raise pytest.UsageError(f"--rnn-dtype: {name!r} is not one of {', '.join(DTYPES)}")
    return DTYPES[name]


def threads(config: pytest.Config) -> int:
    """How many, at least 1.

    Raises:
        pytest.UsageError: fewer.
    """
    given: int = config.getoption("rnn_threads")
    if given < 1:
        raise pytest.UsageError(f"--rnn-threads: {given} is fewer than 1")
    return given


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 2**32):
        raise pytest.UsageError(f"--rnn-seed: {text!r} is not a whole number from 0 to 2**32 - 1")
    return int(text)


def _claims(config: pytest.Config, option: str) -> frozenset[str]:
    names = [name.strip() for value in config.getoption(option) for name in value.split(",")]
    for name in names:
        if name not in CLAIMS:
            raise pytest.UsageError(f"{option}: {name!r} is not one of {', '.join(CLAIMS)}")
    return frozenset(names)
