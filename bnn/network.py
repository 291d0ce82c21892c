"""A network as pimsim sees it: a chain of layers with their weights, and the shapes between them.

Kernels are Larq's float32 *latent* weights; what multiplies the input is what the kernel
quantizer makes of them, which :func:`binary_kernel` gives as -1 and +1.

>>> kernel = np.float32([[0.5, -2.0], [0.0, 1.0]])
>>> dense = Dense("out", kernel, None, input_quantizer="ste_sign", kernel_quantizer="ste_sign")
>>> Network("tiny", (2, 1), (Flatten("flat"), dense)).shapes()
((2,), (2,))
>>> binary_kernel(dense).tolist()
[[1, -1], [1, 1]]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from bnn import quantizers
from bnn.geometry import Axis, Padding
from pimsim.errors import InputError

Shape = tuple[int, ...]
Weights = NDArray[np.float32]

ACTIVATIONS = frozenset({"linear", "softmax", "relu", "sigmoid", "tanh", "hard_tanh"})
"""Activation functions besides the sign quantizers."""


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """A matrix product over the last axis: Larq's QuantDense and Keras's Dense."""

    name: str
    kernel: Weights
    """Latent weights, ``(in, out)``."""
    bias: Weights | None
    """``(out,)``, added to the product before the activation."""
    input_quantizer: str | None = None
    """Canonical name; applied to the input."""
    kernel_quantizer: str | None = None
    """Canonical name; applied to the kernel."""
    activation: str = "linear"
    """Name in :data:`ACTIVATIONS` or of a sign quantizer."""

    def __post_init__(self) -> None:
        _check_kernel(self, 2)

    @property
    def fan_in(self) -> int:
        """Products that one output sums."""
        return int(self.kernel.shape[0])

    @property
    def outputs(self) -> int:
        """Units."""
        return int(self.kernel.shape[1])

    def shape_after(self, shape: Shape) -> Shape:
        """Shape of the output, given that of the input (both without the batch axis)."""
        if not shape or shape[-1] != self.fan_in:
            raise _misfit(self, f"an input whose last axis is {self.fan_in}", shape)
        return (*shape[:-1], self.outputs)


@dataclass(frozen=True, slots=True, eq=False)
class Conv2D:
    """A cross-correlation over ``(height, width, channels)``: QuantConv2D and Conv2D."""

    name: str
    kernel: Weights
    """Latent weights, ``(kernel height, kernel width, in, out)``."""
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
    """Name in :data:`ACTIVATIONS` or of a sign quantizer."""

    def __post_init__(self) -> None:
        _check_kernel(self, 4)
        if self.pad_values not in (-1.0, 0.0, 1.0):
            raise InputError(
                f"`pad_values` of layer {self.name!r} must be -1, 0 or 1, not {self.pad_values!r}"
            )

    @property
    def fan_in(self) -> int:
        """Products that one output sums, those with padding included."""
        return prod(self.kernel.shape[:3])

    @property
    def outputs(self) -> int:
        """Output channels."""
        return int(self.kernel.shape[3])

    def axes(self, shape: Shape) -> tuple[Axis, Axis]:
        """Windows along height and width over an input of ``shape``."""
        if len(shape) != 3 or shape[2] != self.kernel.shape[2]:
            raise _misfit(self, f"(height, width, {self.kernel.shape[2]})", shape)
        return _axes(self, shape, self.kernel.shape[:2], self.strides, self.dilation)

    def shape_after(self, shape: Shape) -> Shape:
        """Shape of the output, given that of the input (both without the batch axis)."""
        rows, columns = self.axes(shape)
        return rows.out, columns.out, self.outputs


@dataclass(frozen=True, slots=True, eq=False)
class BatchNorm:
    """``(x - mean) * gamma / sqrt(variance + epsilon) + beta`` over the last axis."""

    name: str
    mean: Weights
    """``(channels,)``, as are the other three."""
    variance: Weights
    gamma: Weights | None
    """None where the layer was built with ``scale=False``: 1."""
    beta: Weights | None
    """None where the layer was built with ``center=False``: 0."""
    epsilon: float

    def __post_init__(self) -> None:
        for name in ("mean", "variance", "gamma", "beta"):
            values = getattr(self, name)
            if values is not None:
                _check_array(self.name, name, values, (self.mean.size,))
        if not np.all(self.variance.astype(np.float64) + self.epsilon > 0):
            raise InputError(
                f"variance + epsilon of layer {self.name!r} must be positive, "
                f"not {float(self.variance.min()) + self.epsilon!r}"
            )

    def shape_after(self, shape: Shape) -> Shape:
        """Shape of the output, which is that of the input."""
        if not shape or shape[-1] != self.mean.size:
            raise _misfit(self, f"an input whose last axis is {self.mean.size}", shape)
        return shape


@dataclass(frozen=True, slots=True)
class MaxPool2D:
    """The largest value of each window; ``same`` padding never wins."""

    name: str
    pool_size: tuple[int, int]
    strides: tuple[int, int]
    padding: Padding = "valid"

    def axes(self, shape: Shape) -> tuple[Axis, Axis]:
        """Windows along height and width over an input of ``shape``."""
        if len(shape) != 3:
            raise _misfit(self, "(height, width, channels)", shape)
        return _axes(self, shape, self.pool_size, self.strides, (1, 1))

    def shape_after(self, shape: Shape) -> Shape:
        """Shape of the output, given that of the input (both without the batch axis)."""
        rows, columns = self.axes(shape)
        return rows.out, columns.out, shape[2]


@dataclass(frozen=True, slots=True)
class Flatten:
    """All axes into one, the last varying fastest."""

    name: str

    def shape_after(self, shape: Shape) -> Shape:
        """Shape of the output, given that of the input (both without the batch axis)."""
        return (prod(shape),)


@dataclass(frozen=True, slots=True)
class Activation:
    """A function of every value on its own (softmax: of the last axis)."""

    name: str
    function: str
    """Name in :data:`ACTIVATIONS` or of a sign quantizer."""

    def __post_init__(self) -> None:
        _check_activation(self.name, self.function)

    def shape_after(self, shape: Shape) -> Shape:
        """Shape of the output, which is that of the input."""
        return shape


Product = Dense | Conv2D
Layer = Dense | Conv2D | BatchNorm | MaxPool2D | Flatten | Activation


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A chain of layers, each fed with what the one before it gives.

    Raises:
        InputError: no layers, two of one name, or a layer that does not fit its input.
    """

    name: str
    input_shape: Shape
    """Of one image or feature vector, without the batch axis."""
    layers: tuple[Layer, ...]
    source: str = ""
    """Where it comes from, for reports: usually the name of a file."""

    def __post_init__(self) -> None:
        if not self.layers:
            raise InputError(f"network {self.name!r} must have at least one layer, not none")
        if not self.input_shape or min(self.input_shape) < 1:
            raise InputError(f"`input_shape` must be positive sizes, not {self.input_shape!r}")
        names = [layer.name for layer in self.layers]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"layer names must be unique, not twice {name!r}")
        self.shapes()

    def shapes(self) -> tuple[Shape, ...]:
        """Shape of the output of every layer, without the batch axis."""
        shape, result = self.input_shape, []
        for layer in self.layers:
            shape = layer.shape_after(shape)
            result.append(shape)
        return tuple(result)

    def shape_before(self, index: int) -> Shape:
        """Shape of the input of layer ``index``, without the batch axis."""
        return self.input_shape if index == 0 else self.shapes()[index - 1]

    def before_softmax(self) -> Network:
        """Return the same network without a softmax at its end: what it gives are the logits.

        >>> net = Network("n", (3,), (Activation("a", "relu"), Activation("b", "softmax")))
        >>> [layer.name for layer in net.before_softmax().layers]
        ['a']
        """
        layers = list(self.layers)
        match layers[-1]:
            case Activation(function="softmax") if len(layers) > 1:
                layers.pop()
            case Dense(activation="softmax") | Conv2D(activation="softmax") as last:
                layers[-1] = replace(last, activation="linear")
            case _:
                return self
        return replace(self, layers=tuple(layers))


