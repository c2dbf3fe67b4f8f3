"""The base of an adapter: how a library that is not torch's is asked for what torch's modules do.

An adapter says what one call of its library covers: all of a network, a layer in both directions, or one
direction of one layer. The kit does the rest in plain torch: it stacks layers, turns sequences round for the
reverse direction, packs and unpacks, and applies cells step by step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from ..case import Case
from ..implementation import Implementation, Run
from ..notation import is_cell
from .crossing import NUMPY, Arrays, Gradients, State, crossed

STACKED = frozenset({"layers", "bidirectional"})
"""What the kit makes of a library's layer."""

LENGTHS = frozenset({"lengths", "padded"})
"""What a library promises that takes padded input and the lengths of its rows."""

PADDING = 7.0
"""What the kit puts where no step of a sequence is: a library that looks there is found out."""


class Adapter(Implementation):
    """A library's recurrent networks, by torch's weights.

    `covers` says what `run` is asked for in one call: "network", "layer" (one, with both directions where
    there are two), or "direction" (one of one layer). The case that it sees is the one of such a part, and so
    are the weights, by the names that torch would give a network of that size.
    """

    covers: str = "direction"
    arrays: Arrays = NUMPY

    def model(self, case: Case, weights: Mapping[str, Any]) -> Any:
        """What `run` needs, made once for each part of a network: by default the case and the weights.

        `weights` are the library's arrays by torch's names, with torch's shapes and order of gates.
        Raises NotImplementedError for what the library has no place for.
        """
        return case, weights

    def run(
        self, model: Any, x: Any, state: tuple[Any, ...] | None, lengths: Sequence[int] | None
    ) -> tuple[Any, tuple[Any, ...]]:
        """x (T, B, I), state (layers · directions, B, ·) or None, one length for each row or None ->
        output (T, B, directions · H) and the final state, in the library's arrays.

        A state that is None is to be omitted in the library's call. A cell is given x (B, I) and a state
        (B, H), and gives its new h and its state.
        """
        raise NotImplementedError

    def vjp(
        self,
        model: Any,
        x: Any,
        state: tuple[Any, ...] | None,
        lengths: Sequence[int] | None,
        g_output: Any,
        g_state: tuple[Any, ...],
    ) -> Gradients:
        """The gradients of Σ g_output · output + Σ g_state · state; only for those that claim `grad`."""
        raise NotImplementedError

    def build(self, case: Case, weights: Mapping[str, Tensor], device: torch.device) -> Run:
        return Adapted(self, case, weights)


class Part:
    """What one call of the library covers, and its weights."""

    def __init__(self, adapter: Adapter, case: Case, weights: Mapping[str, Tensor]) -> None:
        self.adapter, self.case, self.weights = adapter, case, weights
        self.states = 2 if case.kind == "LSTM" else 1
        self.differentiable = not adapter.claimed(case.mode).isdisjoint({"grad", "grad_input"})

    @cached_property
    def model(self) -> Any:
        of = self.adapter.arrays.of
        return self.adapter.model(self.case, {name: of(w) for name, w in self.weights.items()})

    def __call__(
        self, x: Tensor, state: State | None, lengths: Sequence[int] | None = None
    ) -> tuple[Tensor, State]:
        return crossed(self, x, state, lengths)


