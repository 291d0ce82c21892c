"""Convolutions over one or two spatial axes: ordinary, grouped, depthwise, separable, local.

A depthwise convolution is one whose groups are single channels. A separable one is read as two
layers, a depthwise convolution and one of 1 x 1 behind it, which is fed with the sums of the first.
Every position of a locally connected one has weights of its own.

>>> conv = Conv2D("c", np.ones((3, 3, 1, 2), np.float32), None, "ste_sign", "ste_sign")
>>> conv.shape_after((5, 4, 1)), conv.fan_in
((3, 2, 2), 9)
>>> deep = Conv2D("d", np.ones((3, 3, 4, 2), np.float32), None, None, "ste_sign", depthwise=True)
>>> deep.shape_after((5, 5, 4)), deep.groups, deep.fan_in
((3, 3, 8), 4, 9)
>>> one = LocallyConnected("l", np.float32([[[1]], [[-3]]]), None, size=(1,), strides=(1,))
>>> one.run(np.float32([[[2], [2]]])).tolist()
[[[2.0], [-6.0]]]
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.model.activation_functions import Real
from bnn.model.geometry import Padding, WindowAxis, patches, windows
from bnn.model.layers.layer import Reader, Reading, Shape, misfit
from bnn.model.layers.product import Product, chunks, grouped
from bnn.values.products import rowwise


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Windowed(Product):
    """A product over windows along one or two spatial axes; its classes say which windows."""

    strides: tuple[int, ...] = ()
    """Between neighbouring windows, along each axis; 1 where it is empty."""

    @abstractmethod
    def sides(self, shape: Shape) -> tuple[WindowAxis, WindowAxis]:
        """Windows along height and width; those of one axis as the windows of one row."""

    def _check(self, shape: Shape, rank: int, channels: int) -> None:
        if len(shape) != rank + 1 or shape[-1] != channels:
            names = ("height, width", "length")[rank == 1]
            raise misfit(self.name, f"({names}, {channels})", shape)

    def _shape(self, shape: Shape) -> Shape:
        rows, columns = self.sides(shape)
        return (rows.out, columns.out, self.outputs)[3 - len(shape) :]

    def multiply(self, operands: NDArray[Any], kernel: NDArray[Real], pad: float) -> NDArray[Real]:
        """Sums at every window, ``(n, [out height,] out width, out)``; see :class:`Product`."""
        axes, matrix = self.sides(operands.shape[1:]), self.matrix(kernel)
        rows, columns = axes
        count, shape = len(operands), operands.shape[1:]
        result = np.empty((count, rows.out, columns.out, self.outputs), kernel.dtype)
        exact = operands.dtype.kind != "f"
        per_image = rows.out * columns.out * matrix.shape[0] * shape[-1]
        for part in chunks(count, per_image):
            some = patches(operands[part], axes, pad, kernel.dtype.type)
            taps = some.reshape(*some.shape[:-1], matrix.shape[0], -1)
            result[part] = grouped(taps, matrix, self.groups, exact=exact)
        return result.reshape(count, *self.shape_after(shape))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Convolution(Windowed):
    """A cross-correlation over spatial axes, of which its classes have one and two.

    Its kernel is ``(*taps along each axis, channels of a group, out)``, and that of a depthwise
    layer ``(*taps along each axis, in, multiplier)``.
    """

    dilation: tuple[int, ...] = ()
    """Between neighbouring taps, along each axis; 1 where it is empty."""
    padding: Padding = "valid"
    pad_values: float = 0.0
    """Operand that padding adds, after the input quantizer: -1, 0 or +1; 0 if it is causal."""
    splits: int = 1
    """Groups of an ordinary convolution."""
    depthwise: bool = False
    """Whether every input channel is a group of its own."""

    @property
    def groups(self) -> int:
        """Output o reads the channels of group ``o // (outputs // groups)``."""
        return int(self.kernel.shape[-2]) if self.depthwise else self.splits

    @property
    def copies(self) -> int:
        """A depthwise kernel repeats its last axis for every input channel."""
        return int(self.kernel.shape[-2]) if self.depthwise else 1

    def sides(self, shape: Shape) -> tuple[WindowAxis, WindowAxis]:
        """As the padding has them; see :class:`Windowed`."""
        *taps, channels, _ = self.kernel.shape
        self._check(shape, len(taps), channels if self.depthwise else channels * self.groups)
        return windows(
            self.name, shape[:-1], tuple(taps), self.strides, self.dilation, self.padding
        )

    def matrix(self, kernel: NDArray[Any]) -> NDArray[Any]:
        """Taps row by row; output ``c * multiplier + m`` of a depthwise layer reads channel c."""
        taps = prod(kernel.shape[:-2])
        if self.depthwise:
            return kernel.reshape(taps, 1, -1)
        return kernel.reshape(taps, *kernel.shape[-2:])


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Conv2D(_Convolution):
    """A cross-correlation over ``(height, width, channels)``."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Conv1D(_Convolution):
    """A cross-correlation over ``(length, channels)``."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LocallyConnected(Windowed):
    """A cross-correlation without shared weights, over one or two spatial axes.

    Its kernel is ``(positions, taps * channels, out)``, row by row, and its bias ``(*positions
    along each axis, out)``.
    """

    size: Shape
    """Taps along each axis."""

    @property
    def fan_in(self) -> int:
        """Products that one output sums."""
        return int(self.kernel.shape[1])

    def sides(self, shape: Shape) -> tuple[WindowAxis, WindowAxis]:
        """Those that lie within the input; see :class:`Windowed`."""
        self._check(shape, len(self.size), self.fan_in // prod(self.size))
        return windows(self.name, shape[:-1], self.size, self.strides)

    def _shape(self, shape: Shape) -> Shape:
        after = Windowed._shape(self, shape)
        if prod(after[:-1]) != len(self.kernel):
            raise misfit(self.name, f"of {len(self.kernel)} windows", shape)
        return after

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
        result = np.empty((len(operands), len(kernel), self.outputs), kernel.dtype)
        for part in chunks(len(operands), kernel[..., 0].size):
            some = patches(operands[part], axes, pad, kernel.dtype.type)
            rows = some.reshape(len(some), len(kernel), -1)
            if operands.dtype.kind == "f":
                result[part] = rowwise(rows, kernel)
            else:
                result[part] = (rows.transpose(1, 0, 2) @ kernel).transpose(1, 0, 2)
        return result.reshape(len(operands), *after)


def _class(reading: Reading) -> type[Conv1D] | type[Conv2D]:
    return Conv1D if reading.rank == 1 else Conv2D


def _geometry(reading: Reading) -> dict[str, Any]:
    """Settings of the windows that all convolutions have."""
    fields, rank = reading.fields, reading.rank
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


def _ordinary(reading: Reading) -> tuple[Product]:
    fields, channels = reading.fields, reading.spatial()[-1]
    groups = 1 if fields.get("groups") is None else fields.size("groups")
    filters = fields.size("filters")
    if channels % groups or filters % groups:
        fields.refuse("groups", f"a divisor of {channels} channels and {filters} filters")
    geometry = _geometry(reading)
    kernel = (*fields.sizes("kernel_size", reading.rank), channels // groups, filters)
    return (_class(reading)(**reading.product(kernel), **geometry, splits=groups),)


def _depthwise(reading: Reading) -> tuple[Product]:
    fields, channels = reading.fields, reading.spatial()[-1]
    geometry, taps = _geometry(reading), fields.sizes("kernel_size", reading.rank)
    kernel = (*taps, channels, fields.size("depth_multiplier"))
    given = reading.product(kernel, (channels * kernel[-1],), of="depthwise")
    return (_class(reading)(**given, **geometry, depthwise=True),)


def _separable(reading: Reading) -> tuple[Product, Product]:
    fields, channels = reading.fields, reading.spatial()[-1]
    geometry = _geometry(reading)
    multiplier, filters = fields.size("depth_multiplier"), fields.size("filters")
    size = fields.sizes("kernel_size", reading.rank)
    arrays = reading.with_bias(
        {
            "depthwise_kernel": (*size, channels, multiplier),
            "pointwise_kernel": (*(1 for _ in size), channels * multiplier, filters),
        },
        (filters,),
    )
    make = _class(reading)
    deep = make(
        f"{reading.name}/depthwise",
        arrays["depthwise_kernel"],
        None,
        reading.operand_quantizer(),
        reading.quantizer("depthwise_quantizer"),
        **geometry,
        depthwise=True,
    )
    point = make(
        reading.name,
        arrays["pointwise_kernel"],
        arrays.get("bias"),
        kernel_quantizer=reading.quantizer("pointwise_quantizer"),
        activation=reading.activation(),
    )
    return deep, point


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


READERS: dict[str, Reader] = {
    **dict.fromkeys(("Conv1D", "Conv2D", "QuantConv1D", "QuantConv2D"), _ordinary),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D", "QuantDepthwiseConv2D"), _depthwise),
    **dict.fromkeys(
        ("QuantSeparableConv1D", "QuantSeparableConv2D", "SeparableConv1D", "SeparableConv2D"),
        _separable,
    ),
    **dict.fromkeys(
        (
            *("LocallyConnected1D", "LocallyConnected2D"),
            *("QuantLocallyConnected1D", "QuantLocallyConnected2D"),
        ),
        _local,
    ),
}
"""By class in a model file."""
