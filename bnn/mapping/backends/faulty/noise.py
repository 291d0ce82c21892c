"""Noise of the rows in which weights stay: drawn output by output, dealt out to stretches of rows.

What is drawn together, a block of an output's columns, lies in the rows of several banks and is met
in several batches. It is drawn once; what is met later is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.mapping.backends.faulty.cache_blocks import Cut
from bnn.mapping.mapped_stage import MappedStage
from bnn.mapping.placement.placement import Block, Turn
from bnn.mapping.stage_inputs import StageInputs
from pimsim.dram.array.faults import Job, block_width
from pimsim.executors.compiled.run.processors import spread
from pimsim.executors.faulty.program import Candidates, Program, together


class _Lane(NamedTuple):
    """A lane that holds a block, and what it works on."""

    block: Block
    cut: Cut
    images: NDArray[np.intp]
    """``(tiles,)`` first image of each tile that works on the block, in order."""
    batch: NDArray[np.intp]
    """``(tiles,)`` number of the batch."""
    item: NDArray[np.intp]
    """``(tiles,)`` number of the first stretch of the lane, among all stretches of all lanes."""


class _Dealt(NamedTuple):
    """Candidates, and where they are met."""

    batch: NDArray[np.int64]
    item: NDArray[np.int64]
    candidates: Candidates


class NoiseAssignment:
    """Noise of some outputs of a turn, batches in order.

    Args:
        mapped: the stage.
        program: what is carried out in its columns.
        turn: blocks and batches.
        cuts: of each block.
        items: number of the first stretch of every lane among all stretches.
        work: how many images there are.

    """

    def __init__(
        self,
        mapped: MappedStage,
        program: Program,
        turn: Turn,
        cuts: Sequence[Cut],
        items: Sequence[int],
        work: StageInputs,
    ) -> None:
        self._stage, self._program, self._turn = mapped.stage, program, turn
        self._first_output = mapped.first_output
        self._positions = mapped.stage.windows.positions
        self._width = block_width(self._positions)
        self._columns = work.images * self._positions
        self._lanes = [_lane(turn, number, cut, items) for number, cut in enumerate(cuts)]
        self._jobs = [
            (lane, output)
            for lane in self._lanes
            for output in range(lane.cut.outputs.start, lane.cut.outputs.stop)
        ]
        self._drawn = 0
        """Blocks that were drawn."""
        self._left: list[_Dealt] = []
        """What was drawn and has not been met."""

    def take(self, batches: range, items: int, threads: int | None) -> list[list[Candidates]]:
        """Return the candidates of some batches, which follow those taken before.

        They are by item and then by batch.
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
        self._left = []
        met: list[_Dealt] = []
        for dealt in found:
            now = dealt.batch < batches.stop
            if now.all():
                met.append(dealt)
            else:
                met.append(_choose(dealt, now))
                self._left.append(_choose(dealt, ~now))
        return _by_item(met, batches, items)

    def _draw(self, jobs: Sequence[tuple[_Lane, int]], blocks: range) -> list[_Dealt]:
        """Draw blocks of some jobs."""
        dealt: list[_Dealt] = []
        for lane in self._lanes:
            drawn, outputs, sizes = [], [], []
            for output in (output for own, output in jobs if own is lane):
                job = Job(self._stage.index, self._first_output + output, 0)
                for block in blocks:
                    start = block * self._width
                    inside = min(self._width, self._columns - start)
                    some = self._program.draw(0, job, block, self._width, inside)
                    if len(some.place):
                        drawn.append(some._replace(column=some.column + start))
                        outputs.append(output)
                        sizes.append(len(some.place))
            if drawn:
                dealt.append(self._deal(lane, np.repeat(outputs, sizes), together(drawn)))
        return dealt

    def _deal(self, lane: _Lane, outputs: NDArray[np.intp], drawn: Candidates) -> _Dealt:
        """Find where candidates are met, given by their columns among all of an output."""
        place, column, draw = drawn
        positions, own = self._positions, lane.block.positions
        if own.stop - own.start < positions:  # the rest is met elsewhere
            here = (column % positions >= own.start) & (column % positions < own.stop)
            outputs, place, column, draw = outputs[here], place[here], column[here], draw[here]
        image, position = np.divmod(column, positions)
        tile = np.searchsorted(lane.images, image, side="right") - 1
        inside = (image - lane.images[tile]) * (own.stop - own.start) + position - own.start
        stretch, column = lane.cut.find(outputs, inside)
        return _Dealt(lane.batch[tile], lane.item[tile] + stretch, Candidates(place, column, draw))


def _lane(turn: Turn, number: int, cut: Cut, items: Sequence[int]) -> _Lane:
    """What works on a block of a turn, whichever lane that is in."""
    tiles = sorted(
        (images.start, batch, items[lane])
        for batch, lanes in enumerate(turn.batches)
        for lane, images in enumerate(lanes)
        if lane % len(turn.blocks) == number
    )
    return _Lane(turn.blocks[number], cut, *(np.array(each) for each in zip(*tiles, strict=True)))


def _choose(dealt: _Dealt, some: NDArray[np.bool_]) -> _Dealt:
    place, column, draw = dealt.candidates
    candidates = Candidates(place[some], column[some], draw[some])
    return _Dealt(dealt.batch[some], dealt.item[some], candidates)


def _by_item(met: Sequence[_Dealt], batches: range, items: int) -> list[list[Candidates]]:
    """Candidates by item and then by batch."""
    groups = items * len(batches)
    if not met:
        return [[together([])] * len(batches) for _ in range(items)]
    group = np.concatenate([d.item * len(batches) + d.batch - batches.start for d in met])
    size = np.min_scalar_type(groups)  # the smaller, the faster it is sorted
    order = np.argsort(group.astype(size), kind="stable")
    edges = np.concatenate([[0], np.cumsum(np.bincount(group, minlength=groups))])
    place, column, draw = together([dealt.candidates for dealt in met])
    place, column, draw = place[order], column[order], draw[order]

    def one(number: int) -> Candidates:
        some = slice(edges[number], edges[number + 1])
        return Candidates(place[some], column[some], draw[some])

    return [
        [one(item * len(batches) + batch) for batch in range(len(batches))] for item in range(items)
    ]
