"""Spreading tiles of columns and groups of outputs over banks.

A *tile* is the columns that share a row: those of a few images, or, where an image has more
positions than a row has columns, some of the positions of one. A *group* is the outputs that one
bank computes for a tile, one after the other. With many tiles each bank takes some and computes all
outputs; with few, the outputs are divided too, and every group needs its own copy of the operands.
Which division is best is priced, not assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bnn.machine import Machine
from bnn.mapping.output_steps import OutputPlan
from bnn.mapping.tiles import Tile, tiling
from bnn.stage import Stage
from pimsim.cost import price
from pimsim.dram.commands import Kind
from pimsim.dram.rowstore import Lanes
from pimsim.dram.stream import Run, Segment, issue_order
from pimsim.dram.transfers import row_visit


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
    machine: Machine,
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
    latency_ps = partial(_latency_ps, stage, machine, columns, planned, len(tiles), outputs)
    sizes = {-(-outputs // groups) for groups in range(1, min(banks, outputs) + 1)}
    size = min(sizes, key=lambda size: (latency_ps(size), -size))
    groups = -(-outputs // size)
    lanes = [(tile, group) for tile in tiles for group in range(groups)]
    batches = [
        Batch([tile for tile, _ in some], np.array([group for _, group in some]))
        for some in (lanes[i : i + banks] for i in range(0, len(lanes), banks))
    ]
    return Spread(outputs, size, columns, batches, where)


def _latency_ps(
    stage: Stage,
    machine: Machine,
    columns: int,
    planned: OutputPlan,
    tiles: int,
    outputs: int,
    size: int,
) -> int:
    """Time of a division into groups of ``size`` outputs; refresh would stretch all alike."""
    bursts = -(-columns // (machine.standard.burst_bytes * 8))
    rows = sum(chunk.operands for chunk in planned.chunks) * stage.planes
    runs = [Run(row_visit(Kind.WR, bursts), rows)]
    runs += [Run(run.visit, run.times * size) for run in planned.runs]
    lanes = tiles * -(-outputs // size)
    rounds, more = divmod(lanes, machine.banks)
    unrefreshed = replace(machine.switches, refresh=False)
    latency_ps = 0
    for times, banks in ((rounds, machine.banks), (1, more)):
        if times and banks:
            segment = Segment(tuple(runs), issue_order(machine.standard, range(banks)))
            latency_ps += times * price([segment], machine.standard, unrefreshed).latency_ps
    return latency_ps
