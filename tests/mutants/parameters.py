"""Chapter 20: parameters and options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

import plain
from mutants.registry import CELLS, LAYERS, mutant
from plain import Place, State, Weights

pad = nn.functional.pad


@mutant(*LAYERS, dies_of=("PAR-1", "PAR-2", "PAR-3"))
class ReverseTensorsMissing(plain.Layers):
    """The reverse direction has no tensors of its own and uses the forward ones."""

    def name(self, role: str, layer: int, direction: int) -> str:
        return super().name(role, layer, 0)


@mutant("LSTM", "GRU", dies_of=("PAR-1", "PAR-2", "PAR-3"))
class LayersFromOne(plain.Layers):
    """The layers are numbered from 1."""

    def name(self, role: str, layer: int, direction: int) -> str:
        return super().name(role, layer + 1, direction)


@mutant("RNN", "GRU", dies_of=("PAR-1", "PAR-2", "PAR-3"))
class ReverseSuffixShortened(plain.Layers):
    """The suffix of the reverse direction is _rev."""

    def name(self, role: str, layer: int, direction: int) -> str:
        return super().name(role, layer, direction).replace("_reverse", "_rev")


@mutant("LSTM", dies_of=("PAR-1", "PAR-2", "INI-2"))
class ProjectionAlwaysThere(plain.LSTM):
    """A network without a projection has an unused weight_hr."""

    def shapes(self, columns: int) -> dict[str, tuple[int, ...]]:
        return {"weight_hr": (self.hidden_size, self.hidden_size)} | super().shapes(columns)

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        w = super().weights(layer, direction)
        return w if self.proj_size else w._replace(weight_hr=None)


@mutant("RNN", "GRU", dies_of=("PAR-1", "PAR-2", "PAR-3", "INI-2", "INI-6"))
class OneBias(plain.Layers):
    """A layer has a single bias."""

    def shapes(self, columns: int) -> dict[str, tuple[int, ...]]:
        return {role: s for role, s in super().shapes(columns).items() if role != "bias_hh"}

    def name(self, role: str, layer: int, direction: int) -> str:
        return super().name(role, layer, direction).replace("bias_ih", "bias")


@mutant(*LAYERS, dies_of=("PAR-2", "INI-2"))
class DirectionsBeforeLayers(plain.Layers):
    """The parameters of all forward layers come before those of the reverse ones."""

    def places(self) -> list[Place]:
        return sorted(super().places(), key=lambda place: place[::-1])


class OtherOrder(plain.Step):
    """The parameters of a layer come in another order."""

    first: tuple[str, ...]

    def shapes(self, columns: int) -> dict[str, tuple[int, ...]]:
        shapes = super().shapes(columns)
        return {role: shapes[role] for role in self.first if role in shapes} | shapes


@mutant("LSTM", dies_of=("PAR-2", "INI-2"))
class ProjectionBeforeBiases(OtherOrder):
    """weight_hr comes before the biases."""

    first = ("weight_ih", "weight_hh", "weight_hr")


@mutant("RNN", "LSTM", dies_of=("PAR-2", "INI-2", "INI-6"))
class BiasesBeforeWeights(OtherOrder):
    """The biases come before the weights."""

    first = ("bias_ih", "bias_hh")


@mutant("RNN", "GRU", dies_of=("PAR-2", "INI-2", "INI-6"))
class RecurrentBeforeInput(OtherOrder):
    """weight_hh comes before weight_ih."""

    first = ("weight_hh",)


@mutant("RNN", "LSTM", dies_of=("PAR-2",))
class BufferInStateDict(plain.Layers):
    """The state dict has a buffer beside the parameters."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.register_buffer("calls", torch.zeros(()))


@mutant("RNN", "LSTM", dies_of=("PAR-2",))
class StateDictSorted(plain.Layers):
    """The keys of the state dict come in alphabetical order."""

    def state_dict(self, *args: Any, **options: Any) -> Any:
        return dict(sorted(super().state_dict(*args, **options).items()))


@mutant("LSTM", "GRU", dies_of=("PAR-2",))
class AllWeightsCopied(plain.Layers):
    """all_weights lists copies of the parameters."""

    @property
    def all_weights(self) -> list[list[nn.Parameter]]:
        return [[nn.Parameter(p.detach().clone()) for p in ps] for ps in super().all_weights]


