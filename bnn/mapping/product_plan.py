"""Rows and schedules of the mapping without local reuse: products, and nothing else.

All columns run one program, which writes products to the rows that operands and weights leave free.
When these are full, they are read out, and the next products take their place.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from bnn.lowering.stage import Stage
from bnn.mapping.chunk import Chunk
from bnn.mapping.fan_in import fit
from bnn.mapping.weight_rows import products
from bnn.mapping.weight_rows import rows as weight_rows
from pimsim.dram.array.address_map import ambit
from pimsim.dram.timeline.command_stream import RowCycle, Run
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.schedule import Schedule


@dataclass(frozen=True, slots=True, eq=False)
class Fetch:
    """Products that are computed and then read out."""

    schedule: Schedule
    rows: list[int]
    """Data rows that hold them."""
    levels: list[int]
    """Exponents of what they count for."""


@dataclass(frozen=True, slots=True, eq=False)
class ProductPlan:
    """Rows of every subarray that shares the fan-in, and what runs on them."""

    chunks: list[Chunk]
    """What each holds, the channels being those of a group: for every output of its own."""
    operand_rows: list[int]
    """Per chunk, how many rows hold operands, from D0 on; weight rows follow them."""
    weight_rows: list[range]
    """Per chunk, data rows of :func:`bnn.mapping.weight_rows.weights`."""
    offsets: list[list[list[Fetch]]]
    """For each place of the pooling window and each chunk, what is fetched one after the other."""
    data_rows: int
    """Data rows of a subarray that are used, from D0 on."""

    @property
    def reads(self) -> int:
        """Rows read out while it computes."""
        return sum(len(fetch.rows) for fetch in self._fetches)

    @property
    def runs(self) -> tuple[Run, ...]:
        """Row commands of a column, alike ones together."""
        times: Counter[RowCycle] = Counter()
        for fetch in self._fetches:
            for run in fetch.schedule.runs:
                times[run.cycle] += run.times
        return tuple(Run(cycle, some) for cycle, some in times.items())

    @property
    def _fetches(self) -> list[Fetch]:
        return [fetch for parts in self.offsets for part in parts for fetch in part]


def plan(stage: Stage, data_rows: int) -> ProductPlan:
    """Split the fan-in over as few subarrays as hold it; OutOfRowsError if none do."""
    return fit(
        stage.name,
        stage.weights.shape[2],
        stage.windows.patch,
        data_rows,
        lambda chunks: _plan(stage, data_rows, chunks),
        lambda chunk: chunk.operands * stage.planes + weight_rows(stage, chunk),
    )


def _plan(stage: Stage, data_rows: int, chunks: list[Chunk]) -> ProductPlan:
    operands, kept, free = [], [], []
    for chunk in chunks:
        count, more = chunk.operands * stage.planes, weight_rows(stage, chunk)
        rows = RowAllocator(data_rows)
        rows.take(count + more, "operands")
        first = rows.take(1, "products")[0]
        operands.append(count)
        kept.append(range(count, count + more))
        free.append(range(first, data_rows))
    offsets = [
        [
            _fetches(stage, offset, chunk, held, own)
            for chunk, held, own in zip(chunks, kept, free, strict=True)
        ]
        for offset in range(stage.windows.offsets)
    ]
    used = max(row for parts in offsets for part in parts for fetch in part for row in fetch.rows)
    return ProductPlan(chunks, operands, kept, offsets, used + 1)


def _fetches(stage: Stage, offset: int, chunk: Chunk, held: range, free: range) -> list[Fetch]:
    """Products of a chunk at one place of the pooling window, as many at a time as find room."""
    first = ambit().first_data
    found: list[Fetch] = []
    for product in products(stage, offset, chunk, held.start):
        if not found or len(found[-1].rows) == len(free):
            found.append(Fetch(Schedule(1), [], []))
        fetch = found[-1]
        row = free[len(fetch.rows)]
        where = {name: first + number for name, number in product.rows.items()}
        fetch.schedule.append((product.program,), None, **where, out=first + row)
        fetch.rows.append(row)
        fetch.levels.append(product.level)
    return found
