"""Convolutions over one or two spatial axes: ordinary, grouped, depthwise, separable.

A depthwise convolution is one whose groups are single channels. A separable one is read as two
layers, a depthwise convolution and one of 1 x 1 behind it, which is fed with the sums of the first.

>>> conv = Conv2D("c", np.ones((3, 3, 1, 2), np.float32), None, "ste_sign", "ste_sign")
>>> conv.shape_after((5, 4, 1)), conv.fan_in
((3, 2, 2), 9)
>>> deep = Conv2D("d", np.ones((3, 3, 4, 2), np.float32), None, None, "ste_sign", depthwise=True)
>>> deep.shape_after((5, 5, 4)), deep.groups, deep.fan_in
((3, 3, 8), 4, 9)
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.model.geometry import Axis, Padding
from bnn.model.layers import product
from bnn.model.layers.layer import Real, Shape, Weights, misfit
from bnn.model.layers.product import Product, check_padding, check_product, grouped
from bnn.model.layers.reading import Reader, Reading
from bnn.model.patches import patches
from pimsim.errors import InputError


class _Convolution(Product):
    """What convolutions over one and over two axes share."""

    __slots__ = ()

    strides: Any
    dilation: Any
    padding: Padding
    depthwise: bool

    @property
    def fan_in(self) -> int:
        """Products that one output sums, those with padding included."""
        taps = prod(self.kernel.shape[:-2])
        return taps if self.depthwise else taps * int(self.kernel.shape[-2])

    @property
    def outputs(self) -> int:
        """Output channels."""
        each = int(self.kernel.shape[-1])
        return each * int(self.kernel.shape[-2]) if self.depthwise else each

    @property
    def channels(self) -> int:
        """Input channels."""
        each = int(self.kernel.shape[-2])
        return each if self.depthwise else each * self.groups

    @property
    def copies(self) -> int:
        """A depthwise kernel repeats its last axis for every input channel."""
        return int(self.kernel.shape[-2]) if self.depthwise else 1

    def axes(self, shape: Shape) -> tuple[Axis, Axis]:
        """Windows along height and width over an input of ``shape``."""
        rank = self.kernel.ndim - 2
        if len(shape) != rank + 1 or shape[-1] != self.channels:
            names = ("height, width", "length")[rank == 1]
            raise misfit(self.name, f"({names}, {self.channels})", shape)
        more = (1,) * (2 - rank)
        sizes, kernel = (*more, *shape[:-1]), (*more, *self.kernel.shape[:-2])
        strides, dilation = (*more, *self.strides), (*more, *self.dilation)
        try:
            return (
                Axis(sizes[0], kernel[0], strides[0], dilation[0], self.padding),
                Axis(sizes[1], kernel[1], strides[1], dilation[1], self.padding),
            )
        except InputError as error:
            raise InputError(f"layer {self.name!r}: {error}") from None

    def sides(self, shape: Shape) -> tuple[Axis, Axis]:
        """Windows along height and width; those of one axis as the windows of one row."""
        return self.axes(shape)

    def shape_after(self, *shapes: Shape) -> Shape:
        """Shape of the output, given that of the input (both without the batch axis)."""
        (shape,) = shapes
        rows, columns = self.axes(shape)
        return (rows.out, columns.out, self.outputs)[3 - len(shape) :]

    def matrix(self, kernel: NDArray[Any]) -> NDArray[Any]:
        """Taps row by row; output ``c * multiplier + m`` of a depthwise layer reads channel c."""
        taps = prod(kernel.shape[:-2])
        if self.depthwise:
            return kernel.reshape(taps, 1, -1)
        return kernel.reshape(taps, *kernel.shape[-2:])

    def multiply(self, operands: NDArray[Any], kernel: NDArray[Real], pad: float) -> NDArray[Real]:
        """See :class:`Product`."""
        axes, matrix = self.axes(operands.shape[1:]), self.matrix(kernel)
        images = operands[:, None] if operands.ndim == 3 else operands
        rows, columns = axes
        result = np.empty((len(images), rows.out, columns.out, self.outputs), kernel.dtype)
        per_image = rows.out * columns.out * matrix.shape[0] * images.shape[-1]
        step = max(1, product.CHUNK // per_image)
        for start in range(0, len(images), step):
            some = patches(images[start : start + step], axes, pad, kernel.dtype.type)
            taps = some.reshape(*some.shape[:-1], matrix.shape[0], -1)
            result[start : start + step] = grouped(taps, matrix, self.groups)
        return result[:, 0] if operands.ndim == 3 else result


@dataclass(frozen=True, slots=True, eq=False)
class Conv2D(_Convolution):
    """A cross-correlation over ``(height, width, channels)``."""

    name: str
    kernel: Weights
    """Latent weights, ``(kernel height, kernel width, channels of a group, out)``; of a depthwise
    layer ``(kernel height, kernel width, in, multiplier)``."""
    bias: Weights | None
    """``(out,)``, added to the sum before the activation."""
    input_quantizer: str | None = None
    """Canonical name; applied to the input, before padding."""
    kernel_quantizer: str | None = None
    """Canonical name; applied to the kernel."""
    strides: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: Padding = "valid"
    pad_values: float = 0.0
    """Operand that ``same`` padding adds, after the input quantizer: -1, 0 or +1."""
    activation: str = "linear"
    """Name of an activation function or of a quantizer."""
    splits: int = 1
    """Groups of an ordinary convolution."""
    depthwise: bool = False
    """Whether every input channel is a group of its own."""

    def __post_init__(self) -> None:
        check_product(self, 4)
        check_padding(self)

    @property
    def groups(self) -> int:
        """Output o reads the channels of group ``o // (outputs // groups)``."""
        return int(self.kernel.shape[2]) if self.depthwise else self.splits


