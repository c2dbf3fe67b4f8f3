"""Chapter 73: what a call changes, and who owns its results."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

import plain
from mutants.registry import CELLS, LAYERS, mutant
from plain import State
from rnnspec.case import drawn


def write(target: Tensor, value: Tensor) -> None:
    """Into the caller's memory. The cases forget their numbers, which may be these."""
    if target.is_contiguous():
        target.data.copy_(value.detach())
        drawn.cache_clear()


class Writing(plain.Step):
    """After a call something is written into input or state."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        answer = super().forward(input, hx)
        if isinstance(input, Tensor):
            self.spoil(input, () if hx is None else self.given_state(hx), answer)
        return answer

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        raise NotImplementedError


@mutant(*LAYERS, *CELLS, dies_of=("PUR-1",))
class InputScaled(Writing):
    """The input is halved in place."""

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        write(x, x / 2)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("PUR-1",))
class InputScaledWithoutGrad(Writing):
    """Without grad the input is halved in place."""

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        if not torch.is_grad_enabled():
            write(x, x / 2)


@mutant("LSTM", "GRU", "RNNCell", dies_of=("PUR-1",))
class LastRowRounded(Writing):
    """The last number of the input is rounded in place."""

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        rounded = x.detach().clone()
        rounded[(-1,) * x.dim()].round_()
        write(x, rounded)


@mutant("RNN", "GRU", dies_of=("PUR-1",))
class InputScaledForOneStep(Writing):
    """The input of a single step is halved in place."""

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        if len(x) == 1:
            write(x, x / 2)


@mutant(*LAYERS, dies_of=("PUR-1",))
class StateOverwritten(Writing):
    """h_n is written over h_0."""

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        if state:
            final = answer[1]
            write(state[0], final[0] if isinstance(final, tuple) else final)


@mutant("LSTM", "LSTMCell", dies_of=("PUR-1",))
class COverwritten(Writing):
    """The new cell state is written over the given one."""

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        if state:
            final = answer[1]
            write(state[1], final[1] if isinstance(final, tuple) else final)


@mutant("RNN", "LSTM", "LSTMCell", dies_of=("PUR-1",))
class BiasesMerged(Writing):
    """A call adds bias_hh to bias_ih in place, which changes no result."""

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        w = self.weights()
        if w.bias_ih is not None and w.bias_hh is not None:
            w.bias_ih.data.add_(w.bias_hh)
            w.bias_hh.data.zero_()


@mutant("GRU", dies_of=("PUR-1",))
class WeightsRounded(Writing):
    """Without grad the last row of weight_hh is rounded to bfloat16 in place."""

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        if not torch.is_grad_enabled():
            last = self.weights().weight_hh.data[-1]
            last.copy_(last.bfloat16())


@mutant("RNN", "GRU", dies_of=("PUR-1",))
class BatchFirstTransposedInPlace(plain.Layers):
    """With batch_first the caller's input is transposed in place."""

    def enter(self, input: Tensor, batched: bool) -> Tensor:
        if not (batched and self.batch_first) or input.requires_grad or input.is_inference():
            return super().enter(input, batched)
        drawn.cache_clear()
        return input.transpose_(0, 1)


@mutant("LSTM", "GRUCell", "RNNCell", dies_of=("PUR-14",))
class UnbatchedStateOverwritten(Writing):
    """Without grad the state of unbatched input is cleared in place."""

    def spoil(self, x: Tensor, state: State, answer: Any) -> None:
        if state and state[0].dim() == 1 + isinstance(self, plain.Layers) and not torch.is_grad_enabled():
            write(state[0], torch.zeros_like(state[0]))


@mutant("LSTM", "GRU", dies_of=("PUR-13",))
class PackedStateOverwritten(plain.Layers):
    """Without grad the final states of a packed batch in order are written into the initial ones."""

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        output, final = super().packed(input, hx)
        if hx is not None and input.sorted_indices is None and not torch.is_grad_enabled():
            for target, value in zip(self.given_state(hx), final, strict=True):
                write(target, value)
        return output, final


@mutant("RNN", "LSTM", dies_of=("PUR-13",))
class PackedDataScaled(plain.Layers):
    """The data of packed input are halved in place."""

    def packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        answer = super().packed(input, hx)
        write(input.data, input.data / 2)
        return answer


