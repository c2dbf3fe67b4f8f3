"""A device that every machine has: `standin`, torch's PrivateUse1, whose memory and kernels are the CPU's.

As a plugin of pytest (`-p stand_in`) it is registered in the process. It is as strict as an accelerator: an
operation on it refuses a tensor that was left on the CPU, and its numbers cannot be read without being moved.
torch calls the fused cells on it, as on CUDA and unlike on the CPU. It lacks the dtypes that the environment
variable STAND_IN_LACKS names.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch._C import DispatchKey, DispatchKeySet
from torch.utils._pytree import tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

NAME = "standin"

CPU, EXTENSION = 1, 12
"""Kinds of devices, as DLPack numbers them."""

LACKING = [getattr(torch, name) for name in os.environ.get("STAND_IN_LACKS", "").split()]

HOST = DispatchKeySet(DispatchKey.CPU)

ACROSS = frozenset({"aten::index", "aten::index_put_", "aten::_index_put_impl_"})
"""Operations that may see tensors of the CPU: their indices."""

_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def relabelled(value: Tensor, kind: int) -> Tensor:
    """The same memory as a tensor of another device: a capsule of DLPack's in which the kind is changed."""
    if kind == EXTENSION and value.dtype in LACKING:
        raise TypeError(f"The stand-in has no {value.dtype}")
    capsule = torch._C._to_dlpack(value)
    address = _pointer(capsule, b"dltensor")
    ctypes.c_int32.from_address(address + ctypes.sizeof(ctypes.c_void_p)).value = kind
    return torch._C._from_dlpack(capsule)


def computed(op: Any, *args: Any, **kwargs: Any) -> Any:
    """An operation of the stand-in: the CPU's on the same memory."""
    schema = op._schema
    if schema.name == "aten::set_" or any(r.alias_info and not r.alias_info.is_write for r in schema.returns):
        return op.redispatch(HOST, *args, **kwargs)  # a view: no memory is touched
    given = {a.name: _typed(a, value) for a, value in zip(schema.arguments, args, strict=False)} | kwargs
    near = tree_map(partial(_near, schema.name not in ACROSS), given)
    written = [a for a in schema.arguments if a.alias_info and a.alias_info.is_write and a.name in given]
    grown = [
        a.name for a in written if (a.is_out or schema.name == "aten::resize_") and not given[a.name].numel()
    ]
    near |= {name: torch.empty(0, dtype=given[name].dtype) for name in grown}
    found = op(*list(near.values())[: len(args)], **{name: near[name] for name in kwargs})
    for name in grown:  # which borrowed memory cannot
        torch.ops.aten.set_.source_Tensor(given[name], relabelled(near[name], EXTENSION))
    outs = [given[a.name] for a in written]
    if outs:
        return outs[0] if len(schema.returns) == 1 else tuple(outs) if schema.returns else None
    return tree_map(lambda part: relabelled(part, EXTENSION) if isinstance(part, Tensor) else part, found)


def _typed(argument: Any, value: Any) -> Any:
    """A number, where the schema has a tensor of one number."""
    wrapped = isinstance(value, int | float | complex) and "Tensor" in str(argument.type)
    return torch.tensor(value) if wrapped else value


def _near(strict: bool, value: Any) -> Any:
    """An argument as the CPU's operation takes it; of the CPU's own only single numbers are not refused."""
    if isinstance(value, torch.device):
        return torch.device("cpu")
    if not isinstance(value, Tensor):
        return value
    if value.device.type == NAME:
        return relabelled(value, CPU)
    if strict and value.ndim:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found {NAME} and {value.device}"
        )
    return value


def copied(source: Tensor, target: Tensor, non_blocking: bool = False) -> Tensor:
    """From the CPU, to it, or on the device."""
    here = [relabelled(part, CPU) if part.device.type == NAME else part for part in (source, target)]
    here[1].copy_(here[0])
    return target


Cell = tuple[Tensor, ...]


def lstm_cell(
    x: Tensor, h: Tensor, c: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Cell:
    """torch's fused cell, for which the CPU has no kernel; the last result is of use to torch's backward."""
    _alike(x, h, c, 4)
    x, h = _biased(x, h, b_ih, b_hh)
    gates = x + h
    i, f, g, o = gates.chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c, gates


def gru_cell(
    x: Tensor, h: Tensor, hx: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Cell:
    """The same of the GRU."""
    _alike(x, h, hx, 3)
    x, h = _biased(x, h, b_ih, b_hh)
    (r_x, z_x, n_x), (r_h, z_h, n_h) = x.chunk(3, 1), h.chunk(3, 1)
    n = (n_x + (r_x + r_h).sigmoid() * n_h).tanh()
    return n + (z_x + z_h).sigmoid() * (hx - n), x


def _biased(x: Tensor, h: Tensor, b_ih: Tensor | None, b_hh: Tensor | None) -> tuple[Tensor, Tensor]:
    return x if b_ih is None else x + b_ih, h if b_hh is None else h + b_hh


def _alike(x: Tensor, h: Tensor, state: Tensor, blocks: int) -> None:
    """What torch's kernels for accelerators check."""
    if not (x.shape == h.shape == (len(state), blocks * state.shape[1])):
        raise RuntimeError(f"Expected gates of one size, got {[*x.shape]}, {[*h.shape]}, {[*state.shape]}")


class Module(_DummyBackendModule):
    """What torch asks of `torch.standin`: its generator is the CPU's."""

    device = staticmethod(nullcontext)
    get_rng_state = staticmethod(lambda device=None: torch.get_rng_state())
    set_rng_state = staticmethod(lambda state, device=None: torch.set_rng_state(state))
    get_amp_supported_dtype = staticmethod(lambda: [torch.bfloat16, torch.float16])


def reread(storage: Any, location: str) -> torch.UntypedStorage | None:
    """What was saved on the device is loaded to it; torch itself allocates by what only C++ can give."""
    if not location.startswith(NAME):
        return None
    return relabelled(torch.empty(0, dtype=torch.uint8).set_(storage), EXTENSION).untyped_storage()


def registered() -> list[torch.library.Library]:
    """The stand-in is a device of this process; what is returned is to be kept."""
    _setup_privateuseone_for_python_backend(NAME, Module())
    torch.serialization.register_package(1, lambda storage: None, reread)
    library: Any = torch.library.Library
    everything, aten = library("_", "IMPL"), library("aten", "IMPL")
    everything.fallback(computed, "PrivateUse1")
    everything.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    aten.impl("_copy_from", copied, "PrivateUse1")
    for name, cell in (("lstm", lstm_cell), ("gru", gru_cell)):
        for key in ("AutogradPrivateUse1", "PrivateUse1"):
            aten.impl(f"_thnn_fused_{name}_cell", cell, key)
    return [everything, aten]


LIBRARIES = registered()