@mutant("LSTM", dies_of=("PAR-2",))
class AllWeightsReverseFirst(plain.LSTM):
    """all_weights lists the reverse direction of a layer before the forward one."""

    @property
    def all_weights(self) -> list[list[nn.Parameter]]:
        places = [(k, self.directions - 1 - d) for k, d in self.places()]
        return [super(AllWeightsReverseFirst, self).all_weights[k * self.directions + d]
                for k, d in places]  # fmt: skip


@mutant(*LAYERS, dies_of=("PAR-3",))
class LaterLayersReadOneDirection(plain.Layers):
    """The layers above the first have P input columns in a bidirectional network."""

    def columns(self, layer: int) -> int:
        return self.widths()[0] if layer else self.input_size

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> tuple[list[Tensor], State]:
        return super().layer([x[:, : w.weight_ih.shape[1]] for x in xs], state, w, place)


@mutant("LSTM", dies_of=("PAR-3",))
class LaterLayersSizedH(plain.LSTM):
    """With a projection the layers above the first have D·H input columns."""

    def columns(self, layer: int) -> int:
        return self.directions * self.hidden_size if layer else self.input_size

    def layer(self, xs: list[Tensor], state: State, w: Weights, place: Place) -> tuple[list[Tensor], State]:
        xs = [pad(x, (0, w.weight_ih.shape[1] - x.shape[1])) for x in xs]
        return super().layer(xs, state, w, place)


class OtherShapes(plain.Step):
    """The parameters have other shapes than the weights that are computed with."""

    def shapes(self, columns: int) -> dict[str, tuple[int, ...]]:
        return {role: self.stored(role, shape) for role, shape in super().shapes(columns).items()}

    def weights(self, layer: int = 0, direction: int = 0) -> Weights:
        roles = super().weights(layer, direction)._asdict()
        return Weights(**{r: self.used(r, t) for r, t in roles.items() if t is not None})

    def stored(self, role: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        raise NotImplementedError

    def used(self, role: str, t: Tensor) -> Tensor:
        raise NotImplementedError


@mutant("LSTM", dies_of=("PAR-3",))
class RecurrentSizedH(OtherShapes):
    """With a projection weight_hh has H columns."""

    def stored(self, role: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0], self.hidden_size) if role == "weight_hh" else shape

    def used(self, role: str, t: Tensor) -> Tensor:
        return t[:, : self.widths()[0]] if role == "weight_hh" else t


