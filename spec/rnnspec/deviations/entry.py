"""One known deviation: to which networks its entry applies, and which failures it is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from functools import cached_property
from importlib import metadata

import torch
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion

from ..case import Case
from ..implementation import DropIn
from ..network import Network
from ..notation import dtype_name

OUTCOMES = ("FAIL", "CRASH", "TIMEOUT")
"""What can be listed."""

Patterns = tuple[str, ...]
"""Alternatives, each as the shell writes them."""

ANY: Patterns = ("*",)

RAISED = re.compile(r"raised ([^:\n]+)(?:: (.*?))?(?:\n  at  |\Z)", re.DOTALL)
"""How the message of a failure by an exception begins: its type and text."""

DIFFER = re.compile(r"^  differ +(\S+)$", re.MULTILINE)
"""The line of a message that says by how much a number is off."""


@dataclass(frozen=True)
class Entry:
    """A deviation of an implementation, as `schema.json` describes it; `place` is its file and line.

    A list of clauses makes an entry of each; `cause` is the first of the list, which stands for all.
    """

    clause: str
    implementation: str
    reason: str
    link: str
    seen: date
    versions: Mapping[str, str] = field(default_factory=dict)
    device: Patterns = ANY
    unless: tuple[str, ...] = ()
    dtype: Patterns = ANY
    mode: Patterns = ANY
    case: Patterns = ANY
    outcome: tuple[str, ...] = OUTCOMES[:1]
    check: tuple[str, ...] = ()
    differ: tuple[float, float] | None = None
    raises: tuple[str, ...] = ()
    signal: tuple[str, ...] = ()
    sometimes: bool = False
    place: str = field(default="", compare=False)
    cause: str = ""

    @property
    def condition(self) -> str:
        """Where it applies, in a few words."""
        told = (self.device, self.dtype, self.mode, self.case)
        words = [f"{name} {specifier}" for name, specifier in self.versions.items()]
        words += [" or ".join(patterns) for patterns in told if patterns != ANY]
        words += [f"not in {mode}" for mode in self.unless]
        return ", ".join(words) or "everywhere"

    def applies(self, clause: str, network: Network) -> bool:
        """Whether it is about this clause on this network: the implementation's own, or one derived."""
        return (
            clause == self.clause
            and (
                self.implementation == network.implementation.name
                or (self.implementation == "torch.nn" and derived(network))
            )
            and _like(self.mode, network.case.mode)
            and _like(self.dtype, dtype_name(network.case.dtype))
            and _like(self.device, network.device.type, str(network.device), str(network.place))
            and not set(self.unless) & set(network.maths.words)
            and _like(self.case, *names(network.case))
            and self._installed
        )

    @cached_property
    def _installed(self) -> bool:
        return all(_satisfies(name, specifier) for name, specifier in self.versions.items())

    def matches(self, outcome: str, message: str) -> bool:
        """Whether a row with this outcome and message shows the deviation, and not another one."""
        if outcome not in self.outcome:
            return False
        first = message.partition("\n")[0]
        if outcome == "CRASH":
            return any(re.search(rf"(?<!\w){re.escape(cause)}(?!\w)", first) for cause in self.signal)
        if outcome == "FAIL":
            raised = RAISED.match(message)
            return self._raises(*raised.groups("")) if raised else self._fails(first, message)
        return True

    def _raises(self, name: str, text: str) -> bool:
        wanted = [signature.partition(": ") for signature in self.raises]
        return any(name == type_ and fragment in text for type_, _, fragment in wanted)

    def _fails(self, first: str, message: str) -> bool:
        if self.differ is not None:
            low, high = self.differ
            found = difference(message)
            if found is None or not low <= found <= high:
                return False
        return any(fragment in first for fragment in self.check)


def difference(message: str) -> float | None:
    """By how much a number is off, where a message says so."""
    found = DIFFER.search(message)
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None


def names(case: Case) -> tuple[str, ...]:
    """What a case is called: by its name, without its seed, and with it where that is 1."""
    seedless = str(case.but(seed=1))
    return str(case), seedless, f"{seedless}-seed{case.seed}"


def derived(network: Network) -> bool:
    """Whether what is under test is made of torch's class of the same name: by its word (`derives`), or since
    its class derives from that.
    """
    inner = getattr(network.implementation, "inner", network.implementation)
    if not isinstance(inner, DropIn):
        return inner.derives == "torch.nn"
    cls = inner.classes[network.case.mode]
    return isinstance(cls, type) and issubclass(cls, getattr(torch.nn, network.case.mode))


def _like(patterns: Patterns, *words: str) -> bool:
    return patterns == ANY or any(fnmatchcase(word, pattern) for word in words for pattern in patterns)


def _satisfies(distribution: str, specifier: str) -> bool:
    """Whether it is installed in such a version; torch is the one that is imported."""
    try:
        version = str(torch.__version__) if distribution == "torch" else metadata.version(distribution)
        return SpecifierSet(specifier).contains(version, prereleases=True)
    except (metadata.PackageNotFoundError, InvalidVersion):
        return False
