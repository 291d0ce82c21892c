"""What follows products: activations as layers, quantizers, batch normalization.

>>> Rectifier("r", slope=0.5, ceiling=2.0).run(np.float32([-4, 1, 3])).tolist()
[-2.0, 1.0, 2.0]
>>> norm = BatchNorm("bn", np.float32([2]), np.float32([4]), np.float32([-1]), None, 0.0)
>>> norm.run(np.float64([[0], [2], [4]])).tolist()
[[1.0], [-0.0], [-1.0]]
>>> PRelu("p", np.float32([0.25, -1])).run(np.float32([[-4, -4], [4, 4]])).tolist()
[[-1.0, 4.0], [4.0, 4.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.model import quantizers
from bnn.model.activation_functions import activate, elu, monotone
from bnn.model.layers.layer import Reader, Reading, Shape, Unary, Weights, misfit
from bnn.model.layers.pooling import Along
from bnn.model.operand_encoding import OperandEncoding
from pimsim.errors import InputError


@dataclass(frozen=True, slots=True)
class Activation(Unary):
    """A function of every value on its own (softmax: of the last axis)."""

    function: str
    """Name in :data:`bnn.model.activation_functions.FUNCTIONS` or of a quantizer."""

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        return activate(self.function, x)

    def encoding_after(self, *encodings: OperandEncoding | None) -> OperandEncoding | None:
        """Return the encoding of the quantizer; a linear function does not change it."""
        (encoding,) = encodings
        return encoding_behind(self.function, encoding)

    @property
    def monotone(self) -> bool:
        """Whether the function never decreases."""
        return monotone(self.function)


def encoding_behind(function: str, encoding: OperandEncoding | None) -> OperandEncoding | None:
    """Return the encoding behind an activation, given the one before it."""
    if function == "linear":
        return encoding
    if function.partition("(")[0] in quantizers.TABLE:
        return quantizers.named(function).encoding
    return None


def _sloped(slopes: Weights | np.float32, below: NDArray[Any]) -> NDArray[Any]:
    """Multiply; denormal slopes and products count as 0, as in Keras, because a sign may follow."""
    products = quantizers.flushed(slopes).astype(np.float64) * below
    return quantizers.flushed(products).astype(below.dtype)


@dataclass(frozen=True, slots=True)
class Rectifier(Unary):
    """``x`` above a threshold up to a ceiling, and a slope below: ReLU and its relatives."""

    slope: float = 0.0
    ceiling: float | None = None
    threshold: float = 0.0

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        """In the order of operations of Keras's ``backend.relu``."""
        number = x.dtype.type
        if self.threshold:
            result = np.where(x > number(self.threshold), x, number(0))
        else:
            result = np.maximum(x, number(0))
        if self.ceiling is not None:
            result = np.clip(result, number(0), number(self.ceiling))
        if self.slope:
            below = np.maximum(number(self.threshold) - x, number(0))
            result = result - _sloped(np.float32(self.slope), below)
        return result

    @property
    def monotone(self) -> bool:
        """Not with a slope below 0, nor with a threshold at which it may jump down."""
        return self.slope >= 0 and (self.threshold == 0 or (self.slope == 0 and self.threshold > 0))


@dataclass(frozen=True, slots=True, eq=False)
class PRelu(Unary):
    """``x`` above 0 and a trained slope times x below."""

    slopes: Weights
    """Broadcast over an input: ``(channels,)`` where the spatial axes share theirs."""

    def _shape(self, shape: Shape) -> Shape:
        if len(self.slopes.shape) > len(shape) or any(
            mine not in (1, size)
            for mine, size in zip(self.slopes.shape[::-1], shape[::-1], strict=False)
        ):
            raise misfit(self.name, f"that {self.slopes.shape} slopes fit", shape)
        return shape

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        """``relu(x) - slope * relu(-x)``, as Keras has it."""
        zero = x.dtype.type(0)
        result: NDArray[Any] = np.maximum(x, zero) - _sloped(self.slopes, np.maximum(-x, zero))
        return result

    @property
    def monotone(self) -> bool:
        """Not with a slope below 0, nor with a slope for each place instead of each channel."""
        return self.slopes.ndim == 1 and bool((self.slopes >= 0).all())

    @property
    def weights(self) -> int:
        """One a slope."""
        return self.slopes.size


@dataclass(frozen=True, slots=True)
class Elu(Unary):
    """``x`` above 0 and ``alpha * (e^x - 1)`` below."""

    alpha: float

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        return elu(x, self.alpha)


