"""Chapter 34: cells."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import plain
from mutants.registry import CELLS, mutant
from mutants.sizes import Units
from plain import State, Weights


@mutant("RNNCell", dies_of=("CEL-1", "CEL-2"))
class TransposedInTheCell(plain.RNNCell):
    """weight_hh is transposed."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(weight_hh=w.weight_hh.T)


@mutant("RNNCell", dies_of=("CEL-1", "CEL-2"))
class OneBiasRead(plain.RNNCell):
    """bias_hh is not added."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        return super().weights(layer, direction)._replace(bias_hh=None)


@mutant("RNNCell", dies_of=("CEL-1", "CEL-2"))
class AlwaysTanh(plain.RNNCell):
    """nonlinearity='relu' computes tanh."""

    def relu(self, v: Tensor) -> Tensor:
        return v.tanh()


@mutant("LSTMCell", dies_of=("CEL-1", "CEL-2"))
class GatesOfAnotherOrder(plain.LSTMCell):
    """The gate blocks are read in the order f, i, g, o, unlike the layer's."""

    order = "figo"


@mutant("GRUCell", dies_of=("CEL-1", "CEL-2"))
class GatesOfAnOlderOrder(plain.GRUCell):
    """The gate blocks are read in the order z, r, n, unlike the layer's."""

    order = "zrn"


@mutant("GRUCell", "LSTMCell", dies_of=("CEL-1", "CEL-2"))
class CellTail(Units):
    """The last unit sees no recurrence where there are more than 32."""

    def blind(self) -> slice:
        return slice(self.hidden_size - (self.hidden_size > 32), None)


@mutant(*CELLS, dies_of=("CEL-8",))
class OutputAndState(plain.Cell):
    """A call returns a pair (h', state), as a layer does."""

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        state = super().forward(input, hx)
        return (state[0] if isinstance(state, tuple) else state, state)


@mutant("LSTMCell", dies_of=("CEL-8",))
class HiddenAlone(plain.LSTMCell):
    """A call returns h' alone."""

    def returned_state(self, state: State) -> Any:
        return state[0]


@mutant("RNNCell", "GRUCell", dies_of=("CEL-8",))
class TupleOfOne(plain.Cell):
    """A call returns h' in a tuple of one."""

    def returned_state(self, state: State) -> Any:
        return state


@mutant(*CELLS, dies_of=("CEL-3",))
class CellStartsFromOnes(plain.Cell):
    """Without a state a cell starts from ones."""

    def initial_state(self, *shape: int, like: Tensor) -> State:
        return tuple(torch.ones_like(s) for s in super().initial_state(*shape, like=like))


@mutant("LSTMCell", dies_of=("CEL-3",))
class CellStartsFromCOfOnes(plain.LSTMCell):
    """Without a state an LSTMCell starts from c = 1."""

    def initial_state(self, *shape: int, like: Tensor) -> State:
        h, c = super().initial_state(*shape, like=like)
        return h, torch.ones_like(c)


@mutant("RNNCell", "GRUCell", dies_of=("CEL-3",))
class CellStartsAtRandom(plain.Cell):
    """Without a state a cell starts from random numbers."""

    def initial_state(self, *shape: int, like: Tensor) -> State:
        return tuple(torch.randn_like(s) for s in super().initial_state(*shape, like=like))


@mutant(*CELLS, dies_of=("CEL-4",))
class CellKeepsBatchAxis(plain.Cell):
    """Unbatched input gives states with a batch axis of one."""

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        state = super().forward(input, hx)
        if input.dim() == 2:
            return state
        return tuple(s[None] for s in state) if isinstance(state, tuple) else state[None]


@mutant("RNNCell", "LSTMCell", dies_of=("CEL-4",))
class UnbatchedStateIgnored(plain.Cell):
    """Unbatched input starts from zeros, whatever the state."""

    def enter_state(self, state: State, batched: bool) -> State:
        state = super().enter_state(state, batched)
        return state if batched else tuple(torch.zeros_like(s) for s in state)


@mutant("RNNCell", "GRUCell", dies_of=("CEL-5",))
class SuffixedNames(plain.Cell):
    """The parameters are called like the layer's, with the suffix _l0."""

    def name(self, role: str) -> str:
        return f"{role}_l0"

    def load_state_dict(self, state_dict: Any, *args: Any, **options: Any) -> Any:
        suffixed = {f"{name.removesuffix('_l0')}_l0": value for name, value in state_dict.items()}
        return super().load_state_dict(suffixed, *args, **options)


@mutant("LSTMCell", dies_of=("CEL-5",))
class MergedBias(plain.LSTMCell):
    """The two biases are one parameter, bias_sum."""

    def shapes(self, columns: int) -> dict[str, tuple[int, ...]]:
        return {role: s for role, s in super().shapes(columns).items() if role != "bias_hh"}

    def name(self, role: str) -> str:
        return role.replace("bias_ih", "bias_sum")

    def load_state_dict(self, state_dict: Any, *args: Any, **options: Any) -> Any:
        merged = dict(state_dict)
        if "bias_hh" in merged:
            merged["bias_sum"] = merged.pop("bias_ih") + merged.pop("bias_hh")
        return super().load_state_dict(merged, *args, **options)


