"""Chapter 70: arithmetic that is coarser than the dtype says, and results of another dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence
from torch.overrides import TorchFunctionMode

import plain
from mutants.registry import CELLS, LAYERS, mutant
from plain import State, Weights

Layer = tuple[list[Tensor], State]
ALL = (*LAYERS, *CELLS)
HALF = (torch.bfloat16, torch.float16)

PRODUCTS = {torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__}


class Computing(TorchFunctionMode):
    """Every operation goes through `change`, which is given the function and its arguments."""

    def __init__(self, change: Callable[..., Any]) -> None:
        super().__init__()
        self.change = change

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.change(function, *args, **(kwargs or {}))


class Arithmetic(plain.Step):
    """A step whose operations are another's where `wrong` says so."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        if not self.wrong(x):
            return super().step(x, state, w)
        with Computing(self.operation):
            return super().step(x, state, w)

    def wrong(self, x: Tensor) -> bool:
        raise NotImplementedError

    def operation(self, function: Any, *args: Any, **options: Any) -> Any:
        raise NotImplementedError


def through(value: Any, dtype: torch.dtype) -> Any:
    """A result rounded to a dtype and given back in its own."""
    return value.to(dtype).to(value.dtype) if isinstance(value, Tensor) else value


def to_tf32(value: Tensor) -> Tensor:
    """A float32 number rounded to 10 binary digits."""
    bits = value.contiguous().view(torch.int32)
    return ((bits + 0x1000) & ~0x1FFF).view(torch.float32)


def cut_to_tf32(value: Tensor) -> Tensor:
    """A float32 number cut off after 10 binary digits."""
    return (value.contiguous().view(torch.int32) & ~0x1FFF).view(torch.float32)


class Coarse(Arithmetic):
    """Each operation is rounded to a coarser dtype."""

    fine, coarse = torch.float64, torch.float32

    def wrong(self, x: Tensor) -> bool:
        return x.dtype == self.fine

    def operation(self, function: Any, *args: Any, **options: Any) -> Any:
        return through(function(*args, **options), self.coarse)


@mutant(*ALL, dies_of=("DTY-1", "DTY-3"))
class Float64InFloat32(Coarse):
    """float64 is computed in float32."""


@mutant(*ALL, dies_of=("DTY-1", "DTY-3"))
class Float32InBfloat16(Coarse):
    """float32 is computed in bfloat16."""

    fine, coarse = torch.float32, torch.bfloat16


@mutant("RNN", "LSTM", "GRU", dies_of=("DTY-1", "DTY-3"))
class Float32InFloat16(Coarse):
    """float32 is computed in float16."""

    fine, coarse = torch.float32, torch.float16


@mutant("RNN", dies_of=("DTY-1",))
class Float16InBfloat16(Coarse):
    """float16 is computed in bfloat16."""

    fine, coarse = torch.float16, torch.bfloat16


@mutant(*ALL, dies_of=("DTY-1", "DTY-3"))
class Tf32Products(Arithmetic):
    """The factors of float32 products are rounded to 10 binary digits."""

    factor = staticmethod(to_tf32)

    def wrong(self, x: Tensor) -> bool:
        return x.dtype == torch.float32

    def operation(self, function: Any, *args: Any, **options: Any) -> Any:
        if function in PRODUCTS:
            args = tuple(self.factor(value) for value in args)
        return function(*args, **options)


class StateThrough(plain.Step):
    """Between the steps h is kept in another dtype."""

    fine, coarse = torch.float32, torch.bfloat16

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        h, *rest = state
        return super().step(x, (through(h, self.coarse) if h.dtype == self.fine else h, *rest), w)


@mutant(*LAYERS, "GRUCell", dies_of=("DTY-1", "DTY-3"))
class StateInBfloat16(StateThrough):
    """In float32 h is kept in bfloat16 between the steps."""


@mutant("RNN", "LSTM", "GRU", dies_of=("DTY-1", "DTY-3"))
class StateInFloat32(StateThrough):
    """In float64 h is kept in float32 between the steps."""

    fine, coarse = torch.float64, torch.float32


@mutant(*LAYERS, dies_of=("DTY-1", "DTY-3"))
class ReverseInFloat32(plain.Layers):
    """In float64 the second layer's reverse direction is computed in float32."""

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: tuple[int, int]) -> Layer:
        ys, final = super().layer(xs, state, w, place)
        if xs[0].dtype == torch.float64 and place == (1, 1):
            ys = [through(y, torch.float32) for y in ys]
        return ys, final


