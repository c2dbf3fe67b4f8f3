"""How a name becomes an implementation.

A name is `torch.nn` (the default), an adapter (`adapters.SHIPPED`), an entry point of the group
`rnnspec.implementations`, `module` or `module:attribute`, or `MODE=module:Class`; what stands there is a
namespace with some of torch's six class names, a class with torch's signatures, or an `Implementation`.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

import torch

from . import adapters
from .implementation import DropIn, Implementation
from .keeping import Changes, apart
from .maths import Maths, Place
from .notation import MODES, is_cell

ENTRY_POINTS = "rnnspec.implementations"


class Unusable(ValueError):
    """A name that is no implementation; the message is one line and says what to write instead."""


def mode_of(cls: type) -> str | None:
    """The mode a class stands for: by its `mode` attribute, its torch base class, or its name."""
    told = getattr(cls, "mode", None)
    if isinstance(told, str):
        told = told.split("_")[0] if told.startswith("RNN_") else told
        if told in MODES:
            return told
    for base in cls.__mro__:
        if base.__module__.startswith("torch.nn") and base.__name__ in MODES:
            return base.__name__
    name = cls.__name__.lower()
    for modes in ([m for m in MODES if is_cell(m)], [m for m in MODES if not is_cell(m)]):
        found = [mode for mode in modes if mode.lower() in name]
        if found:
            return found[0] if len(found) == 1 else None
    return None


_CHANGES: dict[str, Changes] = {}
"""What the import of a module has changed in torch, by its name."""


def load(name: str) -> Implementation:
    """The implementation that a name stands for. What its import changes in torch is its own.

    Raises:
        Unusable: nothing usable stands there.
    """
    known = set(sys.modules)
    with apart() as changes:
        found = _named(name)
    _CHANGES.update(dict.fromkeys(sys.modules.keys() - known, changes))
    classes = (type(found), *getattr(found, "classes", {}).values())
    for module in dict.fromkeys(cls.__module__ for cls in classes):
        changes = _CHANGES.get(module, Changes()) | changes
    found.changes = changes
    return found


def _named(name: str) -> Implementation:
    if name == "torch.nn":
        return DropIn(name, {mode: getattr(torch.nn, mode) for mode in MODES})
    if name in adapters.SHIPPED:
        try:
            return adapters.load(name)
        except Exception as error:
            what = str(error) if isinstance(error, adapters.Missing) else _line(error)
            raise Unusable(f"cannot load the adapter {name!r}: {what}") from error
    for point in entry_points(group=ENTRY_POINTS):
        if point.name == name:
            try:
                found = point.load()
            except Exception as error:
                raise Unusable(f"cannot load the entry point {name!r} ({_line(error)})") from error
            return _usable(name, found)
    mode, equals, rest = name.rpartition("=")
    if equals and mode not in MODES:
        raise Unusable(f"{mode!r} in {name!r} is no mode; write one of {', '.join(MODES)}")
    found = _find(rest)
    if not equals:
        return _usable(name, found)
    if not isinstance(found, type):
        raise Unusable(f"{rest!r} is no class; write {mode}=module:Class")
    return DropIn(name, {mode: found})


def _line(error: Exception) -> str:
    """An exception in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _find(name: str) -> Any:
    module_name, _, attribute = name.partition(":")
    if module_name.endswith(".py") or "/" in module_name:
        stem = module_name.removesuffix(".py").replace("/", ".").strip(".")
        raise Unusable(f"{name!r} is a path; write a module's name, such as {stem}:{attribute or 'LSTM'}")
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        reason = _line(error)
        raise Unusable(
            f"cannot import {module_name!r} ({reason}); write an importable module[:attribute],"
            " 'torch.nn', or an entry point of the group " + ENTRY_POINTS
        ) from error
    for part in filter(None, attribute.split(".")):
        if not hasattr(found, part):
            near = [n for n in vars(found) if not n.startswith("_") and isinstance(vars(found)[n], type)]
            hint = f"; it has {', '.join(sorted(near)[:8])}" if near else "; write module[:attribute]"
            raise Unusable(f"{module_name!r} has no attribute {attribute!r}{hint}")
        found = getattr(found, part)
    return found


def _usable(name: str, found: Any) -> Implementation:
    if isinstance(found, Implementation):
        return found
    if isinstance(found, type) and issubclass(found, Implementation):
        return found()
    if isinstance(found, type):
        mode = mode_of(found)
        if mode is None:
            raise Unusable(
                f"cannot tell which network {name!r} is; write MODE={name} with MODE one of"
                f" {', '.join(MODES)}, or give the class a `mode` attribute"
            )
        return DropIn(name, {mode: found})
    classes = {mode: getattr(found, mode) for mode in MODES if hasattr(found, mode)}
    if not classes:
        what = "module" if isinstance(found, ModuleType) else type(found).__name__
        raise Unusable(
            f"{name!r} is a {what} with none of {', '.join(MODES)}; write {name}:Class for a class"
            if inspect.ismodule(found)
            else f"{name!r} is a {what}; write a namespace, a class or an rnnspec Implementation"
        )
    return DropIn(name, classes)


def usable(name: str) -> torch.device:
    """The device of that name, on which something has been computed.

    Raises:
        Unusable: there is none, or it does not work.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).add(1).cpu()
    except Exception as error:
        first = str(error).partition("\n")[0]
        raise Unusable(f"{name!r} cannot be used here ({first}); write one of {devices()}") from error
    return device


def place(name: str) -> Place:
    """A device, and a math mode after it, as rows name them: `cpu`, `cuda tf32`, `cpu tf32+no-cudnn`.

    Raises:
        Unusable: the device does not work, or the mode is none.
    """
    device, _, mode = name.partition(" ")
    try:
        maths = Maths.named(mode.strip() or "default")
    except ValueError as error:
        raise Unusable(f"{name!r}: {error}") from error
    return Place(usable(device), maths)


def devices() -> list[str]:
    """The CPU, and the accelerator that torch reports."""
    found = ["cpu"]
    accelerator = getattr(torch, "accelerator", None)
    if accelerator is not None and accelerator.is_available():
        found.append(accelerator.current_accelerator().type)
    elif accelerator is None and torch.cuda.is_available():
        found.append("cuda")
    return found
