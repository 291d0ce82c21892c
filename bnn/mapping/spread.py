"""Spreading tiles of columns and groups of outputs over banks.

A *tile* is the images whose columns share a row; a *group* is the outputs that one bank computes
for a tile, one after the other. With many tiles each bank takes some and computes all outputs; with
few, the outputs are divided too, and every group needs its own copy of the operands. Which division
is best is priced, not assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnn.lower import Stage
from bnn.machine import Machine
from bnn.mapping.output_plan import OutputPlan
from bnn.mapping.work import tile_images
from pimsim.cost import price
from pimsim.dram.activity import Activity, CommandCounts


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Tiles and groups that are simulated in lock-step: lanes with equally many columns."""

    images: list[slice]
    """Per lane."""
    groups: NDArray[np.intp]
    """Per lane."""
    banks: list[int]
    """Per lane."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Where every tile and group goes."""

    outputs_per_group: int
    batches: list[Batch]


def spread(stage: Stage, machine: Machine, images: int, planned: OutputPlan) -> Spread:
    """Choose the number of groups that takes the least time, and deal the lanes out."""
    tiles = tiling(images, tile_images(machine, stage.windows.positions))
    outputs, banks = stage.outputs, machine.banks
    sizes = {-(-outputs // groups) for groups in range(1, min(banks, outputs) + 1)}
    size = min(
        sizes,
        key=lambda size: (_latency_ps(stage, machine, images, planned, len(tiles), size), -size),
    )
    groups = -(-outputs // size)
    lanes = [(tile, group) for tile in tiles for group in range(groups)]
    by_columns: dict[int, list[tuple[slice, int, int]]] = {}
    for index, (tile, group) in enumerate(lanes):
        by_columns.setdefault(tile.stop - tile.start, []).append((tile, group, index % banks))
    batches = [
        Batch(
            [tile for tile, _, _ in some],
            np.array([group for _, group, _ in some]),
            [bank for _, _, bank in some],
        )
        for alike in by_columns.values()
        for some in (alike[i : i + banks] for i in range(0, len(alike), banks))
    ]
    return Spread(size, batches)


def tiling(images: int, per_tile: int) -> list[slice]:
    """Cut images into tiles.

    >>> tiling(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(i, min(i + per_tile, images)) for i in range(0, images, per_tile)]


def _latency_ps(
    stage: Stage, machine: Machine, images: int, planned: OutputPlan, tiles: int, size: int
) -> int:
    """Time of a division into groups of ``size`` outputs, from the number of its commands."""
    groups = -(-stage.outputs // size)
    tiles = -(-images // tile_images(machine, stage.windows.positions))
    lanes = [0] * machine.banks
    for lane in range(tiles * groups):
        lanes[lane % machine.banks] += 1
    columns = min(images * stage.windows.positions, machine.columns)
    bursts = -(-columns // (machine.standard.burst_bytes * 8))
    rows = stage.windows.patch * stage.windows.channels * stage.planes
    banks = tuple(
        CommandCounts(
            aap=count * size * planned.commands,
            act=count * rows,
            pre=count * rows,
            wr=count * rows * bursts,
        )
        for count in lanes
    )
    return price(Activity(banks), machine.standard, machine.switches).latency_ps
