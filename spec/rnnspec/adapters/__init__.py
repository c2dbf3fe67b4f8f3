"""Adapters: other libraries' recurrent networks, ready to be checked. One file a library.

`SHIPPED` lists them. A library is imported when its adapter is asked for, and one that is missing is an error
that says what to install. `base` is what adapters have in common, `crossing` where tensors become arrays,
`jax` the base of those in JAX.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..implementation import Implementation


class Missing(ImportError):
    """An adapter's library is not installed; the message says what is to be installed."""


class Shipped(NamedTuple):
    """An adapter: what it is, where it stands, the extra that installs what it needs, and what that is."""

    about: str
    module: str
    attribute: str
    extra: str = ""
    distributions: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """What of the distributions is not installed."""
        return [name for name in self.distributions if not _version(name)]

    @property
    def versions(self) -> Mapping[str, str]:
        """What is installed of the distributions; torch, which every adapter needs, is not among them."""
        return {name: version for name in self.distributions if (version := _version(name))}

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f"pip install 'rnnspec[{self.extra}]'"


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


SHIPPED: Mapping[str, Shipped] = {
    "torch.compile": Shipped("torch.nn by torch.compile, inductor", "torch_compile", "INDUCTOR"),
    "torch.compile-aot_eager": Shipped("torch.nn by torch.compile, aot_eager", "torch_compile", "AOT_EAGER"),
    "torch.jit": Shipped("torch.nn in TorchScript", "torch_jit", "SCRIPTED"),
    "torch.export": Shipped("torch.nn by torch.export", "torch_export", "EXPORTED"),
    "quantizable": Shipped("torch.ao.nn.quantizable: LSTM, LSTMCell", "quantizable", "QUANTIZABLE"),
    "dynamic-quantised-qint8": Shipped(
        "torch.ao.quantization.quantize_dynamic to qint8", "quantised", "QINT8"
    ),
    "dynamic-quantised-float16": Shipped(
        "torch.ao.quantization.quantize_dynamic to float16", "quantised", "FLOAT16"
    ),
    "equinox": Shipped(
        "Equinox: LSTMCell, GRUCell", "equinox", "EQUINOX", "jax", ("jax", "jaxlib", "equinox")
    ),
    "flax.linen": Shipped(
        "Flax Linen: RNN, Bidirectional, and its cells",
        "flax_linen",
        "LINEN",
        "jax",
        ("jax", "jaxlib", "flax"),
    ),
    "flax.nnx": Shipped(
        "Flax NNX: RNN, Bidirectional, and its cells", "flax_nnx", "NNX", "jax", ("jax", "jaxlib", "flax")
    ),
    "haiku": Shipped("Haiku: VanillaRNN, LSTM, GRU", "haiku", "HAIKU", "jax", ("jax", "jaxlib", "dm-haiku")),
    "jax.experimental.rnn": Shipped(
        "JAX: experimental.rnn.lstm_ref", "jax_rnn", "LSTM_REF", "jax", ("jax", "jaxlib")
    ),
    "keras-torch": Shipped(
        "Keras on torch: SimpleRNN, LSTM, GRU, and their cells", "keras_torch", "KERAS", "keras", ("keras",)
    ),
    "keras-jax": Shipped(
        "Keras on JAX: SimpleRNN, LSTM, GRU, and their cells",
        "keras_jax",
        "KERAS",
        "keras",
        ("keras", "jax", "jaxlib"),
    ),
    "onnxruntime": Shipped(
        "ONNX Runtime: the operators RNN, LSTM, GRU",
        "onnxruntime",
        "ONNXRUNTIME",
        "onnx",
        ("onnx", "onnxruntime"),
    ),
    "onnx.reference": Shipped(
        "ONNX's reference evaluator: the operators RNN, LSTM, GRU",
        "onnx_reference",
        "ONNX_REFERENCE",
        "onnx",
        ("onnx",),
    ),
    "torch.onnx": Shipped(
        "torch.onnx.export to ONNX Runtime: torch's layers and cells",
        "torch_onnx",
        "TORCH_ONNX",
        "onnx",
        ("onnx", "onnxscript", "onnxruntime"),
    ),
    "openvino": Shipped(
        "OpenVINO on the CPU: ONNX's RNN, LSTM, GRU",
        "openvino",
        "OPENVINO",
        "openvino",
        ("onnx", "openvino"),
    ),
    "mlx": Shipped("MLX on the CPU: RNN, GRU, LSTM", "mlx", "MLX", "mlx", ("mlx",)),
    "tinygrad": Shipped("tinygrad: LSTMCell", "tinygrad", "TINYGRAD", "tinygrad", ("tinygrad",)),
    "paddle": Shipped(
        "PaddlePaddle on the CPU: SimpleRNN, GRU, LSTM, and their cells",
        "paddle",
        "PADDLE",
        "paddle",
        ("paddlepaddle",),
    ),
}
"""By the names that `--rnn` takes."""


def load(name: str) -> Implementation:
    """The adapter of a name of `SHIPPED`.

    Raises:
        Missing: its library is not installed.
    """
    shipped = SHIPPED[name]
    if shipped.missing:
        raise Missing(f"{name} needs {', '.join(shipped.missing)}; {shipped.install}")
    module = importlib.import_module(f"{__name__}.{shipped.module}")
    found: Implementation = getattr(module, shipped.attribute)
    found.versions = shipped.versions
    return found


def facts() -> list[dict[str, Any]]:
    """The same as `lines`, for a machine."""
    return [
        {
            "name": name,
            "about": shipped.about,
            "installed": not shipped.missing,
            "install": shipped.install if shipped.extra else "",
            "versions": dict(shipped.versions),
            "claims": {} if shipped.missing else _by_mode(name),
        }
        for name, shipped in SHIPPED.items()
    ]


def _by_mode(name: str) -> dict[str, list[str]] | str:
    """The claims of each mode, or why it cannot be loaded here."""
    try:
        found = load(name)
    except Exception as error:  # such as another backend of a library that has been chosen already
        return " ".join(f"cannot be loaded here: {type(error).__name__}: {error}".split())
    return {mode: sorted(found.claimed(mode)) for mode in found.modes}


def lines() -> Iterator[str]:
    """What a reader of the list wants to know: of each adapter its name and what it is, what is installed of
    it or how to install it, and what it claims.
    """
    for name, shipped in SHIPPED.items():
        yield f"{name}  {shipped.about}"
        if shipped.missing:
            yield f"    not installed: {shipped.install}"
            continue
        versions = ", ".join(f"{library} {version}" for library, version in shipped.versions.items())
        yield f"    {versions or 'comes with torch'}"
        yield from (f"    {line}" for line in _claims(name))


def _claims(name: str) -> Iterator[str]:
    """What it claims, the modes of equal claims in one line."""
    claims = _by_mode(name)
    if isinstance(claims, str):
        yield claims
        return
    by: dict[tuple[str, ...], list[str]] = {}
    for mode, own in claims.items():
        by.setdefault(tuple(own), []).append(mode)
    for each, modes in by.items():
        yield f"{', '.join(modes)}: {', '.join(each)}"