def has_binary_kernel(layer: Product) -> bool:
    """Whether the weights that multiply are all -1 and +1.

    They are behind a sign quantizer, and in the file itself after training with Bop (``NoOp``).
    """
    if layer.kernel_quantizer == quantizers.NO_OP:
        return bool(np.all(np.abs(layer.kernel) == 1.0))
    return quantizers.is_sign(layer.kernel_quantizer)


def binary_kernel(layer: Product) -> NDArray[np.int8]:
    """Weights that multiply, -1 and +1, in the shape of the kernel.

    Raises:
        InputError: the layer's weights are not binary.
    """
    if not has_binary_kernel(layer):
        raise InputError(
            f"layer {layer.name!r} must have a sign quantizer for its kernel, "
            f"not {layer.kernel_quantizer!r}"
        )
    return quantizers.sign(layer.kernel)


def _check_kernel(layer: Product, rank: int) -> None:
    if layer.kernel.ndim != rank:
        raise InputError(
            f"kernel of layer {layer.name!r} must have {rank} axes, not shape {layer.kernel.shape}"
        )
    _check_array(layer.name, "kernel", layer.kernel, layer.kernel.shape)
    if layer.bias is not None:
        _check_array(layer.name, "bias", layer.bias, (layer.outputs,))
    for quantizer in (layer.input_quantizer, layer.kernel_quantizer):
        if quantizer is not None and quantizer not in quantizers.EXECUTED:
            known = ", ".join(sorted(quantizers.EXECUTED))
            raise InputError(
                f"quantizers of layer {layer.name!r} must be among {known}, not {quantizer!r}"
            )
    _check_activation(layer.name, layer.activation)


def _check_array(layer: str, name: str, values: Weights, shape: Shape) -> None:
    if values.dtype != np.float32:
        raise InputError(f"{name} of layer {layer!r} must be float32, not {values.dtype}")
    if values.shape != shape or values.size == 0:
        raise InputError(f"{name} of layer {layer!r} must have shape {shape}, not {values.shape}")
    if not np.isfinite(values).all():
        raise InputError(f"{name} of layer {layer!r} must be finite, not NaN or infinite")


def _check_activation(layer: str, function: str) -> None:
    if function not in ACTIVATIONS | quantizers.SIGNS:
        known = ", ".join(sorted(ACTIVATIONS | quantizers.SIGNS))
        raise InputError(f"activation of layer {layer!r} must be among {known}, not {function!r}")


def _axes(
    layer: Conv2D | MaxPool2D,
    shape: Shape,
    kernel: Shape,
    strides: tuple[int, int],
    dilation: tuple[int, int],
) -> tuple[Axis, Axis]:
    try:
        return (
            Axis(shape[0], kernel[0], strides[0], dilation[0], layer.padding),
            Axis(shape[1], kernel[1], strides[1], dilation[1], layer.padding),
        )
    except InputError as error:
        raise InputError(f"layer {layer.name!r}: {error}") from None


def _misfit(layer: Layer, wanted: str, shape: Shape) -> InputError:
    return InputError(f"input of layer {layer.name!r} must have shape {wanted}, not {shape}")