class Adapted:
    """A network of an adapter's, called as torch's module is: x (T, B, I) or packed, and a state or none."""

    def __init__(self, adapter: Adapter, case: Case, weights: Mapping[str, Tensor]) -> None:
        self.adapter, self.case = adapter, case
        self.parts = [Part(adapter, *part) for part in parts(adapter, case, weights)]

    def __call__(self, x: Any, state: Any = None) -> Any:
        state = None if state is None else self._taken(x, state)
        if isinstance(x, PackedSequence):
            return self._packed(x, state)
        if is_cell(self.case.mode):
            return self._given(self.parts[0](x, state)[1])
        return self._returned(*self.with_lengths(x, state))

    def with_lengths(
        self, x: Tensor, state: State | None, lengths: Sequence[int] | None = None
    ) -> tuple[Tensor, State]:
        """x (T, B, I), whose rows end after `lengths` steps -> output (T, B, D·H) as the library gives it,
        and the final state as a tuple.
        """
        if self.adapter.covers == "network":
            return self.parts[0](x, state, lengths)
        L, D, final = self.case.L, self.case.D, []
        for layer in range(L):
            own = None if state is None else tuple(part[layer * D : (layer + 1) * D] for part in state)
            x, last = self._layer(layer, x, own, lengths)
            final.append(last)
        return x, tuple(torch.cat(columns) for columns in zip(*final, strict=True))

    def _taken(self, x: Any, state: Any) -> State:
        """A state as torch's modules take it, as a tuple: that much of it is the kit's own to refuse."""
        if self.case.kind != "LSTM":
            state = (state,)
        elif not isinstance(state, tuple | list) or len(state) != 2:
            raise TypeError("the state of an LSTM is a pair of tensors (h, c)")
        if not all(isinstance(part, Tensor) for part in state):
            raise TypeError("a state is made of tensors")
        rows, rank = self.case.L * self.case.D, x.dim() if isinstance(x, Tensor) else 3
        if not is_cell(self.case.mode) and any(part.dim() != rank or len(part) != rows for part in state):
            shapes = ", ".join(str(tuple(part.shape)) for part in state)
            raise ValueError(f"a state is ({rows}, B, H), as x is (T, B, I), not {shapes}")
        return tuple(state)

    def _layer(
        self, layer: int, x: Tensor, state: State | None, lengths: Sequence[int] | None
    ) -> tuple[Tensor, State]:
        if self.adapter.covers == "layer":
            return self.parts[layer](x, state, lengths)
        halves, final = [], []
        for d in range(self.case.D):
            part = self.parts[layer * self.case.D + d]
            own = None if state is None else tuple(part[d : d + 1] for part in state)
            output, last = part(turned(x, lengths) if d else x, own, lengths)
            halves.append(turned(output, lengths) if d else output)
            final.append(last)
        return torch.cat(halves, -1), tuple(torch.cat(columns) for columns in zip(*final, strict=True))

    def _packed(self, x: PackedSequence, state: State | None) -> Any:
        layout = self.case.batch_first  # in which the library takes it
        dense, lengths = pad_packed_sequence(x, layout, PADDING)
        output, final = self.with_lengths(dense, state, lengths.tolist())
        packed = pack_padded_sequence(output, lengths, layout, x.sorted_indices is None)
        same = x._replace(data=packed.data) if isinstance(x.data, Tensor) else packed
        return self._returned(same, final)

    def _returned(self, output: Any, final: State) -> Any:
        return output, self._given(final)

    def _given(self, final: State) -> Any:
        """A state as torch's modules return it: a pair for the LSTM, else the tensor itself."""
        return final if self.case.kind == "LSTM" else final[0]


def parts(
    adapter: Adapter, case: Case, weights: Mapping[str, Tensor]
) -> list[tuple[Case, dict[str, Tensor]]]:
    """The parts of a network by their cases, and the weights of each by the names of such a network."""
    if adapter.covers == "network" or is_cell(case.mode):
        return [(case, dict(weights))]
    D = case.D if adapter.covers == "layer" else 1
    found, suffixes = [], list(case.suffixes())
    for first in range(0, len(suffixes), D):
        columns = case.I if first < case.D else case.D * case.width
        part = case.but(L=1, bidirectional=D == 2, I=columns)
        suffix = dict(zip(part.suffixes(), suffixes[first : first + D], strict=True))
        names = {draw.name: _renamed(draw.name, suffix) for draw in part.parameters()}
        found.append((part, {own: weights[name] for own, name in names.items()}))
    return found


def _renamed(name: str, suffixes: Mapping[str, str]) -> str:
    kind, suffix = name.split("_l0")
    return f"{kind}{suffixes['_l0' + suffix]}"


def turned(x: Tensor, lengths: Sequence[int] | None) -> Tensor:
    """Every row of x (T, B, ·) backwards, each within its own length."""
    if lengths is None:
        return x.flip(0)
    t, ends = torch.arange(len(x))[:, None], torch.tensor(lengths)
    source = torch.where(t < ends, ends - 1 - t, t).to(x.device)
    return x.gather(0, source[..., None].expand_as(x))
