"""Weights that stay in subarrays, and images that stream past them, row by row as the host writes.

Columns are (output, image, position) triples, see :mod:`bnn.mapping.weight_layout`. Every lane
holds the weights of a block of outputs; a batch brings each lane images of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.chunk import Chunk
from bnn.mapping.tiles import Tile
from bnn.mapping.weight_layout import Layout, Resident, Turn
from bnn.mapping.weight_rows import weights
from bnn.mapping.work import Work, operand_rows, plane
from pimsim.dram.array.row_storage import Lanes
from pimsim.dram.array.subarray import Subarray

_Number = TypeVar("_Number", bound=np.generic)
_Plan = TypeVar("_Plan", bound=Resident)


class Loaded:
    """The subarrays of a turn, one for each part of the fan-in, with their weights.

    Args:
        work: the stage and its operands.
        layout: where columns lie.
        turn: blocks that are loaded.

    """

    def __init__(self, work: Work, layout: Layout[_Plan], turn: Turn) -> None:
        self.stage: Stage = work.stage
        self.images = layout.images
        """Images that a row has columns for."""
        self.blocks = [turn.block(lane) for lane in range(turn.lanes)]
        """Per lane."""
        columns = layout.columns(turn)
        plan = layout.plan
        self.parts = [work.machine.subarrays(columns, turn.lanes) for _ in plan.chunks]
        for part, chunk, rows in zip(self.parts, plan.chunks, plan.weight_rows, strict=True):
            for row, by_output in zip(rows, weights(self.stage, chunk), strict=True):
                self.write(part, row, by_output)

    def write(self, part: Subarray, row: int, by_output: NDArray[np.bool_]) -> None:
        """Write a row that holds the same in all columns of an output."""
        held = np.zeros((len(self.blocks), part.columns), np.uint8)
        for lane, block in enumerate(self.blocks):
            _, images, positions = block.shape(self.images)
            own = np.repeat(by_output[block.outputs], images * positions)
            held[lane, : own.size] = own
        part.write(row, plane(held, 0))


class Batch:
    """Images that the lanes of a turn, or the first of them, work on.

    Args:
        loaded: the turn.
        work: the stage and its operands.
        chunks: what each part holds.
        images: per lane.

    """

    def __init__(
        self, loaded: Loaded, work: Work, chunks: Sequence[Chunk], images: Sequence[slice]
    ) -> None:
        self._loaded, self._work, self._images = loaded, work, images
        self._blocks = loaded.blocks[: len(images)]
        whole = len(images) == len(loaded.blocks)
        self.lanes: Lanes | None = None if whole else np.arange(len(images))
        """Lanes that take part, all if None."""
        self.output = np.zeros(len(images), dtype=np.intp)
        """Output of the schedule that each runs: there is but one."""
        for part, chunk in zip(loaded.parts, chunks, strict=True):
            self._load(part, chunk)

    def own(self, lane: int, columns: NDArray[_Number]) -> NDArray[_Number]:
        """(outputs, images, positions) of a lane; rows have columns left over."""
        outputs, together, positions = self._blocks[lane].shape(self._loaded.images)
        shaped = columns[: outputs * together * positions].reshape(outputs, together, positions)
        images = self._images[lane]
        return shaped[:, : images.stop - images.start]

    def sums(self, totals: NDArray[np.int64], constants: NDArray[np.int64]) -> list[NDArray[Any]]:
        """Sums as the reference has them, (outputs, images, positions) a lane.

        Args:
            totals: (lanes, columns) counts.
            constants: (outputs, positions), see :func:`bnn.mapping.weight_plan.constants`.

        """
        return [
            self._work.stage.scale * self.own(lane, total)
            + constants[block.outputs, None, block.positions]
            for lane, (block, total) in enumerate(zip(self._blocks, totals, strict=True))
        ]

    def store(self, values: NDArray[Any], found: Sequence[NDArray[Any]]) -> None:
        """Store what every lane gave, (outputs, images, positions) each, into all values."""
        for block, images, own in zip(self._blocks, self._images, found, strict=True):
            values[block.outputs, images, block.positions] = own

    def audit(self, offset: int, sums: Sequence[NDArray[np.int64]]) -> None:
        """Have the sums of every lane compared, if anyone wants to."""
        audit = self._work.audit
        if audit is not None:
            for block, images, found in zip(self._blocks, self._images, sums, strict=True):
                audit.compare(images, offset, block.outputs, found, block.positions)

    def _load(self, part: Subarray, chunk: Chunk) -> None:
        stage, row = self._work.stage, 0
        for place in range(chunk.places.start, chunk.places.stop):
            held = [self._operands(lane, place, chunk) for lane in range(len(self._blocks))]
            for channel in range(chunk.width):
                spread = np.zeros((len(held), part.columns), np.uint32)
                for lane, (block, operands) in enumerate(zip(self._blocks, held, strict=True)):
                    groups = stage.group_of[block.outputs]
                    own = operands[groups - groups[0], channel].reshape(-1)
                    spread[lane, : own.size] = own
                for bit in range(stage.planes):
                    part.write(row, plane(spread, bit), None, self.lanes)
                    row += 1

    def _operands(self, lane: int, place: int, chunk: Chunk) -> NDArray[np.uint32]:
        """Operands of a lane: (groups of the block, channels of the chunk, an output's columns)."""
        stage, block = self._work.stage, self._blocks[lane]
        groups = stage.group_of[block.outputs]
        _, together, positions = block.shape(self._loaded.images)
        shape = (groups[-1] - groups[0] + 1, chunk.width, together * positions)
        found = np.zeros(shape, np.uint32)
        tile, width = Tile(self._images[lane], block.positions), stage.weights.shape[2]
        for group, into in enumerate(found, start=int(groups[0])):
            first = group * width
            own = slice(first + chunk.channels.start, first + chunk.channels.stop)
            into[:, : tile.columns] = operand_rows(self._work, tile, place, own)
        return found
