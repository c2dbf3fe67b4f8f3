"""Chapter 90: where tensors are."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.packing import Packs
from mutants.registry import CELLS, LAYERS, mutant
from plain import State, Weights


@mutant(*LAYERS, *CELLS, dies_of=("DEV-1",))
class StateOnTheDefaultDevice(plain.Step):
    """An omitted state is made on torch's default device."""

    def initial_state(self, *shape: int, like: Tensor) -> State:
        return tuple(torch.zeros(*shape, width, dtype=like.dtype) for width in self.widths())


@mutant("LSTM", "LSTMCell", dies_of=("DEV-1",))
class COnTheDefaultDevice(plain.Step):
    """An omitted cell state is made on torch's default device."""

    def initial_state(self, *shape: int, like: Tensor) -> State:
        h, _ = super().initial_state(*shape, like=like)
        return h, torch.zeros(*shape, self.widths()[1], dtype=like.dtype)


@mutant("RNN", "GRU", dies_of=("DEV-1",))
class ResultOnTheDefaultDevice(plain.Layers):
    """The final state of a packed batch is copied to torch's default device."""

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        output, state = super().packed(input, hx)
        return output, tuple(part.to(torch.empty(0).device) for part in state)


class OnMeta(plain.Step):
    """On the meta device something else comes out."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        answer = super().forward(input, hx)
        return self.other(answer) if input.data.is_meta else answer

    def other(self, answer: Any) -> Any:
        raise NotImplementedError


def each(change: Any, answer: Any) -> Any:
    """A change of every tensor, whatever holds it."""
    if isinstance(answer, PackedSequence):
        return answer._replace(data=change(answer.data))
    if isinstance(answer, tuple):
        return tuple(each(change, part) for part in answer)
    return change(answer)


@mutant(*LAYERS, *CELLS, dies_of=("DEV-3",))
class FloatOnMeta(OnMeta):
    """On the meta device results are float32."""

    def other(self, answer: Any) -> Any:
        return each(Tensor.float, answer)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("DEV-3",))
class DataOnMeta(OnMeta):
    """Results of the meta device are on the CPU."""

    def other(self, answer: Any) -> Any:
        return each(lambda part: torch.empty_like(part, device="cpu"), answer)


@mutant(*LAYERS, dies_of=("DEV-3",))
class OneDirectionOnMeta(OnMeta, plain.Layers):
    """On the meta device the output has the columns of one direction."""

    def other(self, answer: Any) -> Any:
        output, state = answer
        return each(lambda part: part[..., : self.widths()[0]], output), state


@mutant("LSTM", dies_of=("DEV-3",))
class CSizedAsHOnMeta(OnMeta, plain.LSTM):
    """On the meta device c_n has the shape of h_n."""

    def other(self, answer: Any) -> Any:
        output, (h, _) = answer
        return output, (h, torch.empty_like(h))


@mutant("RNN", "GRU", dies_of=("DEV-3",))
class LooksAtValues(plain.Layers):
    """Layers look whether a state is zero, which cannot be told without data."""

    def run(self, xs: list[Tensor], state: State) -> tuple[list[Tensor], State]:
        try:
            bool(state[0].any())
        except NotImplementedError as error:
            raise RuntimeError(str(error)) from error
        return super().run(xs, state)


class Kept(plain.Step):
    """The weights are kept from call to call."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        kept: dict[Any, Weights] = self.__dict__.setdefault("kept", {})
        return kept.setdefault((layer, direction, self.key(w)), w)

    def key(self, w: Weights) -> Any:
        raise NotImplementedError


@mutant("RNN", "LSTM", "GRUCell", dies_of=("DEV-8",))
class KeptFromMeta(Kept):
    """The weights of the first call are kept, and those that are assigned later are not seen."""

    def key(self, w: Weights) -> Any:
        return None


@mutant(*LAYERS, *CELLS, dies_of=("DEV-7",))
class EmptyStaysOnMeta(plain.Step):
    """to_empty leaves the biases on the meta device."""

    def to_empty(self, *, device: Any, recurse: bool = True) -> Any:
        before = {name: part for name, part in self.named_parameters() if "bias" in name}
        super().to_empty(device=device, recurse=recurse)
        self._parameters.update(before)
        return self


