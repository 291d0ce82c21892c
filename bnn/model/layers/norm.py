"""Batch normalization, with the statistics that training left.

The subtraction of the mean, the product and the addition stay three operations: one fused
multiply-add would turn exact ties into tiny negative numbers.

>>> norm = BatchNorm("bn", np.float32([2]), np.float32([4]), np.float32([-1]), None, 0.0)
>>> norm.run(np.float64([[0], [2], [4]])).tolist()
[[1.0], [-0.0], [-1.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.model import quantizers
from bnn.model.layers.layer import Layer, Shape, Weights, misfit
from bnn.model.layers.reading import Reader, Reading
from pimsim.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class BatchNorm(Layer):
    """``(x - mean) * gamma / sqrt(variance + epsilon) + beta`` over the last axis."""

    mean: Weights
    """``(channels,)``, as are the other three."""
    variance: Weights
    gamma: Weights | None
    """None where the layer was built with ``scale=False``: 1."""
    beta: Weights | None
    """None where the layer was built with ``center=False``: 0."""
    epsilon: float

    def __post_init__(self) -> None:
        if not np.all(self.variance.astype(np.float64) + self.epsilon > 0):
            raise InputError(
                f"variance + epsilon of layer {self.name!r} must be positive, "
                f"not {float(self.variance.min()) + self.epsilon!r}"
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
    "BatchNormalization": _batch_norm,
    "SyncBatchNormalization": _batch_norm,
}
"""By class in a model file."""
