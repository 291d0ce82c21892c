"""Which input pixels a column of DRAM needs: convolution and pooling windows laid over columns.

A column computes one value behind the pooling (without pooling: one output position). It holds
every input pixel that any of its pooling window's convolutions reads, once: a 3x3 convolution
under a 2x2 pooling needs a patch of 4x4 pixels, not four of 3x3. The convolution at one place of
the pooling window (an *offset*) then reads its own taps out of that patch.

:func:`lay` makes windows of any convolution from one :class:`~bnn.model.geometry.WindowAxis` for
each spatial axis; :func:`each_pixel` those of a dense layer. A position that has weights of its own
is a :class:`Windows` of one column, written down directly.

>>> from bnn.model.network import Conv2D, MaxPool2D
>>> conv = Conv2D("c", np.ones((3, 3, 2, 8), np.float32), None, "ste_sign", "ste_sign")
>>> w = windows(conv, (6, 6, 2), MaxPool2D("p", (2, 2), (2, 2)))
>>> w.pixels.shape, w.taps.shape, w.channels
((4, 16), (4, 9), 2)
>>> w.pixels[0].tolist()
[0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15, 18, 19, 20, 21]
>>> w.outputs[:, 0].tolist()
[0, 1, 4, 5]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnn.model.geometry import OUTSIDE, Indices, WindowAxis
from bnn.model.network import MaxPool2D, Product, Shape


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Columns of one image and what each reads; the same for every image."""

    channels: int
    """Input channels of a pixel."""
    pixels: Indices
    """``(positions, patch)`` pixel (row by row) at each place of a column's patch; -1: padding."""
    taps: Indices
    """``(offsets, kernel taps)`` place in the patch of each tap, for each place of the pooling."""
    outputs: Indices
    """``(offsets, positions)`` output position of the convolution, -1 where the pooling window
    reaches beyond the convolution's output."""

    @property
    def positions(self) -> int:
        """Columns of one image."""
        return len(self.pixels)

    @property
    def offsets(self) -> int:
        """Convolutions that one column computes: the size of the pooling window."""
        return len(self.taps)

    @property
    def patch(self) -> int:
        """Pixels that one column holds."""
        return int(self.pixels.shape[1])

    def padded(self, offset: int) -> NDArray[np.bool_]:
        """``(positions, kernel taps)``: which taps read padding."""
        result: NDArray[np.bool_] = self.pixels[:, self.taps[offset]] == OUTSIDE
        return result


def windows(layer: Product, shape: Shape, pool: MaxPool2D | None) -> Windows:
    """Lay the windows of ``layer``, fed with ``shape``, and of the pooling behind it over columns.

    A dense layer is a convolution of one tap over the positions that its input has.
    """
    sides = layer.sides(shape)
    if sides is None:
        return each_pixel(int(np.prod(shape[:-1], dtype=np.intp)), shape[-1])
    over = None if pool is None else pool.axes(layer.shape_after(shape))
    return lay(shape[-1], sides, over)


def each_pixel(pixels: int, channels: int) -> Windows:
    """One column for every pixel, and one tap: a matrix product over the channels of each."""
    every = np.arange(pixels)
    return Windows(channels, every[:, None], np.zeros((1, 1), np.intp), every[None])


def lay(
    channels: int, sides: Sequence[WindowAxis], pool: Sequence[WindowAxis] | None = None
) -> Windows:
    """Lay the windows of a convolution, and of a pooling behind it, over columns.

    Args:
        channels: input channels of a pixel.
        sides: one for each spatial axis, in the order of the input's axes.
        pool: windows of the pooling over the convolution's output, one for each axis; without
            pooling every output position is a column with one offset.

    >>> causal = WindowAxis(size=4, kernel=2, out=4, dilation=2, before=2)
    >>> laid = lay(8, [causal])
    >>> laid.pixels[:, laid.taps[0]].tolist()
    [[-1, 0], [-1, 1], [0, 2], [1, 3]]
    """
    over = [WindowAxis(side.out, 1, side.out) for side in sides] if pool is None else pool
    pixels, taps, outputs = _along(sides[0], over[0])
    for side, reach in zip(sides[1:], over[1:], strict=True):
        more_pixels, more_taps, more_outputs = _along(side, reach)
        pixels = _cross(pixels, more_pixels, side.size)
        taps = _cross(taps, more_taps, more_pixels.shape[1])
        outputs = _cross(outputs, more_outputs, side.out)
    return Windows(channels, pixels, taps, outputs)


def _along(side: WindowAxis, pool: WindowAxis) -> tuple[Indices, Indices, Indices]:
    """Pixels (positions, patch), taps (offsets, kernel) and outputs (offsets, positions)."""
    first = pool.starts()
    offsets = np.arange(pool.kernel) * pool.dilation
    shifts = offsets[:, None] * side.stride + np.arange(side.kernel) * side.dilation
    places, taps = np.unique(shifts, return_inverse=True)
    pixels = side.pixels(first[:, None] * side.stride - side.before + places)
    outputs = first[None] + offsets[:, None]
    outputs[(outputs < 0) | (outputs >= side.out)] = OUTSIDE
    return pixels, taps.reshape(shifts.shape), outputs


def _cross(down: Indices, across: Indices, width: int) -> Indices:
    """Combine two sides: (a, b) and (c, d) give (a*c, b*d), row-major, -1 where either is -1."""
    whole = down[:, None, :, None] * width + across[None, :, None, :]
    outside = (down[:, None, :, None] == OUTSIDE) | (across[None, :, None, :] == OUTSIDE)
    whole[outside] = OUTSIDE
    return whole.reshape(down.shape[0] * across.shape[0], -1)