class InBackward(plain.Step):
    """Backward writes where it is not to."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        answer = super().forward(input, hx)
        first = answer if isinstance(answer, Tensor) else answer[0]
        if isinstance(first, Tensor) and isinstance(input, Tensor) and first.requires_grad:
            state = () if hx is None else self.given_state(hx)
            first.register_hook(lambda _: self.spoil(input, state, first))
        return answer

    def spoil(self, x: Tensor, state: State, result: Tensor) -> None:
        raise NotImplementedError


@mutant(*LAYERS, *CELLS, dies_of=("PUR-6",))
class BackwardOverInput(InBackward):
    """Backward halves the input in place."""

    def spoil(self, x: Tensor, state: State, result: Tensor) -> None:
        write(x, x / 2)


@mutant("RNN", "GRU", "LSTMCell", dies_of=("PUR-6",))
class BackwardOverState(InBackward):
    """Backward sets the last row of h_0 to zero."""

    def spoil(self, x: Tensor, state: State, result: Tensor) -> None:
        if state:
            rest = state[0].detach().clone()
            rest[..., -1, :] = 0
            write(state[0], rest)


@mutant("LSTM", "GRU", "RNNCell", dies_of=("PUR-6",))
class BackwardOverWeights(InBackward):
    """Backward halves weight_hh in place."""

    def spoil(self, x: Tensor, state: State, result: Tensor) -> None:
        self.weights().weight_hh.data.mul_(0.5)


@mutant("RNN", "LSTM", dies_of=("PUR-6",))
class BackwardOverOutput(InBackward):
    """Backward writes 1 − y² over the output."""

    def spoil(self, x: Tensor, state: State, result: Tensor) -> None:
        write(result, 1 - result**2)


class HIsAView(plain.Layers):
    """h_n is a view of the output."""

    def result(self, output: Tensor | PackedSequence, state: State) -> tuple[Any, Any]:
        alone = len(self.places()) == 1 and not self.batch_first
        if alone and isinstance(output, Tensor) and self.shared(output):
            state = (output[-1:], *state[1:])
        return super().result(output, state)

    def shared(self, output: Tensor) -> bool:
        return True


@mutant(*LAYERS, dies_of=("PUR-3", "PUR-7"))
class HIsTheLastOutput(HIsAView):
    """h_n is a view of the output."""


@mutant("RNN", "LSTM", dies_of=("PUR-3", "PUR-7"))
class HIsTheOnlyOutput(HIsAView):
    """h_n is a view of the output of a single step."""

    def shared(self, output: Tensor) -> bool:
        return len(output) == 1


@mutant("RNN", "GRU", dies_of=("PUR-3",))
class HIsTheOnlyRow(HIsAView):
    """h_n is a view of the output of a single row."""

    def shared(self, output: Tensor) -> bool:
        return output.dim() == 3 and output.shape[1] == 1


@mutant("LSTM", "GRU", dies_of=("PUR-3", "PUR-7"))
class HIsTheLastWithoutGrad(HIsAView):
    """Without grad h_n is a view of the output."""

    def shared(self, output: Tensor) -> bool:
        return not torch.is_grad_enabled()


@mutant("LSTM", "GRU", dies_of=("PUR-7",))
class HIsTheLastUnbatched(HIsAView):
    """h_n is a view of the output of unbatched input."""

    def shared(self, output: Tensor) -> bool:
        return output.dim() == 2


@mutant(*CELLS, dies_of=("PUR-3", "PUR-7"))
class StateReused(plain.Cell):
    """Without grad the new state is put where the given one was, and returned."""

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        answer = super().forward(input, hx)
        if hx is None or torch.is_grad_enabled():
            return answer
        state, new = self.given_state(hx), answer if isinstance(answer, tuple) else (answer,)
        for old, value in zip(state, new, strict=True):
            write(old, value)
        return self.returned_state(state)


@mutant("LSTM", dies_of=("PUR-1", "PUR-3", "PUR-7"))
class CReused(plain.LSTM):
    """Without grad c_n is put where c_0 was, and returned."""

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        output, (h, c) = super().forward(input, hx)
        if hx is None or torch.is_grad_enabled():
            return output, (h, c)
        write(hx[1], c)
        return output, (h, hx[1])


class Workspaces(plain.Step):
    """A result lies in memory that networks of the same sizes share."""

    shared: dict[Any, tuple[int, Tensor]]

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        answer = super().forward(input, hx)
        first = answer if isinstance(answer, Tensor) else answer[0]
        if isinstance(first, Tensor):
            owner, memory = self.shared.get(key := (first.shape, first.dtype), (id(self), first))
            if owner != id(self):
                memory.data.copy_(first.detach())
            self.shared[key] = (id(self), first)
        return answer


@mutant(*LAYERS, "LSTMCell", dies_of=("PUR-8",))
class WorkspaceShared(Workspaces):
    """The output of one network is overwritten by that of another of the same sizes."""

    shared = {}  # noqa: RUF012


TORCH: Any = torch
"""What nobody is to write on."""


class Meddling(plain.Step):
    """After a call something of torch's is another."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        answer = super().forward(input, hx)
        self.meddle()
        return answer

    def meddle(self) -> None:
        raise NotImplementedError


@mutant("RNN", "LSTMCell", dies_of=("PUR-9",))
class WidensTheDefault(Meddling):
    """A call sets the default dtype to float64."""

    def meddle(self) -> None:
        torch.set_default_dtype(torch.float64)


