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

from bnn.model.geometry import Axis
from bnn.model.layers import product
from bnn.model.layers.layer import Real, Shape, Weights, misfit
from bnn.model.layers.product import Product, check_product
from bnn.model.layers.reading import Reader, Reading
from bnn.model.patches import patches
from pimsim.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class LocallyConnected(Product):
    """A cross-correlation without shared weights, over one or two spatial axes."""

    name: str
    kernel: Weights
    """Latent weights, ``(positions, taps * channels, out)``, row by row."""
    bias: Weights | None
    """``(*positions along each axis, out)``, added to the sum before the activation."""
    size: Shape
    """Taps along each axis."""
    strides: Shape
    input_quantizer: str | None = None
    """Canonical name; applied to the input."""
    kernel_quantizer: str | None = None
    """Canonical name; applied to the kernel."""
    activation: str = "linear"
    """Name of an activation function or of a quantizer."""

    def __post_init__(self) -> None:
        check_product(self, 3, None if self.bias is None else self.bias.shape)

    @property
    def fan_in(self) -> int:
        """Products that one output sums."""
        return int(self.kernel.shape[1])

    @property
    def outputs(self) -> int:
        """Output channels."""
        return int(self.kernel.shape[2])

    def sides(self, shape: Shape) -> tuple[Axis, Axis]:
        """Windows along height and width; those of one axis as the windows of one row."""
        channels = self.fan_in // prod(self.size)
        if len(shape) != len(self.size) + 1 or shape[-1] != channels:
            names = ("height, width", "length")[len(self.size) == 1]
            raise misfit(self.name, f"({names}, {channels})", shape)
        more = (1,) * (2 - len(self.size))
        sizes, taps, strides = ((*more, *one) for one in (shape[:-1], self.size, self.strides))
        try:
            return (
                Axis(sizes[0], taps[0], strides[0], 1, "valid"),
                Axis(sizes[1], taps[1], strides[1], 1, "valid"),
            )
        except InputError as error:
            raise InputError(f"layer {self.name!r}: {error}") from None

    def shape_after(self, *shapes: Shape) -> Shape:
        """Shape of the output, given that of the input (both without the batch axis)."""
        (shape,) = shapes
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
        """See :class:`Product`; nothing is padded."""
        shape = operands.shape[1:]
        axes, after = self.sides(shape), self.shape_after(shape)
        images = operands[:, None] if operands.ndim == 3 else operands
        result = np.empty((len(images), len(kernel), self.outputs), kernel.dtype)
        step = max(1, product.CHUNK // kernel[..., 0].size)
        for start in range(0, len(images), step):
            some = patches(images[start : start + step], axes, pad, kernel.dtype.type)
            rows = some.reshape(len(some), len(kernel), -1).transpose(1, 0, 2)
            result[start : start + step] = (rows @ kernel).transpose(1, 0, 2)
        return result.reshape(len(images), *after)


def _local(rank: int) -> Reader:
    def read(reading: Reading) -> tuple[LocallyConnected]:
        fields, shape = reading.fields, reading.spatial(rank)
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
        arrays = reading.kernel_and_bias(kernel, (*out, filters))
        return (
            LocallyConnected(
                name=reading.name,
                kernel=arrays["kernel"],
                bias=arrays.get("bias"),
                size=size,
                strides=strides,
                input_quantizer=reading.operand_quantizer(),
                kernel_quantizer=reading.quantizer("kernel_quantizer"),
                activation=reading.activation(),
            ),
        )

    return read


READERS: dict[str, Reader] = {
    "LocallyConnected1D": _local(1),
    "LocallyConnected2D": _local(2),
    "QuantLocallyConnected1D": _local(1),
    "QuantLocallyConnected2D": _local(2),
}
"""By class in a model file."""
