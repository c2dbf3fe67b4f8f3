"""Chapter 54: defects at some sizes, splits, orders or lengths alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.registry import CELLS, LAYERS, mutant
from plain import Place, State, Weights

Layer = tuple[list[Tensor], State]


class Units(plain.Step):
    """Some units see no recurrence."""

    def blind(self) -> int:
        """How many at the end."""
        raise NotImplementedError

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        keep = torch.ones_like(w.weight_hh[: self.hidden_size])
        keep[self.hidden_size - self.blind() :] = 0
        return w._replace(weight_hh=w.weight_hh * keep.repeat(len(self.order), 1))


@mutant(*LAYERS, *CELLS, dies_of=("ANY-1",))
class PairLeftOver(Units):
    """Where H mod 4 is 2 the last two units see no recurrence."""

    def blind(self) -> int:
        return 2 if self.hidden_size % 4 == 2 else 0


@mutant("RNN", "LSTM", "GRU", dies_of=("ANY-1", "ANY-10"))
class LastOfOddUnits(Units):
    """Where H is odd and more than 1 the last unit sees no recurrence."""

    def blind(self) -> int:
        return int(self.hidden_size > 1) * (self.hidden_size % 2)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("ANY-1",))
class BiasOfOneFeature(plain.Step):
    """With one input feature bias_ih is not added."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(bias_ih=None) if w.weight_ih.shape[1] == 1 else w


@mutant("RNN", "GRU", "LSTM", dies_of=("ANY-10",))
class LastOfManyFeatures(plain.Step):
    """Of more than 3 input features the last weighs 1 percent less."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        scale = torch.ones_like(w.weight_ih[:1])
        scale[:, 3:][:, -1:] = 0.99
        return w._replace(weight_ih=w.weight_ih * scale)


class Calls(plain.Layers):
    """The layers are called in another way, by the number of steps."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        return super().run(*self.changed(xs, state))

    def changed(self, xs: list[Tensor], state: State) -> Layer:
        return xs, state


@mutant(*LAYERS, dies_of=("ANY-2",))
class TwoStepsTheSame(Calls):
    """In a call of two steps the second input is read twice."""

    def changed(self, xs: list[Tensor], state: State) -> Layer:
        return (xs[1:] * 2 if len(xs) == 2 else xs), state


@mutant(*LAYERS, dies_of=("ANY-2", "ANY-1"))
class LastOfSeveralSteps(Calls):
    """In a call of several steps the last input is 1 percent too large."""

    def changed(self, xs: list[Tensor], state: State) -> Layer:
        return ([*xs[:-1], 1.01 * xs[-1]] if len(xs) > 1 else xs), state


@mutant("RNN", "LSTM", dies_of=("ANY-2",))
class StateOfOneStep(Calls):
    """A call of one step reads the first unit of h_0 as zero, where there are several."""

    def changed(self, xs: list[Tensor], state: State) -> Layer:
        if len(xs) > 1:
            return xs, state
        return xs, (torch.cat([0 * state[0][..., :1], state[0][..., 1:]], -1), *state[1:])


@mutant(*CELLS, dies_of=("ANY-3",))
class SingleRowFromZero(plain.Cell):
    """A cell reads h of a batch of one row as zeros."""

    def enter_state(self, state: State, batched: bool) -> State:
        h, *rest = super().enter_state(state, batched)
        return (0 * h if len(h) == 1 else h, *rest)


@mutant(*CELLS, dies_of=("ANY-3", "ANY-1"))
class WideInputCut(plain.Cell):
    """Where 2 I > H a cell leaves out the last input feature."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        if 2 * self.input_size <= self.hidden_size:
            return w
        return w._replace(weight_ih=torch.cat([w.weight_ih[:, :-1], 0 * w.weight_ih[:, -1:]], 1))


class Rows(plain.Layers):
    """Some rows of the states are others' before the first step."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        order = list(range(len(xs[0])))
        self.confuse(order)
        return super().run(xs, tuple(s[:, order] for s in state))

    def confuse(self, order: list[int]) -> None:
        raise NotImplementedError


@mutant(*LAYERS, dies_of=("ANY-4",))
class LastOfEvenRows(Rows):
    """In a batch of even size the last row starts from the state of the row before."""

    def confuse(self, order: list[int]) -> None:
        if len(order) % 2 == 0:
            order[-1] = order[-2]


@mutant("RNN", "GRU", dies_of=("ANY-4",))
class RowsBeyondThree(Rows):
    """The rows past the third start from the state of the first."""

    def confuse(self, order: list[int]) -> None:
        order[3:] = [0] * len(order[3:])


class Packs(plain.Layers):
    """Packed batches of some lengths go wrong."""

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        output, state = super().packed(input, hx)
        sizes = [int((input.batch_sizes > b).sum()) for b in range(int(input.batch_sizes[0]))]
        order = list(range(len(sizes)))
        self.confuse(sizes, order)
        inner = self.permuted(state, input.sorted_indices)
        return output, self.permuted(tuple(s[:, order] for s in inner), input.unsorted_indices)

    def confuse(self, sizes: list[int], order: list[int]) -> None:
        """The order of the final states, given the lengths, longest first."""
        raise NotImplementedError


@mutant(*LAYERS, dies_of=("ANY-5",))
class TiesChangePlaces(Packs):
    """The final states of the two shortest sequences change places where they have the same length."""

    def confuse(self, sizes: list[int], order: list[int]) -> None:
        if sizes[-2:] == sizes[-1:] * 2:
            order[-2:] = order[:-3:-1]


@mutant("RNN", "LSTM", dies_of=("ANY-5",))
class NoneOfOneStep(Packs):
    """Where every sequence has more than one step the last final state is that of the first."""

    def confuse(self, sizes: list[int], order: list[int]) -> None:
        if sizes[-1] > 1:
            order[-1] = 0


