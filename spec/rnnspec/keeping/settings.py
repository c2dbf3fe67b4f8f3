"""torch's settings: what is global in torch beside its functions, how each is read and how it is set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import torch
import torch.nn.modules.module as module_hooks
from torch import _tensor_str


class Setting(NamedTuple):
    """One setting. What `read` gives can be compared, and `write` puts it back."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], Any]


def _attribute(owner: Any, name: str, said: str) -> Setting:
    return Setting(said, _or_none(lambda: getattr(owner, name)), lambda value: setattr(owner, name, value))


def _by_functions(name: str, read: str, write: str, owner: Any = torch) -> Iterator[Setting]:
    """A setting of two functions, where this version of torch has them."""
    if hasattr(owner, read) and hasattr(owner, write):
        yield Setting(name, getattr(owner, read), getattr(owner, write))


def _default_device() -> torch.device | None:
    """The device that torch.set_default_device set, None where it set none."""
    held = vars(torch).get("_GLOBAL_DEVICE_CONTEXT")
    mode = getattr(held, "device_context", held)  # torch 2.0 holds the mode itself
    return getattr(mode, "device", None)


def _set_autocast_nesting(depth: int) -> None:
    """No context of autocast is left open, nor what it keeps."""
    while _autocast_nesting() > depth:
        torch.autocast_decrement_nesting()
    if depth == 0:
        torch.clear_autocast_cache()


def _autocast_nesting() -> int:
    torch.autocast_increment_nesting()
    return int(torch.autocast_decrement_nesting())


_LEFT_OPEN: list[Any] = []
"""Contexts that outlast the process: torch has no other word for leaving inference mode."""


def _set_inference_mode(on: bool) -> None:
    context = torch.inference_mode(on)
    context.__enter__()
    _LEFT_OPEN.append(context)


def _pop_function_modes(depth: int) -> None:
    while torch._C._len_torch_function_stack() > depth:
        torch._C._pop_torch_function_stack()


def _pop_dispatch_modes(depth: int) -> None:
    while (now := torch._C._len_torch_dispatch_stack()) > depth:
        top = torch._C._get_dispatch_stack_at(now - 1)
        torch._C._pop_torch_dispatch_stack(getattr(top, "_mode_key", None))


