"""Spreading tiles of columns and groups of outputs over banks that compute outputs in turn.

A *tile* is the columns that share a row: those of a few images, or, where an image has more
positions than a row has columns, some of the positions of one. A *group* is the outputs that one
bank computes for a tile, one after the other. With many tiles each bank takes some and computes all
outputs; with few, the outputs are divided too, and every group needs its own copy of the operands.
Which division is best, and how many of the banks are used, is priced, not assumed: where tFAW
limits activations, 7 rounds of 8 banks take longer than 13 of 4.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.placement.placement import Block, Placement, Turn
from bnn.mapping.placement.pricing import spent_ps
from bnn.mapping.placement.tiles import cut, fewest_for_rounds, tiling
from bnn.system.system import System
from pimsim.dram.commands import Kind
from pimsim.microprogram.row_program import RowProgram


def place(
    stage: Stage,
    system: System,
    images: int,
    program: RowProgram,
    *,
    operand_rows: int,
    first: int = 0,
    each: int = 1,
    where: NDArray[np.intp] | None = None,
) -> Placement:
    """Choose the number of groups that takes the least time, and deal the lanes out.

    Args:
        stage: the stage, of which every output stands for ``each``.
        system: the banks.
        images: how many.
        program: what is done for an output.
        operand_rows: rows that hold the operands of a tile, of all parts.
        first: subarray of each bank that holds the first part.
        each: see ``stage``.
        where: ``(banks, n)`` columns that rows have; all if None.

    """
    capacity = system.columns if where is None else where.shape[1]
    tiles = tiling(images, stage.windows.positions, capacity)
    outputs, banks, columns = stage.outputs * each, system.banks, tiles[0].columns

    @cache
    def round_ps(size: int, used: int) -> int:
        """Time of so many banks to compute a group of a tile."""
        computing = [(run.cycle, run.times * size) for run in program.runs]
        return spent_ps(system, used, columns, (Kind.WR, operand_rows), *computing)

    sizes = {-(-outputs // groups) for groups in range(1, min(banks, outputs) + 1)}
    ways = [
        (size, used)
        for size in sizes
        for used in fewest_for_rounds(len(tiles) * -(-outputs // size), banks)
    ]
    size, used = min(
        ways, key=lambda way: (_latency_ps(round_ps, len(tiles), outputs, *way), -way[0], -way[1])
    )
    lanes = [(tile, group) for tile in tiles for group in cut(outputs, size)]
    turns = [
        Turn(
            [Block(group, tile.positions) for tile, group in lanes[some]],
            [[tile.images for tile, _ in lanes[some]]],
            columns,
            first,
        )
        for some in cut(len(lanes), used)
    ]
    return Placement(turns, tiles[0].shape[0], side_by_side=False, capacity=capacity, where=where)


def _latency_ps(
    round_ps: Callable[[int, int], int], tiles: int, outputs: int, size: int, used: int
) -> int:
    """Time of a division into groups of ``size`` outputs over so many banks."""
    rounds, more = divmod(tiles * -(-outputs // size), used)
    return rounds * round_ps(size, used) + (round_ps(size, more) if more else 0)
