"""The operands of a stage as strings of bits, and where in these strings each column reads.

The columns of a convolution usually read the same patch of pixels, moved over the image. Then the
byte at which its patch begins is enough to describe a column, and its rows are a few runs of bits.
Otherwise the patch of every position is laid out as a string of its own.

>>> pixels = np.array([[-1, -1, -1, 0], [-1, -1, 0, 1], [-1, 0, -1, 2], [0, 1, 2, 3]])
>>> moved = moved_patch(pixels, (2, 2))                  # 2x2 windows, one pixel of padding before
>>> moved.frame, moved.size, moved.origins.tolist(), moved.places.tolist()
(((1, 0), (1, 0)), (2, 2), [0, 1, 3, 4], [0, 1, 3, 4])
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.mapped.mapped_stage import ConstantRows, MappedStage, OperandRows, SumRows
from bnn.values.bitstrings import BitStrings, Frame, Pictures, unpacked
from bnn.values.encoding import Integers
from pimsim.executors.compiled.run.write_bits import BitRun
from pimsim.microprogram.row_program import Write

Indices = NDArray[np.integer[Any]]


_ONES = np.array([byte.bit_count() for byte in range(256)], np.uint8)


class Laid(NamedTuple):
    """Operands of some images, with the groups of an image side by side, and their sums."""

    operands: BitStrings
    sums: list[BitStrings]
    """``(groups of images, positions, 1)`` for each of :attr:`StageStrings.sums`."""

    def some(self, groups: slice) -> Laid:
        """The same for some consecutive groups; nothing is copied."""
        return Laid(self.operands.some(groups), [each.some(groups) for each in self.sums])


class StageStrings:
    """What the rows of a mapped stage are filled with."""

    def __init__(self, mapped: MappedStage) -> None:
        self.stage, windows = mapped.stage, mapped.stage.windows
        self.groups = self.stage.groups if mapped.placement.side_by_side else 1
        """Groups of channels that are laid out apart: columns read one, whichever their output."""
        *further, wide, _ = (1, *self.stage.shape)
        self._patch = moved_patch(windows.pixels, (int(np.prod(further, dtype=np.intp)), wide))
        pixel = windows.channels // self.groups * self.stage.planes
        if self._patch is None:
            pixel_bytes, pixels = -(-windows.patch * pixel // 8), windows.positions
            starts: Indices = np.arange(pixels)
            places: Indices = np.arange(windows.patch) * pixel
        else:
            pixel_bytes, pixels = -(-pixel // 8), self._patch.pixels
            starts = self._patch.origins
            places = self._patch.places * pixel_bytes * 8
        self.starts: Indices = starts * pixel_bytes
        """``(positions,)`` byte of a group's image at which what a position reads begins."""
        half = pixels * pixel_bytes
        written = (*mapped.program.phases["weights"], *mapped.program.phases["inputs"])
        self._turning = any(
            isinstance(item, Write)
            and isinstance(item.content, OperandRows)
            and item.content.complemented is not None
            for item in written
        )
        self.image_bytes = half * (1 + self._turning)
        """Bytes from one group of an image to the next; the complement follows each group if any
        rows hold complements."""
        self.operands: list[tuple[Write, list[BitRun]]] = []
        """Rows of operands, and their bits, counted from where the patch of a position begins."""
        self.constants: list[tuple[Write, NDArray[np.bool_], BitStrings]] = []
        """Rows that are the same for all images: ``(rows, outputs, positions)``, and as strings."""
        self.sums: list[Write] = []
        """Rows of digits of sums of operands."""
        for item in written:
            match item:
                case Write(_, _, SumRows()):
                    self.sums.append(item)
                case Write(_, _, OperandRows(chunk) as own):
                    bits = self.stage.planes
                    first, size = chunk.channels.start * bits, chunk.width * bits
                    runs = [(place + first, size) for place in places[list(own.patch)].tolist()]
                    if own.complemented is not None:
                        runs = [
                            (start + channels.start * bits + half * 8 * turned, length * bits)
                            for (start, _), flags in zip(runs, own.complemented, strict=True)
                            for channels, turned in _stretches(flags)
                            for length in [channels.stop - channels.start]
                        ]
                    if own.planes is not None:
                        runs = [
                            (start + channel + own.planes.start, len(own.planes))
                            for start, size in runs
                            for channel in range(0, size, bits)
                        ]
                    self.operands.append((item, runs))
                case Write(_, _, ConstantRows(bits)):
                    held = BitStrings.of(bits.transpose(1, 2, 0).astype(np.uint8))
                    self.constants.append((item, bits, held))

    @property
    def alike(self) -> bool:
        """Whether outputs differ only in rows that hold the same in all columns of an output.

        Then outputs may be computed in turn, on columns that are loaded once.
        """
        return self.groups == 1 and all(bits.shape[2] == 1 for _, bits, _ in self.constants)

    def of(self, operands: Integers | BitStrings | Pictures) -> Laid:
        """Lay operands (images, pixels, channels) out, the groups of an image side by side."""
        if isinstance(operands, Pictures):
            operands = operands.some(slice(len(operands)))
        sums = [self._sums(item, operands) for item in self.sums]
        laid = self._operands(operands)
        if self._turning:
            both = BitStrings.empty(len(laid), 1, self.image_bytes * 8)
            own = laid.data.reshape(len(laid), -1)
            both.data[:, 0, : own.shape[1]] = own
            np.invert(own, out=both.data[:, 0, own.shape[1] :])
            laid = both
        return Laid(laid, sums)

    def _operands(self, operands: Integers | BitStrings) -> BitStrings:
        stage, pixels = self.stage, self.stage.windows.pixels
        if self.groups > 1:
            values = unpacked(operands)
            values = values.reshape(*values.shape[:2], self.groups, -1).transpose(0, 2, 1, 3)
            operands = values.reshape(-1, *values.shape[2:])
        if self._patch is None:
            values = unpacked(operands)[:, pixels]
            values[:, pixels < 0] = stage.pad
            operands = values.reshape(*values.shape[:2], -1)
        if not isinstance(operands, BitStrings):
            operands = BitStrings.of(operands, stage.planes)
        return operands if self._patch is None else self._patch.framed(operands, stage.pad)

    def _sums(self, item: Write, operands: Integers | BitStrings) -> BitStrings:
        """The number of each column whose digits rows hold."""
        stage, windows = self.stage, self.stage.windows
        if not isinstance(item.content, SumRows) or self.groups != stage.groups:
            raise ValueError("sums of operands are for columns that read one group of channels")
        if self.groups == 1 and stage.planes == 1 and isinstance(operands, BitStrings):
            of_pixels = np.zeros((len(operands), 1, operands.pixels), np.uint32)
            for byte in range(operands.pixel_bytes):  # much faster than a sum over a short axis
                of_pixels[:, 0] += _ONES[operands.data[:, :, byte]]
        else:
            values = unpacked(operands)
            apart = values.reshape(*values.shape[:2], self.groups, -1)
            of_pixels = apart.sum(axis=3, dtype=np.uint32).transpose(0, 2, 1)
        by_pixel = of_pixels.reshape(-1, of_pixels.shape[2]).T
        edge = stage.pad * (windows.channels // self.groups)
        by_pixel = np.pad(by_pixel, ((0, 1), (0, 0)), constant_values=edge)
        # one tap after the other, whole rows at a time; the last row stands for padding
        numbers = np.zeros((windows.positions, by_pixel.shape[1]), np.uint32)
        for tap in windows.taps[item.content.place].tolist():
            numbers += by_pixel[windows.pixels[:, tap]]
        numbers *= np.uint32(item.content.factor)
        found = BitStrings.empty(numbers.shape[1], windows.positions, 1, len(item.rows))
        places = np.ascontiguousarray(numbers.T).astype("<u4", copy=False)[..., None]
        found.data[:] = places.view(np.uint8)[..., : found.pixel_bytes]
        return found

    def apart(self, images: slice) -> slice:
        """Where some images are among what is laid out."""
        return slice(images.start * self.groups, images.stop * self.groups)

    def blank(self, images: int) -> Laid:
        """So many images of zeros, as laid out."""
        groups, positions = images * self.groups, self.stage.windows.positions
        return Laid(
            BitStrings.empty(groups, 1, self.image_bytes * 8),
            [BitStrings.empty(groups, positions, 1, len(item.rows)) for item in self.sums],
        )


def _stretches(flags: NDArray[np.bool_]) -> list[tuple[slice, bool]]:
    """Neighbours that are alike.

    >>> _stretches(np.array([False, False, True]))
    [(slice(0, 2, None), False), (slice(2, 3, None), True)]
    """
    edges = [0, *(np.flatnonzero(flags[1:] != flags[:-1]) + 1).tolist(), len(flags)]
    return [(slice(a, b), bool(flags[a])) for a, b in pairwise(edges)]


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

    @property
    def pixels(self) -> int:
        """Pixels of the framed image."""
        (top, bottom), (left, right) = self.frame
        return (self.size[0] + top + bottom) * (self.size[1] + left + right)

    def framed(self, operands: BitStrings, pad: int) -> BitStrings:
        """Put the frame, which holds ``pad``, around every image, if there is any."""
        if self.frame == ((0, 0), (0, 0)):
            return operands
        return operands.framed(self.size, self.frame, pad)


def moved_patch(pixels: Indices, size: tuple[int, int]) -> MovedPatch | None:
    """Describe windows as one patch that is moved over the image; None if they are not that.

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
