"""Every reading there is: how a newcomer may map weights, states, layouts and equations wrongly."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..case import Case
from ..notation import is_cell
from ..reference import Result
from . import blocks
from .manner import Manner, State, Trace
from .reading import Reading


def every(case: Case) -> list[Reading]:
    """The readings that make a difference for networks like this, the usual ones first."""
    found = [*blocks.readings(case), *_equations(case), *_states(case)]
    if not is_cell(case.mode):
        found += [*_layouts(case), *_layers(case), *_directions(case), *_finals(case), *blocks.located(case)]
    return found


def hard(slope: float) -> Callable[[Tensor], Tensor]:
    return lambda a: (slope * a + 0.5).clamp(0, 1)


def clipped(a: Tensor) -> Tensor:
    return a.clamp(-1, 1)


def _identity(a: Tensor) -> Tensor:
    return a


def _equations(case: Case) -> Iterator[Reading]:
    if case.kind == "RNN":
        wanted, other = ("relu", "tanh") if case.nonlinearity == "relu" else ("tanh", "relu")
        functions = {other: getattr(torch, other), "sigmoid": torch.sigmoid, "hard tanh": clipped}
        for name, function in (functions | {"nothing": _identity}).items():
            yield Reading("tanh", f"{name} is applied where {wanted} must be", Manner(elman=function))
        return
    if case.kind == "GRU":
        yield from _of_gru(case)
    else:
        yield from _of_lstm()
    for slope, name in ((0.2, "0.2 a + 0.5"), (1 / 6, "a/6 + 0.5")):
        said = f"the sigmoid is a hard one, {name} between 0 and 1"
        yield Reading("sigmoid", said, Manner(sigmoid=hard(slope)))
    yield Reading("tanh", "the tanh is a hard one, cut off at -1 and 1", Manner(tanh=clipped, squash=clipped))
    yield Reading("tanh", "relu is applied where tanh must be", Manner(tanh=torch.relu, squash=torch.relu))


def _of_gru(case: Case) -> Iterator[Reading]:
    if case.reset == "after":
        said = (
            "the reset gate scales the state before the recurrent product, where torch's scales the product"
        )
        yield Reading("reset", said, Manner(reset="before"))
    else:
        said = "the reset gate scales the recurrent product, as torch's does, where it must scale the state"
        yield Reading("reset", said, Manner(reset="after"))
    yield Reading("reset", "the reset gate has no effect", Manner(reset="none"))
    said = "b_hn is left out of the first step where no state is given"
    yield Reading("reset", said, Manner(reset="later"))
    said = "z and 1 - z are exchanged: it computes h' = z n + (1 - z) h where h' = (1 - z) n + z h"
    yield Reading("update", said, Manner(update=lambda z, n, h: z * n + (1 - z) * h))


def _of_lstm() -> Iterator[Reading]:
    yield Reading("squash", "c is put out without its tanh: h = o c", Manner(squash=_identity))
    yield Reading("tanh", "the candidate g is a sigmoid, where it must be a tanh", Manner(tanh=torch.sigmoid))
    yield Reading("tanh", "the candidate g has no tanh", Manner(tanh=_identity))
    yield Reading("tanh", "g and the output have relu for tanh", Manner(tanh=torch.relu, squash=torch.relu))
    yield Reading("coupled", "the input gate is 1 - f, not a gate of its own", Manner(coupled=True))


# States: what goes in, and what comes out.


def _part(number: int, change: Callable[[Tensor], Tensor]) -> Callable[[Case, State], State]:
    return lambda case, state: tuple(change(p) if n == number else p for n, p in enumerate(state))


def _all(change: Callable[[Tensor], Tensor]) -> Callable[[Case, State], State]:
    return lambda case, state: tuple(change(part) for part in state)


def _each(change: Callable[[Case, Tensor], Tensor]) -> Callable[[Case, State], State]:
    return lambda case, state: tuple(change(case, part) for part in state)


def _returned(change: Callable[[Case, State], State]) -> Callable[[Case, Trace], Result]:
    return lambda case, trace: Result(trace.result.output, *change(case, trace.result.state))


def _exchanged(case: Case, state: State) -> State:
    return state[::-1]


def _states(case: Case) -> Iterator[Reading]:
    pair = case.kind == "LSTM"
    names = "h_0 and c_0 are" if pair else "h_0 is"
    if case.hx:
        yield Reading("given", f"{names} ignored", Manner(given=(_all(torch.zeros_like),)))
        if pair:
            yield Reading("given", "h_0 is ignored", Manner(given=(_part(0, torch.zeros_like),)))
            yield Reading("given", "c_0 is ignored", Manner(given=(_part(1, torch.zeros_like),)))
    if not pair:
        return
    both = Manner(given=(_exchanged,), returned=(_returned(_exchanged),))
    yield Reading("given", "the state is (c, h), where torch's is (h, c)", both)
    given = Manner(given=(_exchanged,))
    yield Reading("given", "the initial state is read as (c, h), where torch's is (h, c)", given)
    returned = Manner(returned=(_returned(_exchanged),))
    yield Reading("returned", "the final state is returned as (c, h), where torch's is (h, c)", returned)
    twice = Manner(given=(lambda case, state: (state[0], state[0]),))
    yield Reading("given", "h_0 is used for c_0 too", twice)
    twice = Manner(returned=(_returned(lambda case, state: (state[0], state[0])),))
    yield Reading("returned", "h_n is returned for c_n too", twice)


def _finals(case: Case) -> Iterator[Reading]:
    """Final states of another time or shape."""

    def steps(number: int) -> Callable[[Case, Trace], Result]:
        def chosen(case: Case, trace: Trace) -> Result:
            final = [torch.stack(parts) for parts in zip(*(s[number] for s in trace.steps), strict=True)]
            return Result(trace.result.output, *final)

        return chosen

    def initial(case: Case, trace: Trace) -> Result:
        return Result(trace.result.output, *trace.given)

    def whole(case: Case, trace: Trace) -> Result:
        every = [torch.stack(parts) for parts in zip(*trace.steps[-1], strict=True)]
        return Result(trace.result.output, *every)

    def last(case: Case, trace: Trace) -> Result:
        ends = [states[-(n % 2 == 0)][0] for n, states in enumerate(trace.steps)]
        return Result(trace.result.output, torch.stack(ends), *trace.result.state[1:])

    def first_axis(case: Case, trace: Trace) -> Result:
        return Result(trace.result.output, trace.result.output, *trace.result.state[1:])

    yield Reading("returned", "the state of the first step is returned, not of the last", _only(steps(0)))
    yield Reading("returned", "the initial state is returned as the final one", _only(initial))
    yield Reading("returned", "the states of all steps are returned, not the last", _only(whole))
    yield Reading("returned", "the output is returned for h_n", _only(first_axis))
    if case.D == 2:
        said = "the reverse half of h_n is that of the last step of the output, where it must be of the first"
        yield Reading("returned", said, _only(last))
    lacking = _only(_returned(_all(lambda part: part[-1])))
    yield Reading("returned", "the final state lacks the axis of the layers", lacking)


def _only(change: Callable[[Case, Trace], Result]) -> Manner:
    return Manner(returned=(change,))


Order = Callable[[Case, Tensor], Tensor]


def _ordered(what: str, change: Order, back: Order | None = None) -> Iterator[Reading]:
    """States in another order: those given, those returned, or both."""
    given, returned = _each(change), _returned(_each(back or change))
    yield Reading("rows", f"the states are {what}", Manner(given=(given,), returned=(returned,)))
    yield Reading("rows", f"the initial states are read {what}", Manner(given=(given,)))
    yield Reading("rows", f"the final states are returned {what}", Manner(returned=(returned,)))


# Layout, layers, directions.


def _turned(part: Tensor) -> Tensor:
    return part.transpose(0, 1)


def _reshaped(part: Tensor) -> Tensor:
    """(T, B, ·) from the numbers of (B, T, ·), without moving them."""
    return part.transpose(0, 1).reshape(part.shape)


def _unshaped(part: Tensor) -> Tensor:
    """(T, B, ·), reshaped where (B, T, ·) was wanted, and seen time first."""
    return part.reshape(part.shape[1], part.shape[0], -1).transpose(0, 1)


def _layouts(case: Case) -> Iterator[Reading]:
    if case.batch_first:
        yield Reading("layout", "batch_first=True has no effect", Manner(enters=_turned, leaves=_turned))
        yield Reading("layout", "batch_first=True is ignored in the output", Manner(leaves=_turned))
        yield Reading("layout", "batch_first=True is ignored in the input", Manner(enters=_turned))
        instead = "for batch_first is reshaped, where it must be transposed"
        yield Reading("layout", f"the input {instead}", Manner(enters=_reshaped))
        yield Reading("layout", f"the output {instead}", Manner(leaves=_unshaped))
        both = Manner(enters=_reshaped, leaves=_unshaped)
        yield Reading("layout", "for batch_first input and output are reshaped, not transposed", both)
    else:
        said = "input and output are batch first: it reads (B, T, I) where torch has (T, B, I)"
        yield Reading("layout", said, Manner(enters=_turned, leaves=_turned))
        said = "the output is batch first: (B, T, H) where torch has (T, B, H)"
        yield Reading("layout", said, Manner(leaves=_turned))
        said = "the input is read batch first: (B, T, I) where torch has (T, B, I)"
        yield Reading("layout", said, Manner(enters=_turned))
    said = "the final states are returned batch first, (B, L·D, ·) where torch has (L·D, B, ·)"
    yield Reading("returned", said, Manner(returned=(_returned(_all(_turned)),)))


def _layers(case: Case) -> Iterator[Reading]:
    if case.L == 1:
        return
    yield from _ordered("in the order of the layers from the top", _from_the_top)
    if case.hx:
        first = _each(lambda case, part: torch.cat([part[: case.D], torch.zeros_like(part[case.D :])]))
        yield Reading("rows", "h_0 is used in the first layer only", Manner(given=(first,)))
        spread = _each(lambda case, part: part[: case.D].repeat(case.L, 1, 1))
        yield Reading(
            "rows", "every layer starts from the first layer's initial state", Manner(given=(spread,))
        )
    top = _returned(_each(lambda case, part: part[-case.D :]))
    yield Reading("returned", "only the last layer's final state is returned", Manner(returned=(top,)))
    above = Manner(above="input")
    yield Reading("layers", "a layer above the first reads the network's input, not the layer below", above)
    again = Manner(weights=(lambda case, layers: layers[: case.D] * case.L,))
    yield Reading("layers", "every layer has the first layer's weights", again)


def _from_the_top(case: Case, part: Tensor) -> Tensor:
    return part.reshape(case.L, case.D, *part.shape[1:]).flip(0).reshape(part.shape)


def _directions(case: Case) -> Iterator[Reading]:
    if case.D == 1:
        return
    said = "the reverse half of the output is not flipped back: it is in the order in which it is computed"
    yield Reading("reverse", said, Manner(reverse="not flipped back"))
    yield Reading("reverse", "the reverse direction runs forwards", Manner(reverse="forwards"))
    yield Reading(
        "halves", "the reverse half of the output comes first", _joined(lambda f, b: torch.cat([b, f], -1))
    )
    said = "forward and reverse units take turns in the output"
    yield Reading("halves", said, _joined(lambda f, b: torch.stack([f, b], -1).flatten(-2)))
    yield Reading(
        "halves", "the two directions are added, where torch puts them side by side", _joined(torch.add)
    )
    said = "the mean of the two directions is put out, where torch puts them side by side"
    yield Reading("halves", said, _joined(lambda f, b: (f + b) / 2))
    twice = Manner(weights=(lambda case, layers: [layers[n - n % 2] for n in range(len(layers))],))
    yield Reading("directions", "both directions have the forward direction's weights", twice)
    crossed = Manner(weights=(lambda case, layers: [layers[n ^ 1] for n in range(len(layers))],))
    yield Reading("directions", "the weights of the two directions are exchanged", crossed)
    yield from _ordered("with the reverse direction's before the forward one's", _swapped)
    if case.L > 1:
        yield from _ordered(
            "direction by direction, row d·L + k, where torch has k·D + d",
            lambda case, part: _regrouped(part, 2, case.L),
            lambda case, part: _regrouped(part, case.L, 2),
        )


def _joined(join: Callable[[Tensor, Tensor], Tensor]) -> Manner:
    return Manner(join=lambda halves: join(*halves))


def _swapped(case: Case, part: Tensor) -> Tensor:
    return part.reshape(-1, 2, *part.shape[1:]).flip(1).reshape(part.shape)


def _regrouped(part: Tensor, outer: int, inner: int) -> Tensor:
    """Rows that are numbered by an outer and an inner index, with the inner one first."""
    return part.reshape(outer, inner, *part.shape[1:]).transpose(0, 1).reshape(part.shape)
