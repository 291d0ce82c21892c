"""Noise where outputs lie side by side: drawn output by output, then assigned to stretches.

Noise is drawn together for a block of an output's columns. These columns lie in rows of several
banks and are computed in several batches. A block is drawn once, and what belongs to later batches
is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.mapped.mapped_stage import MappedStage
from bnn.mapped.placement.placement import Turn
from pimsim.dram.array.faults import Job, block_width
from pimsim.executors.compiled.run.processors import spread
from pimsim.executors.faulty.program import Candidates, Program, together


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
    batch: NDArray[np.int64]
    stretch: NDArray[np.int64]
    """Number of the lane's first stretch."""


class _Dealt(NamedTuple):
    """Candidates for errors, and the batches and stretches they belong to."""

    group: NDArray[np.int64]
    """Number of the batch times how many stretches there are, plus number of the stretch."""
    place: NDArray[np.int64]
    column: NDArray[np.int64]
    draw: NDArray[np.float64]

    def some(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> _Dealt:
        return _Dealt(self.group[which], self.place[which], self.column[which], self.draw[which])


class NoiseAssignment:
    """Noise of some outputs of a turn, batches in order.

    Args:
        mapped: the stage.
        program: what is carried out in its columns.
        turn: blocks and batches.
        stretches: what is computed together.
        images: how many there are.

    """

    def __init__(
        self, mapped: MappedStage, program: Program, turn: Turn, stretches: Stretches, images: int
    ) -> None:
        self._mapped, self._program, self._turn = mapped, program, turn
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
        self._left: list[_Dealt] = []
        """Candidates that were drawn for later batches."""

    def take(self, batches: range, threads: int | None) -> list[Candidates]:
        """Return candidates of some batches, which follow those taken before.

        They are by batch and then by stretch.
        """
        last = max(images.stop for batch in batches for images in self._turn.batches[batch])
        blocks = range(self._drawn, -(-last * self._positions // self._width))
        self._drawn = max(self._drawn, blocks.stop)
        found, lock = self._left, threading.Lock()

        def some(begin: int, end: int) -> None:
            own = self._draw(self._jobs[begin:end], blocks)
            with lock:
                found.extend(own)

        if blocks and self._jobs:
            spread(some, len(self._jobs), threads)
        stretches, groups = len(self._stretches.places), len(self._stretches.places) * len(batches)
        if not found:
            return [together([])] * groups
        every = _Dealt(*(np.concatenate(each) for each in zip(*found, strict=True)))
        now = every.group < batches.stop * stretches
        self._left = [] if now.all() else [every.some(~now)]
        met = every if now.all() else every.some(now)
        group = (met.group - batches.start * stretches).astype(np.min_scalar_type(groups))
        edges = np.cumsum(np.bincount(group, minlength=groups))
        met = met.some(np.argsort(group, kind="stable"))
        return [
            Candidates(met.place[one:two], met.column[one:two], met.draw[one:two])
            for one, two in pairwise([0, *edges.tolist()])
        ]

    # -- inside ------------------------------------------------------------------------------

    def _of_block(self, number: int) -> _Tiles:
        """Find the tiles of a block of the turn, in all lanes."""
        own, blocks = self._turn.blocks[number].positions, len(self._turn.blocks)
        places = list(enumerate(self._stretches.places))
        first = {lane: stretch for stretch, (lane, _) in reversed(places)}
        tiles = sorted(
            (
                images.start * self._positions + own.start,
                (images.stop - images.start) * (own.stop - own.start),
                batch,
                first[lane],
            )
            for batch, every in enumerate(self._turn.batches)
            for lane, images in enumerate(every)
            if lane % blocks == number and lane in first
        )
        return _Tiles(*(np.array(each, np.int64) for each in zip(*tiles, strict=True)))

    def _draw(self, jobs: Sequence[tuple[int, int]], blocks: range) -> list[_Dealt]:
        """Draw blocks of some jobs."""
        dealt: list[_Dealt] = []
        for number in sorted({number for number, _ in jobs}):
            drawn, outputs = [], []
            for output in (output for own, output in jobs if own == number):
                job = Job(self._mapped.stage.index, self._mapped.first_output + output, 0)
                for block in blocks:
                    start = block * self._width
                    inside = min(self._width, self._columns - start)
                    some = self._program.draw(0, job, block, self._width, inside)
                    drawn.append(some._replace(column=some.column + start))
                    outputs.append(np.full(len(some.place), output))
            dealt.append(self._deal(number, np.concatenate(outputs), together(drawn)))
        return dealt

    def _deal(self, number: int, output: NDArray[np.intp], drawn: Candidates) -> _Dealt:
        """Find batch and stretch of candidates, given by their columns among all of an output."""
        tiles, block, stretches = self._tiles[number], self._turn.blocks[number], self._stretches
        _, images, positions = self._mapped.placement.shape(block)
        tile = np.searchsorted(tiles.start, drawn.column, side="right") - 1
        inside = drawn.column - tiles.start[tile]
        first = block.outputs.start + stretches.outputs.start
        column = (output - first) * images * positions + inside
        stretch, column = np.divmod(column, stretches.size)
        group = tiles.batch[tile] * len(stretches.places) + tiles.stretch[tile] + stretch
        dealt = _Dealt(group, drawn.place, column, drawn.draw)
        here = (tile >= 0) & (inside < tiles.columns[tile])
        return dealt if here.all() else dealt.some(here)  # the rest is met elsewhere
