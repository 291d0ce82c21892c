"""Locally connected layers: convolutions whose every position has weights of its own.

>>> one = LocallyConnected("l", np.float32([[[1]], [[-3]]]), None, size=(1,), strides=(1,))
>>> one.run(np.float32([[[2], [2]]])).tolist()
[[[2.0], [-6.0]]]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.model.activation_functions import Real
from bnn.model.geometry import Axis, windows
from bnn.model.layers.layer import Shape, Weights, misfit
from bnn.model.layers.product import Product, chunks
from bnn.model.layers.reading import Reader, Reading
from bnn.model.patches import patches


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LocallyConnected(Product):
    """A cross-correlation without shared weights, over one or two spatial axes.

    Its kernel is ``(positions, taps * channels, out)``, row by row, and its bias ``(*positions
    along each axis, out)``.
    """

    size: Shape
    """Taps along each axis."""
    strides: Shape

    kernel_rank = 3

    def _bias_shape(self, bias: Weights) -> Shape:
        return bias.shape

    @property
    def fan_in(self) -> int:
        """Products that one output sums."""
        return int(self.kernel.shape[1])

    def sides(self, shape: Shape) -> tuple[Axis, Axis]:
        """Windows along height and width; those of one axis as the windows of one row."""
        channels = self.fan_in // prod(self.size)
        if len(shape) != len(self.size) + 1 or shape[-1] != channels:
            names = ("height, width", "length")[len(self.size) == 1]
            raise misfit(self.name, f"({names}, {channels})", shape)
        return windows(self.name, shape[:-1], self.size, self.strides)

    def _shape(self, shape: Shape) -> Shape:
        rows, columns = self.sides(shape)
        if rows.out * columns.out != len(self.kernel):
            raise misfit(self.name, f"of {len(self.kernel)} windows", shape)
        return (rows.out, columns.out, self.outputs)[3 - len(shape) :]

    def macs(self, shape: Shape) -> int:
        """Every weight is used once in an image."""
        return self.kernel.size

    def matrix(self, kernel: NDArray[Any]) -> NDArray[Any]:
        """Taps row by row, for one position after the other: ``(positions * taps, in, out)``."""
        return kernel.reshape(len(kernel) * prod(self.size), -1, kernel.shape[2])

    def multiply(self, operands: NDArray[Any], kernel: NDArray[Real], pad: float) -> NDArray[Real]:
        """Sums ``(n, *positions, out)``, each position by its own weights; nothing is padded."""
        shape = operands.shape[1:]
        axes, after = self.sides(shape), self.shape_after(shape)
        images = operands[:, None] if operands.ndim == 3 else operands
        result = np.empty((len(images), len(kernel), self.outputs), kernel.dtype)
        for part in chunks(len(images), kernel[..., 0].size):
            some = patches(images[part], axes, pad, kernel.dtype.type)
            rows = some.reshape(len(some), len(kernel), -1).transpose(1, 0, 2)
            result[part] = (rows @ kernel).transpose(1, 0, 2)
        return result.reshape(len(images), *after)


def _local(reading: Reading) -> tuple[LocallyConnected]:
    fields, shape, rank = reading.fields, reading.spatial(), reading.rank
    if fields.get("implementation") not in (None, 1):
        fields.refuse("implementation", "1")
    reading.padding("valid")
    size, filters = fields.sizes("kernel_size", rank), fields.size("filters")
    strides = fields.sizes("strides", rank, (1,) * rank)
    sizes = zip(shape, size, strides, strict=False)
    out = tuple((length - taps) // stride + 1 for length, taps, stride in sizes)
    if min(out) < 1:
        fields.refuse("kernel_size", f"one that fits into an input of {shape}")
    kernel = (prod(out), prod(size) * shape[-1], filters)
    given = reading.product(kernel, (*out, filters))
    return (LocallyConnected(**given, size=size, strides=strides),)


READERS: dict[str, Reader] = dict.fromkeys(
    (
        *("LocallyConnected1D", "LocallyConnected2D"),
        *("QuantLocallyConnected1D", "QuantLocallyConnected2D"),
    ),
    _local,
)
"""By class in a model file."""
