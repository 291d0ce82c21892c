"""Small integers as strings of bits, with the channels of a pixel side by side.

Between two layers in DRAM only bits are passed on. Packed, they take an eighth of the memory of
bytes, and the rows of a layer are filled from them up to 64 bits at a time. An image whose pixels
are bytes already has this form.

>>> strings = BitStrings.of(np.array([[[1, 0, 1], [0, 1, 1]]], np.uint8))   # 1 image, 2 pixels
>>> strings.data[0].tolist(), strings.shape
([[5], [6]], (1, 2, 3))
>>> strings.integers().tolist()
[[[1, 0, 1], [0, 1, 1]]]
>>> strings.reshaped(1, 6).data[0].tolist()
[[53]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.values.encoding import Encoding, Integers, encode
from pimsim import memory
from pimsim.bits import side_by_side
from pimsim.errors import InputError
from pimsim.executors.compiled.run.write_bits import SLACK_BYTES, Strings, roomy

_BYTE = 8


@dataclass(frozen=True, slots=True, eq=False)
class BitStrings:
    """Integers ``(images, pixels, channels)`` of ``planes`` bits, packed."""

    memory: Strings
    """The strings one behind the other, with the slack that loading them needs."""
    images: int
    pixels: int
    channels: int
    planes: int = 1

    @classmethod
    def empty(cls, images: int, pixels: int, channels: int, planes: int = 1) -> BitStrings:
        """Strings of zeros."""
        size = images * pixels * (-(-channels * planes // 8))
        memory.require(size, f"values of {images:,} images")
        return cls(roomy(size), images, pixels, channels, planes)

    @classmethod
    def unset(cls, images: int, pixels: int, channels: int, planes: int = 1) -> BitStrings:
        """Strings with undefined contents, for callers that overwrite all of them.

        To clear large memory first would take longer than to compute what it will hold.
        """
        size = images * pixels * (-(-channels * planes // 8))
        memory.require(size, f"values of {images:,} images")
        return cls(np.empty(size + SLACK_BYTES, np.uint8), images, pixels, channels, planes)

    @classmethod
    def of(cls, values: NDArray[np.integer[Any]], planes: int = 1) -> BitStrings:
        """Pack integers ``(images, pixels, channels)`` below ``2**planes``."""
        images, pixels, channels = values.shape
        made = cls.unset(images, pixels, channels, planes)
        made.data[:] = side_by_side(values, planes)
        return made

    @classmethod
    def encoded(
        cls,
        x: NDArray[np.float32] | NDArray[np.uint8],
        encoding: Encoding,
        channels: int,
        threads: int | None = None,
    ) -> BitStrings:
        """Pack the integers that stand for inputs ``(images, ..., channels)``."""
        pixels = x[0].size // channels
        if encoding.bits != _BYTE:
            integers = encode(x, encoding, threads=threads).reshape(len(x), pixels, channels)
            return cls.of(integers, encoding.bits)
        made = cls.unset(len(x), pixels, channels, _BYTE)
        encode(x, encoding, into=made.data, threads=threads)
        return made

    @property
    def shape(self) -> tuple[int, int, int]:
        """Images, pixels, channels."""
        return self.images, self.pixels, self.channels

    def __len__(self) -> int:
        """Images."""
        return self.images

    @property
    def pixel_bytes(self) -> int:
        """Bytes from one pixel to the next."""
        return -(-self.channels * self.planes // 8)

    @property
    def image_bytes(self) -> int:
        """Bytes from one image to the next."""
        return self.pixels * self.pixel_bytes

    @property
    def data(self) -> Strings:
        """The strings, ``(images, pixels, bytes)``."""
        size = self.images * self.image_bytes
        return self.memory[:size].reshape(self.images, self.pixels, self.pixel_bytes)

    def some(self, images: slice) -> BitStrings:
        """Strings of images that follow each other; nothing is copied."""
        start, stop, _ = images.indices(self.images)
        memory = self.memory[start * self.image_bytes : stop * self.image_bytes + SLACK_BYTES]
        return BitStrings(memory, stop - start, self.pixels, self.channels, self.planes)

    def chosen(self, images: slice | NDArray[np.intp]) -> BitStrings:
        """Strings of images ``(chosen,)``, which are copied, or of those that follow each other."""
        if isinstance(images, slice):
            return self.some(images)
        made = BitStrings.unset(len(images), self.pixels, self.channels, self.planes)
        np.take(self.data, images, axis=0, out=made.data)
        return made

    def integers(self) -> Integers:
        """The integers, ``(images, pixels, channels)``."""
        if self.planes == _BYTE:
            return self.data
        count = self.channels * self.planes
        bits = np.unpackbits(self.data, axis=2, count=count, bitorder="little")
        if self.planes == 1:
            return bits
        split = bits.reshape(*self.shape, self.planes)
        kind = np.dtype(np.uint8 if self.planes < _BYTE else np.uint16)
        numbers: NDArray[Any] = np.zeros(self.shape, kind)
        for bit in range(self.planes):
            numbers |= np.left_shift(split[..., bit], bit, dtype=kind)
        return numbers

    def reshaped(self, pixels: int, channels: int) -> BitStrings:
        """The same integers in the same order with another number of channels."""
        if pixels * channels != self.pixels * self.channels:
            raise InputError(
                f"{self.pixels} pixels of {self.channels} channels cannot become {pixels} of "
                f"{channels}"
            )
        whole = self.channels * self.planes % 8 == 0 and channels * self.planes % 8 == 0
        if whole or channels == self.channels:
            return BitStrings(self.memory, self.images, pixels, channels, self.planes)
        return BitStrings.of(self.integers().reshape(self.images, pixels, channels), self.planes)

    def framed(self, size: tuple[int, int], frame: Frame, value: int) -> BitStrings:
        """Put a frame of pixels that hold ``value`` in all channels around every image.

        Args:
            size: height and width of an image now.
            frame: pixels before and behind, along height and width.
            value: below ``2**planes``.
        """
        (top, bottom), (left, right) = frame
        height, width = size
        tall, wide = height + top + bottom, width + left + right
        pixel = BitStrings.of(np.full((1, 1, self.channels), value, np.uint16), self.planes).data[
            0, 0
        ]
        made = BitStrings.unset(self.images, tall * wide, self.channels, self.planes)
        whole = made.data.reshape(self.images, tall, wide, self.pixel_bytes)
        down, across = slice(top, top + height), slice(left, left + width)
        for edge in (
            whole[:, :top],
            whole[:, top + height :],
            whole[:, down, :left],
            whole[:, down, left + width :],
        ):
            edge[:] = pixel
        whole[:, down, across] = self.data.reshape(self.images, height, width, self.pixel_bytes)
        return made


Frame = tuple[tuple[int, int], tuple[int, int]]
"""Pixels before and behind, along height and along width."""


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Images that become strings only when some of them are taken, so that few exist at a time.

    >>> from bnn.values.encoding import ENCODINGS
    >>> pictures = Pictures(np.float32([[0, 1], [1, 1]]), ENCODINGS["binary"], channels=2)
    >>> len(pictures), pictures.some(slice(0, 1)).integers().tolist()
    (2, [[[0, 1]]])
    """

    x: NDArray[np.float32] | NDArray[np.uint8]
    """``(images, ..., channels)``."""
    encoding: Encoding
    channels: int
    threads: int | None = None

    def __len__(self) -> int:
        """Images."""
        return len(self.x)

    def some(self, images: slice) -> BitStrings:
        """Strings of images that follow each other."""
        return BitStrings.encoded(self.x[images], self.encoding, self.channels, self.threads)

    def chosen(self, images: slice | NDArray[np.intp]) -> BitStrings:
        """Strings of images ``(chosen,)``, or of those that follow each other."""
        return BitStrings.encoded(self.x[images], self.encoding, self.channels, self.threads)

    def integers(self) -> Integers:
        """The integers of all, ``(images, pixels, channels)``."""
        return self.some(slice(len(self))).integers()


Values = NDArray[np.uint8] | NDArray[np.int64] | BitStrings
"""``(images, positions, outputs)``: bits, packed or not, or sums where a stage has no threshold."""


def unpacked(values: NDArray[np.integer[Any]] | BitStrings | Pictures) -> NDArray[Any]:
    """Unpack strings; an array is given back as it is."""
    return values if isinstance(values, np.ndarray) else values.integers()


def chosen(values: Values | Integers | Pictures, images: NDArray[np.intp] | None) -> Any:
    """Values of some images ``(chosen,)``; as they are given where all are meant (None).

    >>> chosen(np.array([[[3]], [[5]], [[7]]]), np.array([0, 2])).tolist()
    [[[3]], [[7]]]
    """
    if images is None:
        return values
    return values[images] if isinstance(values, np.ndarray) else values.chosen(images)
