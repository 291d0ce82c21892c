"""Spreading tiles of columns and groups of outputs over banks.

A *tile* is the columns that share a row: those of a few images, or, where an image has more
positions than a row has columns, some of the positions of one. A *group* is the outputs that one
bank computes for a tile, one after the other. With many tiles each bank takes some and computes all
outputs; with few, the outputs are divided too, and every group needs its own copy of the operands.
Which division is best, and how many of the banks are used, is priced, not assumed: where tFAW
limits activations, 7 rounds of 8 banks take longer than 13 of 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.output_steps import OutputPlan
from bnn.mapping.tiles import Tile, fewest_for_rounds, tiling
from bnn.system.ledger import CommandLedger
from pimsim.cost import price
from pimsim.dram.array.row_storage import Lanes
from pimsim.dram.commands import Kind
from pimsim.dram.timeline.command_stream import Run, Segment, issue_order
from pimsim.dram.timeline.row_transfers import row_cycle


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Tiles and groups in lock-step: lane i is in bank i."""

    tiles: list[Tile]
    """Per lane."""
    groups: NDArray[np.intp]
    """Per lane."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Where every tile and group goes."""

    outputs: int
    outputs_per_group: int
    columns: int
    """Columns of a tile; the last may have fewer."""
    batches: list[Batch]
    where: NDArray[np.intp] | None = None
    """``(banks, n)`` columns of a row that hold those of a tile; None: the first ones."""

    @property
    def span(self) -> int:
        """Columns of a row from the first to the last that holds data."""
        if self.where is None:
            return self.columns
        return int(self.where[:, self.columns - 1].max()) + 1

    def slot(self, batch: Batch, slot: int) -> tuple[Lanes, NDArray[np.intp]]:
        """Lanes that have an output left when each has computed ``slot``, and which."""
        outputs = batch.groups * self.outputs_per_group + slot
        lanes = np.flatnonzero(outputs < self.outputs)
        return lanes, outputs[lanes]


def spread(
    stage: Stage,
    machine: CommandLedger,
    images: int,
    planned: OutputPlan,
    each: int = 1,
    where: NDArray[np.intp] | None = None,
) -> Spread:
    """Choose the number of groups that takes the least time, and deal the lanes out.

    Every output of the stage stands for ``each``. Rows have the columns ``where`` (banks, n), all
    if None.
    """
    capacity = machine.columns if where is None else where.shape[1]
    tiles = tiling(images, stage.windows.positions, capacity)
    outputs, banks = stage.outputs * each, machine.banks
    columns = tiles[0].columns
    round_ps = cache(partial(_round_ps, stage, machine, columns, planned))
    sizes = {-(-outputs // groups) for groups in range(1, min(banks, outputs) + 1)}
    ways = [
        (size, used)
        for size in sizes
        for used in fewest_for_rounds(len(tiles) * -(-outputs // size), banks)
    ]
    size, used = min(
        ways, key=lambda way: (_latency_ps(round_ps, len(tiles), outputs, *way), -way[0], -way[1])
    )
    groups = -(-outputs // size)
    lanes = [(tile, group) for tile in tiles for group in range(groups)]
    batches = [
        Batch([tile for tile, _ in some], np.array([group for _, group in some]))
        for some in (lanes[i : i + used] for i in range(0, len(lanes), used))
    ]
    return Spread(outputs, size, columns, batches, where)


def _latency_ps(
    round_ps: Callable[[int, int], int], tiles: int, outputs: int, size: int, used: int
) -> int:
    """Time of a division into groups of ``size`` outputs over so many banks."""
    rounds, more = divmod(tiles * -(-outputs // size), used)
    return rounds * round_ps(size, used) + (round_ps(size, more) if more else 0)


def _round_ps(
    stage: Stage, machine: CommandLedger, columns: int, planned: OutputPlan, size: int, banks: int
) -> int:
    """Time of so many banks to compute a group of a tile; refresh would stretch all alike."""
    bursts = -(-columns // (machine.standard.burst_bytes * 8))
    rows = sum(chunk.operands for chunk in planned.chunks) * stage.planes
    runs = [Run(row_cycle(Kind.WR, bursts), rows)]
    runs += [Run(run.cycle, run.times * size) for run in planned.runs]
    unrefreshed = replace(machine.options, refresh=False)
    segment = Segment(tuple(runs), issue_order(machine.standard, range(banks)))
    return price([segment], machine.standard, unrefreshed).latency_ps