@mutant("GRU", "LSTM", dies_of=("ANY-5",))
class ShorterInReverse(plain.Layers):
    """In reverse the sequences that are shorter than the longest start from zeros."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        if place[1]:
            longest = len(xs[-1])
            state = tuple(torch.cat([s[:longest], 0 * s[longest:]]) for s in state)
        return super().layer(xs, state, w, place)


@mutant(*LAYERS, dies_of=("ANY-6",))
class EvenBatchReshaped(plain.Layers):
    """With batch_first the output of a batch of even size is reshaped, not transposed."""

    def leave(self, output: Tensor, batched: bool) -> Tensor:
        if batched and self.batch_first and output.shape[1] % 2 == 0:
            return output.reshape(output.shape[1], output.shape[0], -1)
        return super().leave(output, batched)


@mutant("RNN", "GRU", dies_of=("ANY-6",))
class LongerThanTheBatch(plain.Layers):
    """With batch_first the last input is 0.1 percent too large where T > B."""

    def enter(self, input: Tensor, batched: bool) -> Tensor:
        x = super().enter(input, batched)
        if batched and self.batch_first and len(x) > x.shape[1]:
            x = torch.cat([x[:-1], 1.001 * x[-1:]])
        return x


@mutant(*LAYERS, dies_of=("ANY-7",))
class UnbatchedStepFromZero(plain.Layers):
    """Unbatched input of one step starts from zeros."""

    one = False

    def enter(self, input: Tensor, batched: bool) -> Tensor:
        self.one = not batched and len(input) == 1
        return super().enter(input, batched)

    def enter_state(self, state: State, batched: bool) -> State:
        state = super().enter_state(state, batched)
        return tuple(0 * s for s in state) if self.one else state


@mutant("LSTM", "GRU", dies_of=("ANY-7",))
class UnbatchedUnits(plain.Layers):
    """The final state of unbatched input has its first two units exchanged where H is even."""

    def leave_state(self, state: State, batched: bool) -> State:
        left = super().leave_state(state, batched)
        if batched or self.hidden_size % 2:
            return left
        return tuple(torch.cat([s[..., :2].flip(-1), s[..., 2:]], -1) for s in left)


@mutant(*LAYERS, dies_of=("ANY-8",))
class ThirdFromTheSecond(plain.Layers):
    """The third layer starts from the state of the second."""

    def run(self, xs: list[Tensor], state: State) -> Layer:
        if self.num_layers == 3 and self.directions == 1:
            state = tuple(torch.cat([s[:2], s[1:2]]) for s in state)
        return super().run(xs, state)


@mutant("RNN", "LSTM", dies_of=("ANY-8",))
class UpperLayersOfEvenWidth(plain.Layers):
    """The layers above the first do not add bias_hh where H is even."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(bias_hh=None) if layer and self.hidden_size % 2 == 0 else w


@mutant(*LAYERS, dies_of=("ANY-9",))
class ReverseOfOneStep(plain.Layers):
    """In reverse a sequence of one step starts from zeros."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        alone = place[1] and len(xs) == 1
        return super().layer(xs, tuple(0 * s for s in state) if alone else state, w, place)


@mutant("GRU", "LSTM", dies_of=("ANY-9",))
class UpperReverseOfSeveralSteps(plain.Layers):
    """In reverse the second layer starts at the last step but one where there are several."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> Layer:
        if place == (1, 1) and len(xs) > 1:
            xs = [*xs[:-1], xs[-2]]
        return super().layer(xs, state, w, place)


@mutant("RNN", "RNNCell", dies_of=("ANY-11",))
class NoMoreThanSix(plain.Step):
    """relu is relu6 where H > 1."""

    def relu(self, v: Tensor) -> Tensor:
        return v.clamp(0, 6) if self.hidden_size > 1 else v.relu()


@mutant("RNN", "RNNCell", dies_of=("ANY-11",))
class LastAddend(plain.Step):
    """Where H > 4 the last unit is multiplied by 1.0001."""

    def relu(self, v: Tensor) -> Tensor:
        rest = v[..., 4:].relu()
        return torch.cat([v[..., :4].relu(), rest[..., :-1], 1.0001 * rest[..., -1:]], -1)


@mutant("LSTM", "LSTMCell", dies_of=("ANY-12",))
class CellOfManyUnits(plain.LSTMStep):
    """Where H > 5 the last unit of c decays by 0.1 percent a step."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        new = super().cell(i, f, g, c)
        return torch.cat([new[..., :5], new[..., 5:-1], 0.999 * new[..., 5:][..., -1:]], -1)


@mutant("LSTM", "LSTMCell", dies_of=("ANY-12",))
class CountsToFour(plain.LSTMStep):
    """c is cut off at 4."""

    def cell(self, i: Tensor, f: Tensor, g: Tensor, c: Tensor) -> Tensor:
        return super().cell(i, f, g, c).clamp(-4, 4)


@mutant("GRU", "GRUCell", dies_of=("ANY-13",))
class ShortHold(plain.GRUStep):
    """z is at most 0.9999 where B is odd."""

    def blend(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        return super().blend(z.clamp(max=0.9999) if len(h) % 2 else z, n, h)


@mutant("GRU", "GRUCell", dies_of=("ANY-13",))
class LastUnitLetsGo(plain.GRUStep):
    """Where H mod 3 is 0 the last unit is 0.01 percent smaller."""

    def blend(self, z: Tensor, n: Tensor, h: Tensor) -> Tensor:
        new = super().blend(z, n, h)
        if self.hidden_size % 3:
            return new
        return torch.cat([new[..., :-1], 0.9999 * new[..., -1:]], -1)