@mutant("RNN", "LSTM", "LSTMCell", dies_of=("DEV-7", "DEV-8"))
class MetaForGood(plain.Step):
    """A network that was called on the meta device gives its results there ever after."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        answer = super().forward(input, hx)
        self.__dict__["meta"] = self.__dict__.get("meta", False) or input.data.is_meta
        return each(lambda part: part.to("meta"), answer) if self.meta else answer


@mutant(*LAYERS, "RNNCell", "GRUCell", dies_of=("DEV-8",))
class AssignsWhatItHas(plain.Step):
    """load_state_dict with assign=True writes into the tensors that are there, which may hold no data."""

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        with torch.no_grad():
            for name, part in self.named_parameters():
                part.copy_(state_dict[name])
        return super().load_state_dict(self.state_dict(), strict, assign)


def reordered(packed: PackedSequence, indices: Tensor) -> PackedSequence:
    """Other indices, where torch does not put them to the data."""
    return packed._replace(sorted_indices=indices, unsorted_indices=indices)


class Packing(plain.Layers):
    """The packed result is put together in another way."""

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        output, state = super().packed(input, hx)
        return self.put_together(output), state

    def put_together(self, output: PackedSequence) -> PackedSequence:
        raise NotImplementedError


@mutant(*LAYERS, dies_of=("DEV-4",))
class SizesWhereTheDataIs(Packing):
    """The batch_sizes of a packed result are where its data is."""

    def put_together(self, output: PackedSequence) -> PackedSequence:
        data, sizes, order, inverse = output
        return PackedSequence(data, sizes.to(data.device), order, inverse)


@mutant(*LAYERS, dies_of=("DEV-4",))
class IndicesOnTheCpu(Packing):
    """The indices of a packed result are on the CPU."""

    def put_together(self, output: PackedSequence) -> PackedSequence:
        return reordered(output, torch.arange(int(output.batch_sizes[0])))


@mutant("RNN", dies_of=("DEV-9",))
class LengthsInInt32(Packs):
    """Unpacked lengths are int32."""

    def pad_packed_sequence(self, *args: Any, **options: Any) -> tuple[Tensor, Tensor]:
        dense, lengths = super().pad_packed_sequence(*args, **options)
        return dense, lengths.int()


@mutant("RNN", dies_of=("DEV-9",))
class LengthsWhereTheDataIs(Packs):
    """Unpacked lengths are where the data is."""

    def pad_packed_sequence(self, *args: Any, **options: Any) -> tuple[Tensor, Tensor]:
        dense, lengths = super().pad_packed_sequence(*args, **options)
        return dense, lengths.to(dense.device)


@mutant("RNN", dies_of=("DEV-9",))
class OrderOnTheCpu(Packs):
    """The indices of a packed batch are on the CPU."""

    def pack(self, x: Tensor, lengths: Tensor, enforce_sorted: bool) -> PackedSequence:
        packed = super().pack(x, lengths, enforce_sorted)
        return packed if enforce_sorted else reordered(packed, torch.arange(len(lengths)))


@mutant("RNN", dies_of=("DEV-13",))
class LengthsFromAnywhere(Packs):
    """Lengths that are not on the CPU count as the full length."""

    def checked(self, lengths: Tensor, x: Tensor) -> Tensor:
        if lengths.device.type != "cpu":
            return torch.full(lengths.shape, len(x))
        return super().checked(lengths, x)


class AfterEvaluation(plain.Step):
    """Gradients of a call in evaluation mode go wrong."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w if self.training else w._replace(**self.wrong(w))

    def wrong(self, w: Weights) -> dict[str, Tensor]:
        raise NotImplementedError


@mutant(*LAYERS, *CELLS, dies_of=("DEV-6",))
class NoReserve(AfterEvaluation):
    """A call in evaluation mode keeps nothing for the gradient of weight_hh, which is zero."""

    def wrong(self, w: Weights) -> dict[str, Tensor]:
        return {"weight_hh": w.weight_hh.detach()}


@mutant("RNN", "LSTM", "GRUCell", dies_of=("DEV-6",))
class ReserveHalved(AfterEvaluation):
    """After a call in evaluation mode the gradient of weight_ih is half of what it is."""

    def wrong(self, w: Weights) -> dict[str, Tensor]:
        half = w.weight_ih / 2
        return {"weight_ih": half + half.detach()}


@mutant("LSTM", "GRU", "RNNCell", dies_of=("DEV-6",))
class BackwardInTheModeOfNow(plain.Step):
    """Backward in evaluation mode gives weight_hh twice the gradient, whatever the mode of the call was."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        if not w.weight_hh.requires_grad or not torch.is_grad_enabled():
            return w
        seen = w.weight_hh * 1
        seen.register_hook(lambda g: g if self.training else 2 * g)
        return w._replace(weight_hh=seen)
