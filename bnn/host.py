"""The arithmetic that Keras does around the integer sums: bias, activation, BatchNorm, pooling.

Values are float32, and then computed as Keras computes them up to the order of rounding, or
float64, which is how signs behind integer sums are decided: Keras's own float32 formulas differ
between its kernels, the signs do not, and float64 has them all, exact ties included. The
subtraction of the mean, the product and the addition stay three operations: one fused
multiply-add would turn exact ties into tiny negative numbers.

>>> norm = BatchNorm("bn", np.float32([2]), np.float32([4]), np.float32([-1]), None, 0.0)
>>> apply((norm, Activation("s", "ste_sign")), np.float64([[0], [2], [4]])).tolist()
[[1.0], [1.0], [-1.0]]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from bnn import quantizers
from bnn.encoding import Encoding
from bnn.network import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    MaxPool2D,
    Product,
    binary_kernel,
)
from bnn.patches import largest, patches

Real = TypeVar("Real", np.float32, np.float64)

_CHUNK = 1 << 23
"""Numbers in one block of patches: 32 MB of float32."""


def apply(layers: Sequence[Layer], values: NDArray[Real]) -> NDArray[Real]:
    """Run layers on ``values`` (n, ...), in the precision of ``values``.

    Matrix products are always computed in float32: nothing behind them is exact.
    """
    for layer in layers:
        match layer:
            case Dense() | Conv2D():
                operands = values.astype(np.float32)
                if quantizers.is_sign(layer.input_quantizer):
                    operands = quantizers.sign(operands).astype(np.float32)
                values = finish(layer, _product(layer, operands).astype(values.dtype))
            case BatchNorm():
                values = _normalize(layer, values)
            case MaxPool2D():
                values = largest(values, layer.axes(values.shape[1:]))
            case Flatten():
                values = values.reshape(len(values), -1)
            case Activation():
                values = activate(layer.function, values)
    return values


def finish(layer: Product, sums: NDArray[Real]) -> NDArray[Real]:
    """Add the bias to the sums ``(..., out)`` of a layer and apply its activation."""
    if layer.bias is not None:
        sums = sums + layer.bias.astype(sums.dtype)
    return activate(layer.activation, sums)


def behind(
    layer: Product, sums: NDArray[np.integer[Any]], encoding: Encoding | None, *, exact: bool
) -> NDArray[np.float32] | NDArray[np.float64]:
    """Turn integer sums of a binary layer into what the network has behind the layer.

    Args:
        layer: the binary layer; its bias and activation are applied.
        sums: ``(n, ..., out)``.
        encoding: that of the network's inputs if the layer is fed with them, else None.
        exact: float64, for a sign to be taken; else float32, as Keras has it.

    >>> dense = Dense("d", np.float32([[1], [1]]), np.float32([0.5]), None, "ste_sign")
    >>> behind(dense, np.array([[2], [-2]]), None, exact=True).tolist()
    [[2.5], [-1.5]]
    """
    if encoding is None:
        wide = sums.astype(np.float64)
    else:
        wide = decoded(sums, weight_sums(layer), encoding)
    return finish(layer, wide) if exact else finish(layer, wide.astype(np.float32))


def activate(function: str, x: NDArray[Real]) -> NDArray[Real]:
    """Apply an activation function or sign quantizer, by name; the result keeps shape and type."""
    if quantizers.is_sign(function):
        return quantizers.sign(x).astype(x.dtype)
    zero = x.dtype.type(0)
    match function:
        case "linear":
            return x
        case "relu":
            return np.maximum(x, zero)
        case "hard_tanh":
            return np.clip(x, -1, 1)
        case "tanh":
            return np.tanh(x)
        case "sigmoid":
            tail = np.exp(-np.abs(x))
            return cast(NDArray[Real], np.where(x >= zero, 1 / (1 + tail), tail / (1 + tail)))
        case "softmax":
            powers = np.exp(x - x.max(axis=-1, keepdims=True))
            return cast(NDArray[Real], powers / powers.sum(axis=-1, keepdims=True))
        case _:
            raise ValueError(f"`function` must be a known activation, not {function!r}")


def scale_of(layer: BatchNorm) -> NDArray[np.float64]:
    """``gamma / sqrt(variance + epsilon)`` per channel, 0 where float32 would flush it to 0."""
    gamma = np.ones_like(layer.mean) if layer.gamma is None else layer.gamma
    deviation = np.sqrt(quantizers.flush(layer.variance) + layer.epsilon)
    return quantizers.flush(quantizers.flush(gamma) / deviation)


def decoded(
    sums: NDArray[np.integer[Any]], weight_sums: NDArray[np.integer[Any]], encoding: Encoding
) -> NDArray[np.float64]:
    """Return the real numbers that sums over encoded inputs stand for.

    Args:
        sums: ``sum(w*p)``, ``(..., out)``.
        weight_sums: ``sum(w)`` of each output, ``(out,)``.
        encoding: what ``p`` stands for.

    Returns:
        ``scale*sum(w*p) + offset*sum(w)``, computed in integers and rounded once.

    >>> from bnn.encoding import ENCODINGS
    >>> decoded(np.array([[255, 510]]), np.array([1, 3]), ENCODINGS["symmetric"]).tolist()
    [[1.0, 1.0]]
    """
    scale, offset = encoding.scale, encoding.offset
    wide = sums.astype(np.int64) * (scale.numerator * offset.denominator)
    wide += weight_sums.astype(np.int64) * (offset.numerator * scale.denominator)
    return wide / np.float64(scale.denominator * offset.denominator)


def weight_sums(layer: Product) -> NDArray[np.int64]:
    """Sum of the +-1 weights of each output of a binary layer, ``(out,)``."""
    kernel = binary_kernel(layer).reshape(-1, layer.outputs)
    return cast(NDArray[np.int64], kernel.sum(axis=0, dtype=np.int64))


def _normalize(layer: BatchNorm, x: NDArray[Real]) -> NDArray[Real]:
    result = x - quantizers.flush(layer.mean).astype(x.dtype)
    result *= scale_of(layer).astype(x.dtype)
    if layer.beta is not None:
        result += quantizers.flush(layer.beta).astype(x.dtype)
    return result


def _product(layer: Product, operands: NDArray[np.float32]) -> NDArray[np.float32]:
    kernel = layer.kernel
    if quantizers.is_sign(layer.kernel_quantizer):
        kernel = quantizers.sign(kernel).astype(np.float32)
    return product(layer, operands, kernel, layer.pad_values if isinstance(layer, Conv2D) else 0)


def product(
    layer: Product, operands: NDArray[Any], kernel: NDArray[Real], pad: float
) -> NDArray[Real]:
    """Multiply operands ``(n, ..., in)`` with a kernel of the layer's shape, in its precision.

    Works through the images a few at a time, so that memory stays bounded.
    """
    matrix = kernel.reshape(-1, layer.outputs)
    if isinstance(layer, Dense):
        return cast(NDArray[Real], operands.astype(kernel.dtype) @ matrix)
    axes = layer.axes(operands.shape[1:])
    rows, columns = axes
    result = np.empty((len(operands), rows.out, columns.out, layer.outputs), kernel.dtype)
    step = max(1, _CHUNK // (rows.out * columns.out * layer.fan_in))
    for start in range(0, len(operands), step):
        some = patches(operands[start : start + step], axes, pad, kernel.dtype.type)
        result[start : start + step] = some @ matrix
    return result