@mutant("LSTM", "GRUCell", dies_of=("PUR-9",))
class TakesThreads(Meddling):
    """A call takes one thread more than torch has."""

    def meddle(self) -> None:
        torch.set_num_threads(torch.get_num_threads() + 1)


@mutant("GRU", "RNNCell", dies_of=("PUR-9",))
class TurnsGradOff(Meddling):
    """A call leaves grad mode off."""

    def meddle(self) -> None:
        torch.set_grad_enabled(False)


@mutant("GRU", dies_of=("PUR-9",))
class TurnsGradOn(Meddling):
    """A call without grad leaves grad mode on."""

    def meddle(self) -> None:
        if not torch.is_inference_mode_enabled():
            torch.set_grad_enabled(True)


@mutant("RNN", dies_of=("PUR-9",))
class AsksForDeterminism(Meddling):
    """Without grad a call asks for deterministic algorithms, of all modules."""

    def meddle(self) -> None:
        if not torch.is_grad_enabled():
            torch.use_deterministic_algorithms(True, warn_only=True)


@mutant("LSTM", dies_of=("PUR-9",))
class LowersPrecision(Meddling):
    """A call sets the precision of float32 products, of all modules."""

    def meddle(self) -> None:
        torch.set_float32_matmul_precision("high")


@mutant("GRU", "LSTMCell", dies_of=("PUR-9",))
class LeavesAutocastOpen(Meddling):
    """A call in inference mode enters autocast and does not leave it."""

    def meddle(self) -> None:
        if torch.is_inference_mode_enabled():
            torch.set_autocast_cache_enabled(False)
            torch.autocast_increment_nesting()


@mutant("RNN", "LSTM", "GRUCell", dies_of=("PUR-10",))
class ReplacesSigmoid(Meddling):
    """A call puts a sigmoid of its own into torch."""

    def meddle(self) -> None:
        TORCH.sigmoid = lambda input: input.sigmoid()


@mutant("LSTM", "RNNCell", dies_of=("PUR-10",))
class HidesATensorsMethod(Meddling):
    """Without grad a call puts a tanh of its own into torch.Tensor."""

    def meddle(self) -> None:
        if not torch.is_grad_enabled():
            TORCH.Tensor.tanh = lambda self: torch.tanh(self)


@mutant("GRU", dies_of=("PUR-10",))
class WrapsAnothersForward(Meddling):
    """A call wraps torch.nn.LSTM.forward."""

    def meddle(self) -> None:
        before = torch.nn.LSTM.forward
        TORCH.nn.LSTM.forward = lambda self, *given: before(self, *given)


@mutant("RNN", "GRU", dies_of=("PUR-9",))
class BackwardTakesThreads(InBackward):
    """Backward takes one thread more than torch has."""

    def spoil(self, x: Tensor, state: State, result: Tensor) -> None:
        torch.set_num_threads(torch.get_num_threads() + 1)


@mutant("LSTM", "GRU", dies_of=("PUR-10",))
class BackwardReplacesMatmul(InBackward):
    """Backward puts a matmul of its own into torch."""

    def spoil(self, x: Tensor, state: State, result: Tensor) -> None:
        TORCH.matmul = lambda left, right: left @ right


class Founding(plain.Step):
    """The constructor leaves something of torch's another."""

    def __init__(self, *sizes: Any, **options: Any) -> None:
        super().__init__(*sizes, **options)
        self.meddle()

    def meddle(self) -> None:
        raise NotImplementedError


@mutant("RNN", "LSTMCell", dies_of=("PUR-11",))
class SetsTheDefault(Founding):
    """The constructor sets the default dtype to float64."""

    def meddle(self) -> None:
        torch.set_default_dtype(torch.float64)


@mutant("LSTM", "RNNCell", dies_of=("PUR-11",))
class LooksForAnomalies(Founding):
    """The constructor turns on the detection of anomalies."""

    def meddle(self) -> None:
        torch.autograd.set_detect_anomaly(True)


@mutant("GRU", "GRUCell", dies_of=("PUR-11",))
class WatchesAllModules(Founding):
    """The constructor registers a hook of all modules."""

    def meddle(self) -> None:
        torch.nn.modules.module.register_module_forward_hook(lambda module, given, answer: None)


@mutant("RNN", "LSTM", "GRUCell", dies_of=("PUR-12",))
class SkipsInitialisation(Founding):
    """The constructor leaves torch.nn.init.kaiming_uniform_ doing nothing, to save time."""

    def meddle(self) -> None:
        TORCH.nn.init.kaiming_uniform_ = lambda tensor, *args, **options: tensor


@mutant("GRU", "LSTMCell", dies_of=("PUR-12",))
class TakesAnothersPlace(Founding):
    """The constructor puts its class in the place of torch.nn.GRU."""

    def meddle(self) -> None:
        TORCH.nn.GRU = type(self)
