"""The script: imports, numbers, networks, calls, and the element that deviates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import torch
from torch import Tensor

from ..check import Accepted, Evidence, Form
from ..implementation import Amended, DropIn
from ..network import Network
from ..trial import Call
from .chain import choices, located, taken_apart
from .drawing import drawing, suffixed
from .ending import Found, ending
from .form import Unrefused, accepted, attempt, misshapen
from .matching import same
from .naming import LINES, Names, TooLong
from .steps import Step, looped, moved_to, renumbered

TOO_LONG = "# The numbers that went in are too many to print: run the clause itself."
CHANGED = "# The clause also changes the network's parameters between its calls: see its text."
LEFT_OUT = "# some calls of the clause that do not lead here are left out"


def script(
    network: Network,
    calls: Sequence[Call],
    evidence: Evidence | Form | Accepted | None,
    loaded: bool = False,
) -> list[str]:
    """The lines of the script, in which a network that is not called is built, and its weights are `loaded`.

    They exit with 1 where the result deviates, and say so in a comment where they cannot show it.
    """
    deviation = found(calls, evidence)
    ends = (deviation.calls if deviation else []) or list(range(len(calls)))[-1:]
    for kept in choices(calls, ends):
        with suppress(TooLong):
            return Script(network, calls, kept, loaded).written(deviation)
    return [*Script(network, [], []).written(None)[:-1], TOO_LONG]


def found(calls: Sequence[Call], evidence: Evidence | Form | Accepted | None) -> Found | None:
    """Where the results of the calls hold what the clause found."""
    if isinstance(evidence, Form):
        return misshapen(calls, evidence)
    if isinstance(evidence, Accepted):
        return accepted(calls, evidence)
    return located(calls, evidence) if evidence else None


class Script:
    """The text in the making, for the calls that are kept."""

    def __init__(
        self, network: Network, calls: Sequence[Call], kept: list[int], loaded: bool = False
    ) -> None:
        self.calls, self.kept = calls, kept
        self.loaded = loaded or bool(kept)
        used = [network.case, *(calls[n].network.case for n in kept)]
        self.cases = [*used, *(case.but(seed=case.seed + 1) for case in used)]
        self.names = Names(self.cases)
        self.imports = ["import torch", *network.place.statements]
        self.networks: dict[int, tuple[str, str]] = {}
        self.built: list[str] = []
        if not kept:
            self.network(network)

    def written(self, deviation: Found | None) -> list[str]:
        steps = [self.step(n) for n in self.kept]
        end = ending(steps, deviation)
        if isinstance(deviation, Unrefused):
            calls = [*looped(steps[:-1], str(steps[-1])), *attempt(steps[-1], deviation)]
        else:
            calls = [*looped(steps, "\n".join(end)), *end]
        if len(calls) > LINES:
            raise TooLong
        if self.kept != list(range(len(self.kept))):
            calls.insert(0, LEFT_OUT)
        body = [*self.names.lines, *self.built, *renumbered(calls)]
        body += [CHANGED] if any(changed(step.call.network) for step in steps) else []
        return [*self.imports, "", *drawing(self.cases, "\n".join(body)), *body]

    def step(self, n: int) -> Step:
        call = self.calls[n]
        (name, weights), state = self.network(call.network), call.state
        two = isinstance(state, tuple) and len(state) == 2
        given = state if two else () if state is None else (state,)
        x, *texts = (self.names.spell(part, call.network.device) for part in (call.x, *given))
        names, final, parts = taken_apart(call, n)
        self.names.made += parts
        return Step(n, call, name, weights, names, x, tuple(texts), final)

    def network(self, network: Network) -> tuple[str, str]:
        """The names of a network and of its weights; it is built and loaded where it is new."""
        if id(network) in self.networks:
            return self.networks[id(network)]
        name, case = f"rnn{len(self.networks) + 1 if self.networks else ''}", network.case
        words = "".join(f", {word}={value!r}" for word, value in case.options.items())
        plain = network.device.type == "cpu" and case.dtype == torch.float32
        to = "" if plain else moved_to(network, case.dtype)
        weights = self.weights(name, network) if self.loaded else ""
        self.built.append(f"{name} = {self.cls(network)}({case.I}, {case.H}{words}){to}")
        self.built += [f"{name}.load_state_dict({weights})"] if weights else []
        self.networks[id(network)] = name, weights
        return name, weights

    def cls(self, network: Network) -> str:
        """The class under test, imported; torch's in place of what is no class."""
        implementation, mode = network.implementation, network.case.mode
        if isinstance(implementation, Amended):
            implementation = implementation.inner
        name, line = f"torch.nn.{mode}", ""
        if not isinstance(implementation, DropIn) or type(implementation).build != DropIn.build:
            line = f"# {name} stands here for {implementation.name}, which is called otherwise"
        elif not (cls := implementation.classes[mode]).__module__.startswith("torch.nn."):
            name = cls.__qualname__
            line = f"from {cls.__module__} import {name.split('.')[0]}"
        self.imports += [line] if line and line not in self.imports else []
        return name

    def weights(self, name: str, network: Network) -> str:
        """The name of the state dict: that of a case, or one in which something was replaced."""
        base, replaced = "", dict(network.weights)
        for case, suffix in suffixed(self.cases):
            if list(case.weights) == list(network.weights):
                own = {k: v for k, v in network.weights.items() if not same(v, case.weights[k])}
                if len(own) < len(replaced):
                    base, replaced = f"weights{suffix}", own
        if not replaced:
            return base
        entries = [f'    "{k}": {self.names.find(v).text},' for k, v in replaced.items()]
        whole = [f"    **{base},"] if base else []
        self.built += [f"{name}_weights = {{", *whole, *entries, "}"]
        return f"{name}_weights"


def changed(network: Network) -> bool:
    """Whether the module no longer has the weights that it was built with."""
    state: Mapping[str, Tensor] = getattr(vars(network).get("module"), "state_dict", dict)()
    return any(k in state and not same(state[k], v) for k, v in network.weights.items())
