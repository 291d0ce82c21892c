"""What is computed of windows and along axes: pooling, sums, means, normalized values, products.

>>> image = np.float32([[[[1], [2]], [[3], [6]]]])
>>> [kind("p", (2, 2), (2, 2)).run(image).tolist() for kind in (MaxPool2D, AveragePool2D)]
[[[[[6.0]]]], [[[[3.0]]]]]
>>> Reduce("m", "mean", (1,), keep=False).run(np.float32([[[1, 2], [3, 4]]])).tolist()
[[2.0, 3.0]]
>>> Along("s", "softmax", 1).shape_after((2, 3))
(2, 3)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bnn.model.activation_functions import softmax
from bnn.model.geometry import Padding, WindowAxis, averages, largest, windows
from bnn.model.layers.layer import Layer, Reader, Reading, Shape, Unary, Weights, misfit, misfits
from bnn.values.products import rowwise

REDUCTIONS: dict[str, Callable[..., Any]] = {
    "max": np.max,
    "mean": np.mean,
    "min": np.min,
    "product": np.prod,
    "root_sum_square": lambda x, **how: np.sqrt(np.sum(x * x, **how)),
    "standard_deviation": np.std,
    "sum": np.sum,
    "variance": np.var,
}
"""What becomes of the values along axes."""


@dataclass(frozen=True, slots=True)
class Reduce(Unary):
    """One number for all values along some axes."""

    kind: str
    """Name in :data:`REDUCTIONS`."""
    axes: tuple[int, ...]
    """Counted from 1, as 0 is that of the batch."""
    keep: bool
    """Whether the axes stay, with size 1."""

    def _shape(self, shape: Shape) -> Shape:
        if not all(1 <= axis <= len(shape) for axis in self.axes):
            raise misfit(self.name, f"with axes {self.axes}", shape)
        if self.keep:
            return tuple(1 if i in self.axes else size for i, size in enumerate(shape, 1))
        return tuple(size for i, size in enumerate(shape, 1) if i not in self.axes)

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        """In float64, rounded once."""
        wide = x if self.kind in ("max", "min") else x.astype(np.float64)
        found = REDUCTIONS[self.kind](wide, axis=self.axes, keepdims=self.keep)
        return cast(NDArray[Any], found.astype(x.dtype))

    @property
    def selects(self) -> bool:
        """The largest of some values is one of them."""
        return self.kind in ("max", "min")


def _log_softmax(x: NDArray[Any], axis: int) -> NDArray[Any]:
    shifted = x - x.max(axis=axis, keepdims=True)
    result: NDArray[Any] = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return result


def _l2_normalize(x: NDArray[Any], axis: int) -> NDArray[Any]:
    squares = (x * x).sum(axis=axis, keepdims=True)
    result: NDArray[Any] = x / np.sqrt(np.maximum(squares, x.dtype.type(1e-12)))
    return result


FUNCTIONS_ALONG: dict[str, Callable[[NDArray[Any], int], NDArray[Any]]] = {
    "cumulative_sum": lambda x, axis: np.cumsum(x, axis=axis, dtype=x.dtype),
    "l2_normalize": _l2_normalize,
    "log_softmax": _log_softmax,
    "softmax": softmax,
}
"""From values to as many values, of the others along an axis."""


@dataclass(frozen=True, slots=True)
class Along(Unary):
    """A function of all values along an axis, for each of them."""

    function: str
    """Name in :data:`FUNCTIONS_ALONG`."""
    axis: int
    """Counted from 1, as 0 is that of the batch."""

    def _shape(self, shape: Shape) -> Shape:
        if not 1 <= self.axis <= len(shape):
            raise misfit(self.name, f"with an axis {self.axis}", shape)
        return shape

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        return FUNCTIONS_ALONG[self.function](x, self.axis)


@dataclass(frozen=True, slots=True, eq=False)
class MatrixProduct(Layer):
    """A matrix product of two inputs, or of one and numbers of the file."""

    transposed: tuple[bool, bool]
    """Whether the last two axes of each change places first."""
    constant: Weights | None = None
    """Second matrix, if the file holds it."""

    def shape_after(self, *shapes: Shape) -> Shape:
        """Shape of the output; each image is multiplied by itself."""
        whole = [(1, *shape) for shape in shapes]
        if self.constant is not None:
            whole.append(self.constant.shape)
        found = self._found(whole)
        if found is None:
            raise misfits(self.name, whole, "be matrices that fit each other")
        return found[1:]

    def run(self, *values: NDArray[Any]) -> NDArray[Any]:
        """Multiply matrices ``(n, ..., rows, columns)`` in float32."""
        single = [one.astype(np.float32, copy=False) for one in values]
        second = single[1] if self.constant is None else self.constant
        return self._product(single[0], second).astype(values[0].dtype, copy=False)

    @property
    def weights(self) -> int:
        """Numbers of the file."""
        return 0 if self.constant is None else self.constant.size

    def _found(self, whole: list[Shape]) -> Shape | None:
        if len(whole) != 2 or min(map(len, whole)) < 2:
            return None
        first, second = (
            (*shape[:-2], shape[-1], shape[-2]) if turned else shape
            for shape, turned in zip(whole, self.transposed, strict=True)
        )
        try:
            around = np.broadcast_shapes(first[:-2], second[:-2])
        except ValueError:
            return None
        # The first axis is that of the batch: no matrix may have it, and it must stay the first.
        own = len(whole[0]) > 2 or (self.constant is not None and not self.transposed[0])
        other = len(second) == 2 if self.constant is not None else len(second) == len(first) > 2
        if first[-1] != second[-2] or not own or not other:
            return None
        return (*around, first[-2], second[-1])

    def _product(self, first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
        first, second = (
            one.swapaxes(-1, -2) if turned else one
            for one, turned in zip((first, second), self.transposed, strict=True)
        )
        return rowwise(first, second) if first.ndim == 2 else first @ second


@dataclass(frozen=True, slots=True)
class _Pool2D(Unary):
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
        shape = values.shape[1:]
        return pool(values, self.axes(shape)).reshape(len(values), *self._shape(shape))


@dataclass(frozen=True, slots=True)
class MaxPool2D(_Pool2D):
    """The largest value of each window; ``same`` padding never wins.

    NaN does not, either: in Keras a window begins with the least finite number.

    >>> pool = MaxPool2D("pool", (1, 2), (1, 2))
    >>> pool.run(np.float32([[[np.nan], [1], [np.nan], [np.nan]]])[None]).ravel().tolist()
    [1.0, -3.4028234663852886e+38]
    """

    selects = True

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        if x.dtype.kind == "f":
            x = np.fmax(x, np.finfo(x.dtype).min)
        return self._over(largest, x)


@dataclass(frozen=True, slots=True)
class AveragePool2D(_Pool2D):
    """The mean of each window, in which padding does not count."""

    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        return self._over(averages, x)


def _windows(make: type[MaxPool2D] | type[AveragePool2D]) -> Reader:
    def read(reading: Reading) -> tuple[MaxPool2D | AveragePool2D]:
        reading.spatial()
        size = reading.fields.sizes("pool_size", reading.rank)
        strides = reading.fields.sizes("strides", reading.rank, size)
        padding = reading.padding("valid", "same")
        return (make(reading.name, (1, *size)[-2:], (1, *strides)[-2:], padding),)

    return read


def _whole(kind: str) -> Reader:
    def read(reading: Reading) -> tuple[Reduce]:
        axes = tuple(range(1, len(reading.spatial())))
        return (Reduce(reading.name, kind, axes, reading.fields.flag("keepdims", False)),)

    return read


READERS: dict[str, Reader] = {
    **dict.fromkeys(("AveragePooling1D", "AveragePooling2D"), _windows(AveragePool2D)),
    **dict.fromkeys(("GlobalAveragePooling1D", "GlobalAveragePooling2D"), _whole("mean")),
    **dict.fromkeys(("GlobalMaxPooling1D", "GlobalMaxPooling2D"), _whole("max")),
    **dict.fromkeys(("MaxPooling1D", "MaxPooling2D"), _windows(MaxPool2D)),
}
"""By class in a model file."""
