"""Dividing the columns of a stage over banks: outputs in turn, or side by side.

Several divisions, and several numbers of banks, are priced, and the cheapest is taken. More banks
are not always better: where tFAW limits activations, 7 rounds of 8 banks take longer than 13 of 4.

If banks compute outputs *in turn*, one bank computes a group of outputs for a tile, one after the
other. With many tiles, each bank takes some of them and computes all outputs. With few, the outputs
are divided among banks, too, and every group needs its own copy of the operands.

If outputs lie *side by side*, a block has as many outputs as fit into a row with all positions of
one image. If an image has more positions than a row has columns, a block is one output with some of
its positions. A tile is the images that share the row. Weights of a block stay in its subarray. So
either every bank has all blocks and takes tiles of its own, or banks share the blocks and work on
the same tile.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapped.placement.placement import Block, Placement, Turn, cut, fewest_for_rounds, tiling
from bnn.mapped.placement.spent import Step, least_ps, spent_ps, steps
from bnn.system.system import System
from pimsim.dram.commands import Kind
from pimsim.errors import OutOfSubarraysError
from pimsim.microprogram.row_program import RowProgram


def in_turn(
    stage: Stage,
    system: System,
    images: int,
    program: RowProgram,
    *,
    computing: Callable[[int], Sequence[Step]],
    units: int | None = None,
    first: int = 0,
    where: NDArray[np.intp] | None = None,
) -> Placement:
    """Choose the number of groups that takes the least time, and deal the lanes out.

    Args:
        stage: the stage.
        system: the banks.
        images: how many.
        program: whose inputs are written for every tile.
        computing: what a group of so many units takes after that.
        units: groups of outputs that are computed one after the other; each output if None.
        first: subarray of each bank that holds the first part.
        where: ``(banks, n)`` columns that rows have; all if None.

    """
    capacity = system.columns if where is None else where.shape[1]
    tiles = tiling(images, stage.windows.positions, capacity)
    outputs = stage.outputs * stage.each if units is None else units
    banks, columns = system.banks, tiles[0].columns
    written, taken = program.rows_written("inputs"), cache(computing)

    @cache
    def round_ps(size: int, used: int) -> int:
        """Time of so many banks to compute a group of a tile."""
        return spent_ps(system, used, columns, (Kind.WR, written), *taken(size))

    sizes = {-(-outputs // groups) for groups in range(1, min(banks, outputs) + 1)}
    ways = [
        (size, used)
        for size in sizes
        for used in fewest_for_rounds(len(tiles) * -(-outputs // size), banks)
    ]

    @cache
    def least(size: int) -> list[int]:
        """What :func:`round_ps` is not less than, by the number of banks."""
        every = (Kind.WR, written), *taken(size)
        return [0, *least_ps(system, range(1, banks + 1), columns, every)]

    def at_least(size: int, used: int) -> int:
        return least(size)[used]

    bounds = [(_latency_ps(at_least, len(tiles), outputs, *way), way) for way in ways]
    best: tuple[float, int, int] = (math.inf, 0, 0)
    for bound_ps, (size, used) in sorted(bounds):
        if bound_ps > best[0]:
            break
        latency_ps = _latency_ps(round_ps, len(tiles), outputs, size, used)
        best = min(best, (latency_ps, -size, -used))
    size, used = -best[1], -best[2]
    groups = cut(outputs, size)
    lanes = [(tile, group) for tile in tiles for group in groups]
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


def side_by_side(
    stage: Stage,
    system: System,
    images: int,
    program: RowProgram,
    parts: int,
) -> Placement:
    """Choose blocks and tiles, and the division over the banks that takes the least time.

    Args:
        stage: the stage.
        system: the banks.
        images: how many.
        program: what is done in every column.
        parts: subarrays that share the fan-in.

    Raises OutOfSubarraysError when the weights do not fit the subarrays of the banks.
    """
    outputs, positions = stage.outputs * stage.each, stage.windows.positions
    at_most = max(1, system.columns // positions)
    strips = tiling(1, positions, system.columns)
    blocks = [
        Block(some, strip.positions)
        for some in cut(outputs, min(outputs, at_most))
        for strip in strips
    ]
    together = min(system.columns // prod(blocks[0].size), images)
    tiles = cut(images, together)
    banks, resident = system.banks, system.standard.subarrays_per_bank // parts
    ways = [
        ways
        for ways in range(1, min(banks, len(blocks)) + 1)
        if -(-len(blocks) // ways) <= resident
    ]
    if not ways:
        needed = -(-len(blocks) // min(banks, len(blocks))) * parts
        raise OutOfSubarraysError(
            f"weights of {stage.name!r} must fit the {system.standard.subarrays_per_bank} "
            f"subarrays of each bank, not need {needed}"
        )
    columns = [prod(block.size) * together for block in blocks]
    used, some = _divided(system, program, columns, len(tiles), ways)

    @cache
    def batches(held: int) -> list[list[slice]]:
        """Images of the lanes of so many blocks; turns share them."""
        return [
            [tile for tile in tiles[batch] for _ in range(held)]
            for batch in cut(len(tiles), used // some)
        ]

    turns = [
        Turn(
            blocks[held],
            batches(held.stop - held.start),
            max(columns[held]),
            number * parts,
        )
        for number, held in enumerate(cut(len(blocks), some))
    ]  # fmt: skip
    return Placement(turns, together, side_by_side=True)


def _divided(
    system: System,
    program: RowProgram,
    columns: list[int],
    tiles: int,
    ways: list[int],
) -> tuple[int, int]:
    """Banks that are used, and over how many of them blocks are divided.

    A further bank is used only if it slows down neither the images nor the whole run, loading of
    weights included.

    Args:
        system: the banks.
        program: what runs in each.
        columns: of every block.
        tiles: number of tiles.
        ways: banks that blocks may be divided over.

    """
    choices = sorted(
        (some * shares, some)
        for some in ways
        for shares in fewest_for_rounds(tiles, system.banks // some)
    )
    if len(choices) == 1:
        return choices[0]
    operands, computing = (Kind.WR, program.rows_written("inputs")), steps(program)
    weights = Kind.WR, program.rows_written("weights")

    @cache
    def batch_ps(lanes: int, wide: int) -> int:
        return spent_ps(system, lanes, wide, operands, *computing)

    @cache
    def load_ps(lanes: int, wide: int) -> int:
        return spent_ps(system, lanes, wide, weights)

    turns = {
        each: Counter(
            (held.stop - held.start, max(columns[held])) for held in cut(len(columns), each)
        )
        for each in ways
    }
    best, least, whole = choices[0], math.inf, math.inf
    for banks, some in choices:
        rounds, more = divmod(tiles, banks // some)
        spent = loading = 0
        for (blocks, wide), times in turns[some].items():
            spent += times * rounds * batch_ps(banks // some * blocks, wide)
            spent += times * batch_ps(more * blocks, wide) if more else 0
            loading += times * load_ps(banks // some * blocks, wide)
        if spent < least and spent + loading <= whole:
            best, least, whole = (banks, some), spent, spent + loading
    return best
