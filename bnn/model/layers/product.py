"""What all layers with a kernel share, and dense layers, which have no more than that.

Kernels are Larq's float32 *latent* weights, in the shape in which a file holds them; what
multiplies the input is what the kernel quantizer makes of them.

>>> dense = Dense("d", np.float32([[0.5, -2.0], [0.0, 1.0]]), None, "ste_sign", "ste_sign")
>>> integer_kernel(dense).tolist()
[[1, -1], [1, 1]]
>>> digits(dense).shape, dense.run(np.float32([[3, -1]])).tolist()
((1, 1, 2, 2), [[0.0, -2.0]])
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bnn.model import quantizers
from bnn.model.activation_functions import Real, activate
from bnn.model.geometry import OUTSIDE, WindowAxis
from bnn.model.layers.activation import encoding_behind
from bnn.model.layers.layer import Reader, Reading, Shape, Unary, Weights, misfit
from bnn.model.operand_encoding import OperandEncoding
from bnn.model.quantizers import QuantizedWeights
from bnn.values.products import rowwise
from pimsim.errors import InputError

CHUNK = 1 << 23
"""Numbers in one block of patches: 32 MB of float32."""

WIDEST_SUMS = 8
"""Most bits of sums that a next layer in DRAM may use directly as operands."""


@dataclass(frozen=True, slots=True, eq=False)
class Product(Unary):
    """A layer that sums products of operands with weights; its classes say which."""

    kernel: Weights
    """Latent weights, in the layout of a file; its class says which axes those are."""
    bias: Weights | None
    """``(out,)``, added to the sums before the activation."""
    input_quantizer: str | None = None
    """Canonical name; applied to the input, before padding."""
    kernel_quantizer: str | None = None
    """Canonical name; applied to the kernel."""
    activation: str = "linear"
    """Name in :data:`bnn.model.activation_functions.FUNCTIONS` or of a quantizer."""

    @property
    def fan_in(self) -> int:
        """Products that one output sums, those with padding and inserted zeros included."""
        taps, channels, _ = self.matrix(self.kernel).shape
        return taps * channels

    @property
    def outputs(self) -> int:
        """Output channels, the last axis of what it gives."""
        return self.matrix(self.kernel).shape[2]

    @property
    def groups(self) -> int:
        """Output o reads the channels of group ``o // (outputs // groups)``."""
        return 1

    @property
    def copies(self) -> int:
        """How many outputs belong to each place of the kernel's last axis; 0: it is not theirs."""
        return 1

    @property
    def pad_values(self) -> float:
        """Operand in the padding, after the input quantizer: -1, 0 or +1."""
        return 0.0

    def sides(self, shape: Shape) -> tuple[WindowAxis, WindowAxis] | None:
        """Windows along height and width over an input of ``shape``; None for a dense layer."""
        return None

    @abstractmethod
    def matrix(self, kernel: NDArray[Any]) -> NDArray[Any]:
        """Order a kernel in the layout of a file as ``(taps, channels of a group, outputs)``."""

    @abstractmethod
    def multiply(self, operands: NDArray[Any], kernel: NDArray[Real], pad: float) -> NDArray[Real]:
        """Multiply operands ``(n, ..., in)`` with a kernel of the layer's shape, in its precision.

        Works through the images a few at a time, so memory stays bounded. The result of an image
        does not depend on the other images; see :func:`bnn.values.products.rowwise`.

        Args:
            operands: behind the input quantizer; integers where every sum is exact.
            kernel: in the layout of a file.
            pad: operand where a window reads no pixel.

        Returns:
            Sums, ``(n, ..., out)``.
        """

    def pads(self, shape: Shape) -> bool:
        """Whether some windows over an input of ``shape`` reach into padding."""
        return any((side.taps() == OUTSIDE).any() for side in self.sides(shape) or ())

    def macs(self, shape: Shape) -> int:
        """Multiply-accumulates of an image, by Larq's count: weights times output positions."""
        return self.kernel.size * prod(self.shape_after(shape)[:-1])

    @abstractmethod
    def _shape(self, shape: Shape) -> Shape:
        """Outputs last; raises InputError if the kernel does not fit."""

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        """Multiply in float32 whatever the precision of ``x``; bias and activation have that."""
        operands = x.astype(np.float32, copy=False)
        if self.input_quantizer not in (None, quantizers.NO_OP):
            operands = quantizers.named(str(self.input_quantizer)).values(operands)
        sums = self.multiply(operands, real_kernel(self), self.pad_values)
        return finish(self, sums.astype(x.dtype, copy=False))

    @property
    def weights(self) -> int:
        """Latent weights of the kernel, binary or not."""
        return self.kernel.size

    def encoding_after(self, *encodings: OperandEncoding | None) -> OperandEncoding | None:
        """The encoding of a quantizer that follows; for sums themselves, see :func:`sums_of`."""
        return encoding_behind(self.activation, None)


