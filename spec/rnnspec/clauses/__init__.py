"""The specification, in reading order: one chapter a file, one clause a test.

**How to read it.** The first sentence of a test's docstring is the norm. Its `clause` marker gives
the id, which is permanent; the level in the sense of RFC 2119; and the source, the document and
place that says so (a consequence of the equations says that). `cases` are the networks on which it is
tried, or with `for_all` examples of all other sizes too; `needs` what an implementation must claim beyond the
options of those networks. The body shows the norm in arithmetic and ends in a verb of `rnnspec.check`.

**Letters.** T time, B batch, I input size, H hidden size, P projection size, H where there is none,
L layers, D directions, G gate blocks. Inputs are (T, B, I), states (L·D, B, P) and (L·D, B, H).
`rnn` is the implementation's network with the numbers of `case`; it takes and gives everything
time first, a cell step by step.

**Conformance.** A row is a clause tried on one case. An implementation *conforms to rnnspec 1.0, profile X,
scope core* if, for the modes that it stands for, each row of the profile is PASS, or KNOWN: the failure is
listed, and "but for the listed deviations in ..." is added. `NOT CLAIMED` is said of each row that it does
not promise, and is never a pass: a row of the profile that is not claimed is one that is missed, unless the
clause does not apply to what is tried. SHOULD and MAY clauses are checked alike; who deviates from one for
a reason gives up the claim that it needs. An implementation that stands for nothing in a profile does not
conform to it.

**Profiles.** A profile (`rnnspec.profiles`) is a set of claims, for cells, layers or both. Its rows are
those that need no other claim, so it contains the profiles of fewer claims. Half types belong to a
profile where they are asked for.

**Scopes.** *core* is what conformance means. *full* tries more: larger and longer cases, further seeds;
who conforms in full conforms in core. *smoke* tries one small case of each clause that is quick, and
cannot say that anything conforms, only that something does not.
"""

CHAPTERS = {
    "SHP": "shapes",
    "PAR": "parameters",
    "INI": "seeding and initialisation",
    "ELM": "Elman step",
    "GRU": "GRU step",
    "LSTM": "LSTM step",
    "PRJ": "projection",
    "CEL": "cells",
    "SEQ": "sequence",
    "LAY": "layout",
    "BAT": "batch",
    "STK": "layers",
    "BID": "directions",
    "PAD": "packing and padding",
    "PCK": "variable length",
    "ALG": "algebra",
    "ANY": "any size",
    "GRD": "gradients",
    "MOD": "modes of execution",
    "DRP": "dropout",
    "DTY": "precision",
    "EXT": "extremes",
    "DET": "determinism",
    "PUR": "purity",
    "LIM": "limits",
    "ERR": "errors",
    "PER": "persistence",
    "TRN": "transforms",
    "DEV": "devices",
    "SPD": "speed",
}
"""The letters that begin a clause's id, and the chapter that they stand for."""
