"""Noise where outputs lie side by side: drawn output by output, then assigned to stretches.

Noise is drawn together for a block of an output's columns. These columns lie in rows of several
banks and are computed in several batches. A block is drawn once, and what belongs to later batches
is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.mapped.mapped_stage import MappedStage
from bnn.mapped.placement.placement import Turn
from pimsim.dram.array.faults import block_width
from pimsim.executors.compiled.run.processors import spread
from pimsim.executors.faulty.dealing import (
    COLUMNS,
    EACH,
    FIRST,
    GAPS,
    NAME,
    NOTHING,
    NUMBERS,
    SIZE,
    WIDTH,
    Dealt,
    Drawing,
    Lay,
    Noise,
    count,
    draw,
    gather,
    order,
)
from pimsim.object_code import Bound


class Stretches(NamedTuple):
    """Columns of a lane that are computed together, few enough to stay in the cache."""

    outputs: slice
    """Outputs of every block whose columns are cut into stretches."""
    size: int
    """Columns of a stretch; the last of a lane may have fewer."""
    places: list[tuple[int, range]]
    """The lane of each stretch, and its columns in the lane's row; lane after lane."""

    @classmethod
    def cut(cls, mapped: MappedStage, turn: Turn, outputs: slice, at_most: int) -> Stretches:
        """Cut some outputs, counted within each block, into stretches of about the same size."""
        places, every = [], []
        for lane in range(turn.lanes):
            width, images, positions = mapped.placement.shape(turn.block(lane))
            each = images * positions
            every.append(range(each * outputs.start, each * min(outputs.stop, width)))
        most = max(map(len, every))
        size = -(-most // -(-most // at_most))
        for lane, own in enumerate(every):
            places += [(lane, own[first : first + size]) for first in range(0, len(own), size)]
        return cls(outputs, size, places)


class _Tiles(NamedTuple):
    """Where the columns of a block's outputs are computed, ``(tiles,)`` each, in order."""

    start: NDArray[np.int64]
    """First column, among all of an output."""
    columns: NDArray[np.int64]
    """Number of columns of an output."""
    group: NDArray[np.int64]
    """Number of the batch times how many stretches there are, plus the lane's first stretch."""


class Rooms:
    """Memory for candidates, of which what is given back is used again."""

    def __init__(self) -> None:
        self._free: list[Dealt] = []
        self._lock = threading.Lock()

    def take(self, most: int) -> Dealt:
        """Return room for so many, or for more."""
        with self._lock:
            if self._free and len(self._free[-1].draw) >= most:
                return self._free.pop()
        return Dealt.room(most)

    def give_back(self, room: Dealt) -> None:
        """Keep room that is no longer used; the largest is used first."""
        with self._lock:
            self._free.append(room)
            self._free.sort(key=lambda one: len(one.draw))
            del self._free[:-_FREE]


class Met:
    """Noise of some batches, by batch and then by stretch."""

    def __init__(self, drawing: Drawing, dealt: Dealt, edges: NDArray[np.int64]) -> None:
        self.dealt = dealt
        """The candidates; their room may be given back when they have been met."""
        self._drawing, self._edges = drawing, edges.tolist()
        self._most = int(np.diff(edges).max(initial=0))

    def sorter(self) -> Callable[[int], Noise]:
        """Return what gives the noise of a group, which is valid until it is called again.

        Only one thread may use it.
        """
        if not self._most:
            return lambda group: NOTHING
        edges, known = self._edges, self._drawing.places
        counts, into = np.zeros(len(known), np.int32), Noise.room(self._most)
        given = Bound(self.dealt), Bound(known), Bound(counts), Bound(into)

        def ordered(group: int) -> Noise:
            dealt, *others = given
            first, last = edges[group], edges[group + 1]
            places = order(dealt, first, last, *others)
            own = slice(0, last - first)
            return Noise(
                into.places[: places + 1], into.times[:places], into.columns[own], into.draws[own]
            )

        return ordered


class NoiseAssignment:
    """Noise of some outputs of a turn, batches in order.

    Args:
        mapped: the stage.
        drawing: the noise of its outputs.
        turn: blocks and batches.
        stretches: what is computed together.
        images: how many there are.
        rooms: memory.

    """

    def __init__(
        self,
        mapped: MappedStage,
        drawing: Drawing,
        turn: Turn,
        stretches: Stretches,
        images: int,
        rooms: Rooms,
    ) -> None:
        self._rooms = rooms
        self._mapped, self._drawing, self._turn = mapped, drawing, turn
        self._stretches, self._positions = stretches, mapped.stage.windows.positions
        self._width, self._columns = block_width(self._positions), images * self._positions
        self._jobs = [
            (number, output)
            for number, block in enumerate(turn.blocks)
            for output in range(block.outputs.start, block.outputs.stop)[stretches.outputs]
        ]
        numbers = {number for number, _ in self._jobs}
        self._tiles = {number: self._of_block(number) for number in numbers}
        self._drawn = 0
        """Blocks that were drawn."""
        self._left = Dealt.room(0), 0
        """Candidates that were drawn for later batches, and how many of them."""

    def take(self, batches: range, threads: int | None) -> Met:
        """Return the noise of some batches, which follow those taken before."""
        last = max(images.stop for batch in batches for images in self._turn.batches[batch])
        blocks = range(self._drawn, -(-last * self._positions // self._width))
        self._drawn = max(self._drawn, blocks.stop)
        found, lock = [self._left], threading.Lock()

        def some(begin: int, end: int) -> None:
            own = self._draw(self._jobs[begin:end], blocks)
            with lock:
                found.extend(own)

        if blocks and self._jobs and len(self._drawing.keys):
            spread(some, len(self._jobs), threads)
        return self._gathered(found, batches)

    # -- inside ------------------------------------------------------------------------------

    def _gathered(self, found: Sequence[tuple[Dealt, int]], batches: range) -> Met:
        """Put candidates together by group; those of later batches are left."""
        stretches = len(self._stretches.places)
        first, edges = batches.start * stretches, np.zeros(len(batches) * stretches + 1, np.int64)
        later = [count(dealt, own, first, edges) for dealt, own in found if own]
        edges = np.cumsum(edges)
        into, left = self._rooms.take(int(edges[-1])), self._rooms.take(sum(later))
        at, kept = edges[:-1].copy(), 0
        for dealt, own in found:
            if own:
                kept = gather(dealt, own, first, at, into, left, kept)
            self._rooms.give_back(dealt)
        self._left = left, kept
        return Met(self._drawing, into, edges)

    def _of_block(self, number: int) -> _Tiles:
        """Find the tiles of a block of the turn, in all lanes."""
        own, blocks = self._turn.blocks[number].positions, len(self._turn.blocks)
        places = list(enumerate(self._stretches.places))
        first = {lane: stretch for stretch, (lane, _) in reversed(places)}
        tiles = sorted(
            (
                images.start * self._positions + own.start,
                (images.stop - images.start) * (own.stop - own.start),
                batch * len(places) + first[lane],
            )
            for batch, every in enumerate(self._turn.batches)
            for lane, images in enumerate(every)
            if lane % blocks == number and lane in first
        )
        return _Tiles(*(np.array(each, np.int64) for each in zip(*tiles, strict=True)))

    def _draw(self, jobs: Sequence[tuple[int, int]], blocks: range) -> list[tuple[Dealt, int]]:
        """Draw blocks of some jobs; return candidates, and how many of each are used."""
        found, words = [], np.empty((2, GAPS), np.uint64)
        rates = float(np.diff(self._drawing.edges) @ self._drawing.most)
        for number in sorted({number for number, _ in jobs}):
            lay = self._lay(number, blocks)
            outputs = np.array([output for own, output in jobs if own == number], np.int64)
            expected = rates * len(outputs) * len(lay.tile)
            room = int(expected + _DEVIATIONS * expected**0.5) + 1
            while True:
                dealt = self._rooms.take(room)
                room = draw(self._drawing, lay, outputs, blocks.start, blocks.stop, dealt, words)
                if room <= len(dealt.draw):
                    break
                self._rooms.give_back(dealt)
            found.append((dealt, room))
        return found

    def _lay(self, number: int, blocks: range) -> Lay:
        """Find where the columns of blocks are computed, for the outputs of a block of the turn."""
        tiles, block = self._tiles[number], self._turn.blocks[number]
        first, last = blocks.start * self._width, min(blocks.stop * self._width, self._columns)
        column = np.arange(first, last)
        tile = np.searchsorted(tiles.start, column, side="right") - 1
        elsewhere = column - tiles.start[tile] >= tiles.columns[tile]
        tile[elsewhere | (tile < 0)] = -1
        _, images, positions = self._mapped.placement.shape(block)
        numbers = np.zeros(NUMBERS, np.int64)
        numbers[WIDTH], numbers[COLUMNS] = self._width, self._columns
        numbers[EACH], numbers[SIZE] = images * positions, self._stretches.size
        numbers[FIRST] = block.outputs.start + self._stretches.outputs.start
        numbers[NAME] = self._mapped.first_output
        return Lay(tile.astype(np.int32), tiles.start - first, tiles.group, numbers)


_FREE = 16
"""Rooms for candidates that are kept at most."""
_DEVIATIONS = 6
"""Standard deviations of the number of candidates for which there is room beyond the mean. With
more candidates, they are drawn again."""
