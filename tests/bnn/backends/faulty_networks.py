"""Small networks for runs in which commands go wrong, what they are fed with, and the faults."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from bnn.model.network import BatchNorm, Conv2D, Dense, Flatten, Layer, MaxPool2D, Network
from bnn.values.encoding import ENCODINGS, Encoding
from pimsim.circuit.failure_tables.table import Rate
from pimsim.dram.array.faults import Faults

from ..random_layers import kernel_of

SIGN = "ste_sign"
ALL = ("sense", "copy", "not")
STATIC = st.sampled_from([0.0, 0.01, 0.2])
"""Rates of columns that are weak for good."""


@dataclass(frozen=True)
class Rates:
    """A failure table with the same rates everywhere, or for some accesses only."""

    every: Rate
    kinds: frozenset[str] = frozenset(ALL)
    only: tuple[tuple[str, int] | tuple[str, int, int], ...] = ()
    """Kinds and rows, with or without the number of ones in them; all if there are none."""

    def rate(self, kind: str, rows: int, ones: int) -> Rate:
        """As of a table."""
        hit = not self.only or (kind, rows) in self.only or (kind, rows, ones) in self.only
        return self.every if hit else Rate(0.0, 0.0)


def faults_of(
    static: float,
    access: float,
    chip: int = 0,
    noise: int = 0,
    *,
    rows: int = 3,
    kinds: Collection[str] = ALL,
    only: tuple[tuple[str, int] | tuple[str, int, int], ...] = (),
) -> Faults:
    """Faults of so many columns for good, and of so many accesses, of majorities of ``rows``."""
    rates = Rates(Rate(static, access), frozenset(kinds), only)
    return Faults(rates, chip, noise, rows)  # type: ignore[arg-type]


def norm_of(rng: np.random.Generator, name: str, channels: int) -> BatchNorm:
    """A batch normalization that is nothing special."""
    arrays = rng.normal(size=(4, channels)).astype(np.float32)
    return BatchNorm(name, arrays[0], np.abs(arrays[1]) + 1, arrays[2], arrays[3], 1e-3)


def dense(rng: np.random.Generator, fan_in: int, outputs: int) -> Network:
    """Two dense layers."""
    layers = (
        Dense("first", kernel_of(rng, fan_in, outputs), None, None, SIGN),
        norm_of(rng, "norm", outputs),
        Dense("last", kernel_of(rng, outputs, 4), None, SIGN, SIGN),
    )
    return Network("dense", (fan_in,), layers)


def convolution(rng: np.random.Generator, first: int = 5, second: int = 3) -> Network:
    """Two convolutions of so many outputs, the first of which is pooled, and a dense layer."""
    layers: list[Layer] = [
        Conv2D("conv", kernel_of(rng, 3, 3, 2, first), None, None, SIGN, padding="same"),
        norm_of(rng, "norm", first),
        MaxPool2D("pool", (2, 2), (2, 2)),
        Conv2D("next", kernel_of(rng, 3, 3, first, second), None, SIGN, SIGN, padding="same"),
        norm_of(rng, "other", second),
        Flatten("flat"),
        Dense("last", kernel_of(rng, 16 * second, 4), None, SIGN, SIGN),
    ]
    return Network("convolution", (8, 8, 2), tuple(layers))


@st.composite
def networks(draw: st.DrawFn, convolved: int, fan_ins: Mapping[int, int]) -> tuple[Network, int]:
    """Draw a network and how many images it is run on.

    Args:
        draw: of hypothesis.
        convolved: at most so many are convolved.
        fan_ins: of a dense network, each with how many at most.

    """
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    if draw(st.booleans()):
        return convolution(rng), draw(st.integers(1, convolved))
    fan_in = draw(st.sampled_from(list(fan_ins)))
    return dense(rng, fan_in, draw(st.integers(1, 7))), draw(st.integers(1, fan_ins[fan_in]))


def encoding_of(network: Network) -> Encoding:
    """How the inputs of a network are integers: images are pixels, rows of numbers are signs."""
    return ENCODINGS["unit" if len(network.input_shape) == 3 else "bipolar"]


def images_of(network: Network, images: int) -> NDArray[np.float32]:
    """Random ones, always the same."""
    encoding, shape = encoding_of(network), (images, *network.input_shape)
    pixels = np.random.default_rng(1).integers(0, encoding.largest + 1, shape)
    return encoding.levels()[pixels.astype(np.uint16)]
