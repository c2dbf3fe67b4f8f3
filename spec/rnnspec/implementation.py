"""The seam: what an RNN under test provides, and the network that a clause calls `rnn`.

`loading` says how a name becomes an implementation.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from . import hardware
from .case import Case
from .check import Failed, NotClaimed, describe
from .factors import EXACTLY, Factors
from .keeping import Changes, kept
from .lacking import lacking
from .maths import DEFAULT, Maths, Place
from .notation import BASIC, BEYOND, CLAIMS, MODES, OPTIONAL, dtype_name, is_cell
from .reference import Result
from .trial import Call, current

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
        for claim, words in KEYWORDS.items():
            if (claim == "proj" and mode != "LSTM") or (claim == "relu" and "RNN" not in mode):
                continue
            if is_cell(mode) and claim not in ("relu", "nobias", "factory"):
                continue
            try:
                with torch.random.fork_rng(devices=[]):
                    self.classes[mode](2, 3, **dict(words))
            except NotImplementedError as error:
                yield claim, f"its constructor raises NotImplementedError: {error}"
            except TypeError as error:
                if "unexpected keyword" in str(error):
                    yield claim, f"its constructor does not know {words[-1][0]}="
            except Exception:  # accepted and then broken: the clauses will say
                continue

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
        implied = {"lengths"} if "packed" in without and isinstance(inner, DropIn) else set()
        self.inner, self.more, self.without = inner, more, without | implied
        self.name, self.modes, self.changes = inner.name, inner.modes, inner.changes
        self.versions = inner.versions
        self.may_die, self.factors = inner.may_die, inner.factors  # type: ignore[method-assign]
        if type(inner).fitted is not Implementation.fitted:
            self.fitted = inner.fitted  # type: ignore[method-assign]
        self.is_torch = getattr(inner, "is_torch", False)
        self.build, self.construct = inner.build, inner.construct  # type: ignore[method-assign]

    def claimed(self, mode: str) -> frozenset[str]:
        return (self.inner.claimed(mode) | self.more) - self.without

    def unclaimed(self, mode: str) -> Mapping[str, str]:
        given_up = dict.fromkeys(sorted(self.without), "given up by --rnn-without")
        left = {c: why for c, why in self.inner.unclaimed(mode).items() if c not in self.more}
        return given_up | left


@dataclass(frozen=True)
class Network:
    """The network under test for one case; what a clause calls `rnn`."""

    implementation: Implementation
    case: Case
    device: torch.device
    given: Mapping[str, Tensor] | None = None
    maths: Maths = DEFAULT

    def __post_init__(self) -> None:
        own = self.implementation.factors(self.case)
        case = self.case.but(factors=self.maths.factors(self.case, own))
        object.__setattr__(self, "case", case)

    @property
    def place(self) -> Place:
        """The device, and the math mode."""
        return Place(self.device, self.maths)

    @property
    def weights(self) -> Mapping[str, Tensor]:
        """The weights by torch's names, on the CPU."""
        return self.case.weights if self.given is None else self.given

    def claims(self, *names: str) -> bool:
        return set(names) <= self.implementation.claimed(self.case.mode)

    def needs(self, *names: str) -> None:
        """Stop here, as not claimed, unless all are claimed."""
        for name in sorted({*names, *self.case.needs}):
            if not self.claims(name):
                why = self.implementation.unclaimed(self.case.mode).get(name, "")
                raise NotClaimed(f"{name} ({CLAIMS[name]}) is not claimed: {why}", claim=name)
        dtype = self.case.dtype
        if said := hardware.refusals(self.device).get(dtype):
            raise NotClaimed(
                f"{self.device} has no {dtype_name(dtype)}: {said}", claim=hardware.CLAIM.get(dtype, "half")
            )

    def but(self, weights: Mapping[str, Tensor] | None = None, **changes: Any) -> Network:
        """Another network: the case changed, or some weights replaced.

        Weights that the changed case has no place for are left out.
        """
        case, given = self.case.but(**changes), None
        if weights is not None or self.given is not None:
            every = dict(self.weights) | dict(weights or {})
            given = {draw.name: every[draw.name] for draw in case.parameters()}
        network = replace(self, case=case, given=given)
        network.needs()
        return network

    def in_training(self, **options: Any) -> Network:
        """This network in training mode, built with further words of torch's constructor."""
        network = self.but()
        with torch.random.fork_rng(devices=[]):
            module = self.construct(self.case.I, self.case.H, **self.case.options, **options)
        module = module.to(device=self.device, dtype=self.case.dtype).train()
        module.load_state_dict({n: w.detach().to(self.device) for n, w in network._lent.items()})
        vars(network)["module"] = module
        return network

    @cached_property
    def module(self) -> Any:
        """The drop-in's module with these weights; the function that `build` gave elsewhere."""
        with self._inside("building"):
            return self.implementation.build(self.case, self._lent, self.device)

    @cached_property
    def _lent(self) -> Mapping[str, Tensor]:
        """What the network is built from: copies of the weights, which it may write on."""
        grad = self.claims("grad")
        return {name: w.detach().clone().requires_grad_(grad) for name, w in self.weights.items()}

    def forget(self) -> None:
        """Let go of the module; the next call builds another."""
        for name in ("module", "_lent"):
            vars(self).pop(name, None)

    @property
    def learnable(self) -> Mapping[str, Tensor]:
        """What gradients are asked of, by torch's names: the module's parameters, or what it was built from.

        Parameters of other names are left out, and so are all of a class that names none, unless `module`
        is claimed, which promises them.
        """
        module = self.module
        if hasattr(module, "named_parameters"):
            named = dict(module.named_parameters())
        else:
            named = {} if hasattr(module, "load_state_dict") else dict(self._lent)
        missing = [name for name in self.weights if name not in named]
        if missing and self.claims("module"):
            raise Failed(f"{', '.join(missing)} is not among the network's named_parameters()")
        return {name: named[name] for name in self.weights if name in named}

    def construct(self, *args: Any, **options: Any) -> Any:
        """A fresh module by torch's constructor: by default the case's sizes and options."""
        if not args and not options:
            args, options = (self.case.I, self.case.H), self.case.options
        with self._inside("building"):
            return self.implementation.construct(self.case.mode, *args, **options)

    def raw(self, x: Tensor, state: Any = None) -> Any:
        """The bare call, in the implementation's own layout; an omitted state is omitted."""
        module = self.module
        x, state = self._here(x), self._here(state)
        call = Call(self, x, state)
        current().calls.append(call)
        with self._inside("calling"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning is no result, however pytest is set
            call.result = module(x) if state is None else module(x, state)
        return call.result

    def _here(self, value: Any) -> Any:
        if isinstance(value, list) or type(value) is tuple:
            return type(value)(self._here(part) for part in value)
        try:
            return value.to(self.device) if hasattr(value, "to") else value
        except Exception as error:
            if said := hardware.lacking(error, self.device):
                raise NotClaimed(f"{self.device} lacks a dtype of the clause: {said}") from error
            raise

    def __call__(self, x: Tensor, state: tuple[Tensor, ...] | None = None) -> Result:
        """x (T, B, I), states (L·D, B, ·) as a tuple or None -> the result, time first, detached.

        A cell is applied step by step.
        """
        return self.attached(x, state).map(Tensor.detach)

    def attached(self, x: Tensor, state: tuple[Tensor, ...] | None = None) -> Result:
        """The same with what autograd has recorded of it."""
        if is_cell(self.case.mode):
            return self._scan(x, state)
        x = x.transpose(0, 1) if self.case.batch_first else x
        output, final = self.pair(self.raw(x, self.packed(state)))
        if not isinstance(output, Tensor):
            raise Failed(f"output is not a tensor\n  got      {describe(output)}")
        result = Result(output, *final)
        if self.case.batch_first:
            result = Result(output.transpose(0, 1), *final)
        return result

    def _scan(self, x: Tensor, state: tuple[Tensor, ...] | None) -> Result:
        hidden, now = [], state and tuple(part[0] for part in state)
        for x_t in x:
            answer = self.raw(x_t, self.packed(now))
            now = answer if self.case.kind == "LSTM" else (answer,)
            self.check_states(now, answer)
            hidden.append(now[0])
        return Result(torch.stack(hidden), *(part[None] for part in now or ()))

    def with_lengths(self, x: Tensor, lengths: Sequence[int]) -> Result:
        """The result of padded input (T, B, I) and the lengths of its rows, from the case's state, detached.

        For those that claim `padded`: their network has a method of that name.
        """
        module, state = self.module, self._here(self.case.state)
        with self._inside("calling"):
            output, final = module.with_lengths(self._here(x), state, list(lengths))
        return Result(output, *final).map(Tensor.detach)

    def packed(self, state: tuple[Tensor, ...] | None) -> Any:
        """A state as this mode takes it: a pair for the LSTM, else the tensor itself."""
        return state if state is None or self.case.kind == "LSTM" else state[0]

    def pair(self, answer: Any) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What a layer returned, taken apart: output and the tuple of final states."""
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            raise Failed(
                f"a call does not return a pair\n  got      {describe(answer)}\n"
                f"  wanted   (output, {'(h_n, c_n)' if self.case.kind == 'LSTM' else 'h_n'})"
            )
        output, final = answer
        final = final if self.case.kind == "LSTM" else (final,)
        self.check_states(final, answer)
        return output, tuple(final)

    def check_states(self, final: Any, answer: Any) -> None:
        names = ("h", "c") if self.case.kind == "LSTM" else ("h",)
        good = isinstance(final, tuple | list) and len(final) == len(names)
        if not good or not all(isinstance(part, Tensor) for part in final):
            raise Failed(
                f"the states are not returned as ({', '.join(names)})\n  got      {describe(answer)}"
            )

    @contextmanager
    def _inside(self, what: str) -> Iterator[None]:
        """The implementation's own code: its time is taken, its NotImplementedError is a refusal."""
        start = time.perf_counter()
        try:
            yield
        except NotImplementedError as error:
            if getattr(self.implementation, "is_torch", False):
                raise
            raise NotClaimed(f"refused with NotImplementedError: {error}", refused=True) from error
        except (MemoryError, RuntimeError) as error:
            if asked := hardware.exhausted(error):
                raise hardware.OutOfMemory(asked) from error
            raise
        finally:
            current().spent[what] += time.perf_counter() - start
