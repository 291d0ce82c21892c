"""Where the columns of a stage lie: how images are cut into rows, in which banks and order.

A *tile* is columns that share a row: some positions of some images.

>>> tiling(images=5, positions=30, columns=64)
[Tile(images=slice(0, 2, None), positions=slice(0, 30, None)), \
Tile(images=slice(2, 4, None), positions=slice(0, 30, None)), \
Tile(images=slice(4, 5, None), positions=slice(0, 30, None))]

An image that has more positions than a row has columns takes several rows, about equally full:

>>> [tile.positions for tile in tiling(images=1, positions=100, columns=64)]
[slice(0, 50, None), slice(50, 100, None)]

A *block* is a set of outputs and positions whose columns share a row. If outputs lie *side by
side*, each has columns of its own. Otherwise outputs come *in turn*: a bank computes one output of
its block after the other, in the same columns. A *turn* is the work of one subarray in each bank: a
block for every lane, and then images, batch after batch. Lane i is in bank i.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from pimsim.dram.array.row_storage import Lanes


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


def tiles_of(images: int, positions: int, columns: int) -> int:
    """How many tiles :func:`tiling` gives.

    >>> tiles_of(5, 30, 64), tiles_of(5, 100, 64)
    (3, 10)
    """
    if positions <= columns:
        return -(-images // (columns // positions))
    return images * len(tiling(1, positions, columns))


def cut(count: int, at_most: int) -> list[slice]:
    """Cut ``count`` things into pieces, all but the last of the same size.

    >>> cut(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    rest = count % at_most
    pieces = [slice(i, i + at_most) for i in range(0, count - rest, at_most)]
    return [*pieces, slice(count - rest, count)] if rest else pieces


def fewest_for_rounds(count: int, at_most: int) -> list[int]:
    """The fewest places that ``count`` things need for each number of rounds they may take.

    >>> fewest_for_rounds(13, 8)  # for 2, 3, 4, 5, 7 and 13 rounds
    [7, 5, 4, 3, 2, 1]
    """
    fewest = {-(-count // places): places for places in range(min(count, at_most), 0, -1)}
    return list(fewest.values())


@dataclass(frozen=True, slots=True)
class Block:
    """Outputs, and positions of every image, whose columns share a row."""

    outputs: slice
    positions: slice

    @property
    def size(self) -> tuple[int, int]:
        """Outputs and positions."""
        return (
            self.outputs.stop - self.outputs.start,
            self.positions.stop - self.positions.start,
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """Blocks that one subarray of each bank holds, and what the banks work on, batch by batch."""

    blocks: list[Block]
    """Blocks; lane i has block i modulo their number."""
    batches: list[list[slice]]
    """Images of each lane."""
    columns: int
    """Columns of a row that it uses, at most."""
    first: int
    """Number, in each bank, of the subarray that holds the first part."""

    @property
    def lanes(self) -> int:
        """Lanes that hold a block."""
        return len(self.batches[0])

    def block(self, lane: int) -> Block:
        """The block that a lane holds."""
        return self.blocks[lane % len(self.blocks)]


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where every column goes."""

    turns: list[Turn]
    """One after the other."""
    images: int
    """Images that a row has columns for."""
    side_by_side: bool
    """Whether the outputs of a block have columns of their own."""
    capacity: int | None = None
    """Columns of a row that may hold data, the fewest anywhere; None if nothing is said of it."""
    where: NDArray[np.intp] | None = None
    """``(banks, n)`` columns of a row that hold those of a turn; None: the first ones."""

    def span(self, turn: Turn) -> int:
        """Columns of a row from the first to the last that holds data."""
        if self.where is None:
            return turn.columns
        return int(self.where[:, turn.columns - 1].max()) + 1

    def shape(self, block: Block) -> tuple[int, int, int]:
        """Outputs, images and positions of a block's columns, in their order."""
        outputs, positions = block.size
        return outputs if self.side_by_side else 1, self.images, positions

    def columns(self, block: Block, images: slice) -> int:
        """Columns of a block that hold data of these images."""
        outputs, _, positions = self.shape(block)
        return prod((outputs, images.stop - images.start, positions))

    def slots(self, turn: Turn, lanes: int) -> Iterator[tuple[Lanes, NDArray[np.intp]]]:
        """What the first ``lanes`` of a turn run, one after the other: lanes, and their outputs.

        The outputs are those of the program, which has one where outputs lie side by side.
        """
        if self.side_by_side:
            yield np.arange(lanes), np.zeros(lanes, np.intp)
            return
        blocks = [turn.block(lane).outputs for lane in range(lanes)]
        first = np.array([block.start for block in blocks])
        size = np.array([block.stop - block.start for block in blocks])
        for slot in range(int(size.max())):
            some = np.flatnonzero(slot < size)
            yield some, first[some] + slot