@mutant("LSTM", dies_of=("PAR-3",))
class ProjectionStoredTransposed(OtherShapes):
    """weight_hr has shape (H, P)."""

    def stored(self, role: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape[::-1] if role == "weight_hr" else shape

    def used(self, role: str, t: Tensor) -> Tensor:
        return t.T if role == "weight_hr" else t


@mutant(*LAYERS, dies_of=("PAR-3",))
class WeightsStoredTransposed(OtherShapes):
    """weight_ih has shape (I, G·H) and weight_hh (P, G·H)."""

    def stored(self, role: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape[::-1] if role in ("weight_ih", "weight_hh") else shape

    def used(self, role: str, t: Tensor) -> Tensor:
        return t.T if role in ("weight_ih", "weight_hh") else t


@mutant("RNN", "GRU", dies_of=("PAR-3",))
class BiasesAsColumns(OtherShapes):
    """A bias has shape (G·H, 1)."""

    def stored(self, role: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape if len(shape) == 2 else (*shape, 1)

    def used(self, role: str, t: Tensor) -> Tensor:
        return t.flatten() if role.startswith("bias") else t


@mutant("LSTM", "GRU", dies_of=("PAR-3",))
class GatesOnAnAxis(OtherShapes):
    """The parameters have the gates on an axis of their own: (G, H, ·)."""

    def stored(self, role: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        if role == "weight_hr":
            return shape
        return (len(self.order), self.hidden_size, *shape[1:])

    def used(self, role: str, t: Tensor) -> Tensor:
        return t if role == "weight_hr" else t.flatten(0, 1)


@mutant(*LAYERS, dies_of=("PAR-5",))
class BiasesKeptAsZeros(plain.Layers):
    """With bias=False the biases are there, and zero."""

    def shapes(self, columns: int) -> dict[str, tuple[int, ...]]:
        rows = (len(self.order) * self.hidden_size,)
        return super().shapes(columns) | {"bias_ih": rows, "bias_hh": rows}

    def reset_parameters(self) -> None:
        super().reset_parameters()
        for name, parameter in self.named_parameters():
            if not self.bias and name.startswith("bias"):
                nn.init.zeros_(parameter)


@mutant(*CELLS, dies_of=("PAR-5",))
class KeepsBiasesAsZeros(plain.Cell):
    """With bias=False the biases are there, and zero."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not self.bias:
            rows = self.weights().weight_ih[:, 0]
            self.bias_ih = nn.Parameter(torch.zeros_like(rows))
            self.bias_hh = nn.Parameter(torch.zeros_like(rows))


@mutant(*CELLS, dies_of=("PAR-5",))
class BiasAttributesMissing(plain.Cell):
    """With bias=False a cell has no attributes bias_ih and bias_hh."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not self.bias:
            del self.bias_ih, self.bias_hh


@mutant(*LAYERS, *CELLS, dies_of=("PAR-5",))
class ExtraKeysSwallowed(plain.Step):
    """load_state_dict passes over keys it does not know, in strict mode too."""

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        return super().load_state_dict(state_dict, strict=False, assign=assign)


@mutant("GRU", "LSTMCell", dies_of=("PAR-11",))
class DeviceIgnored(plain.Step):
    """The constructor takes a device and does not use it."""

    def __init__(self, *args: Any, device: Any = None, **options: Any) -> None:
        super().__init__(*args, **options)


@mutant("LSTM", "RNNCell", dies_of=("PAR-11",))
class SingleByDefault(plain.Step):
    """Without a dtype the parameters are float32, whatever torch's default is."""

    def __init__(self, *args: Any, dtype: torch.dtype | None = None, **options: Any) -> None:
        super().__init__(*args, dtype=dtype or torch.float32, **options)


@mutant("RNN", dies_of=("PAR-7",))
class NonlinearityLast(plain.RNN):
    """The nonlinearity is the last option, after bidirectional."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        nonlinearity: str = "tanh",
        **options: Any,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, nonlinearity, bias,
            batch_first, dropout, bidirectional, **options,
        )  # fmt: skip


@mutant("LSTM", dies_of=("PAR-7",))
class ProjectionBeforeBidirectional(plain.LSTM):
    """proj_size comes before bidirectional."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        proj_size: int = 0,
        bidirectional: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bias,
            batch_first, dropout, bidirectional, proj_size, **options,
        )  # fmt: skip


@mutant("LSTM", "GRU", dies_of=("PAR-7",))
class BatchFirstBeforeBias(plain.Layers):
    """batch_first comes before bias."""

    def __init__(self, *args: Any, **options: Any) -> None:
        if len(args) > 4:
            args = (*args[:3], args[4], args[3], *args[5:])
        super().__init__(*args, **options)


@mutant("RNNCell", dies_of=("PAR-7",))
class NonlinearityBeforeBias(plain.RNNCell):
    """The nonlinearity comes before bias."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        nonlinearity: str = "tanh",
        bias: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, nonlinearity, **options)


@mutant("RNN", "GRU", dies_of=("PAR-7",))
class DropoutForgotten(plain.Layers):
    """The attribute dropout is 0 whatever was asked for."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.dropout = 0.0


@mutant("LSTM", "GRU", dies_of=("PAR-7",))
class ModeInLowerCase(plain.Layers):
    """The attribute mode is in lower case."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.mode = self.mode.lower()


@mutant(
    *LAYERS,
    *CELLS,
    dies_of=(
        "PAR-8",
        "PAR-7",
    ),
)
class ReprOfSizesOnly(plain.Step):
    """The repr lists the two sizes and no option."""

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}"


@mutant("LSTM", dies_of=("PAR-7",))
class ReprWithoutProjection(plain.LSTM):
    """The repr does not list proj_size."""

    def extra_repr(self) -> str:
        return super().extra_repr().replace(f", proj_size={self.proj_size}", "")