def _set_deterministic(values: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(values[0], warn_only=values[1])


def _hooks() -> tuple[Any, ...]:
    """What is registered for all modules; nearly always nothing."""
    return tuple([tuple(table.items()) for table in _TABLES]) if any(_TABLES) else ()


def _set_hooks(kept: Iterable[Iterable[tuple[Any, Any]]]) -> None:
    for table, items in zip(_TABLES, kept or [()] * len(_TABLES), strict=True):
        table.clear()
        table.update(items)


_TABLES = [
    table
    for name, table in vars(module_hooks).items()
    if name.startswith("_global_") and hasattr(table, "items")
]

_PRINTING = vars(_tensor_str.PRINT_OPTS)


def _autocast() -> Iterator[Setting]:
    """Of the CPU and of the accelerators of which this version of torch can say it."""
    if hasattr(torch, "get_autocast_dtype"):
        for device in filter(_has_autocast, ("cpu", "cuda", "xpu", "mps")):
            readers = partial(torch.is_autocast_enabled, device), partial(torch.get_autocast_dtype, device)
            writers = partial(torch.set_autocast_enabled, device), partial(torch.set_autocast_dtype, device)
            yield from _autocast_on(device, readers, writers)
    else:  # the words of torch 2.0 to 2.3
        for device, of in (("cpu", "cpu_"), ("cuda", "")):
            names = f"autocast_{of}enabled", f"autocast_{of or 'gpu_'}dtype"
            readers = getattr(torch, f"is_{names[0]}"), getattr(torch, f"get_{names[1]}")
            writers = getattr(torch, f"set_{names[0]}"), getattr(torch, f"set_{names[1]}")
            yield from _autocast_on(device, readers, writers)


def _has_autocast(device: str) -> bool:
    try:
        torch.get_autocast_dtype(device)
    except RuntimeError:
        return False
    return True


def _autocast_on(device: str, readers: Sequence[Any], writers: Sequence[Any]) -> Iterator[Setting]:
    """Whether it is on, and its dtype."""
    yield Setting(f"autocast on {device}", readers[0], writers[0])
    yield Setting(f"dtype of autocast on {device}", readers[1], writers[1])


def _precisions() -> Iterator[Setting]:
    """Of float32 products, in all and then part by part, where this version of torch has the parts."""
    yield Setting(
        "precision of float32 products",
        _or_none(torch.get_float32_matmul_precision),
        torch.set_float32_matmul_precision,
    )
    if hasattr(torch._C, "_get_fp32_precision_getter"):
        for backend, part in product(("generic", "cuda", "mkldnn"), ("all", "matmul", "conv", "rnn")):
            if backend != "generic" or part == "all":
                read = partial(torch._C._get_fp32_precision_getter, backend, part)
                write = partial(torch._C._set_fp32_precision_setter, backend, part)
                yield Setting(f"precision of float32, {backend} {part}", read, write)


def _or_none(read: Callable[[], Any]) -> Callable[[], Any]:
    """None where torch refuses to say it in one word, since its parts differ."""

    def read_or_none() -> Any:
        try:
            return read()
        except RuntimeError:
            return None

    return read_or_none


SETTINGS: tuple[Setting, ...] = (
    Setting("grad mode", torch.is_grad_enabled, torch._C._set_grad_enabled),
    Setting("inference mode", torch.is_inference_mode_enabled, _set_inference_mode),
    Setting("default device", _default_device, lambda device: torch.set_default_device(device)),
    Setting("default dtype", torch.get_default_dtype, torch.set_default_dtype),
    Setting("torch function modes", torch._C._len_torch_function_stack, _pop_function_modes),
    Setting("torch dispatch modes", torch._C._len_torch_dispatch_stack, _pop_dispatch_modes),
    Setting("number of threads", torch.get_num_threads, torch.set_num_threads),
    *_autocast(),
    *_by_functions("autocast cache", "is_autocast_cache_enabled", "set_autocast_cache_enabled"),
    Setting("open contexts of autocast", _autocast_nesting, _set_autocast_nesting),
    Setting(
        "deterministic algorithms",
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        _set_deterministic,
    ),
    Setting(
        "anomaly detection",
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda values: torch.autograd.set_detect_anomaly(*values),
    ),
    *(
        _attribute(getattr(torch.backends, backend), name, f"torch.backends.{backend}.{name}")
        for backend, name in (
            ("cudnn", "enabled"),
            ("cudnn", "benchmark"),
            ("cudnn", "deterministic"),
            ("cudnn", "allow_tf32"),
            ("mkldnn", "enabled"),
        )
    ),
    *(
        _attribute(torch.backends.cuda.matmul, name, f"torch.backends.cuda.matmul.{name}")
        for name in (
            "allow_tf32",
            "allow_fp16_reduced_precision_reduction",
            "allow_bf16_reduced_precision_reduction",
        )
    ),
    *(
        setting
        for flag in ("overwrite_module_params", "swap_module_params")
        for setting in _by_functions(
            f"torch.__future__: {flag}_on_conversion",
            f"get_{flag}_on_conversion",
            f"set_{flag}_on_conversion",
            torch.__future__,
        )
    ),
    Setting("print options", lambda: tuple(_PRINTING.items()), lambda items: _PRINTING.update(items)),
    Setting("hooks of all modules", _hooks, _set_hooks),
    *_precisions(),
)
"""All of them, in the order in which they are put back."""

Values = tuple[Any, ...]


def read(settings: tuple[Setting, ...] = SETTINGS) -> Values:
    return tuple([read() for _, read, _ in settings])


def changed(before: Values, settings: tuple[Setting, ...] = SETTINGS) -> list[str]:
    """The names of what is not what it was."""
    now = read(settings)
    if now == before:
        return []
    return [s.name for s, old, new in zip(settings, before, now, strict=True) if old != new]


def write(values: Values, settings: tuple[Setting, ...] = SETTINGS) -> None:
    """Put back what is not what it was."""
    if read(settings) == values:
        return
    for setting, value in zip(settings, values, strict=True):
        if setting.read() != value:
            setting.write(value)
