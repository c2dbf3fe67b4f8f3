"""Which kernels a network's call runs, by the operations that torch dispatches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from .implementation import DropIn
from .keeping import kept
from .keeping.patches import Patches
from .network import Network
from .trial import trying

KERNEL = re.compile(r"rnn|lstm|gru|mm$|mv$|dot|einsum|linear|matmul|conv")
"""Recurrent layers, cells and products; the rest of a call says little."""

Ran = tuple[str, ...] | None
"""The names of kernels; None where they are not known."""


class Watching(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the names of operations."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Or torch would import its compiler, which takes seconds."""
        return False

    def __torch_dispatch__(
        self, op: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        self.names.add(op._schema.name.rpartition("::")[2])
        return op(*args, **(kwargs or {}))


def seen(network: Network, around: Patches, known: dict[tuple[Any, ...], Ran]) -> Ran:
    """The kernels of a call, watched once for each implementation, mode, options, dtype and place.

    They are not known where the call raises, nor of other libraries where nothing is asked of torch's modes.
    """
    case, implementation = network.case, network.implementation
    if not network.maths.words and not isinstance(getattr(implementation, "inner", implementation), DropIn):
        return None
    options = tuple(case.options.items())
    key = id(implementation), case.mode, options, case.dtype, str(network.place)
    if key not in known:
        known[key] = _watched(network, around)
    return known[key]


def _watched(network: Network, around: Patches) -> Ran:
    """A call of a network of its own, which leaves no trace."""
    asked = replace(network, case=network.case.but(T=3, B=2), given=None)
    with kept(network.implementation.changes.patches, around), trying():
        network.place.say()
        try:
            with Watching() as watching:
                asked(asked.case.input, asked.case.state)
        except Exception:  # the clause will say
            return None
    return tuple(sorted(filter(KERNEL.search, watching.names)))
