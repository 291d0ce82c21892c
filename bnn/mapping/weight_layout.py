"""Where columns of the weight-stationary mapping lie: blocks of outputs, tiles of images, banks.

A *block* is the outputs whose columns share a row: as many as find room there with all positions of
one image, or, where an image has more positions than a row has columns, one output with some of
them. A *tile* is the images that share it. Weights of a block stay in its subarray, so the blocks
are either all in every bank, and each bank takes tiles of its own, or divided over banks that work
on the same tile. Which division is best, and how many of the banks are used, is priced, not
assumed: where tFAW limits activations, 7 rounds of 8 banks take longer than 13 of 4.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache, partial
from math import prod
from typing import Generic, Protocol, TypeVar

from bnn.lowering.stage import Stage
from bnn.mapping.chunk import Chunk
from bnn.mapping.tiles import cut, fewest_for_rounds, tiling
from bnn.system.ledger import CommandLedger
from pimsim.cost import price
from pimsim.dram.commands import Kind
from pimsim.dram.timeline.command_stream import RowCycle, Run, Segment, issue_order
from pimsim.dram.timeline.row_transfers import row_cycle
from pimsim.errors import OutOfSubarraysError


@dataclass(frozen=True, slots=True)
class Block:
    """Outputs, and positions of every image, whose columns share a row."""

    outputs: slice
    positions: slice

    def shape(self, images: int) -> tuple[int, int, int]:
        """Outputs, images and positions, in the order of the columns."""
        positions = self.positions.stop - self.positions.start
        return self.outputs.stop - self.outputs.start, images, positions


@dataclass(frozen=True, slots=True)
class Turn:
    """Blocks that one subarray of each bank holds, and what the banks work on, batch by batch."""

    blocks: list[Block]
    """That of bank i is number i, modulo their number."""
    batches: list[list[slice]]
    """Images of each bank."""

    @property
    def lanes(self) -> int:
        """Banks that hold a block."""
        return len(self.batches[0])

    def block(self, bank: int) -> Block:
        """The block that a bank holds."""
        return self.blocks[bank % len(self.blocks)]


class Resident(Protocol):
    """A plan of subarrays in which weights stay."""

    @property
    def chunks(self) -> list[Chunk]:
        """What each subarray holds, channels being those of a group."""
        ...

    @property
    def operand_rows(self) -> list[int]:
        """Per chunk, how many rows hold operands, from D0 on."""
        ...

    @property
    def weight_rows(self) -> list[range]:
        """Per chunk, data rows of :func:`bnn.mapping.weight_rows.weights`."""
        ...

    @property
    def data_rows(self) -> int:
        """Data rows of a subarray that are used, from D0 on."""
        ...

    @property
    def reads(self) -> int:
        """Rows read out while it computes."""
        ...

    @property
    def runs(self) -> tuple[Run, ...]:
        """Row commands of a column, alike ones together."""
        ...


_Plan = TypeVar("_Plan", bound=Resident)


@dataclass(frozen=True, slots=True, eq=False)
class Layout(Generic[_Plan]):
    """What lies where."""

    plan: _Plan
    images: int
    """Images that a row has columns for."""
    turns: list[Turn]
    """One after the other; each has subarrays of its own."""

    def columns(self, turn: Turn) -> int:
        """Columns of a row that a turn uses, at most."""
        return max(prod(block.shape(self.images)) for block in turn.blocks)


def lay_out(
    stage: Stage, machine: CommandLedger, images: int, planned: _Plan, each: int = 1
) -> Layout[_Plan]:
    """Choose blocks and tiles, and the division over the banks that takes the least time.

    Every output of the stage stands for ``each``. Raises OutOfSubarraysError when the weights do
    not fit the subarrays of the banks.
    """
    outputs, positions = stage.outputs * each, stage.windows.positions
    at_most = max(1, machine.columns // positions)
    parts = tiling(1, positions, machine.columns)
    blocks = [
        Block(some, part.positions)
        for some in cut(outputs, min(outputs, at_most))
        for part in parts
    ]
    widest = blocks[0].shape(1)
    together = min(machine.columns // (widest[0] * widest[2]), images)
    tiles = [tile.images for tile in tiling(images, 1, together)]
    banks, resident = machine.banks, machine.standard.subarrays_per_bank // len(planned.chunks)
    ways = [
        ways
        for ways in range(1, min(banks, len(blocks)) + 1)
        if -(-len(blocks) // ways) <= resident
    ]
    if not ways:
        needed = -(-len(blocks) // min(banks, len(blocks))) * len(planned.chunks)
        raise OutOfSubarraysError(
            f"weights of {stage.name!r} must fit the {machine.standard.subarrays_per_bank} "
            f"subarrays of each bank, not need {needed}"
        )
    best = _divided(machine, planned, [prod(b.shape(together)) for b in blocks], len(tiles), ways)
    return Layout(planned, together, _turns(blocks, tiles, *best))


def _divided(
    machine: CommandLedger, planned: Resident, columns: list[int], tiles: int, ways: list[int]
) -> tuple[int, int]:
    """Banks that are used, and over how many of them blocks are divided.

    A further bank is used only if neither all images nor, with the loading of weights, all of the
    run takes longer for it, so that no bank more makes anything slower.

    Args:
        machine: the banks.
        planned: what runs in each.
        columns: of every block.
        tiles: number of tiles.
        ways: banks that blocks may be divided over.

    """
    choices = sorted(
        (some * shares, some)
        for some in ways
        for shares in fewest_for_rounds(tiles, machine.banks // some)
    )
    if len(choices) == 1:
        return choices[0]
    batch_ps = cache(partial(_batch_ps, machine, planned))
    load_ps = cache(partial(_load_ps, machine, planned))
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


def _turns(blocks: list[Block], tiles: list[slice], banks: int, ways: int) -> list[Turn]:
    """Divide blocks over ``ways`` banks, and tiles over groups of as many."""
    turns = []
    for some in cut(len(blocks), ways):
        held = blocks[some]
        batches = [
            [tile for tile in tiles[batch] for _ in held]
            for batch in cut(len(tiles), banks // ways)
        ]
        turns.append(Turn(held, batches))
    return turns


def _batch_ps(machine: CommandLedger, planned: Resident, lanes: int, columns: int) -> int:
    """Time of a batch in so many banks; refresh would stretch all alike."""
    bursts = -(-columns // (machine.standard.burst_bytes * 8))
    write = (row_cycle(Kind.WR, bursts), sum(planned.operand_rows))
    read = (row_cycle(Kind.RD, bursts), planned.reads)
    computing = ((run.cycle, run.times) for run in planned.runs)
    return _time_ps(machine, lanes, write, *computing, read)


def _load_ps(machine: CommandLedger, planned: Resident, lanes: int, columns: int) -> int:
    """Time of writing the weights of a block into each of so many banks."""
    bursts = -(-columns // (machine.standard.burst_bytes * 8))
    rows = sum(map(len, planned.weight_rows))
    return _time_ps(machine, lanes, (row_cycle(Kind.WR, bursts), rows))


def _time_ps(machine: CommandLedger, lanes: int, *cycles: tuple[RowCycle, int]) -> int:
    """Time of row cycles, each so many times: none where all weights are 0 and nothing is read."""
    runs = tuple(Run(cycle, times) for cycle, times in cycles if times)
    if not runs:
        return 0
    unrefreshed = replace(machine.options, refresh=False)
    segment = Segment(runs, issue_order(machine.standard, range(lanes)))
    return price([segment], machine.standard, unrefreshed).latency_ps
