"""torch's functions and classes: which of them have been replaced, and how to put them back.

Names that torch did not have stay where they are, but for those that hide one of torch's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any

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


LOADED = {
    ("torch", "manual_seed"),
    ("torch.nn.Module", "__init__"),
    ("torch.nn.Module", "__setstate__"),
}
"""What torch itself replaces when it loads its compiler."""

HOME = str(Path(torch.__file__).parent)


class Namespace:
    """A module or class: its functions and classes as they are, and as they were."""

    def __init__(self, said: str, owner: Any) -> None:
        self.said, self.owner, self.now = said, owner, vars(owner)
        self.before = dict(self._before())
        self._pick = itemgetter(*self.before)
        self._values = self._pick(self.now)

    def _before(self) -> Iterator[tuple[str, Any]]:
        """What is public and can be called, but for torch.Storage, which follows the default dtype."""
        for name, value in self.now.items():
            if callable(value) and not name.startswith("_") and name != "Storage":
                yield name, value

    def is_as_before(self) -> bool:
        try:
            return bool(self._pick(self.now) == self._values)  # by identity, and in C
        except Exception:  # a name is gone, or something new refuses to be compared
            return False

    def changes(self) -> Iterator[tuple[str, Any]]:
        """The names under which something else stands now, and what that is."""
        for name in self._names():
            old, new = self.before.get(name, GONE), self.now.get(name, GONE)
            if old is new:
                continue
            if self._is_torchs_own(name, old, new):
                self._accept(name, new)
            else:
                yield name, new

    def _names(self) -> list[str]:
        return [*self.before]

    def _is_torchs_own(self, name: str, old: Any, new: Any) -> bool:
        code = getattr(new, "__code__", None)
        return (self.said, name) in LOADED and code is not None and code.co_filename.startswith(HOME)

    def _accept(self, name: str, new: Any) -> None:
        self.before[name] = new
        self._values = tuple(self.before.values())

    def put(self, name: str, value: Any) -> None:
        if value is not GONE:
            setattr(self.owner, name, value)
        elif name in self.now:
            delattr(self.owner, name)


class Inheriting(Namespace):
    """A class, or a module that lends what it has not itself: what is added may hide what was inherited."""

    def _before(self) -> Iterator[tuple[str, Any]]:
        yield from self.now.items()

    def is_as_before(self) -> bool:
        try:
            return bool(self.now == self.before)
        except Exception:  # something new refuses to be compared
            return False

    def _names(self) -> list[str]:
        return [*self.before, *(self.now.keys() - self.before.keys())]

    def _is_torchs_own(self, name: str, old: Any, new: Any) -> bool:
        """A state that is kept there, or a name that hides nothing."""
        if old is GONE and not self._hides(name):
            return True
        is_state = name.startswith("_") and not _is_code(new if old is GONE else old)
        return is_state or super()._is_torchs_own(name, old, new)

    def _hides(self, name: str) -> bool:
        if isinstance(self.owner, type):
            return any(name in vars(base) for base in self.owner.__mro__[1:])
        return hasattr(self.owner.vf, name)

    def _accept(self, name: str, new: Any) -> None:
        if new is GONE:
            del self.before[name]
        else:
            self.before[name] = new


def _is_code(value: Any) -> bool:
    return callable(value) or hasattr(type(value), "__get__")


_TORCH = {
    said: (Inheriting if isinstance(owner, type) or hasattr(owner, "vf") else Namespace)(said, owner)
    for said, owner in NAMESPACES.items()
}


def _called_by_the_kit() -> Iterator[str]:
    """The names behind `torch.` in what is written here."""
    for path in Path(__file__).parents[1].rglob("*.py"):
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
        (said, name): new
        for said, space in _TORCH.items()
        if not space.is_as_before()
        for name, new in space.changes()
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