@mutant("RNNCell", "LSTMCell", dies_of=("CEL-5",))
class WeightsTransposed(plain.Cell):
    """weight_ih is stored transposed."""

    def shapes(self, columns: int) -> dict[str, tuple[int, ...]]:
        return {r: s[::-1] if r == "weight_ih" else s for r, s in super().shapes(columns).items()}

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(weight_ih=w.weight_ih.T)

    def load_state_dict(self, state_dict: Any, *args: Any, **options: Any) -> Any:
        turned = {n: v.T if n == "weight_ih" else v for n, v in state_dict.items()}
        return super().load_state_dict(turned, *args, **options)


@mutant(*CELLS, dies_of=("CEL-6",))
class AxesFolded(plain.Cell):
    """Axes of an input and a state before the last are folded into the batch."""

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        return super().forward(input.flatten(0, -2) if input.dim() > 2 else input, hx)

    def given_state(self, hx: Any) -> State:
        state = super().given_state(hx)
        return tuple(s.flatten(0, -2) if s.dim() > 2 else s for s in state)


@mutant(*CELLS, dies_of=("CEL-9",))
class StateSpread(plain.Cell):
    """A state of one row is spread over the batch."""

    def enter_state(self, state: State, batched: bool) -> State:
        self.__dict__["wide"] = max(len(s) for s in super().enter_state(state, batched))
        return super().enter_state(state, batched)

    def check_state(self, state: State, *shape: int, like: Tensor) -> None:
        super().check_state(tuple(s.expand(*shape, -1) for s in state), *shape, like=like)


@mutant("GRUCell", "LSTMCell", dies_of=("CEL-9",))
class StateCut(plain.Cell):
    """Rows and columns of a state past those that are needed are left out."""

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        if hx is None or input.dim() != 2:
            return super().forward(input, hx)
        rows, width = len(input), self.hidden_size
        cut = tuple(s[:rows, :width] if s.dim() == 2 else s for s in self.given_state(hx))
        return super().forward(input, self.returned_state(cut))


@mutant(*CELLS, dies_of=("CEL-10",))
class SquareStateIsABatch(plain.Cell):
    """For unbatched input a state of as many rows as units is that of so many rows of the same input."""

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        if hx is None or input.dim() != 1:
            return super().forward(input, hx)
        parts = hx if isinstance(hx, tuple) else (hx,)
        square = {tuple(s.shape) for s in parts} == {(self.hidden_size, self.hidden_size)}
        return super().forward(input.expand(self.hidden_size, -1) if square else input, hx)


@mutant("LSTMCell", dies_of=("CEL-11",))
class StackIsAPair(plain.LSTMCell):
    """One tensor is taken apart into h and c, of which unbatched input takes the first rows."""

    def given_state(self, hx: Any) -> State:
        if isinstance(hx, Tensor) and hx.dim() == 3:
            hx = (hx[0, 0], hx[1, 0])
        return super().given_state(hx)


@mutant("LSTMCell", dies_of=("CEL-11",))
class StackIsFlattened(plain.LSTMCell):
    """Of one tensor of any shape the first numbers are h and the next c."""

    def given_state(self, hx: Any) -> State:
        if isinstance(hx, Tensor):
            hx = (hx.flatten()[: self.hidden_size], hx.flatten()[self.hidden_size : 2 * self.hidden_size])
        return super().given_state(hx)


class OwnC(plain.LSTMCell):
    """An h of one row and a c of several are given to unbatched input."""

    def given_state(self, hx: Any) -> State:
        h, c = super().given_state(hx)
        return (h, self.single(c)) if (h.dim(), c.dim()) == (1, 2) else (h, c)

    def single(self, c: Tensor) -> Tensor:
        raise NotImplementedError


@mutant("LSTMCell", dies_of=("CEL-12", "ERR-12"))
class FirstRowOfC(OwnC):
    """Of a batched c unbatched input takes the first row."""

    def single(self, c: Tensor) -> Tensor:
        return c[0]


@mutant("LSTMCell", dies_of=("CEL-12",))
class DiagonalOfC(OwnC):
    """Of a square c unbatched input takes the diagonal."""

    def single(self, c: Tensor) -> Tensor:
        return c.diagonal() if c.shape[0] == c.shape[1] else c


@mutant("RNNCell", dies_of=("CEL-7",))
class TanhByDefault(plain.RNNCell):
    """Any nonlinearity but 'relu' is tanh."""

    def activation(self, v: Tensor) -> Tensor:
        return self.relu(v) if self.nonlinearity == "relu" else self.tanh(v)