@mutant("LSTM", "LSTMCell", "GRU", dies_of=("DTY-1",))
class SigmoidOfFloat16(plain.Step):
    """In float16 σ is read from a table with steps of 1/4."""

    def sigmoid(self, v: Tensor) -> Tensor:
        return ((4 * v).round() / 4).sigmoid() if v.dtype == torch.float16 else v.sigmoid()


@mutant(*ALL, dies_of=("DTY-1", "DTY-8"))
class CheapTanhOfHalf(plain.Step):
    """In half types tanh is a quotient of polynomials, 0.02 off."""

    def tanh(self, v: Tensor) -> Tensor:
        wide = v.float().clamp(-3, 3)
        return (wide * (27 + wide**2) / (27 + 9 * wide**2)).to(v.dtype) if v.dtype in HALF else v.tanh()


class HalfSums(Arithmetic):
    """In half types every product is added in the half type."""

    def wrong(self, x: Tensor) -> bool:
        return x.dtype in HALF

    def operation(self, function: Any, *args: Any, **options: Any) -> Any:
        if function not in PRODUCTS:
            return function(*args, **options)
        left, right = args
        total = torch.zeros_like(left[:, :1] * right[:1])
        for k in range(len(right)):
            total = total + left[:, k : k + 1] * right[k : k + 1]
        return total


@mutant(*ALL, dies_of=("DTY-8",))
class SumsInHalf(HalfSums):
    """In half types every product is added in the half type."""


@mutant(*ALL, dies_of=("DTY-8",))
class SumsInBfloat16(HalfSums):
    """In bfloat16, not in float16, every product is added in the half type."""

    def wrong(self, x: Tensor) -> bool:
        return x.dtype == torch.bfloat16


@mutant(*LAYERS, dies_of=("DTY-7",))
class PackedRowsOfHalf(plain.Layers):
    """In half types the given state of a packed batch is rounded to multiples of 1/8."""

    def permuted(self, state: State, order: Tensor | None) -> State:
        state = super().permuted(state, order)
        return tuple((8 * s).round() / 8 if s.dtype in HALF else s for s in state)


@mutant("RNN", "LSTM", dies_of=("DTY-7",))
class PackedFloat16AsBfloat16(plain.Layers):
    """In float16 packed data are brought to a fixed point of 4 digits."""

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        if input.data.dtype == torch.float16:
            input = input._replace(data=(16 * input.data).round() / 16)
        return super().packed(input, hx)


class Promoting(plain.Step):
    """A call's results are promoted where `promoted` says so."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        answer = super().forward(input, hx)
        data = input.data if isinstance(input, PackedSequence) else input
        return self.promoted(answer) if data.dtype in HALF else answer

    def promoted(self, answer: Any) -> Any:
        return each(answer, lambda part: part.float())


def each(answer: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Every tensor of an answer changed."""
    if isinstance(answer, PackedSequence):
        return answer._replace(data=change(answer.data))
    if isinstance(answer, Tensor):
        return change(answer)
    return tuple(each(part, change) for part in answer)


@mutant("RNN", "GRU", "LSTM", "GRUCell", "LSTMCell", dies_of=("DTY-2",))
class PromotedWithoutGrad(Promoting):
    """In half types the results of a call without grad are float32."""

    def promoted(self, answer: Any) -> Any:
        return answer if torch.is_grad_enabled() else super().promoted(answer)


@mutant("RNN", "GRU", "LSTM", dies_of=("DTY-2", "DTY-9"))
class StateLeftInFloat32(Promoting):
    """In half types the final state is returned in float32, in which it was accumulated."""

    def promoted(self, answer: Any) -> Any:
        return answer[0], super().promoted(answer[1])


@mutant("RNN", "GRU", "LSTM", dies_of=("DTY-9",))
class PackedPromoted(Promoting):
    """In half types a packed output is float32."""

    def promoted(self, answer: Any) -> Any:
        output, final = answer
        return (super().promoted(output) if isinstance(output, PackedSequence) else output), final


@mutant(*ALL, dies_of=("DTY-2",))
class DefaultStateInFloat32(plain.Step):
    """In a half module an omitted state is float32, and what comes of it too."""

    def initial_state(self, *shape: int, like: Tensor) -> State:
        state = super().initial_state(*shape, like=like)
        return tuple(s.float() for s in state) if like.dtype in HALF else state

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        wide = state[0].dtype
        return super().step(x.to(wide), state, w.each(lambda t: t.to(wide)))


@mutant("LSTM", "GRU", dies_of=("DTY-2", "DTY-9"))
class EverythingInFloat64(plain.Layers):
    """Results of float32 input are float64, in which they are computed."""

    def result(self, output: Tensor | PackedSequence, state: State) -> tuple[Any, Any]:
        answer = super().result(output, state)
        return each(answer, lambda part: part.double() if part.dtype == torch.float32 else part)  # type: ignore[no-any-return]


