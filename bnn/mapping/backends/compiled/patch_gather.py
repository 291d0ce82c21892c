"""Which bits of an image a column holds: windows, seen as one patch moved over a framed image.

The columns of a convolution read the same patch of pixels from different places. Where that is so,
a column is known by the byte at which its patch begins, and its rows are a few runs of bits.

>>> pixels = np.array([[-1, -1, -1, 0], [-1, -1, 0, 1], [-1, 0, -1, 2], [0, 1, 2, 3]])
>>> moved = moved_patch(pixels, (2, 2))                  # 2x2 windows, one pixel of padding before
>>> moved.frame, moved.size, moved.origins.tolist(), moved.places.tolist()
(((1, 0), (1, 0)), (2, 2), [0, 1, 3, 4], [0, 1, 3, 4])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.values.bitstrings import BitStrings, Frame
from pimsim.executors.compiled.run.tiles import Tiles
from pimsim.executors.compiled.run.write_bits import BitRun, Gather

Indices = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class MovedPatch:
    """A patch, moved over an image with a frame around it."""

    size: tuple[int, int]
    """Height and width of the image."""
    frame: Frame
    """Pixels around it, before and behind, along height and width."""
    origins: Indices
    """``(positions,)`` pixel of the framed image that a position's patch is counted from."""
    places: Indices
    """``(patch,)`` pixels from there."""

    def framed(self, operands: BitStrings, pad: int) -> BitStrings:
        """Put the frame, which holds ``pad``, around every image, if there is any."""
        if self.frame == ((0, 0), (0, 0)):
            return operands
        return operands.framed(self.size, self.frame, pad)

    def gather(
        self,
        images: int,
        pixel_bytes: int,
        bits: slice,
        tiles: Tiles,
        *,
        places: slice = slice(None),
        part: int = 0,
        first_row: int = 0,
    ) -> Gather:
        """Fill the rows of so many images' columns, image by image, position by position.

        Args:
            images: images that are run at a time.
            pixel_bytes: bytes from one pixel to the next.
            bits: of every pixel.
            tiles: rows that are written.
            places: of the patch.
            part: part whose rows are written.
            first_row: first data row.
        """
        (top, bottom), (left, right) = self.frame
        pixels = (self.size[0] + top + bottom) * (self.size[1] + left + right)
        origins = np.arange(images)[:, None] * pixels + self.origins
        runs: list[BitRun] = [
            (place * pixel_bytes * 8 + bits.start, bits.stop - bits.start)
            for place in self.places[places].tolist()
        ]
        columns = (origins * pixel_bytes).reshape(-1)
        return Gather(columns, runs, tiles, part=part, first_row=first_row)


def moved_patch(pixels: Indices, size: tuple[int, int]) -> MovedPatch | None:
    """See the windows as one patch that is moved; None if they are not.

    Args:
        pixels: ``(positions, patch)`` pixel, row by row, at each place of a patch; -1: padding.
        size: height and width of the image.
    """
    whole = np.flatnonzero((pixels >= 0).all(axis=1))
    if not len(whole) or not (pixels >= 0).any(axis=1).all():
        return None
    rows, columns = pixels // size[1], pixels % size[1]
    shifts = [each[whole[0]] - each[whole[0], 0] for each in (rows, columns)]
    first = (pixels >= 0).argmax(axis=1)  # a place of every position that is not padding
    some = np.arange(len(pixels))
    starts = [
        each[some, first] - shift[first]
        for each, shift in zip((rows, columns), shifts, strict=True)
    ]
    down, across = (start[:, None] + shift for start, shift in zip(starts, shifts, strict=True))
    inside = (down >= 0) & (down < size[0]) & (across >= 0) & (across < size[1])
    if not np.array_equal(np.where(inside, down * size[1] + across, -1), pixels):
        return None
    (top, bottom), (left, right) = (
        (max(0, -int(each.min())), max(0, int(each.max()) + 1 - side))
        for each, side in zip((down, across), size, strict=True)
    )
    wide = size[1] + left + right
    low = [min(0, int(shift.min())) for shift in shifts]
    origins = (starts[0] + top + low[0]) * wide + starts[1] + left + low[1]
    places = (shifts[0] - low[0]) * wide + shifts[1] - low[1]
    return MovedPatch(size, ((top, bottom), (left, right)), origins, places)
