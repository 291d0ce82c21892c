"""Stretches of the rows in which weights stay: what is computed together where commands go wrong.

Columns do not see each other, so a row may be cut anywhere. A stretch is small enough for its
rows to stay in a processor's cache, and has either whole outputs or some columns of one.

>>> cut = cut_block(Block(slice(4, 9), slice(0, 6)), images=10, outputs=slice(1, 5), at_most=128)
>>> [(stretch.outputs, stretch.columns) for stretch in cut.stretches]
[(slice(5, 7, None), 120), (slice(7, 9, None), 120)]
>>> cut = cut_block(Block(slice(4, 9), slice(0, 6)), images=10, outputs=slice(1, 2), at_most=40)
>>> [(stretch.inside, stretch.first) for stretch in cut.stretches]
[(slice(0, 30, None), 60), (slice(30, 60, None), 90)]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnn.mapping.placement.placement import Block


@dataclass(frozen=True, slots=True)
class CacheBlock:
    """Columns of a row that follow one another."""

    block: Block
    outputs: slice
    """Of the stage."""
    inside: slice
    """Of every output's columns, those in the stretch; all of them if it has several outputs."""
    first: int
    """Which column of the row its first one is."""

    @property
    def columns(self) -> int:
        """How many there are."""
        return len(self._place)

    @property
    def output_of(self) -> NDArray[np.intp]:
        """``(columns,)`` output of the stage."""
        each = self.inside.stop - self.inside.start
        return np.repeat(np.arange(self.outputs.start, self.outputs.stop), each)

    @property
    def image_of(self) -> NDArray[np.intp]:
        """``(columns,)`` which of the images that share the row."""
        image: NDArray[np.intp] = self._place // self._positions
        return image

    @property
    def position_of(self) -> NDArray[np.intp]:
        """``(columns,)`` position of the stage."""
        position: NDArray[np.intp] = self._place % self._positions + self.block.positions.start
        return position

    @property
    def _positions(self) -> int:
        positions: int = self.block.positions.stop - self.block.positions.start
        return positions

    @property
    def _place(self) -> NDArray[np.intp]:
        outputs = self.outputs.stop - self.outputs.start
        return np.tile(np.arange(self.inside.start, self.inside.stop), outputs)


@dataclass(frozen=True, slots=True)
class Cut:
    """Pieces of a block, all of a size but for the last."""

    outputs: slice
    """Of the stage, in order divided among the stretches."""
    together: int
    """Outputs of a stretch."""
    length: int
    """Columns of each of them."""
    shares: int
    """Pieces of an output; 1 if stretches have several outputs."""
    stretches: list[CacheBlock]

    def find(
        self, outputs: NDArray[np.intp], inside: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Which stretch columns of outputs are in, and which column there."""
        number = outputs - self.outputs.start
        stretch = number // self.together * self.shares + inside // self.length
        return stretch, number % self.together * self.length + inside % self.length


def cut_block(block: Block, images: int, outputs: slice, at_most: int) -> Cut:
    """Cut some outputs of a block, counted within it, into stretches of at most so many columns.

    Args:
        block: outputs and positions of a row.
        images: images that the row has columns for.
        outputs: of the block; those that it does not have are left out.
        at_most: columns of a stretch.

    """
    width, positions = block.size
    own, every = range(width)[outputs], images * positions
    start = block.outputs.start + own.start
    some = slice(start, start + len(own))
    together = max(1, at_most // every)
    shares = -(-every // at_most)
    length = -(-every // shares)
    stretches = [
        CacheBlock(
            block,
            slice(first, min(first + together, some.stop)),
            slice(inside, min(inside + length, every)),
            (first - block.outputs.start) * every + inside,
        )
        for first in range(some.start, some.stop, together)
        for inside in range(0, every, length)
    ]
    return Cut(some, together, length, shares, stretches)