@dataclass(frozen=True, slots=True, eq=False)
class BatchNorm(Unary):
    """``(x - mean) * gamma / sqrt(variance + epsilon) + beta`` over the last axis.

    The subtraction of the mean, the product and the addition stay three operations: one fused
    multiply-add would turn exact ties into tiny negative numbers.
    """

    mean: Weights
    """``(channels,)``, as are the other three."""
    variance: Weights
    gamma: Weights | None
    """None where the layer was built with ``scale=False``: 1."""
    beta: Weights | None
    """None where the layer was built with ``center=False``: 0."""
    epsilon: float

    def __post_init__(self) -> None:
        variance = quantizers.flushed(self.variance).astype(np.float64)
        if not np.all(quantizers.flushed(variance + self.epsilon) > 0):
            least = float(self.variance.min()) + self.epsilon
            denormal = ", which Keras takes as 0" if least > 0 else ""
            raise InputError(
                f"variance + epsilon of layer {self.name!r} must be positive, "
                f"not {least!r}{denormal}"
            )

    def _shape(self, shape: Shape) -> Shape:
        if not shape or shape[-1] != self.mean.size:
            raise misfit(self.name, f"an input whose last axis is {self.mean.size}", shape)
        return shape

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        """Denormal parameters count as 0, as they do in Keras."""
        result = x - quantizers.flushed(self.mean).astype(x.dtype)
        result *= self.scale.astype(x.dtype)
        if self.beta is not None:
            result += quantizers.flushed(self.beta).astype(x.dtype)
        return np.asarray(result)

    @property
    def scale(self) -> NDArray[np.float64]:
        """``gamma / sqrt(variance + epsilon)`` per channel, 0 where float32 would flush it to 0."""
        gamma = np.ones_like(self.mean) if self.gamma is None else self.gamma
        variance = quantizers.flushed(self.variance).astype(np.float64)
        return quantizers.flushed(quantizers.flushed(gamma) / np.sqrt(variance + self.epsilon))

    @property
    def monotone(self) -> bool:
        """A straight line per channel, rising or falling."""
        return True


def _activation(reading: Reading) -> tuple[Activation, ...]:
    if reading.layer_as_activation() is not None:
        return ()  # what it is follows
    return (Activation(reading.name, reading.activation()),)


def _quantizer(reading: Reading) -> tuple[Activation]:
    # A quantizer is a layer itself, with its parameters in its own configuration.
    value = {"class_name": reading.kind, "config": reading.fields.values}
    return (Activation(reading.name, reading.quantizing_activation("class_name", value)),)


def _softmax(reading: Reading) -> tuple[Activation | Along]:
    rank, axis = len(reading.shape), reading.fields.get("axis")
    if axis in (None, -1, rank):
        return (Activation(reading.name, "softmax"),)
    if type(axis) is not int or not -rank <= axis <= rank or axis == 0:
        reading.fields.refuse("axis", "an axis of the input")
    return (Along(reading.name, "softmax", axis % (rank + 1)),)


def _relu(reading: Reading) -> tuple[Rectifier]:
    fields = reading.fields
    ceiling = None if fields.get("max_value") is None else fields.number("max_value", 0.0)
    return (
        Rectifier(
            reading.name,
            fields.number("negative_slope", 0.0),
            ceiling,
            fields.number("threshold", 0.0),
        ),
    )


def _prelu(reading: Reading) -> tuple[PRelu]:
    shape = list(reading.shape)
    shared = reading.fields.get("shared_axes")
    for axis in shared if isinstance(shared, list) else []:
        if type(axis) is not int or not 1 <= axis <= len(shape):
            reading.fields.refuse("shared_axes", "axes of the input")
        shape[axis - 1] = 1
    slopes = reading.arrays({"alpha": tuple(shape)})["alpha"]
    while slopes.ndim > 1 and slopes.shape[0] == 1:
        slopes = slopes[0]
    return (PRelu(reading.name, slopes),)


def _batch_norm(reading: Reading) -> tuple[BatchNorm]:
    fields, shape = reading.fields, reading.shape
    axis = fields.get("axis")
    if axis not in (None, -1, len(shape), [-1], [len(shape)]):
        fields.refuse("axis", "the last one")
    names = ["gamma"] if fields.flag("scale", True) else []
    names += ["beta"] if fields.flag("center", True) else []
    names += ["moving_mean", "moving_variance"]
    arrays = reading.arrays(dict.fromkeys(names, shape[-1:]))
    return (
        BatchNorm(
            name=reading.name,
            mean=arrays["moving_mean"],
            variance=arrays["moving_variance"],
            gamma=arrays.get("gamma"),
            beta=arrays.get("beta"),
            epsilon=fields.number("epsilon", 1e-3),
        ),
    )


READERS: dict[str, Reader] = {
    "Activation": _activation,
    **dict.fromkeys(("BatchNormalization", "SyncBatchNormalization"), _batch_norm),
    "ELU": lambda reading: (Elu(reading.name, reading.fields.number("alpha", 1.0)),),
    "LeakyReLU": lambda reading: (Rectifier(reading.name, reading.fields.number("alpha", 0.3)),),
    "PReLU": _prelu,
    "ReLU": _relu,
    "Softmax": _softmax,
    "ThresholdedReLU": lambda reading: (
        Rectifier(reading.name, threshold=reading.fields.number("theta", 1.0)),
    ),
    **dict.fromkeys(
        (
            *("ApproxSign", "DoReFa", "DoReFaQuantizer", "MagnitudeAwareSign", "NoOp"),
            *("SteHeaviside", "SteSign", "SteTern", "SwishSign"),
        ),
        _quantizer,
    ),
}
"""By class in a model file; quantizers are layers themselves and may stand in a model as such."""
