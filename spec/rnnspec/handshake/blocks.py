"""Readings of weights and biases: other orders of gate blocks, transposes, biases dropped or merged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import permutations

import torch
from torch import Tensor

from ..case import Case
from ..notation import GATES
from ..reference import Layer
from .manner import Manner
from .reading import LOCATED, Reading

Change = Callable[[Layer], Layer]

NAMES = {"W_ih": "weight_ih", "W_hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}

PARTS = {
    "": tuple(NAMES),
    "of the weights": ("W_ih", "W_hh"),
    "of the biases": ("b_ih", "b_hh"),
    "of weight_hh and bias_hh": ("W_hh", "b_hh"),
    "of weight_ih and bias_ih": ("W_ih", "b_ih"),
    **{f"of {name} alone": (role,) for role, name in NAMES.items()},
}
"""Tensors that somebody may map by themselves, in words."""


def readings(case: Case) -> Iterator[Reading]:
    """Everywhere; and, where there are other layers or directions, in those alone."""
    for topic, said, change in changes(case):
        yield Reading(topic, said, Manner(weights=(partial(_each, change, None),)))


def located(case: Case) -> Iterator[Reading]:
    """The same above the first layer alone, or in the reverse direction alone."""
    places = {"above": case.L > 1, "reverse": case.D > 1}
    words = {"above": "above the first layer", "reverse": "in the reverse direction"}
    for place in (name for name, there in places.items() if there):
        for topic, said, change in changes(case):
            manner = Manner(weights=(partial(_each, change, place),))
            yield Reading(LOCATED + topic, f"{words[place]} {said}", manner)


def _each(change: Change, place: str | None, case: Case, layers: list[Layer]) -> list[Layer]:
    def there(number: int) -> bool:
        return place is None or (number >= case.D if place == "above" else number % case.D == 1)

    return [change(w) if there(number) else w for number, w in enumerate(layers)]


def changes(case: Case) -> Iterator[tuple[str, str, Change]]:
    """Topic, sentence, and what becomes of the weights of one direction of one layer."""
    if case.G > 1:
        yield from _orders(case)
    yield from _transposes(case)
    if case.bias:
        yield from _biases(case)
    if case.P:
        yield "projection", "weight_hr looks transposed", _projected(lambda W: W.reshape(W.shape[1], -1).T)
        cut = _projected(lambda W: torch.eye(*W.shape).to(W.dtype))
        yield "projection", "the projection is not applied: the state is the first columns of h", cut


def _orders(case: Case) -> Iterator[tuple[str, str, Change]]:
    documented = GATES[case.kind]
    parts = {what: roles for what, roles in PARTS.items() if case.bias or not set(roles) - {"W_ih", "W_hh"}}
    for what, roles in parts.items():
        blocks = f"the gate blocks {what}".rstrip()
        for order in list(permutations(documented))[1:]:
            read = f"it reads {' '.join(order)} where torch writes {' '.join(documented)}"
            yield (
                "order",
                f"{blocks} look permuted: {read}",
                _of(roles, partial(_reordered, order, documented)),
            )
        rows = f"row {case.G}j + k is gate k of unit j, where torch has k·H + j"
        yield "order", f"{blocks} look interleaved: {rows}", _of(roles, partial(_interleaved, case.G))


def _of(roles: tuple[str, ...], change: Callable[[Tensor], Tensor]) -> Change:
    def changed(w: Layer) -> Layer:
        return w._replace(**{role: change(t) for role in roles if (t := getattr(w, role)) is not None})

    return changed


def _reordered(order: tuple[str, ...], documented: str, value: Tensor) -> Tensor:
    blocks = dict(zip(order, value.chunk(len(order)), strict=True))
    return torch.cat([blocks[gate] for gate in documented])


def _interleaved(gates: int, value: Tensor) -> Tensor:
    return value.reshape(-1, gates, *value.shape[1:]).transpose(0, 1).reshape(value.shape)


def _transposes(case: Case) -> Iterator[tuple[str, str, Change]]:
    by_block = " block by block" if case.G > 1 else ""
    both = {"weight_hh": ("W_hh",), "weight_ih": ("W_ih",), "weight_ih and weight_hh": ("W_ih", "W_hh")}
    for name, roles in both.items():
        look = "look" if len(roles) > 1 else "looks"
        yield "transposes", f"{name} {look} transposed{by_block}", _of(roles, partial(_transposed, case.G))
        if case.G > 1:
            said = f"{name} {look} reshaped to (columns, {case.G}·H), where it must be transposed"
            yield "transposes", said, _of(roles, lambda W: W.reshape(W.shape[1], -1).T)
    yield "exchange", "weight_ih and weight_hh are exchanged", lambda w: w._replace(W_ih=w.W_hh, W_hh=w.W_ih)


def _transposed(gates: int, W: Tensor) -> Tensor:
    """(H, H) blocks transposed; a transpose that has other sizes is refused by what multiplies with it."""
    return torch.cat([block.T for block in W.chunk(gates)])


def _biases(case: Case) -> Iterator[tuple[str, str, Change]]:
    def biases(change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> Change:
        def changed(w: Layer) -> Layer:
            if w.b_ih is None or w.b_hh is None:
                return w
            b_ih, b_hh = change(w.b_ih, w.b_hh)
            return w._replace(b_ih=b_ih, b_hh=b_hh)

        return changed

    yield "biases", "bias_ih is not added", biases(lambda i, h: (0 * i, h))
    yield "biases", "bias_hh is not added", biases(lambda i, h: (i, 0 * h))
    yield "biases", "no bias is added", biases(lambda i, h: (0 * i, 0 * h))
    yield "biases", "bias_hh is used for both biases", biases(lambda i, h: (h, h))
    yield "biases", "bias_ih is used for both biases", biases(lambda i, h: (i, i))
    yield (
        "biases",
        "the biases are merged twice: bias_ih + bias_hh is added with the input and with the state",
        (biases(lambda i, h: (i + h, i + h))),
    )
    if case.kind == "GRU":
        yield "biases", "bias_ih and bias_hh are exchanged", biases(lambda i, h: (h, i))
        yield from _candidates(biases)
    if case.kind == "LSTM":
        one = partial(_in_block, 1, 4)
        yield "biases", "1 is added to the bias of the forget gate", biases(lambda i, h: (i + one(i), h))


def _candidates(biases: Callable[..., Change]) -> Iterator[tuple[str, str, Change]]:
    """The candidate's biases: one of them belongs within the product with the reset gate."""
    new = partial(_in_block, 2, 3)
    merged = "the biases are merged into one, with b_hn, which the reset gate must scale"
    yield "biases", merged, biases(lambda i, h: (i + h, 0 * h))
    yield (
        "biases",
        "b_in is scaled by the reset gate, as only b_hn must be",
        biases(lambda i, h: (0 * i, i + h)),
    )
    yield "biases", "b_hn is not added", biases(lambda i, h: (i, h - new(h) * h))
    yield "biases", "b_in is not added", biases(lambda i, h: (i - new(i) * i, h))


def _in_block(block: int, gates: int, bias: Tensor) -> Tensor:
    """1 in one of the gate blocks of a bias, 0 in the others."""
    return torch.cat([torch.full_like(part, k == block) for k, part in enumerate(bias.chunk(gates))])


def _projected(change: Callable[[Tensor], Tensor]) -> Change:
    return _of(("W_hr",), change)
