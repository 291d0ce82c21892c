"""Weight-stationary: weights lie in rows, columns are (output, image or position) pairs.

The textbook mapping: the weight of every input to the column's output lies in one row of that
column, the activation in another; XNOR multiplies, a full-adder tree counts, and the count is
compared with a threshold that lies in rows too. Weights stay in the subarrays while images stream
through, but each activation is written once for every output that reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bnn.lower import Stage
from bnn.machine import Machine
from bnn.mapping.blocks import Blocks
from bnn.mapping.tiles import Tile
from bnn.mapping.weight_books import book, usage
from bnn.mapping.weight_layout import Block, Layout, Turn, lay_out
from bnn.mapping.weight_plan import constants, limits, plan
from bnn.mapping.weight_rows import weights
from bnn.mapping.work import Draft, Execute, Result, Usage, Work, operand_rows, plane, run_compiled
from pimsim.bits import unpack
from pimsim.dram.rowstore import Lanes
from pimsim.dram.subarray import Subarray

_Number = TypeVar("_Number", bound=np.generic)

name: str = "weight-stationary"
summary: str = "columns = (output, image or position); weights in rows; XNOR, then popcount"


def draft(stage: Stage, machine: Machine, images: int, *, each: int = 1) -> Draft:
    """Lay the stage out; see :class:`bnn.mapping.work.Mapping`."""
    layout = lay_out(stage, machine, images, plan(stage, machine.data_rows), each)
    return partial(_book, layout)


def _book(layout: Layout, machine: Machine) -> Usage:
    book(layout, machine)
    return usage(layout, machine)


def prepare(stage: Stage, machine: Machine, images: int, *, compiled: bool) -> Execute:
    """Lay the stage out; see :class:`bnn.mapping.work.Mapping`."""
    planned = plan(stage, machine.data_rows)
    layout = lay_out(stage, machine, images, planned)
    if not compiled:
        return partial(_execute, layout)
    make = partial(Blocks, stage, planned, images)
    return partial(_execute_compiled, layout, make(look=False), partial(make, look=True))


def _execute_compiled(
    layout: Layout, ready: Blocks, looking: Callable[[], Blocks], work: Work
) -> Result:
    booking = partial(book, layout, work.machine)
    values, book_s, check_s = run_compiled(work, booking, ready, looking)
    return usage(layout, work.machine).result(values, book_s, check_s)


def _execute(layout: Layout, work: Work) -> Result:
    stage, machine = work.stage, work.machine
    book(layout, machine)
    shape = (stage.outputs, work.images, stage.windows.positions)
    sums = stage.thresholds is None
    values = np.empty(shape, np.int64) if sums else np.empty(shape, np.uint8)
    total, done = sum(len(turn.batches) for turn in layout.turns), 0
    for turn in layout.turns:
        columns = layout.columns(turn)
        parts = [machine.subarrays(columns, turn.lanes) for _ in layout.plan.chunks]
        _load_weights(stage, layout, turn, parts)
        for batch in turn.batches:
            _Batch(work, layout, turn, parts, batch).run(values)
            done += 1
            work.report(done, total)
    return usage(layout, machine).result(values.transpose(1, 2, 0))


class _Batch:
    """A block and images for it in each lane."""

    def __init__(
        self, work: Work, layout: Layout, turn: Turn, parts: list[Subarray], images: list[slice]
    ) -> None:
        self._work, self._plan, self._parts = work, layout.plan, parts
        self._together, self._images = layout.images, images
        self._blocks: list[Block] = [turn.block(lane) for lane in range(len(images))]
        whole = len(images) == parts[0].lanes
        self._lanes: Lanes | None = None if whole else np.arange(len(images))
        self._output = np.zeros(len(images), dtype=np.intp)

    def run(self, values: NDArray[np.uint8] | NDArray[np.int64]) -> None:
        """Load operands, compute, and store into ``values`` (outputs, images, positions)."""
        for part, chunk in zip(self._parts, self._plan.chunks, strict=True):
            self._load(part, chunk)
        home = self._parts[0]
        for offset, steps in enumerate(self._plan.offsets):
            for part, count in zip(self._parts, steps.counts, strict=True):
                count.run(part, self._output, self._lanes)
            for part, moved, arrivals in zip(
                self._parts[1:], steps.moved[1:], steps.arrivals[1:], strict=True
            ):
                for row, arrival in zip(moved, arrivals, strict=True):
                    home.write(arrival, part.read(row, None, self._lanes), None, self._lanes)
            steps.combine.run(home, self._output, self._lanes)
            if self._work.audit is not None:
                self._audit(offset, self._sums(offset, read=False))
            if self._plan.result is None:
                self._store(values, self._sums(offset, read=True))
            else:
                steps.decide.run(home, self._output, self._lanes)
        if self._plan.result is not None:
            self._plan.pool.run(home, self._output, self._lanes)
            bits = unpack(home.read(self._plan.result, None, self._lanes), home.columns)
            self._store(values, [self._own(lane, bits[lane]) for lane in range(len(bits))])
        if self._work.audit is not None:
            self._work.audit.forget()

    def _load(self, part: Subarray, chunk: slice) -> None:
        stage, width = self._work.stage, chunk.stop - chunk.start
        row = 0
        for place in range(stage.windows.patch):
            held = [
                self._operands(block, images, place, chunk)
                for block, images in zip(self._blocks, self._images, strict=True)
            ]
            for channel in range(width):
                spread = np.zeros((len(held), part.columns), np.uint32)
                for lane, (block, operands) in enumerate(zip(self._blocks, held, strict=True)):
                    groups = stage.group_of[block.outputs]
                    own = operands[groups - groups[0], channel].reshape(-1)
                    spread[lane, : own.size] = own
                for bit in range(stage.planes):
                    part.write(row, plane(spread, bit), None, self._lanes)
                    row += 1

    def _operands(
        self, block: Block, images: slice, place: int, chunk: slice
    ) -> NDArray[np.uint32]:
        """Operands of a lane: (groups of the block, channels of the chunk, an output's columns)."""
        stage = self._work.stage
        groups = stage.group_of[block.outputs]
        _, together, positions = block.shape(self._together)
        shape = (groups[-1] - groups[0] + 1, chunk.stop - chunk.start, together * positions)
        found = np.zeros(shape, np.uint32)
        tile, width = Tile(images, block.positions), stage.weights.shape[2]
        for group, into in enumerate(found, start=int(groups[0])):
            own = slice(group * width + chunk.start, group * width + chunk.stop)
            into[:, : tile.columns] = operand_rows(self._work, tile, place, own)
        return found

    def _own(self, lane: int, columns: NDArray[_Number]) -> NDArray[_Number]:
        """(outputs, images, positions) of a lane; rows have columns left over."""
        outputs, together, positions = self._blocks[lane].shape(self._together)
        shaped = columns[: outputs * together * positions].reshape(outputs, together, positions)
        images = self._images[lane]
        return shaped[:, : images.stop - images.start]

    def _sums(self, offset: int, *, read: bool) -> list[NDArray[np.int64]]:
        """Sums as the reference has them, (outputs, images, positions) a lane."""
        stage, home = self._work.stage, self._parts[0]
        totals = np.zeros((len(self._images), home.columns), dtype=np.int64)
        for level, row in enumerate(self._plan.offsets[offset].total):
            if row is not None:
                words = home.read(row, None, self._lanes) if read else home.peek(row, self._lanes)
                totals += unpack(words, home.columns).astype(np.int64) << level
        constant = constants(stage, offset)[:, None]
        return [
            stage.scale * self._own(lane, total) + constant[block.outputs, :, block.positions]
            for lane, (block, total) in enumerate(zip(self._blocks, totals, strict=True))
        ]

    def _store(
        self,
        values: NDArray[np.uint8] | NDArray[np.int64],
        found: Sequence[NDArray[np.uint8] | NDArray[np.int64]],
    ) -> None:
        for block, images, own in zip(self._blocks, self._images, found, strict=True):
            values[block.outputs, images, block.positions] = own

    def _audit(self, offset: int, sums: list[NDArray[np.int64]]) -> None:
        audit = self._work.audit
        if audit is not None:
            for block, images, found in zip(self._blocks, self._images, sums, strict=True):
                audit.compare(images, offset, block.outputs, found, block.positions)


def _load_weights(stage: Stage, layout: Layout, turn: Turn, parts: list[Subarray]) -> None:
    """Write weights, thresholds and complements of every lane's block."""
    planned, home = layout.plan, parts[0]
    blocks = [turn.block(lane) for lane in range(turn.lanes)]

    def write(part: Subarray, row: int, by_output: NDArray[np.bool_]) -> None:
        held = np.zeros((len(blocks), part.columns), np.uint8)
        for lane, block in enumerate(blocks):
            _, together, positions = block.shape(layout.images)
            own = np.repeat(by_output[block.outputs], together * positions)
            held[lane, : own.size] = own
        part.write(row, plane(held, 0))

    for part, chunk, numbers in zip(parts, planned.chunks, planned.weight_rows, strict=True):
        for number, row in zip(numbers, weights(stage, chunk), strict=True):
            write(part, number, row)
    for flags in (planned.before, planned.after):
        if flags is not None:
            write(home, *flags)
    for offset, steps in enumerate(planned.offsets):
        if steps.threshold_rows:
            least = limits(stage, planned, offset)
            held = np.zeros((len(blocks), home.columns), np.int64)
            for lane, block in enumerate(blocks):
                some = least[block.outputs, None, block.positions]
                own = np.repeat(some, layout.images, axis=1).reshape(-1)
                held[lane, : own.size] = own
            for bit, row_number in enumerate(steps.threshold_rows):
                home.write(row_number, plane(held, bit))
