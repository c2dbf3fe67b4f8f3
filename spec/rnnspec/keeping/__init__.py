"""What an implementation changes in the process is undone, and the oracle never sees it.

`kept` is put around each row: torch's functions, settings and generators and what is global in the process
are afterwards what they were. `pristine` is put around the oracle and the verbs: while they run, torch is
as it is by itself, whatever an implementation has put into it.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch.utils._python_dispatch import _disable_current_modes

from . import patches, settings
from .patches import Patches
from .settings import Setting

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

FLOAT = torch.float32
TINY = sys.float_info.min


def _flushed() -> bool:
    """Whether this thread takes denormal numbers for 0; torch can set it, and does not say it."""
    return TINY / 2 == 0


def _directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _enter(directory: str | None) -> None:
    if directory is not None:
        os.chdir(directory)


def _environment() -> Any:
    return os.environ._data.copy()  # type: ignore[attr-defined]  # os.environ.copy() takes 50 µs


def _set_environment(before: Any) -> None:
    environ = os.environ
    now = environ._data  # type: ignore[attr-defined]
    for name in now.keys() - before.keys():
        del environ[environ.decodekey(name)]
    for name, value in before.items():
        if now.get(name) != value:
            environ[environ.decodekey(name)] = environ.decodevalue(value)


def _of(owner: Any, name: str) -> Setting:
    return Setting(name, partial(getattr, owner, name), partial(setattr, owner, name))


def _handler(number: int) -> Setting:
    def write(handler: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(number, handler)

    read = getattr(signal.getsignal, "__wrapped__", signal.getsignal)  # without a look-up of its name
    return Setting(f"signal {number}", partial(read, number), write)


PROCESS = (
    Setting("environment", _environment, _set_environment),
    Setting("working directory", _directory, _enter),
    Setting("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    Setting("flushing of denormal numbers", _flushed, torch.set_flush_denormal),
    Setting("garbage collection", gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    Setting("logging", lambda: logging.root.manager.disable, logging.disable),
    *(_of(sys, name) for name in ("stdin", "stdout", "stderr", "excepthook", "displayhook")),
    *(_handler(getattr(signal, name)) for name in ("SIGINT", "SIGALRM") if hasattr(signal, name)),
)
"""What is global in the process. Who draws from Python's or NumPy's generators repeats nothing anyway."""


def _generators() -> list[torch.Generator]:
    """torch's own, of the CPU and of whatever is in use."""
    found = [torch.default_generator]
    own = getattr(torch._C, "_get_privateuse1_backend_name", str)()  # torch 2.0 has no word for it
    for name in ("cuda", "xpu", own):
        module = getattr(torch, name, None)
        if getattr(module, "is_initialized", bool)():
            found += getattr(module, "default_generators", ())
    if torch.backends.mps.is_available():
        found.append(torch.mps._get_default_mps_generator())
    return found


@contextmanager
def kept(own: Patches | None = None, around: Patches | None = None) -> Iterator[None]:
    """Afterwards all is as before; meanwhile an implementation's own patches are in force.

    `around` is what stands in torch and is somebody else's; to look for it takes as long as all the rest.
    What cannot be put back hides no failure.
    """
    around = patches.changed() if around is None else around
    states = [(generator, generator.get_state()) for generator in _generators()]
    torchs, process = settings.read(), settings.read(PROCESS)

    def put_back() -> None:
        patches.taken_off()
        patches.put(around)
        settings.write(torchs)
        settings.write(process, PROCESS)
        for generator, state in states:
            generator.set_state(state)

    patches.put(own or {})
    try:
        yield
    except BaseException:
        with suppress(Exception):
            put_back()
        raise
    put_back()


@dataclass
class Changes:
    """What an implementation changes in torch when it is imported."""

    patches: Patches = field(default_factory=dict)
    settings: tuple[str, ...] = ()

    def __or__(self, more: Changes) -> Changes:
        return Changes({**self.patches, **more.patches}, (*self.settings, *more.settings))

    def __iter__(self) -> Iterator[str]:
        """The names, each once."""
        yield from dict.fromkeys((*patches.named(self.patches), *self.settings))


@contextmanager
def apart() -> Iterator[Changes]:
    """What is put into torch meanwhile is taken out again, and told."""
    changes, around, before = Changes(), patches.changed(), settings.read()
    states = [(generator, generator.get_state()) for generator in _generators()]
    try:
        yield changes
    finally:
        changes.patches = patches.since(around)
        changes.settings = tuple(settings.changed(before))
        patches.taken_off()
        patches.put(around)
        settings.write(before)
        for generator, state in states:
            generator.set_state(state)


def pristine(function: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """A function of the kit that computes with torch as it is by itself, whatever has been done to it."""

    @wraps(function)
    def undisturbed(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        __tracebackhide__ = True
        if _is_pristine():
            return function(*args, **kwargs)
        with ExitStack() as stack:
            _restore(stack)
            return function(*args, **kwargs)

    return undisturbed


def _is_pristine() -> bool:
    return (
        torch.is_grad_enabled()
        and not torch.is_inference_mode_enabled()
        and torch.get_default_dtype() is FLOAT
        and not torch._C._len_torch_function_stack()
        and not torch._C._len_torch_dispatch_stack()
        and patches.kit_is_unharmed()
    )


def _restore(stack: ExitStack) -> None:
    """Torch as it is by itself, until the stack is left."""
    if not patches.kit_is_unharmed():
        stack.callback(patches.put, patches.taken_off())
    stack.callback(torch.set_default_dtype, torch.get_default_dtype())
    torch.set_default_dtype(FLOAT)
    stack.enter_context(torch.inference_mode(False))
    stack.enter_context(torch.enable_grad())
    if torch._C._len_torch_function_stack():
        stack.enter_context(torch._C.DisableTorchFunction())
    if torch._C._len_torch_dispatch_stack():
        stack.enter_context(_disable_current_modes())
