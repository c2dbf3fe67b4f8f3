"""torch's functions and classes: which of them have been replaced, and how to put them back.

Names that torch did not have stay where they are, but for those that hide one of torch's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.utils import rnn

GONE = object()
"""What stands under a name that has been deleted, or was not there."""

NAMESPACES: Mapping[str, Any] = {
    "torch": torch,
    "torch.Tensor": torch.Tensor,
    "torch.linalg": torch.linalg,
    "torch.autograd": torch.autograd,
    "torch.autograd.Function": torch.autograd.Function,
    "torch._VF": torch._VF,
    "torch._C._nn": torch._C._nn,
    "torch.nn": nn,
    "torch.nn.functional": nn.functional,
    "torch.nn.init": nn.init,
    "torch.nn.modules.module": nn.modules.module,
    "torch.nn.modules.rnn": nn.modules.rnn,
    "torch.nn.utils.rnn": rnn,
    **{
        f"torch.nn.{cls.__name__}": cls
        for cls in (nn.Module, nn.Parameter, nn.Linear, nn.RNNBase, nn.RNN, nn.LSTM, nn.GRU)
    },
    **{
        f"torch.nn.{cls.__name__}": cls
        for cls in (nn.RNNCellBase, nn.RNNCell, nn.LSTMCell, nn.GRUCell, rnn.PackedSequence)
    },
}
"""Where they are looked for."""

Patches = Mapping[tuple[str, str], Any]
"""What stands under a name of a namespace: ("torch.nn", "LSTM")."""


class Namespace(NamedTuple):
    """A module or class: its names as they are, and as they were."""

    owner: Any
    now: Mapping[str, Any]
    before: dict[str, Any]

    def is_as_before(self) -> bool:
        try:
            return self.now == self.before  # by identity, and in C
        except Exception:  # something new refuses to be compared
            return False

    def changes(self) -> Iterator[str]:
        """The names under which something else stands now."""
        for name in [*self.before, *(self.now.keys() - self.before.keys())]:
            old, new = self.before.get(name, GONE), self.now.get(name, GONE)
            if old is new:
                continue
            if not self._is_torchs_own(name, old):
                yield name
            elif new is GONE:
                del self.before[name]
            else:
                self.before[name] = new

    def _is_torchs_own(self, name: str, old: Any) -> bool:
        """Torch has loaded a part of itself, or keeps a state; torch.Storage follows the default dtype."""
        if old is GONE:
            return self._is_new(name)
        return (name.startswith("_") and not _is_code(old)) or name == "Storage"

    def _is_new(self, name: str) -> bool:
        """It hides nothing of torch's."""
        if isinstance(self.owner, type):
            inherited = any(name in vars(base) for base in self.owner.__mro__[1:])
            return not inherited or not _is_code(self.now[name])
        return not hasattr(getattr(self.owner, "vf", None), name)  # torch._VF lends what it has not itself

    def put(self, name: str, value: Any) -> None:
        if value is not GONE:
            setattr(self.owner, name, value)
        elif name in self.now:
            delattr(self.owner, name)


def _is_code(value: Any) -> bool:
    return callable(value) or hasattr(type(value), "__get__")


_TORCH = {
    said: Namespace(owner, now, dict(now)) for said, owner in NAMESPACES.items() for now in (vars(owner),)
}


def _called_by_the_kit() -> Iterator[str]:
    """The names behind `torch.` in what is written here."""
    for path in Path(__file__).parent.rglob("*.py"):
        for name in re.findall(r"\btorch\.(\w+)", path.read_text(encoding="utf-8")):
            if callable(vars(torch).get(name)):
                yield name


_ours = itemgetter(*sorted(set(_called_by_the_kit())))
_OURS = _ours(vars(torch))


def kit_is_unharmed() -> bool:
    """What the oracle and the verbs call is torch's own. It is asked at each of their calls."""
    try:
        return _TORCH["torch.Tensor"].is_as_before() and _ours(vars(torch)) == _OURS
    except Exception:  # a name is gone, or something new refuses to be compared
        return False


def changed() -> Patches:
    """What is not torch's own."""
    return {
        (said, name): space.now.get(name, GONE)
        for said, space in _TORCH.items()
        if not space.is_as_before()
        for name in space.changes()
    }


def put(patches: Patches) -> None:
    for (said, name), value in patches.items():
        _TORCH[said].put(name, value)


def taken_off() -> Patches:
    """What was not torch's own; now all is."""
    found = changed()
    put({(said, name): _TORCH[said].before.get(name, GONE) for said, name in found})
    return found


def since(before: Patches) -> Patches:
    """What has been replaced since `before` was all."""
    return {key: new for key, new in changed().items() if before.get(key) is not new}


def named(patches: Patches) -> list[str]:
    """As one writes them: torch.nn.LSTM."""
    return [f"{said}.{name}" for said, name in patches]
