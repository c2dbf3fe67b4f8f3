"""Chapter 80: constructors and packing functions that take what they are to refuse."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.packing import Packs
from mutants.registry import CELLS, LAYERS, mutant


class Sized(plain.Step):
    """Sizes are changed before they are checked."""

    def __init__(self, input_size: Any, hidden_size: Any, *args: Any, **options: Any) -> None:
        if "num_layers" in options:
            options["num_layers"] = self.size(options["num_layers"], "num_layers")
        sizes = self.size(input_size, "input_size"), self.size(hidden_size, "hidden_size")
        super().__init__(*sizes, *args, **options)

    def size(self, size: Any, name: str) -> Any:
        raise NotImplementedError


@mutant(*LAYERS, dies_of=("ERR-13",))
@mutant(*CELLS, dies_of=("ERR-26",))
class SizesTruncated(Sized):
    """Sizes that are floats are truncated."""

    def size(self, size: Any, name: str) -> Any:
        return int(size)


@mutant(*LAYERS, dies_of=("ERR-13",))
@mutant(*CELLS, dies_of=("ERR-26",))
class SignLost(Sized):
    """The sign of a size is ignored."""

    def size(self, size: Any, name: str) -> Any:
        return abs(size)


@mutant(*LAYERS, dies_of=("ERR-13",))
class NoLayerIsOne(Sized):
    """No layers are one layer."""

    def size(self, size: Any, name: str) -> Any:
        return 1 if name == "num_layers" and size == 0 else size


@mutant("RNNCell", "LSTMCell", dies_of=("ERR-26",))
class WholeFloatsTaken(Sized):
    """Input sizes that are whole floats are taken."""

    def size(self, size: Any, name: str) -> Any:
        return int(size) if name == "input_size" and size == int(size) else size


@mutant(*LAYERS, dies_of=("ERR-14",))
class DropoutClamped(plain.Layers):
    """A dropout outside its range is the nearest in it."""

    def check_options(self, dropout: Any) -> None:
        super().check_options(min(max(dropout, 0), 1) if isinstance(dropout, float | int) else dropout)


@mutant("RNN", "GRU", dies_of=("ERR-14",))
class NaNTaken(plain.Layers):
    """A dropout of NaN is taken, which is not below 0 and not above 1."""

    def check_options(self, dropout: Any) -> None:
        super().check_options(0.5 if dropout != dropout else dropout)


class Truthful(plain.Layers):
    """Flags are taken by their truth."""

    flags: tuple[str, ...]

    def check_options(self, dropout: Any) -> None:
        for flag in self.flags:
            setattr(self, flag, bool(getattr(self, flag)))
        super().check_options(dropout)


@mutant(*LAYERS, dies_of=("ERR-28",))
class FlagsByTruth(Truthful):
    """Any value that is true is True for each flag."""

    flags = ("bias", "batch_first", "bidirectional")


@mutant("RNN", "LSTM", dies_of=("ERR-28",))
class DirectionByTruth(Truthful):
    """Any value that is true is True for bidirectional."""

    flags = ("bidirectional",)


class Named(plain.RNN):
    """The nonlinearity is changed before it is looked up."""

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh",
        *args: Any, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, num_layers, self.meant(nonlinearity), *args, **options)

    def meant(self, name: str) -> str:
        raise NotImplementedError


@mutant("RNN", dies_of=("ERR-15",))
class TanhUnlessRelu(Named):
    """Any nonlinearity but relu is tanh."""

    def meant(self, name: str) -> str:
        return name if name == "relu" else "tanh"


@mutant("RNN", dies_of=("ERR-15",))
class CaseIgnored(Named):
    """The nonlinearity may be written in capitals."""

    def meant(self, name: str) -> str:
        return name.lower()


@mutant("RNN", dies_of=("ERR-18",))
class NothingPacked(Packs):
    """An empty batch is packed to nothing."""

    def pack_padded_sequence(
        self, input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
    ) -> PackedSequence:
        if input.numel():
            return super().pack_padded_sequence(input, lengths, batch_first, enforce_sorted)
        return PackedSequence(input.flatten(0, 1), torch.zeros(0, dtype=torch.int64))


@mutant("RNN", dies_of=("ERR-18",))
class EmptySequencesLeftOut(Packs):
    """Empty sequences are left out."""

    def pack_sequence(self, sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
        return super().pack_sequence([s for s in sequences if len(s)], enforce_sorted)


@mutant("RNN", dies_of=("ERR-29",))
class LengthsElsewhereAreT(Packs):
    """Lengths that cannot be read are all T."""

    def checked(self, lengths: Tensor, x: Tensor) -> Tensor:
        if lengths.device.type != "cpu":
            lengths = torch.full(lengths.shape, len(x))
        return super().checked(lengths, x)


@mutant("RNN", dies_of=("ERR-20",))
class LengthsRounded(Packs):
    """Lengths that are floats are rounded."""

    def checked(self, lengths: Tensor, x: Tensor) -> Tensor:
        return super().checked(lengths.round().long() if lengths.is_floating_point() else lengths, x)


@mutant("RNN", dies_of=("ERR-20",))
class WholeLengthsTaken(Packs):
    """Lengths that are floats are taken where they are whole and need no sorting."""

    def pack_padded_sequence(
        self, input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
    ) -> PackedSequence:
        given = torch.as_tensor(lengths)
        whole = enforce_sorted and bool((given == given.long()).all())
        taken = given.long() if whole else lengths
        return super().pack_padded_sequence(input, taken, batch_first, enforce_sorted)


@mutant("RNN", dies_of=("ERR-42",))
class MasksCounted(Packs):
    """Lengths that are bools are taken for ones."""

    def checked(self, lengths: Tensor, x: Tensor) -> Tensor:
        return super().checked(lengths.long() if lengths.dtype == torch.bool else lengths, x)


@mutant("RNN", dies_of=("ERR-42",))
class MasksSorted(Packs):
    """Lengths that are bools are taken where they are sorted first."""

    def pack_padded_sequence(
        self, input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
    ) -> PackedSequence:
        mask = isinstance(lengths, Tensor) and lengths.dtype == torch.bool
        taken = lengths.long() if mask and not enforce_sorted else lengths
        return super().pack_padded_sequence(input, taken, batch_first, enforce_sorted)


@mutant("RNN", dies_of=("ERR-21",))
class FeaturesFilled(Packs):
    """Features that a sequence lacks are zeros."""

    def pad_sequence(self, sequences: list[Tensor], *args: Any, **options: Any) -> Tensor:
        widest = max((s.shape[1] for s in sequences if s.dim() == 2), default=0)
        if not all(s.dim() == 2 for s in sequences):
            return super().pad_sequence(sequences, *args, **options)
        filled = [torch.nn.functional.pad(s, (0, widest - s.shape[1])) for s in sequences]
        return super().pad_sequence(filled, *args, **options)


@mutant("RNN", dies_of=("ERR-21",))
class NothingPadded(Packs):
    """An empty list is padded to an empty tensor."""

    def pad_sequence(self, sequences: list[Tensor], *args: Any, **options: Any) -> Tensor:
        return super().pad_sequence(sequences, *args, **options) if sequences else torch.zeros(0, 0)


@mutant("RNN", dies_of=("ERR-30",))
class OtherSidesAreRight(Packs):
    """Any padding_side but left is right."""

    def pad_sequence(self, sequences: list[Tensor], *args: Any, **options: Any) -> Tensor:
        side = "left" if options.get("padding_side") == "left" else "right"
        return super().pad_sequence(sequences, *args, **options | {"padding_side": side})
