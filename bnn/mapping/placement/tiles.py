"""Cutting the columns of images into rows of DRAM.

>>> tiling(images=5, positions=30, columns=64)
[Tile(images=slice(0, 2, None), positions=slice(0, 30, None)), \
Tile(images=slice(2, 4, None), positions=slice(0, 30, None)), \
Tile(images=slice(4, 5, None), positions=slice(0, 30, None))]

An image that has more positions than a row has columns takes several rows, about equally full:

>>> [tile.positions for tile in tiling(images=1, positions=100, columns=64)]
[slice(0, 50, None), slice(50, 100, None)]
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tile:
    """Columns that share a row: some positions of some images, image by image."""

    images: slice
    positions: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Images and positions."""
        return (
            self.images.stop - self.images.start,
            self.positions.stop - self.positions.start,
        )

    @property
    def columns(self) -> int:
        """Columns that it takes."""
        images, positions = self.shape
        return images * positions


def tiling(images: int, positions: int, columns: int) -> list[Tile]:
    """Cut ``images`` of so many positions into tiles that fit rows of ``columns``.

    Whole images share a row where it has columns for one. The first tile is the largest.
    """
    if positions <= columns:
        every = slice(0, positions)
        return [Tile(some, every) for some in cut(images, columns // positions)]
    parts = cut(positions, -(-positions // -(-positions // columns)))
    return [Tile(slice(image, image + 1), part) for image in range(images) for part in parts]


def cut(count: int, at_most: int) -> list[slice]:
    """Cut ``count`` things into pieces, all but the last of the same size.

    >>> cut(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(i, min(i + at_most, count)) for i in range(0, count, at_most)]


def fewest_for_rounds(count: int, at_most: int) -> list[int]:
    """The fewest places that ``count`` things need for each number of rounds they may take.

    >>> fewest_for_rounds(13, 8)  # for 2, 3, 4, 5, 7 and 13 rounds
    [7, 5, 4, 3, 2, 1]
    """
    fewest = {-(-count // places): places for places in range(min(count, at_most), 0, -1)}
    return list(fewest.values())
