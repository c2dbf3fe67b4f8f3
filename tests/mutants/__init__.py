"""Wrong drop-ins, one defect each, and the clauses that must catch them."""

from mutants import (  # noqa: F401 - importing a chapter registers its mutants
    algebra,
    any_size,
    batch,
    beyond,
    cells,
    construction,
    copies,
    determinism,
    devices,
    directions,
    dropout,
    elman,
    errors,
    extremes,
    gates,
    gradients,
    gradients_by_form,
    graph,
    gru,
    initialisation,
    layers,
    layout,
    limits,
    lstm,
    modes,
    packed,
    packed_sizes,
    packing,
    parameters,
    persistence,
    precision,
    projection,
    purity,
    recovery,
    renewal,
    sequence,
    shapes,
    sizes,
    steps,
    transforms,
)
from mutants.registry import MUTANTS, Mutant

globals().update({name: mutant.cls for name, mutant in MUTANTS.items()})

__all__ = ["MUTANTS", "Mutant"]
