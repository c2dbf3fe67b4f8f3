"""The seam: what an RNN under test provides. `network` makes of it what a clause calls `rnn`.

`loading` says how a name becomes an implementation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from .case import Case
from .factors import EXACTLY, Factors
from .keeping import Changes, kept
from .lacking import lacking
from .notation import BASIC, BEYOND, CLAIMS, MODES, OPTIONAL, is_cell

Run = Callable[..., Any]
"""run(x) or run(x, state) -> (output, h_n) or (output, (h_n, c_n)), as torch's modules are called."""


class Implementation:
    """What an RNN under test provides. Subclass it for whatever is not a drop-in class.

    `modes` are the class names that it stands for, `claims` what it promises beyond a forward call
    with given weights (names of `notation.CLAIMS`).
    """

    name: str = "implementation"
    modes: tuple[str, ...] = ()
    claims: frozenset[str] = BASIC
    versions: Mapping[str, str] = {}
    """What is installed of the libraries that it needs, for the header of results."""
    derives: str = ""
    """Of which implementation it is made: "torch.nn" if torch's known deviations are its own too."""
    changes: Changes = Changes()
    """What its import has changed in torch: in force while it is tried."""

    def fitted(self, case: Case) -> Case:
        """A case as it can be asked of this one, whose GRU may have only the reset before, or no b_hn."""
        claimed = self.claimed(case.mode)
        if case.kind != "GRU":
            return case
        if "reset_before" in claimed and "reset_after" not in claimed:
            case = case.but(reset="before")
        return case if "b_hn" in claimed or not case.bias else case.but(b_hn=False)

    def factors(self, case: Case) -> Factors:
        """How finely it holds the weights and the inputs of its products: as the dtype does."""
        return EXACTLY

    def may_die(self, case: Case) -> bool:
        """Whether a call on this case may end the process, and is to be made in a worker."""
        return False

    def claimed(self, mode: str) -> frozenset[str]:
        """What is claimed for one mode."""
        return self.claims

    def unclaimed(self, mode: str) -> Mapping[str, str]:
        """What is not claimed for one mode, and why."""
        return {c: "not among its claims" for c in CLAIMS if c not in self.claimed(mode)}

    def build(self, case: Case, weights: Mapping[str, Tensor], device: torch.device) -> Run:
        """A network with the case's options and torch's canonical weights (see `Case.parameters`).

        It is called as torch's module is: x (T, B, I), or (B, T, I) for a case with batch_first,
        and a state (L·D, B, ·) that may be omitted; a cell with (B, I) and (B, H). The weights are its
        own to keep. Where `grad` is claimed they require grad, and are what gradients are asked of,
        unless a torch.nn.Module is built: then its parameters are.
        """
        raise NotImplementedError

    def construct(self, mode: str, *args: Any, **options: Any) -> Any:
        """torch's constructor; only for those that claim `module`."""
        raise NotImplementedError


KEYWORDS: Mapping[str, tuple[tuple[str, Any], ...]] = {
    "layers": (("num_layers", 2),),
    "bidirectional": (("bidirectional", True),),
    "proj": (("proj_size", 1),),
    "relu": (("nonlinearity", "relu"),),
    "nobias": (("bias", False),),
    "batch_first": (("batch_first", True),),
    "dropout": (("num_layers", 2), ("dropout", 0.5)),
    "factory": (("device", None), ("dtype", torch.float32)),
}
"""The constructor's words behind a claim: a class that does not know them does not claim it."""

PLAINEST: tuple[tuple[tuple[int, int], Mapping[str, Any]], ...] = (
    ((2, 3), {}),
    ((16, 32), {}),
    ((2, 3), {"batch_first": True}),
    ((16, 32), {"batch_first": True}),
)
"""Sizes and options of a network, beside which those words are tried: some have no other sizes or layout."""


