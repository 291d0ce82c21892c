"""What a case of the layer matrix is, and Larq's quantizers as the matrix calls them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

QUANTIZERS: dict[str, Callable[[Any], Any]] = {
    "ste_sign": lambda q: q.SteSign(),
    "approx_sign": lambda q: q.ApproxSign(),
    "swish_sign": lambda q: q.SwishSign(),
    "magnitude_aware_sign": lambda q: q.MagnitudeAwareSign(),
    "ste_heaviside": lambda q: q.SteHeaviside(),
    "ste_tern": lambda q: q.SteTern(),
    "ste_tern(0.5)": lambda q: q.SteTern(threshold_value=0.5),
    "ste_tern(weight networks)": lambda q: q.SteTern(ternary_weight_networks=True),
    "dorefa(1)": lambda q: q.DoReFa(k_bit=1),
    "dorefa(2)": lambda q: q.DoReFa(k_bit=2),
    "dorefa(3)": lambda q: q.DoReFa(k_bit=3),
    "dorefa(1, weights)": lambda q: q.DoReFa(k_bit=1, mode="weights"),
    "dorefa(2, weights)": lambda q: q.DoReFa(k_bit=2, mode="weights"),
    "dorefa(4, weights)": lambda q: q.DoReFa(k_bit=4, mode="weights"),
    "no_op, +-1": lambda q: q.NoOp(precision=1),
    "no_op, real": lambda q: q.NoOp(precision=32),
    "none": lambda q: None,
}
"""Larq's quantizers as this page and the tests call them."""

INPUTS = (
    *("ste_sign", "ste_heaviside", "ste_tern", "ste_tern(0.5)", "dorefa(1)", "dorefa(2)"),
    *("dorefa(3)", "none"),
)
"""Those that may quantize an input; approx_sign and swish_sign take turns with ste_sign."""

KERNELS = (
    *("ste_sign", "magnitude_aware_sign", "ste_heaviside", "ste_tern"),
    *("ste_tern(weight networks)", "dorefa(2)", "dorefa(1, weights)", "dorefa(2, weights)"),
    *("dorefa(4, weights)", "no_op, +-1", "no_op, real", "none"),
)
"""Those that may quantize a kernel."""

PIXEL_KERNELS = (
    *("ste_sign", "magnitude_aware_sign", "ste_tern", "dorefa(2, weights)", "no_op, +-1"),
)
"""Those that are tried on the integers of encoded inputs."""

SIGNS = ("ste_sign", "approx_sign", "swish_sign")


@dataclass(frozen=True)
class Kind:
    """A class of layers with a kernel."""

    name: str
    shape: tuple[int, ...]
    """Of its input."""
    arguments: tuple[Any, ...]
    settings: tuple[dict[str, Any], ...]
    """What else it may be given; each case takes the next."""
    kernels: tuple[str, ...] = ("kernel_quantizer",)
    """Arguments that quantize a kernel."""
    real: bool = False
    """A class of Keras, without quantizers."""


@dataclass(frozen=True)
class Case:
    """One branch: builds the layers under test behind ``x``."""

    name: str
    build: Callable[[Any, Any, Any], Any]
    """From Keras's layers, Larq, and a tensor to a tensor."""
    labels: dict[str, str] = field(default_factory=dict)
    """What the page tells of it."""


@dataclass(frozen=True)
class Batch:
    """Cases that share an input."""

    name: str
    shape: tuple[int, ...]
    pixels: bool
    """Whether inputs are the integers 0 to 255, else numbers on both sides of 0."""
    cases: tuple[Case, ...]
