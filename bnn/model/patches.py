"""Cutting images into the windows of a convolution or a pooling, tap by tap.

>>> axis = WindowAxis(size=3, kernel=2, stride=1, dilation=1, padding="valid")
>>> image = np.arange(9, dtype=np.int8).reshape(1, 3, 3, 1)
>>> patches(image, (axis, axis), 0, np.float32)[0, 0].tolist()
[[0.0, 1.0, 3.0, 4.0], [1.0, 2.0, 4.0, 5.0]]
>>> largest(image, (axis, axis))[0, ..., 0].tolist()
[[4, 5], [7, 8]]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bnn.model.geometry import WindowAxis

Number = TypeVar("Number", bound=np.number[Any])
Values = NDArray[np.number[Any]]


def patches(
    images: Values, axes: tuple[WindowAxis, WindowAxis], pad: float, dtype: type[Number]
) -> NDArray[Number]:
    """Lay every window out as one row of numbers.

    Args:
        images: ``(n, height, width, channels)``.
        axes: windows along height and width.
        pad: value of the padding.
        dtype: type of the result.

    Returns:
        ``(n, out height, out width, taps * channels)``, taps row by row, channels fastest: the
        order in which a kernel ``(height, width, in, out)`` reshapes to ``(taps * in, out)``.
    """
    rows, columns = axes
    count, channels = images.shape[0], images.shape[3]
    taps = rows.kernel * columns.kernel
    result = np.empty((count, rows.out, columns.out, taps, channels), dtype)
    for tap, window in enumerate(_taps(images, axes, pad)):
        result[:, :, :, tap] = window
    return result.reshape(count, rows.out, columns.out, taps * channels)


def largest(images: NDArray[Number], axes: tuple[WindowAxis, WindowAxis]) -> NDArray[Number]:
    """Return the largest value of every window, ``(n, out height, out width, channels)``."""
    # Every window holds a real pixel, so padding with the smallest value of all never wins.
    taps = _taps(images, axes, images.min() if images.size else 0)
    result = next(taps).copy()
    for window in taps:
        np.maximum(result, window, out=result)
    return result


def averages(images: NDArray[Number], axes: tuple[WindowAxis, WindowAxis]) -> NDArray[Number]:
    """Return the mean of every window, ``(n, out h, out w, channels)``; padding does not count."""
    result = sum(_taps(images, axes, 0))
    counts = [
        np.array([sum(pixel is not None for pixel in window) for window in axis.taps()])
        for axis in axes
    ]
    inside = np.multiply.outer(*counts)[..., None].astype(images.dtype)
    return np.asarray(result / inside, images.dtype)


def _taps(
    images: NDArray[Number], axes: tuple[WindowAxis, WindowAxis], pad: float
) -> Iterator[NDArray[Number]]:
    """Yield what tap 0, 1, ... of all windows reads: views ``(n, out h, out w, channels)``."""
    rows, columns = axes
    if rows.pads != (0, 0) or columns.pads != (0, 0):
        margins = ((0, 0), rows.pads, columns.pads, (0, 0))
        images = np.pad(images, margins, constant_values=pad)
    for i in range(rows.kernel):
        down = _every(rows, i)
        for j in range(columns.kernel):
            yield images[:, down, _every(columns, j)]


def _every(axis: WindowAxis, tap: int) -> slice:
    first = tap * axis.dilation
    return slice(first, first + (axis.out - 1) * axis.stride + 1, axis.stride)