class UnderAutocast(plain.Step):
    """Other under autocast."""

    claims = frozenset({"autocast"})

    def casting(self) -> bool:
        return torch.is_autocast_enabled("cpu")


def cast() -> torch.dtype:
    """The dtype that autocast casts to."""
    return torch.get_autocast_dtype("cpu")


@mutant("RNN", "GRU", "LSTM", "GRUCell", "LSTMCell", dies_of=("DTY-10",))
class StateForgotten(UnderAutocast):
    """Under autocast the given h_0 is read as zeros."""

    def given_state(self, hx: Any) -> State:
        h, *rest = super().given_state(hx)
        return (0 * h if self.casting() else h, *rest)


@mutant(*LAYERS, dies_of=("DTY-10", "DTY-11"))
class BiasesForgotten(UnderAutocast):
    """Under autocast bias_hh is not added."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(bias_hh=None) if self.casting() else w


@mutant(*LAYERS, dies_of=("DTY-11",))
class PackedStateForgotten(UnderAutocast, plain.Layers):
    """Under autocast the given state of a packed batch is read as zeros."""

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        return super().packed(input, None if self.casting() else hx)


@mutant("RNN", "GRU", "LSTM", dies_of=("DTY-5",))
class StateLeftBehind(UnderAutocast, plain.Layers):
    """Under autocast the output is cast and the states are not."""

    def result(self, output: Tensor | PackedSequence, state: State) -> tuple[Any, Any]:
        output, final = super().result(output, state)
        return each(output, lambda part: part.to(cast())) if self.casting() else output, final


@mutant("LSTM", "LSTMCell", dies_of=("DTY-5",))
class CellStateLeftBehind(UnderAutocast):
    """Under autocast h is cast and c is not."""

    def returned_state(self, state: State) -> Any:
        h, c = state
        return (h.to(cast()), c) if self.casting() else (h, c)


@mutant("RNN", "GRU", dies_of=("DTY-5",))
class AlwaysBfloat16(UnderAutocast, plain.Layers):
    """Under autocast all results are bfloat16, whatever is cast to."""

    def result(self, output: Tensor | PackedSequence, state: State) -> tuple[Any, Any]:
        answer = super().result(output, state)
        return each(answer, lambda part: part.bfloat16()) if self.casting() else answer


@mutant("RNN", "GRU", "LSTM", dies_of=("DTY-12",))
class PackedLeftBehind(UnderAutocast, plain.Layers):
    """Under autocast results of padded input are cast, those of packed input are not."""

    def padded(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        answer = super().padded(input, hx)
        return each(answer, lambda part: part.to(cast())) if self.casting() else answer


@mutant(*ALL, dies_of=("DTY-13",))
class WeightsCastOnce(UnderAutocast):
    """Under autocast the weights are cast without grad, to be kept."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w.each(lambda t: t.detach()) if self.casting() else w


@mutant("RNN", "LSTM", "GRUCell", dies_of=("DTY-13",))
class BiasesCastOnce(UnderAutocast):
    """Under autocast the biases, which need no cast, are added without grad."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w._replace(bias_ih=w.bias_ih.detach()) if self.casting() and w.bias_ih is not None else w


@mutant(*ALL, dies_of=("DTY-15",))
class WeightsKeptAcrossContexts(UnderAutocast):
    """The weights that the first call under autocast cast are used by all later ones."""

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        if not self.casting() or w.weight_ih.device.type == "meta":
            return w
        kept: dict[Any, Weights] = self.__dict__.setdefault("kept", {})
        return kept.setdefault((layer, direction, cast()), w.each(Tensor.clone))


class Bent(torch.autograd.Function):
    """The same number, and a gradient of `factor` times what it is."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return gradient * ctx.factor, None


@mutant("RNN", "LSTM", "RNNCell", dies_of=("DTY-14",))
class SteepTanhOfHalf(plain.Step):
    """In half types the derivative of tanh is a tenth too large."""

    def tanh(self, v: Tensor) -> Tensor:
        return super().tanh(Bent.apply(v, 1.1) if v.dtype in HALF else v)


@mutant("GRU", "GRUCell", "LSTMCell", dies_of=("DTY-14",))
class RecurrentGradientOfFloat16(plain.Step):
    """In float16 the gradient of weight_hh is a tenth too small."""

    def step(self, x: Tensor, state: State, w: Weights) -> State:
        if x.dtype == torch.float16:
            w = w._replace(weight_hh=Bent.apply(w.weight_hh, 0.9))
        return super().step(x, state, w)
