"""Which input pixels a column of DRAM needs: convolution and pooling windows laid over columns.

A column computes one value behind the pooling (without pooling: one output position). It holds
every input pixel that any of its pooling window's convolutions reads, once: a 3x3 convolution
under a 2x2 pooling needs a patch of 4x4 pixels, not four of 3x3. The convolution at one place of
the pooling window (an *offset*) then reads its own taps out of that patch.

>>> from bnn.network import Conv2D, MaxPool2D
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

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnn.geometry import Axis
from bnn.network import Conv2D, MaxPool2D, Product, Shape

Indices = NDArray[np.intp]
OUTSIDE = -1


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
    if not isinstance(layer, Conv2D):
        positions = int(np.prod(shape[:-1], dtype=np.intp))
        every = np.arange(positions)
        return Windows(shape[-1], every[:, None], np.zeros((1, 1), np.intp), every[None])
    sides = layer.axes(shape)
    over = pool.axes(layer.shape_after(shape)) if pool is not None else (None, None)
    (low_pixels, low_taps, low_out), (wide_pixels, wide_taps, wide_out) = (
        _along(side, reach) for side, reach in zip(sides, over, strict=True)
    )
    return Windows(
        shape[2],
        _cross(low_pixels, wide_pixels, shape[1]),
        _cross(low_taps, wide_taps, int(wide_pixels.shape[1])),
        _cross(low_out, wide_out, sides[1].out),
    )


def _along(side: Axis, pool: Axis | None) -> tuple[Indices, Indices, Indices]:
    """Pixels (positions, patch), taps (offsets, kernel) and outputs (offsets, positions) of a side.

    Without pooling every output position is a column with one offset.
    """
    reach, step, starts = (1, 1, range(side.out)) if pool is None else _pooling(pool)
    first = np.array(starts)
    offsets = np.arange(reach)
    shifts = offsets[:, None] * side.stride + np.arange(side.kernel) * side.dilation
    places, taps = np.unique(shifts, return_inverse=True)
    pixels = first[:, None] * side.stride - side.pads[0] + places
    pixels[(pixels < 0) | (pixels >= side.size)] = OUTSIDE
    outputs = first[None] + offsets[:, None] * step
    outputs[(outputs < 0) | (outputs >= side.out)] = OUTSIDE
    return pixels, taps.reshape(shifts.shape), outputs


def _pooling(pool: Axis) -> tuple[int, int, tuple[int, ...]]:
    return pool.kernel, pool.dilation, pool.starts()


def _cross(down: Indices, across: Indices, width: int) -> Indices:
    """Combine two sides: (a, b) and (c, d) give (a*c, b*d), row-major, -1 where either is -1."""
    whole = down[:, None, :, None] * width + across[None, :, None, :]
    outside = (down[:, None, :, None] == OUTSIDE) | (across[None, :, None, :] == OUTSIDE)
    whole[outside] = OUTSIDE
    return whole.reshape(down.shape[0] * across.shape[0], -1)
