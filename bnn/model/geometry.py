"""Where the windows of a convolution or a pooling lie, and cutting images into them.

>>> axis = WindowAxis.padded(size=5, kernel=3, stride=2, padding="same")
>>> axis.out, axis.before, axis.starts().tolist()
(3, 1, [-1, 1, 3])
>>> WindowAxis.padded(size=4, kernel=3, padding="causal").taps()[0].tolist()
[-1, -1, 0]
>>> axis = WindowAxis.padded(size=3, kernel=2)
>>> image = np.arange(9, dtype=np.int8).reshape(1, 3, 3, 1)
>>> patches(image, (axis, axis), 0, np.float32)[0, 0].tolist()
[[0.0, 1.0, 3.0, 4.0], [1.0, 2.0, 4.0, 5.0]]
>>> largest(image, (axis, axis))[0, ..., 0].tolist()
[[4, 5], [7, 8]]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from pimsim.errors import InputError

Padding = Literal["valid", "same", "causal"]
Indices = NDArray[np.intp]
Number = TypeVar("Number", bound=np.number[Any])
Values = NDArray[np.number[Any]]

OUTSIDE = -1
"""Stands for a pixel that is none: padding."""


@dataclass(frozen=True, slots=True)
class WindowAxis:
    """What the taps of windows read along one spatial axis.

    Tap k of window o looks at place ``o*stride + k*dilation - before`` of the input whose pixels
    lie ``spacing`` places apart; between them, and beyond them, it reads padding.

    >>> WindowAxis(size=4, kernel=3, out=4, before=1).pixels(np.array([-1, 0, 3, 4])).tolist()
    [-1, 0, 3, -1]

    A transposed convolution of stride 2 spreads its input out and reads every place of it, with
    the kernel turned round:

    >>> WindowAxis(size=3, kernel=3, out=6, before=1, spacing=2).pixels(np.arange(6)).tolist()
    [0, -1, 1, -1, 2, -1]

    Raises:
        InputError: fewer windows than 1.
    """

    size: int
    """Pixels of the input."""
    kernel: int
    """Taps of a window."""
    out: int
    """Windows, which is the length of the output."""
    stride: int = 1
    """Places from one window to the next."""
    dilation: int = 1
    """Places from one tap to the next."""
    before: int = 0
    """Places of padding that the first window begins with; negative if it skips some."""
    spacing: int = 1
    """Places from one pixel to the next."""

    def __post_init__(self) -> None:
        if self.out < 1:
            raise InputError(f"`out` must be a positive integer, not {self.out!r}")

    @classmethod
    def padded(
        cls,
        size: int,
        kernel: int,
        stride: int = 1,
        dilation: int = 1,
        padding: Padding = "valid",
    ) -> WindowAxis:
        """Return the windows that TensorFlow lays over ``size`` pixels.

        ``valid`` windows stay inside the input; ``same`` gives ``ceil(size/stride)`` windows and
        pads as little as that needs, the odd pixel after the input; ``causal`` windows end where
        they stand, so all padding comes before the input.

        Raises:
            InputError: no window that fits.
        """
        reach = (kernel - 1) * dilation + 1
        out, before = -(-size // stride), 0
        if padding == "valid":
            if reach > size:
                raise InputError(
                    f"`kernel` must reach over at most the {size} pixels of its input, not {reach}"
                )
            out = (size - reach) // stride + 1
        elif padding == "same":
            before = max((out - 1) * stride + reach - size, 0) // 2
        else:
            before = reach - 1
        return cls(size, kernel, out, stride, dilation, before)

    def starts(self) -> Indices:
        """Place of the first tap of each window, ``(out,)``; negative in the padding."""
        return np.arange(self.out) * self.stride - self.before

    def taps(self) -> Indices:
        """Pixel that each tap of each window reads, ``(out, kernel)``, -1 where it is padding.

        >>> WindowAxis.padded(size=3, kernel=3, padding="same").taps().tolist()
        [[-1, 0, 1], [0, 1, 2], [1, 2, -1]]
        """
        return self.pixels(self.starts()[:, None] + np.arange(self.kernel) * self.dilation)

    def pixels(self, places: Indices) -> Indices:
        """Pixel at each place, -1 where there is none; places count from the first pixel."""
        pixels = places // self.spacing
        outside = (places % self.spacing != 0) | (pixels < 0) | (pixels >= self.size)
        return np.where(outside, OUTSIDE, pixels)

    @property
    def length(self) -> int:
        """Places from the first tap of the first window to the last tap of the last."""
        return (self.out - 1) * self.stride + (self.kernel - 1) * self.dilation + 1

    def every(self, tap: int) -> slice:
        """Places, counted from the first that is read, at which one tap of all windows looks."""
        first = tap * self.dilation
        return slice(first, first + (self.out - 1) * self.stride + 1, self.stride)

    def laid(self) -> tuple[slice, slice]:
        """Pixels that lie within the length of the windows, and their places there."""
        first = max(0, -(self.before // self.spacing))
        place = self.before + first * self.spacing
        count = max(0, min(self.size - first, -(-(self.length - place) // self.spacing)))
        return slice(first, first + count), slice(place, place + count * self.spacing, self.spacing)


def windows(
    layer: str,
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...] = (1, 1),
    padding: Padding = "valid",
) -> tuple[WindowAxis, WindowAxis]:
    """Return the windows of a layer along height and width; over a length those of one row.

    Args:
        layer: its name, which errors begin with.
        sizes: of the input along one or two spatial axes; the rest goes along the same axes.
        kernel: taps of a window.
        strides: between neighbouring windows.
        dilation: between neighbouring taps.
        padding: as :meth:`WindowAxis.padded` has it.

    >>> [axis.out for axis in windows("c", (5,), (3,), (1,))]
    [1, 3]
    """
    settings = [(1, 1, *one)[-2:] for one in (sizes, kernel, strides, dilation)]
    try:
        rows, columns = (
            WindowAxis.padded(a, b, c, d, padding) for a, b, c, d in zip(*settings, strict=True)
        )
    except InputError as error:
        raise InputError(f"layer {layer!r}: {error}") from None
    return rows, columns


def patches(
    images: Values, axes: tuple[WindowAxis, WindowAxis], pad: float, dtype: type[Number]
) -> NDArray[Number]:
    """Lay every window out as one row of numbers.

    Args:
        images: ``(n, height, width, channels)``, or ``(n, width, channels)``: images of one row.
        axes: windows along height and width.
        pad: value of the padding.
        dtype: type of the result.

    Returns:
        ``(n, out height, out width, taps * channels)``, taps row by row, channels fastest: the
        order in which a kernel ``(height, width, in, out)`` reshapes to ``(taps * in, out)``.
    """
    rows, columns = axes
    count, channels = images.shape[0], images.shape[-1]
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
    counts = [(axis.taps() != OUTSIDE).sum(axis=1) for axis in axes]
    inside = np.multiply.outer(*counts)[..., None].astype(images.dtype)
    return np.asarray(result / inside, images.dtype)


def _taps(
    images: NDArray[Number], axes: tuple[WindowAxis, WindowAxis], pad: float
) -> Iterator[NDArray[Number]]:
    """Yield what tap 0, 1, ... of all windows reads: views ``(n, out h, out w, channels)``."""
    rows, columns = axes
    images = images[:, None] if images.ndim == 3 else images
    if any(axis.before or axis.spacing > 1 or axis.length > axis.size for axis in axes):
        canvas = np.empty((len(images), rows.length, columns.length, images.shape[3]), images.dtype)
        canvas[:] = pad
        (down, below), (across, beside) = rows.laid(), columns.laid()
        canvas[:, below, beside] = images[:, down, across]
        images = canvas
    for i in range(rows.kernel):
        for j in range(columns.kernel):
            yield images[:, rows.every(i), columns.every(j)]
