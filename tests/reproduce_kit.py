"""What reproducers are tried on: bodies of clauses that fail on wrong classes, and a run of the script."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

import wrong
from rnnspec.bound import pinned, propagated
from rnnspec.case import Case
from rnnspec.check import Accepted, Evidence, Form, agrees, equals
from rnnspec.implementation import DropIn
from rnnspec.network import Network
from rnnspec.reference import Result
from rnnspec.reproduce import script
from rnnspec.trial import Call, trying

HERE = Path(__file__).parent


class Failure(NamedTuple):
    """What a clause's body came to: the network, its calls, and what it raised."""

    network: Network
    calls: list[Call]
    error: Exception

    @property
    def evidence(self) -> Evidence | None:
        """The element that deviates, where it is one."""
        found = self.found
        return found if isinstance(found, Evidence) else None

    @property
    def found(self) -> Evidence | Form | Accepted | None:
        return getattr(self.error, "evidence", None)

    def lines(self) -> list[str]:
        return script(self.network, self.calls, self.found)


Body = Callable[[Network], object]


def fails(cls: str, case: Case, body: Body) -> Failure:
    """Runs the body of a clause on a wrong class, which must fail."""
    network = Network(DropIn(f"wrong:{cls}", {case.mode: getattr(wrong, cls)}), case, torch.device("cpu"))
    with trying() as trial, pytest.raises(Exception) as raised:  # noqa: PT011  (any will do)
        body(network)
    return Failure(network, trial.calls, raised.value)


class Ran(NamedTuple):
    """How a script ended, and what it printed."""

    code: int
    text: str


def execute(lines: list[str]) -> Ran:
    """In this process; as a file of its own: `in_its_own_process`."""
    out = StringIO()
    try:
        with redirect_stdout(out):
            exec(compile("\n".join(lines), "script.py", "exec"), {})
    except SystemExit as end:
        return Ran(int(end.code or 0), out.getvalue())
    return Ran(0, out.getvalue())


def in_its_own_process(lines: list[str], folder: Path) -> Ran:
    (folder / "script.py").write_text("\n".join(lines))
    command, env = [sys.executable, "script.py"], {**os.environ, "PYTHONPATH": str(HERE)}
    ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return Ran(ran.returncode, ran.stdout + ran.stderr)


def with_torch(lines: list[str], cls: str, mode: str) -> list[str]:
    kept = [line for line in lines if not line.startswith("from wrong")]
    return [re.sub(rf"\b{cls}\b", f"torch.nn.{mode}", line) for line in kept]


# The bodies.


def by_the_equations(rnn: Network) -> None:
    wanted, within = propagated(rnn.case)
    agrees(rnn(rnn.case.input, rnn.case.state), wanted, within)


def step_by_step(rnn: Network) -> None:
    case, state, outputs = rnn.case, rnn.case.state, []
    whole = rnn(case.input, state)
    for t in range(case.T):
        step = rnn(case.input[t : t + 1], state)
        state = step.state
        outputs.append(step.output)
    agrees(Result(torch.cat(outputs), *(state or ())), whole, within=1e-6)


def each_step(rnn: Network) -> None:
    case = rnn.case
    assert case.state
    state = (case.state[0], *(2 * part for part in case.state[1:]))
    got = rnn(case.input, state)
    wanted, within = pinned(case, case.input, state, got.output)
    agrees(got, wanted, within)


def omitted_is_zero(rnn: Network) -> None:
    wanted = rnn(rnn.case.input, rnn.case.zeros)
    equals(rnn(rnn.case.input), wanted)


def nothing_is_kept(rnn: Network) -> None:
    first = rnn(rnn.case.input)
    rnn(2 - rnn.case.input)
    equals(rnn(rnn.case.input), first)


def no_look_ahead(rnn: Network) -> None:
    changed = rnn.case.input.clone()
    changed[3:] = 3 - 2 * changed[3:]
    plain = rnn(rnn.case.input, rnn.case.state)
    equals(rnn(changed, rnn.case.state).output[:3], plain.output[:3])


def strides_do_not_matter(rnn: Network) -> None:
    turned = rnn.case.input.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    wanted = rnn(rnn.case.input)
    agrees(rnn(turned), wanted, within=1e-6)


def other_weights(rnn: Network) -> None:
    case, zeros = rnn.case, torch.zeros(rnn.case.G * rnn.case.H)
    doubled = {name: 2 * weight for name, weight in rnn.weights.items() if "hh" in name}
    changed = rnn.but(weights={**doubled, "bias_ih_l0": zeros})
    got = changed(case.input, case.state)
    agrees(got, *pinned(case, case.input, case.state or (), got.output, changed.weights))


def packed_is_padded(rnn: Network) -> None:
    packed: Any = pack_padded_sequence(rnn.case.input, [2, 5, 3], enforce_sorted=False)
    (got, _), (wanted, _) = rnn.pair(rnn.raw(packed)), rnn.pair(rnn.raw(rnn.case.input))
    agrees(got.data[:3], wanted[0, [1, 2, 0]], within=1e-6, what="data")
