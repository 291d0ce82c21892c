"""Spreading tiles of columns and groups of outputs over banks.

A *tile* is the images whose columns share a row; a *group* is the outputs that one bank computes
for a tile, one after the other. With many tiles each bank takes some and computes all outputs; with
few, the outputs are divided too, and every group needs its own copy of the operands. Which division
is best is priced, not assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bnn.lower import Stage
from bnn.machine import Machine
from bnn.mapping.output_plan import OutputPlan
from bnn.mapping.work import tile_images
from pimsim.cost import price
from pimsim.dram.commands import Kind
from pimsim.dram.stream import Run, Segment, issue_order
from pimsim.dram.transfers import row_visit


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Tiles and groups in lock-step: lane i is in bank i."""

    images: list[slice]
    """Per lane."""
    groups: NDArray[np.intp]
    """Per lane."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Where every tile and group goes."""

    outputs_per_group: int
    images: int
    """Images that a row has columns for; the last tile may have fewer."""
    batches: list[Batch]


def spread(stage: Stage, machine: Machine, images: int, planned: OutputPlan) -> Spread:
    """Choose the number of groups that takes the least time, and deal the lanes out."""
    together = min(tile_images(machine, stage.windows.positions), images)
    tiles = tiling(images, together)
    outputs, banks = stage.outputs, machine.banks
    sizes = {-(-outputs // groups) for groups in range(1, min(banks, outputs) + 1)}
    columns = together * stage.windows.positions
    size = min(
        sizes,
        key=lambda size: (_latency_ps(stage, machine, columns, planned, len(tiles), size), -size),
    )
    groups = -(-outputs // size)
    lanes = [(tile, group) for tile in tiles for group in range(groups)]
    batches = [
        Batch([tile for tile, _ in some], np.array([group for _, group in some]))
        for some in (lanes[i : i + banks] for i in range(0, len(lanes), banks))
    ]
    return Spread(size, together, batches)


def tiling(images: int, per_tile: int) -> list[slice]:
    """Cut images into tiles.

    >>> tiling(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(i, min(i + per_tile, images)) for i in range(0, images, per_tile)]


def _latency_ps(
    stage: Stage, machine: Machine, columns: int, planned: OutputPlan, tiles: int, size: int
) -> int:
    """Time of a division into groups of ``size`` outputs; refresh would stretch all alike."""
    bursts = -(-columns // (machine.standard.burst_bytes * 8))
    rows = stage.windows.patch * stage.windows.channels * stage.planes
    runs = [Run(row_visit(Kind.WR, bursts), rows)]
    runs += [Run(run.visit, run.times * size) for run in planned.runs]
    lanes = tiles * -(-stage.outputs // size)
    rounds, more = divmod(lanes, machine.banks)
    unrefreshed = replace(machine.switches, refresh=False)
    latency_ps = 0
    for times, banks in ((rounds, machine.banks), (1, more)):
        if times and banks:
            segment = Segment(tuple(runs), issue_order(machine.standard, range(banks)))
            latency_ps += times * price([segment], machine.standard, unrefreshed).latency_ps
    return latency_ps
