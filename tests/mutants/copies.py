"""Chapter 81: copies of modules."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.registry import CELLS, LAYERS, mutant


class Copied(plain.Step):
    """A deep copy shares something with its original."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        twin = type(self).__new__(type(self))
        memo |= {id(part): part for part in self.shared()}
        twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return twin

    def shared(self) -> list[Any]:
        raise NotImplementedError


@mutant(*LAYERS, "RNNCell", dies_of=("PER-5",))
class CopySharesParameters(Copied):
    """A deep copy has the parameters of its original."""

    def shared(self) -> list[Any]:
        return list(self.parameters())


@mutant(*LAYERS, *CELLS, dies_of=("PER-5",))
class CopySharesTheLast(Copied):
    """A deep copy has the last parameter of its original."""

    def shared(self) -> list[Any]:
        return list(self.parameters())[-1:]


@mutant("RNN", "LSTM", "GRUCell", dies_of=("PER-5",))
class CopySharesWhatHasAGradient(Copied):
    """A deep copy has those parameters of its original that have a gradient."""

    def shared(self) -> list[Any]:
        return [part for part in self.parameters() if part.grad is not None]


@mutant(*LAYERS, "LSTMCell", dies_of=("PER-14", "PER-15"))
class CopySharesSubmodules(Copied):
    """A deep copy has the submodules of its original, and their parameters."""

    def shared(self) -> list[Any]:
        return list(self.children())


@mutant("RNN", "GRU", dies_of=("PER-5",))
class LayoutNotCopied(Copied):
    """A deep copy forgets batch_first."""

    def shared(self) -> list[Any]:
        return []

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        twin = super().__deepcopy__(memo)
        twin.batch_first = False
        return twin


@mutant(*LAYERS, "RNNCell", dies_of=("PER-5", "PER-15"))
class LastResultKept(plain.Step):
    """The last result is kept with its graph, and cannot be copied."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        answer = super().forward(input, hx)
        self.__dict__["last"] = answer
        return answer


@mutant("LSTM", "GRU", "GRUCell", dies_of=("PER-14", "PER-15"))
class SubmodulesNotCopied(Copied):
    """A deep copy has no submodules."""

    def shared(self) -> list[Any]:
        return []

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        twin = super().__deepcopy__(memo)
        twin.__dict__["_modules"] = {}
        return twin


@mutant(*LAYERS, *CELLS, dies_of=("PER-24",))
class CopyInTraining(Copied):
    """A deep copy is in training mode."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return super().__deepcopy__(memo).train()

    def shared(self) -> list[Any]:
        return []


@mutant("RNN", "LSTM", "GRUCell", dies_of=("PER-24",))
class CopyThawed(Copied):
    """All parameters of a deep copy require grad."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return super().__deepcopy__(memo).requires_grad_()

    def shared(self) -> list[Any]:
        return []


@mutant(*LAYERS, dies_of=("PER-25",))
class DropoutNotCopied(Copied):
    """A deep copy forgets dropout."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        twin = super().__deepcopy__(memo)
        twin.dropout = 0.0
        return twin

    def shared(self) -> list[Any]:
        return []
