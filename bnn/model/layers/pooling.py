"""Pooling over one or two spatial axes, window by window or over all of them.

>>> image = np.float32([[[[1], [2]], [[3], [6]]]])
>>> MaxPool2D("p", (2, 2), (2, 2)).run(image).tolist(), GlobalPool("g", "mean").run(image).tolist()
([[[[6.0]]]], [[3.0]])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bnn.model.geometry import Axis, Padding
from bnn.model.layers.layer import OneInput, Shape, misfit
from bnn.model.layers.reading import Reader, Reading
from bnn.model.operand import OperandEncoding
from bnn.model.patches import averages, largest
from pimsim.errors import InputError


@dataclass(frozen=True, slots=True)
class _Pool2D(OneInput):
    """Windows over ``(height, width, channels)``; over ``(length, channels)`` those of one row."""

    name: str
    pool_size: tuple[int, int]
    strides: tuple[int, int]
    padding: Padding = "valid"

    def axes(self, shape: Shape) -> tuple[Axis, Axis]:
        """Windows along height and width over an input of ``shape``."""
        if len(shape) == 2:
            shape = (1, *shape)
        if len(shape) != 3:
            raise misfit(self.name, "(height, width, channels)", shape)
        try:
            return (
                Axis(shape[0], self.pool_size[0], self.strides[0], 1, self.padding),
                Axis(shape[1], self.pool_size[1], self.strides[1], 1, self.padding),
            )
        except InputError as error:
            raise InputError(f"layer {self.name!r}: {error}") from None

    def shape_after(self, *shapes: Shape) -> Shape:
        """Shape of the output, given that of the input (both without the batch axis)."""
        (shape,) = shapes
        rows, columns = self.axes(shape)
        whole = rows.out, columns.out, shape[-1]
        return whole[3 - len(shape) :]

    def _over(self, pool: Any, values: NDArray[Any]) -> NDArray[Any]:
        images = values[:, None] if values.ndim == 3 else values
        result: NDArray[Any] = pool(images, self.axes(values.shape[1:]))
        return result[:, 0] if values.ndim == 3 else result


@dataclass(frozen=True, slots=True)
class MaxPool2D(_Pool2D):
    """The largest value of each window; ``same`` padding never wins."""

    def run(self, *values: NDArray[Any]) -> NDArray[Any]:
        """Compute it."""
        (x,) = values
        return self._over(largest, x)

    def alphabet_after(self, *alphabets: OperandEncoding | None) -> OperandEncoding | None:
        """The largest of some integers is one of them."""
        (alphabet,) = alphabets
        return alphabet

    @property
    def commutes(self) -> bool:
        """The sign of the largest value is the largest sign."""
        return True


@dataclass(frozen=True, slots=True)
class AveragePool2D(_Pool2D):
    """The mean of each window, in which padding does not count."""

    def run(self, *values: NDArray[Any]) -> NDArray[Any]:
        """Compute it."""
        (x,) = values
        return self._over(averages, x)


@dataclass(frozen=True, slots=True)
class GlobalPool(OneInput):
    """The largest or the mean value of each channel."""

    name: str
    kind: Literal["max", "mean"]
    keep: bool = False
    """Whether the spatial axes stay, with one pixel."""

    def shape_after(self, *shapes: Shape) -> Shape:
        """Shape of the output, given that of the input."""
        (shape,) = shapes
        if len(shape) < 2:
            raise misfit(self.name, "at least one spatial axis and channels", shape)
        return (*(1 for _ in shape[:-1]), shape[-1]) if self.keep else shape[-1:]

    def run(self, *values: NDArray[Any]) -> NDArray[Any]:
        """Compute it, in the precision of the values."""
        (x,) = values
        axes = tuple(range(1, x.ndim - 1))
        if self.kind == "max":
            result: NDArray[Any] = x.max(axis=axes, keepdims=self.keep)
            return result
        mean: NDArray[Any] = x.mean(axis=axes, keepdims=self.keep, dtype=np.float64)
        return mean.astype(x.dtype)

    def alphabet_after(self, *alphabets: OperandEncoding | None) -> OperandEncoding | None:
        """The largest of some integers is one of them."""
        (alphabet,) = alphabets
        return alphabet if self.kind == "max" else None

    @property
    def commutes(self) -> bool:
        """The sign of the largest value is the largest sign."""
        return self.kind == "max"


def _windows(make: type[MaxPool2D] | type[AveragePool2D], rank: int) -> Reader:
    def read(reading: Reading) -> tuple[MaxPool2D | AveragePool2D]:
        fields = reading.fields
        reading.spatial(rank)
        size = fields.sizes("pool_size", rank)
        strides = fields.sizes("strides", rank, size)
        padding = reading.padding("valid", "same")
        more = (1,) * (2 - rank)
        return (make(reading.name, _pair(more + size), _pair(more + strides), padding),)

    return read


def _pair(sizes: tuple[int, ...]) -> tuple[int, int]:
    first, second = sizes
    return first, second


def _whole(kind: Literal["max", "mean"], rank: int) -> Reader:
    def read(reading: Reading) -> tuple[GlobalPool]:
        reading.spatial(rank)
        return (GlobalPool(reading.name, kind, reading.fields.flag("keepdims", False)),)

    return read


READERS: dict[str, Reader] = {
    "AveragePooling1D": _windows(AveragePool2D, 1),
    "AveragePooling2D": _windows(AveragePool2D, 2),
    "GlobalAveragePooling1D": _whole("mean", 1),
    "GlobalAveragePooling2D": _whole("mean", 2),
    "GlobalMaxPooling1D": _whole("max", 1),
    "GlobalMaxPooling2D": _whole("max", 2),
    "MaxPooling1D": _windows(MaxPool2D, 1),
    "MaxPooling2D": _windows(MaxPool2D, 2),
}
"""By class in a model file."""