@dataclass(frozen=True, slots=True, eq=False)
class Dense(Product):
    """A matrix product over the last axis: Larq's QuantDense and Keras's Dense.

    Its kernel is ``(in, out)``.
    """

    def _shape(self, shape: Shape) -> Shape:
        size, units = self.kernel.shape
        if not shape or shape[-1] != size:
            raise misfit(self.name, f"an input whose last axis is {size}", shape)
        return (*shape[:-1], units)

    def matrix(self, kernel: NDArray[Any]) -> NDArray[Any]:
        """One tap: ``(1, in, out)``."""
        return kernel[None]

    def multiply(self, operands: NDArray[Any], kernel: NDArray[Real], pad: float) -> NDArray[Real]:
        """Multiply operands ``(n, ..., in)`` with a kernel ``(in, out)``; nothing is padded."""
        rows = operands.astype(kernel.dtype, copy=False)
        return rowwise(rows, kernel) if operands.dtype.kind == "f" else rows @ kernel


def finish(layer: Product, sums: NDArray[Real]) -> NDArray[Real]:
    """Add the bias to the sums ``(..., out)`` of a layer and apply its activation."""
    if layer.bias is not None:
        sums = sums + layer.bias.astype(sums.dtype)
    return activate(layer.activation, sums)


def has_integer_kernel(layer: Product) -> bool:
    """Whether the weights that multiply are small integers, times one number for each output.

    A quantizer makes them so; after training with Bop (``NoOp``) they are so in the file itself.
    """
    if layer.kernel_quantizer == quantizers.NO_OP:
        return quantizers.is_ternary(layer.kernel)
    if quantizers.is_scaled(layer.kernel_quantizer):
        return layer.copies > 0
    return layer.kernel_quantizer is not None


def quantized(layer: Product) -> QuantizedWeights:
    """Integer weights, in the shape of the kernel, and what a weight of 1 stands for.

    Raises:
        InputError: the layer's weights are no integers.
    """
    if layer.kernel_quantizer is None or not has_integer_kernel(layer):
        raise InputError(
            f"layer {layer.name!r} must have a sign quantizer for its kernel, "
            f"not {layer.kernel_quantizer!r}"
        )
    return quantizers.named(layer.kernel_quantizer).weights(layer.kernel)


def integer_kernel(layer: Product) -> NDArray[np.integer[Any]]:
    """Weights that multiply, as integers, in the shape of the kernel; errors as quantized()."""
    return quantized(layer).integers


def real_kernel(layer: Product) -> Weights:
    """Weights that multiply, as real numbers, in the shape of the kernel."""
    if layer.kernel_quantizer in (None, quantizers.NO_OP):
        return layer.kernel
    found = quantizers.named(str(layer.kernel_quantizer)).weights(layer.kernel)
    integers = found.integers.astype(np.float32)
    if isinstance(found.unit, Fraction):
        return integers if found.unit == 1 else integers / np.float32(found.unit.denominator)
    return integers * found.unit


def unit(layer: Product) -> Fraction | NDArray[np.float32]:
    """What a weight of 1 stands for: one number, or one for each output."""
    if quantizers.is_scaled(layer.kernel_quantizer):
        return np.tile(np.asarray(quantized(layer).unit, np.float32), layer.copies)
    return Fraction(1, _largest_weight(layer))


def digits(layer: Product) -> NDArray[np.int8]:
    """Binary digits of the weights, ``(digits, taps, channels of a group, outputs)``.

    Digit j is -1, 0 or +1 and worth 2**j.
    """
    found = quantized(layer)
    return split(layer.matrix(found.integers), found.digits)


