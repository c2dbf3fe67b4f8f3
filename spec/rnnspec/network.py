"""The network that a clause calls `rnn`: an implementation with the numbers of a case, on a device."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from . import hardware
from .case import Case
from .check import Failed, NotClaimed, describe
from .implementation import Implementation
from .maths import DEFAULT, Maths, Place
from .notation import CLAIMS, dtype_name, is_cell
from .reference import Result
from .trial import Call, current


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
        """Whether all are claimed. Who claims `grad` claims `grad_input`, and need not say so."""
        claimed = self.implementation.claimed(self.case.mode)
        return set(names) <= (claimed | {"grad_input"} if "grad" in claimed else claimed)

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

    def built(self) -> Network:
        """The network, whose module is there: else its first call builds it, in the grad mode of that."""
        _ = self.module
        return self

    def forget(self) -> None:
        """Let go of the module; the next call builds another."""
        for name in ("module", "_lent"):
            vars(self).pop(name, None)

    @property
    def learnable(self) -> Mapping[str, Tensor]:
        """What gradients are asked of, by torch's names: the module's parameters, or what it was built from.

        Parameters of other names are left out, and so are all of a class that names none, unless `module`
        is claimed, which promises them; and all of whoever claims gradients of the input alone.
        """
        if not self.claims("grad"):
            return {}
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

    def named(self, x: Any, state: tuple[Tensor, ...] | None) -> dict[str, Any]:
        """What the bare call returns, by name: output, h_n and c_n, or h' and c' of a cell."""
        answer = self.raw(x, self.packed(state))
        if is_cell(self.case.mode):
            return dict(zip(("h'", "c'"), answer if self.case.kind == "LSTM" else (answer,), strict=False))
        output, final = self.pair(answer)
        return {"output": output, **dict(zip(("h_n", "c_n"), final, strict=False))}

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
