"""Reproducers of what is wrong before any number is: shape, dtype, parts, and calls that must be refused."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

import wrong
from reproduce_kit import Body, execute, fails, with_torch
from rnnspec import ragged
from rnnspec.case import Case
from rnnspec.check import equals, has_dtype, has_shape, rejects
from rnnspec.loading import load
from rnnspec.network import Network
from rnnspec.notation import MODES, is_cell
from rnnspec.refusals import resized, three
from rnnspec.reproduce.chain import taken_apart
from rnnspec.reproduce.form import documented
from rnnspec.trial import Call


class Halves(nn.GRU):
    def forward(self, x: Any, state: Any = None) -> Any:
        output, h = super().forward(x, state)
        return output, h.half()


class ForgetsH(nn.GRU):
    def forward(self, x: Any, state: Any = None) -> Any:
        return super().forward(x, state)[0]


class ForgetsC(nn.LSTM):
    def forward(self, x: Any, state: Any = None) -> Any:
        output, (h, _) = super().forward(x, state)
        return output, h


class ForgetsOutput(nn.LSTM):
    def forward(self, x: Any, state: Any = None) -> Any:
        return None, super().forward(x, state)[1]


class Nothing(nn.RNN):
    def forward(self, x: Any, state: Any = None) -> Any:
        return None


class Wide(nn.LSTMCell):
    def forward(self, x: Any, state: Any = None) -> Any:
        h, c = super().forward(x, state)
        return torch.cat([h, h], -1), c


class Alone(nn.LSTMCell):
    def forward(self, x: Any, state: Any = None) -> Any:
        return super().forward(x, state)[0]


class WideWhenPacked(nn.RNN):
    def forward(self, x: Any, state: Any = None) -> Any:
        output: Any
        output, h = super().forward(x, state)
        wide = isinstance(output, PackedSequence)
        return output._replace(data=torch.cat([output.data] * 2, -1)) if wide else output, h


class TakesAnything(nn.GRU):
    """Cuts what it is given to the size that it needs."""

    def forward(self, x: Any, state: Any = None) -> Any:
        if isinstance(x, PackedSequence):
            rows = PackedSequence(x.data[:9], torch.tensor([3, 2, 2, 1, 1]))
            return super().forward(rows, state)
        return super().forward(resized(x, -1, 4) if isinstance(x, Tensor) else x, state)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripts import the classes from `wrong`."""
    for cls in (
        Halves,
        ForgetsH,
        ForgetsC,
        ForgetsOutput,
        Nothing,
        Wide,
        Alone,
        WideWhenPacked,
        TakesAnything,
    ):
        monkeypatch.setattr(wrong, cls.__name__, cls, raising=False)
        monkeypatch.setattr(cls, "__module__", "wrong")


def output_has_its_shape(rnn: Network) -> None:
    has_shape(rnn(rnn.case.input, rnn.case.state).output, (5, 3, 7))


def one_step_has_its_shape(rnn: Network) -> None:
    has_shape(rnn(rnn.case.input, rnn.case.state).output, (1, 3, 7))


def h_n_has_its_dtype(rnn: Network) -> None:
    has_dtype(rnn(rnn.case.input).state[0], torch.float32, "h_n")


def can_be_called(rnn: Network) -> None:
    rnn(rnn.case.input, rnn.case.state)


def packed_output_has_its_shape(rnn: Network) -> None:
    packed = ragged.packed(rnn.case.input, [5, 3, 1])
    equals(ragged.run(rnn, packed, rnn.case.state).output, torch.zeros(5, 3, 7))


def other_features_are_refused(rnn: Network) -> None:
    for size in (3, 6):
        x = resized(rnn.case.input, -1, size)
        rejects(partial(rnn.raw, x), f"{size} features", RuntimeError)


def batch_sizes_that_cannot_be_are_refused(rnn: Network) -> None:
    made: Any = PackedSequence(three(rnn.case).data, torch.tensor([3, 3, 3, 3]))
    rejects(lambda: rnn.raw(made), "batch_sizes (3, 3, 3, 3)")