def split(integers: NDArray[np.integer[Any]], kind: tuple[int, bool]) -> NDArray[np.int8]:
    """Write integers in binary digits, of -1 and +1 or of 0 and 1; see ``QuantizedWeights``.

    >>> split(np.array([-3, -1, 1, 3]), (2, True)).tolist()
    [[-1, 1, -1, 1], [-1, -1, 1, 1]]
    >>> split(np.array([0, 1, 2]), (2, False)).tolist()
    [[0, 1, 0], [0, 0, 1]]
    """
    count, signed = kind
    if count == 1:
        return integers.astype(np.int8)[None]
    whole = (integers.astype(np.int32) + (1 << count) - 1) // 2 if signed else integers
    bits = whole.astype(np.int32) >> np.arange(count).reshape(-1, *(1 for _ in integers.shape)) & 1
    return (2 * bits - 1 if signed else bits).astype(np.int8)


def sums_of(layer: Product, operand: OperandEncoding) -> OperandEncoding | None:
    """Return the encoding of the sums of a layer without bias and activation, if they are few.

    Args:
        layer: with integer weights.
        operand: what it is fed with, padding included.
    """
    plain = layer.bias is None and layer.activation == "linear"
    if not plain or quantizers.is_scaled(layer.kernel_quantizer) or operand.offset != 0:
        return None
    sums, worth = reach(layer, operand), Fraction(1, _largest_weight(layer))
    found = OperandEncoding(len(sums), sums.step, sums.start, operand.scale * worth)
    return found if found.planes <= WIDEST_SUMS else None


def reach(layer: Product, operand: OperandEncoding) -> range:
    """Return the integers that a sum may be, judged only by the kinds of operands and weights.

    With ``k`` products of +-1 with +-1 these are -k, -k+2, ..., k; an operand that may be 0 fills
    the gaps; an encoded input has up to ``largest`` times the reach.
    """
    largest = max(abs(operand.low), abs(operand.high))
    bound = layer.fan_in * _largest_weight(layer) * largest
    # Odd numbers times odd numbers, fan_in of them: every second integer.
    alike = _odd(layer) and operand.step == 2 and operand.low % 2 == 1
    return range(-bound, bound + 1, 2 if alike else 1)


def _largest_weight(layer: Product) -> int:
    return quantizers.named(str(layer.kernel_quantizer)).largest_weight


def _odd(layer: Product) -> bool:
    """Whether every weight is an odd integer."""
    if layer.kernel_quantizer == quantizers.NO_OP:
        return bool(np.all(layer.kernel != 0))
    return quantizers.named(str(layer.kernel_quantizer)).odd_weights


def chunks(images: int, per_image: int) -> Iterator[slice]:
    """Yield the images a few at a time, as many as make one block of patches.

    Args:
        images: how many there are.
        per_image: numbers in the patches of one.
    """
    step = max(1, CHUNK // per_image)
    for start in range(0, images, step):
        yield slice(start, start + step)


def grouped(
    patches: NDArray[Real], matrix: NDArray[Real], groups: int, *, exact: bool
) -> NDArray[Real]:
    """Multiply patches ``(n, height, width, taps, channels)``.

    Args:
        patches: of each position.
        matrix: ``(taps, channels of a group, outputs)``.
        groups: of channels.
        exact: whether no sum is rounded.

    Returns:
        ``(n, height, width, outputs)``.

    """
    *lead, taps, channels = patches.shape
    width, outputs = channels // groups, matrix.shape[-1]
    if groups == 1:  # a line of positions at a time, unless no order of adding up matters
        lines = np.ascontiguousarray(patches.reshape(*lead, -1))
        whole = np.ascontiguousarray(matrix.reshape(-1, outputs))
        if exact:
            sums = lines.reshape(-1, taps * channels) @ whole
            return cast(NDArray[Real], sums.reshape(*lead, outputs))
        return cast(NDArray[Real], lines @ whole)
    together = 1 if exact else lead[0]
    parts = patches.reshape(together, -1, taps, groups, width).transpose(0, 3, 1, 2, 4)
    kernels = matrix.reshape(taps, width, groups, -1).transpose(2, 0, 1, 3)
    rows = np.ascontiguousarray(parts.reshape(*parts.shape[:3], taps * width))
    found = rows @ kernels.reshape(groups, taps * width, -1)
    return cast(NDArray[Real], found.transpose(0, 2, 1, 3).reshape(*lead, outputs))


def _dense(reading: Reading) -> tuple[Dense]:
    fan_in = reading.shape[-1] if reading.shape else 0
    return (Dense(**reading.product((fan_in, reading.fields.size("units")))),)


READERS: dict[str, Reader] = {"QuantDense": _dense, "Dense": _dense}
"""By class in a model file."""
