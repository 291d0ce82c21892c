"""Pooling over one or two spatial axes, window by window or over all of them.

>>> image = np.float32([[[[1], [2]], [[3], [6]]]])
>>> MaxPool2D("p", (2, 2), (2, 2)).run(image).tolist(), GlobalPool("g", "mean").run(image).tolist()
([[[[6.0]]]], [[3.0]])
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bnn.model.geometry import Padding, WindowAxis, averages, largest, windows
from bnn.model.layers.layer import Layer, Shape, misfit
from bnn.model.layers.reading import Reader, Reading


@dataclass(frozen=True, slots=True)
class _Pool2D(Layer):
    """Windows over ``(height, width, channels)``; over ``(length, channels)`` those of one row."""

    pool_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: Padding = "valid"

    def axes(self, shape: Shape) -> tuple[WindowAxis, WindowAxis]:
        """Windows along height and width over an input of ``shape``."""
        if len(shape) not in (2, 3):
            raise misfit(self.name, "(height, width, channels)", shape)
        return windows(self.name, shape[:-1], self.pool_size, self.strides, padding=self.padding)

    def _shape(self, shape: Shape) -> Shape:
        rows, columns = self.axes(shape)
        return (rows.out, columns.out, shape[-1])[3 - len(shape) :]

    def _over(self, pool: Callable[..., NDArray[Any]], values: NDArray[Any]) -> NDArray[Any]:
        images = values[:, None] if values.ndim == 3 else values
        result = pool(images, self.axes(values.shape[1:]))
        return result[:, 0] if values.ndim == 3 else result


@dataclass(frozen=True, slots=True)
class MaxPool2D(_Pool2D):
    """The largest value of each window; ``same`` padding never wins."""

    selects = True

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        return self._over(largest, x)


@dataclass(frozen=True, slots=True)
class AveragePool2D(_Pool2D):
    """The mean of each window, in which padding does not count."""

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        return self._over(averages, x)


@dataclass(frozen=True, slots=True)
class GlobalPool(Layer):
    """The largest or the mean value of each channel."""

    kind: Literal["max", "mean"]
    keep: bool = False
    """Whether the spatial axes stay, with one pixel."""

    def _shape(self, shape: Shape) -> Shape:
        if len(shape) < 2:
            raise misfit(self.name, "at least one spatial axis and channels", shape)
        return (*(1 for _ in shape[:-1]), shape[-1]) if self.keep else shape[-1:]

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        axes = tuple(range(1, x.ndim - 1))
        if self.kind == "max":
            result: NDArray[Any] = x.max(axis=axes, keepdims=self.keep)
            return result
        mean: NDArray[Any] = x.mean(axis=axes, keepdims=self.keep, dtype=np.float64)
        return mean.astype(x.dtype)

    @property
    def selects(self) -> bool:
        """The largest of some values is one of them."""
        return self.kind == "max"


def _windows(make: type[MaxPool2D] | type[AveragePool2D]) -> Reader:
    def read(reading: Reading) -> tuple[MaxPool2D | AveragePool2D]:
        reading.spatial()
        size = reading.fields.sizes("pool_size", reading.rank)
        strides = reading.fields.sizes("strides", reading.rank, size)
        padding = reading.padding("valid", "same")
        return (make(reading.name, (1, *size)[-2:], (1, *strides)[-2:], padding),)

    return read


def _whole(kind: Literal["max", "mean"]) -> Reader:
    def read(reading: Reading) -> tuple[GlobalPool]:
        reading.spatial()
        return (GlobalPool(reading.name, kind, reading.fields.flag("keepdims", False)),)

    return read


READERS: dict[str, Reader] = {
    **dict.fromkeys(("AveragePooling1D", "AveragePooling2D"), _windows(AveragePool2D)),
    **dict.fromkeys(("GlobalAveragePooling1D", "GlobalAveragePooling2D"), _whole("mean")),
    **dict.fromkeys(("GlobalMaxPooling1D", "GlobalMaxPooling2D"), _whole("max")),
    **dict.fromkeys(("MaxPooling1D", "MaxPooling2D"), _windows(MaxPool2D)),
}
"""By class in a model file."""