@dataclass(frozen=True, slots=True, eq=False)
class Conv1D(_Convolution):
    """A cross-correlation over ``(length, channels)``."""

    name: str
    kernel: Weights
    """Latent weights, ``(kernel length, channels of a group, out)``; of a depthwise layer
    ``(kernel length, in, multiplier)``."""
    bias: Weights | None
    """``(out,)``, added to the sum before the activation."""
    input_quantizer: str | None = None
    """Canonical name; applied to the input, before padding."""
    kernel_quantizer: str | None = None
    """Canonical name; applied to the kernel."""
    strides: tuple[int] = (1,)
    dilation: tuple[int] = (1,)
    padding: Padding = "valid"
    pad_values: float = 0.0
    """Operand that padding adds, after the input quantizer: -1, 0 or +1; 0 if it is causal."""
    activation: str = "linear"
    """Name of an activation function or of a quantizer."""
    splits: int = 1
    """Groups of an ordinary convolution."""
    depthwise: bool = False
    """Whether every input channel is a group of its own."""

    def __post_init__(self) -> None:
        check_product(self, 3)
        check_padding(self)

    @property
    def groups(self) -> int:
        """Output o reads the channels of group ``o // (outputs // groups)``."""
        return int(self.kernel.shape[1]) if self.depthwise else self.splits


def _classes(rank: int) -> type[Conv1D] | type[Conv2D]:
    return Conv1D if rank == 1 else Conv2D


def _geometry(reading: Reading, rank: int) -> dict[str, Any]:
    """Settings of the windows that all convolutions have."""
    fields = reading.fields
    padding = reading.padding("valid", "same", *(("causal",) if rank == 1 else ()))
    pad_values = fields.number("pad_values", 0.0) if padding == "same" else 0.0
    if pad_values not in (-1.0, 0.0, 1.0):
        fields.refuse("pad_values", "-1, 0 or 1")
    ones = (1,) * rank
    return {
        "strides": fields.sizes("strides", rank, ones),
        "dilation": fields.sizes("dilation_rate", rank, ones),
        "padding": padding,
        "pad_values": pad_values,
    }


def _ordinary(rank: int) -> Reader:
    def read(reading: Reading) -> tuple[Product]:
        fields = reading.fields
        channels = reading.spatial(rank)[-1]
        groups = 1 if fields.get("groups") is None else fields.size("groups")
        filters = fields.size("filters")
        if channels % groups or filters % groups:
            fields.refuse("groups", f"a divisor of {channels} channels and {filters} filters")
        geometry = _geometry(reading, rank)
        size = fields.sizes("kernel_size", rank)
        arrays = reading.kernel_and_bias((*size, channels // groups, filters))
        return (
            _classes(rank)(
                name=reading.name,
                kernel=arrays["kernel"],
                bias=arrays.get("bias"),
                input_quantizer=reading.operand_quantizer(),
                kernel_quantizer=reading.quantizer("kernel_quantizer"),
                activation=reading.activation(),
                splits=groups,
                **geometry,
            ),
        )

    return read


def _depthwise(rank: int) -> Reader:
    def read(reading: Reading) -> tuple[Product]:
        fields = reading.fields
        channels, geometry = reading.spatial(rank)[-1], _geometry(reading, rank)
        kernel = (*fields.sizes("kernel_size", rank), channels, fields.size("depth_multiplier"))
        arrays = reading.with_bias({"depthwise_kernel": kernel}, (channels * kernel[-1],))
        return (
            _classes(rank)(
                name=reading.name,
                kernel=arrays["depthwise_kernel"],
                bias=arrays.get("bias"),
                input_quantizer=reading.operand_quantizer(),
                kernel_quantizer=reading.quantizer("depthwise_quantizer"),
                activation=reading.activation(),
                depthwise=True,
                **geometry,
            ),
        )

    return read


def _separable(rank: int) -> Reader:
    def read(reading: Reading) -> tuple[Product, Product]:
        fields = reading.fields
        channels, geometry = reading.spatial(rank)[-1], _geometry(reading, rank)
        multiplier, filters = fields.size("depth_multiplier"), fields.size("filters")
        size = fields.sizes("kernel_size", rank)
        arrays = reading.with_bias(
            {
                "depthwise_kernel": (*size, channels, multiplier),
                "pointwise_kernel": (*(1 for _ in size), channels * multiplier, filters),
            },
            (filters,),
        )
        make = _classes(rank)
        deep = make(
            name=f"{reading.name}/depthwise",
            kernel=arrays["depthwise_kernel"],
            bias=None,
            input_quantizer=reading.operand_quantizer(),
            kernel_quantizer=reading.quantizer("depthwise_quantizer"),
            depthwise=True,
            **geometry,
        )
        point = make(
            name=reading.name,
            kernel=arrays["pointwise_kernel"],
            bias=arrays.get("bias"),
            kernel_quantizer=reading.quantizer("pointwise_quantizer"),
            activation=reading.activation(),
        )
        return deep, point

    return read


READERS: dict[str, Reader] = {
    "Conv1D": _ordinary(1),
    "Conv2D": _ordinary(2),
    "DepthwiseConv1D": _depthwise(1),
    "DepthwiseConv2D": _depthwise(2),
    "QuantConv1D": _ordinary(1),
    "QuantConv2D": _ordinary(2),
    "QuantDepthwiseConv2D": _depthwise(2),
    "QuantSeparableConv1D": _separable(1),
    "QuantSeparableConv2D": _separable(2),
    "SeparableConv1D": _separable(1),
    "SeparableConv2D": _separable(2),
}
"""By class in a model file."""
