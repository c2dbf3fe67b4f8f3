"""What older releases of torch have not: by version, the claims that nothing made of torch can make there.

What a release documents and breaks is a known deviation instead (`deviations/torch.toml`).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from packaging.specifiers import SpecifierSet

LACKS: Mapping[str, Mapping[str, str]] = {
    "<2.1": {
        "compile": "torch.compiler is new in torch 2.1",
        "compile_fullgraph": "torch.compiler is new in torch 2.1",
    },
    "<2.2": {
        "export": "torch.export.Dim and run_decompositions are new in torch 2.2",
        "float16": "products in float16 on the CPU are new in torch 2.2",
    },
    "<2.3": {"messages": "a wrong rank or dtype raises what it does now from torch 2.3 on"},
    "<2.5": {"padding_side": "pad_sequence's padding_side is new in torch 2.5"},
}
"""By a specifier of versions: each claim, and why it is not made."""


def lacking(version: str = str(torch.__version__)) -> dict[str, str]:
    """The claims that a release of torch has nothing for, and why; by default the one that is imported."""
    found: dict[str, str] = {}
    for specifier, claims in LACKS.items():
        if SpecifierSet(specifier).contains(version, prereleases=True):
            found |= claims
    return found
