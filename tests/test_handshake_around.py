"""The handshake, of what people do around a library of their own, and of whole networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

import plain
from handshake_kit import CPU, Call, calling, each, found, misread
from plain import Weights
from rnnspec.case import Case
from rnnspec.handshake import diagnosed
from rnnspec.implementation import DropIn
from rnnspec.network import Network


def loading(mode: str, change: Callable[[str, Tensor], Tensor]) -> type[nn.Module]:
    """torch's class with something done to the weights that it is given."""
    base: Any = getattr(nn, mode)

    def load_state_dict(self: Any, weights: Mapping[str, Tensor]) -> Any:
        return base.load_state_dict(self, {name: change(name, value) for name, value in weights.items()})

    return type("Loading", (base,), {"load_state_dict": load_state_dict})


class TestAroundTorch:
    """What a newcomer does around a library of his own."""

    def test_batch_first(self) -> None:
        def change(call: Call, x: Tensor, hx: Any) -> Any:
            output, h_n = call(x.transpose(0, 1), hx)
            return output.transpose(0, 1), h_n

        said = "input and output are batch first: it reads (B, T, I) where torch has (T, B, I)"
        assert found(calling("GRU", change), "GRU").wrong[0] == said

    def test_output_batch_first(self) -> None:
        def change(call: Call, x: Tensor, hx: Any) -> Any:
            output, state = call(x, hx)
            return output.transpose(0, 1), state

        said = "the output is batch first: (B, T, H) where torch has (T, B, H)"
        assert found(calling("LSTM", change), "LSTM").wrong == [said]

    def test_states_of_all_steps(self) -> None:
        finding = found(calling("RNN", lambda call, x, hx: (call(x, hx)[0],) * 2), "RNN")
        assert finding.wrong[0] == "the states of all steps are returned, not the last"

    def test_the_state_of_the_first_step(self) -> None:
        finding = found(calling("RNN", lambda call, x, hx: (call(x, hx)[0], call(x[:1], hx)[1])), "RNN")
        assert finding.wrong[0] == "the state of the first step is returned, not of the last"

    def test_exchanged_both_ways(self) -> None:
        def change(call: Call, x: Tensor, hx: Any) -> Any:
            output, state = call(x, hx and hx[::-1])
            return output, state[::-1]

        assert (
            found(calling("LSTM", change), "LSTM").wrong[0] == "the state is (c, h), where torch's is (h, c)"
        )

    def test_computed_in_float32(self) -> None:
        def forward(self: Any, x: Tensor, hx: Any = None) -> Any:
            output, h_n = nn.GRU.forward(self.float(), x.float(), None if hx is None else hx.float())
            return output.to(x.dtype), h_n.to(x.dtype)

        single = type("Single", (nn.GRU,), {"forward": forward})
        assert found(single, "GRU", torch.float64).wrong == ["float64 is computed in float32"]

    def test_a_transpose_shows_only_where_it_fits(self) -> None:
        stored = loading("RNN", lambda name, value: value.T if name == "weight_ih_l0" else value)
        assert found(stored, "RNN").wrong[0] == "weight_ih looks transposed"

    def test_two_mistakes_at_once(self) -> None:
        def change(name: str, value: Tensor) -> Tensor:
            i, f, g, o = value.chunk(4) if "hr" not in name else [value] * 4
            if "hr" in name or name.startswith("bias_hh"):
                return value if "hr" in name else 0 * value
            return torch.cat([i, f, o, g])

        mapped = DropIn("mapped", {"LSTM": loading("LSTM", change)})
        one, other = diagnosed(Network(mapped, Case("LSTM"), CPU)).wrong
        assert one.endswith("look permuted: it reads i f o g where torch writes i f g o")
        assert other == "bias_hh is not added"


class TestPlain:
    def test_reverse_forwards(self) -> None:
        class Forwards(plain.Layers):
            def layer(self, xs: Any, state: Any, w: Weights, place: Any) -> Any:
                return super().layer(xs, state, w, (place[0], 0))

        assert found(Forwards, "RNN").wrong == ["bidirectional: the reverse direction runs forwards"]

    def test_the_projection_transposed(self) -> None:
        finding = found(misread(each(("weight_hr",), lambda W: W.reshape(W.shape[1], -1).T)), "LSTM")
        assert finding.wrong == ["projection: weight_hr looks transposed"]

    def test_the_projection_left_out(self) -> None:
        class Cut(plain.Step):
            def project(self, h: Tensor, w: Weights) -> Tensor:
                return h if w.weight_hr is None else h[..., : len(w.weight_hr)]

        said = "projection: the projection is not applied: the state is the first columns of h"
        assert found(Cut, "LSTM").wrong == [said]

    def test_mistakes_of_different_networks_are_all_told(self) -> None:
        class Two(plain.Layers):
            def join(self, *ways: Tensor) -> Tensor:
                return torch.cat(ways[::-1], -1)

            def weights(self, layer: int = 0, direction: int = 0) -> Weights:
                return each(("bias_ih",), torch.zeros_like)(super().weights(layer, direction))

        assert found(Two, "RNN").wrong == [
            "bias_ih is not added",
            "bidirectional: the reverse half of the output comes first",
        ]