def steps_are_as_long_as_the_whole(rnn: Network) -> None:
    """What is compared is a concatenation of results, and what is wanted is wrong as well."""
    whole = rnn(rnn.case.input)
    equals(torch.cat([rnn(rnn.case.input[t : t + 1]).output for t in range(5)]), whole.output)


SHOWN: list[tuple[str, Case, Body, str]] = [
    ("Shifted", Case("LSTM"), output_has_its_shape, "output: got (4, 3, 7), wanted (5, 3, 7)\n"),
    ("Shifted", Case("LSTM"), steps_are_as_long_as_the_whole, "output: got (0, 3, 7), wanted (1, 3, 7)\n"),
    ("Halves", Case("GRU"), h_n_has_its_dtype, "h_n: got torch.float16, wanted torch.float32\n"),
    ("ForgetsH", Case("GRU"), can_be_called, "other parts than torch's\n"),
    ("ForgetsC", Case("LSTM"), can_be_called, "other parts than torch's\n"),
    ("ForgetsOutput", Case("LSTM"), can_be_called, "<class 'NoneType'>\n"),
    ("Nothing", Case("RNN"), can_be_called, ""),
    ("Wide", Case("LSTMCell", T=1), one_step_has_its_shape, "h_n: got (3, 14), wanted (3, 7)\n"),
    ("Alone", Case("LSTMCell"), can_be_called, "other parts than torch's\n"),
    ("WideWhenPacked", Case("RNN"), packed_output_has_its_shape, "output: got (9, 14), wanted (9, 7)\n"),
    ("TakesAnything", Case("GRU"), other_features_are_refused, "accepted\n"),
    ("TakesAnything", Case("GRU"), batch_sizes_that_cannot_be_are_refused, "accepted\n"),
]


@pytest.mark.parametrize(
    ("cls", "case", "body", "said"), SHOWN, ids=[f"{c}-{case}-{b.__name__}" for c, case, b, _ in SHOWN]
)
def test_shows_the_deviation(cls: str, case: Case, body: Body, said: str) -> None:
    """The script exits with 1 and says what is wrong; with torch's class it exits with 0."""
    lines = fails(cls, case, body).lines()
    ran = execute(lines)
    assert (ran.code, ran.text) == (1, said), "\n".join(lines)
    passed = execute(with_torch(lines, cls, case.mode))
    assert passed.code == 0, passed.text


def test_reads_well() -> None:
    def body(rnn: Network) -> None:
        rejects(lambda: rnn.raw(rnn.case.input[..., :3]), "3 features", RuntimeError)

    lines = fails("TakesAnything", Case("GRU"), body).lines()
    assert (
        "\n".join(lines[-7:])
        == """\
try:
    out, h = rnn(x[:, :, :3])
except RuntimeError as error:  # as it must be
    print(f"refused: {error}")
    raise SystemExit(0)
print("accepted")
raise SystemExit(1)"""
    )


def test_what_is_accepted_by_others_is_not_shown() -> None:
    """A function of the clause that must raise is no call of the network."""
    failure = fails("StartsAtOne", Case("GRU"), lambda rnn: rejects(lambda: rnn.case.input, "the case"))
    lines = failure.lines()
    assert any(line.startswith("# The clause looks at more") for line in lines)
    assert execute(lines).code == 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("options", [{}, {"L": 2, "bidirectional": True}, {"batch_first": True}, {"P": 3}])
def test_the_shapes_are_torchs(mode: str, options: dict[str, Any]) -> None:
    """Of a batch, of none, and packed."""
    case = Case(mode) if is_cell(mode) else Case(mode, **options)
    if case.P and mode != "LSTM":
        return
    rnn = Network(load("torch.nn"), case, torch.device("cpu"))
    x = case.input[0] if is_cell(mode) else case.input
    given: list[Any] = [x, x[..., 1, :]]
    given += [] if is_cell(mode) else [ragged.packed(case.input, [2, 5, 3]), three(case)]
    for one in given:
        call = Call(rnn, one, None, rnn.raw(one))
        for part in taken_apart(call, 0)[2]:
            assert documented(call, part) == tuple(part.value.shape), part.text
