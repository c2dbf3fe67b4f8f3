"""torch.export: the exported program of a module, exported anew for every shape that it is called with.

A program has fixed shapes, and takes a state or takes none. Packed input cannot be exported; of wrong dtypes
and sizes exporting fails as the module does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..case import Case
from .torch_tools import CALLED, Made


class Exported(Made):
    name = "torch.export"
    claims = CALLED - {"packed", "lengths"}

    def made(self, module: Any, case: Case) -> Callable[..., Any]:
        programs: dict[Any, Any] = {}

        def run(*args: Any) -> Any:
            seen = _form(args)
            if seen not in programs:
                programs[seen] = torch.export.export(module, args).module()
            return programs[seen](*args)

        return run


def _form(value: Any) -> Any:
    """Shapes, dtypes and structure: what a program is exported for."""
    if isinstance(value, Tensor):
        return tuple(value.shape), value.dtype
    return tuple(map(_form, value)) if isinstance(value, tuple | list) else type(value)


EXPORTED = Exported()