class DropIn(Implementation):
    """Classes with torch's constructor and call. They promise all that torch documents for them.

    What a class refuses openly, an unknown keyword or NotImplementedError, is not claimed, and of
    `notation.OPTIONAL` only what its attribute `claims` names is. `torch.nn` itself may refuse nothing. What
    the release of torch that is imported has nothing for (`lacking.LACKS`), no class promises.
    """

    def __init__(self, name: str, classes: Mapping[str, type]) -> None:
        self.name = name
        self.classes = dict(classes)
        self.modes = tuple(mode for mode in MODES if mode in classes)
        self.is_torch = name == "torch.nn"

    @cached_property
    def _unclaimed(self) -> dict[str, dict[str, str]]:
        with kept(self.changes.patches):
            return {mode: dict(self._refusals(mode)) for mode in self.modes}

    def _refusals(self, mode: str) -> Iterable[tuple[str, str]]:
        yield from lacking().items()
        if self.is_torch:
            yield from ((claim, "torch has no word for it") for claim in BEYOND)
            return
        yield "messages", "exception classes are torch's own"
        if not hasattr(self.classes[mode], "register_forward_hook"):
            yield "hooks", "it is no torch.nn.Module"
        own = set(getattr(self.classes[mode], "claims", ()))
        for claim in sorted((OPTIONAL.keys() | BEYOND.keys()) - own):
            yield claim, f"claimed by a class attribute claims = {{{claim!r}}} or --rnn-with {claim}"
        if "reset_before" in own:
            yield "reset_after", "its reset gate comes before the product"
        sizes, base = self._plainest(mode)
        for claim, words in KEYWORDS.items():
            if (claim == "proj" and mode != "LSTM") or (claim == "relu" and "RNN" not in mode):
                continue
            if is_cell(mode) and claim not in ("relu", "nobias", "factory"):
                continue
            try:
                self._made(mode, sizes, base | dict(words))
            except NotImplementedError as error:
                yield claim, f"its constructor raises NotImplementedError: {error}"
            except TypeError as error:
                found = re.search(r"unexpected keyword argument '(\w+)'", str(error))
                if found and found[1] in dict(words):
                    yield claim, f"its constructor does not know {found[1]}="
            except Exception:  # accepted and then broken: the clauses will say
                continue

    def _made(self, mode: str, sizes: tuple[int, int], options: Mapping[str, Any]) -> Any:
        with torch.random.fork_rng(devices=[]):
            return self.classes[mode](*sizes, **options)

    def _plainest(self, mode: str) -> tuple[tuple[int, int], dict[str, Any]]:
        """The first of `PLAINEST` that the class does not refuse."""
        for sizes, options in PLAINEST[: 2 if is_cell(mode) else None]:
            try:
                self._made(mode, sizes, options)
            except NotImplementedError:
                continue
            except Exception:  # accepted and then broken: the clauses will say
                break
            return sizes, dict(options)
        return PLAINEST[0][0], {}

    def claimed(self, mode: str) -> frozenset[str]:
        return frozenset(CLAIMS) - frozenset(self._unclaimed[mode])

    def unclaimed(self, mode: str) -> Mapping[str, str]:
        return self._unclaimed[mode]

    def build(self, case: Case, weights: Mapping[str, Tensor], device: torch.device) -> Run:
        with torch.random.fork_rng(devices=[]):
            module = self.construct(case.mode, case.I, case.H, **case.options)
        module = module.to(device=device, dtype=case.dtype)
        module.load_state_dict({name: value.detach().to(device) for name, value in weights.items()})
        return module  # type: ignore[no-any-return]

    def construct(self, mode: str, *args: Any, **options: Any) -> Any:
        return self.classes[mode](*args, **options)


class Amended(Implementation):
    """Another implementation with `more` claims (`--rnn-with`), or `without` some of its own."""

    def __init__(
        self, inner: Implementation, more: frozenset[str] = frozenset(), without: frozenset[str] = frozenset()
    ) -> None:
        self.inner, self.more, self.without = inner, more, without.union(self._implied(inner, more, without))
        self.name, self.modes, self.changes = inner.name, inner.modes, inner.changes
        self.versions = inner.versions
        self.may_die, self.factors = inner.may_die, inner.factors  # type: ignore[method-assign]
        if type(inner).fitted is not Implementation.fitted:
            self.fitted = inner.fitted  # type: ignore[method-assign]
        self.is_torch = getattr(inner, "is_torch", False)
        self.build, self.construct = inner.build, inner.construct  # type: ignore[method-assign]

    @staticmethod
    def _implied(inner: Implementation, more: frozenset[str], without: frozenset[str]) -> Iterator[str]:
        """What is given up with another claim: torch's modules take lengths as packed input alone."""
        if "packed" in without and isinstance(inner, DropIn):
            yield "lengths"
        if "grad" in without and "grad_input" not in more:
            yield "grad_input"
        if "grad_input" in without:
            yield "grad"

    def claimed(self, mode: str) -> frozenset[str]:
        return (self.inner.claimed(mode) | self.more) - self.without

    def unclaimed(self, mode: str) -> Mapping[str, str]:
        given_up = dict.fromkeys(sorted(self.without), "given up by --rnn-without")
        left = {c: why for c, why in self.inner.unclaimed(mode).items() if c not in self.more}
        return given_up | left
