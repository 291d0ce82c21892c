"""Rows and schedules of the weight-stationary mapping.

All columns run one program: XNOR an activation row with a weight row, count, compare with the
threshold that stands in rows of its own. What differs between outputs and positions (weights, the
channels of a group, thresholds, what zero padding takes back, whether a comparison falls) is data
in rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.lowering.thresholds import Thresholds
from bnn.mapping.chunk import Chunk
from bnn.mapping.fan_in import fit
from bnn.mapping.weight_rows import products
from bnn.mapping.weight_rows import rows as weight_rows
from pimsim.dram.array.address_map import ambit
from pimsim.dram.timeline.command_stream import RowCycle, Run
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.arithmetic import greater_equal
from pimsim.microprogram.counting import Counter, Row
from pimsim.microprogram.logic import XOR, reduction
from pimsim.microprogram.schedule import Schedule


@dataclass(frozen=True, slots=True, eq=False)
class OffsetSteps:
    """Steps for one place of the pooling window."""

    counts: list[Schedule]
    """Per chunk, XNOR and count."""
    moved: list[list[int]]
    """Per chunk, data rows of its partial count; unused for the first."""
    arrivals: list[list[int]]
    """Per chunk, data rows of the first subarray that they are written to."""
    combine: Schedule
    """Adding the partial counts."""
    total: list[int | None]
    """Data rows of the count, least significant first; None: always 0."""
    decide: Schedule
    """Comparison with the threshold rows."""
    threshold_rows: list[int]
    """Data rows of the least count that gives a 1, least significant first."""


@dataclass(frozen=True, slots=True, eq=False)
class WeightPlan:
    """Rows of every subarray that shares the fan-in, and what runs on them."""

    chunks: list[Chunk]
    """What each holds, the channels being those of a group: for every output of its own."""
    operand_rows: list[int]
    """Per chunk, how many rows hold operands, from D0 on; weight rows follow them."""
    weight_rows: list[range]
    """Per chunk, data rows of :func:`bnn.mapping.weight_rows.weights`."""
    offsets: list[OffsetSteps]
    before: tuple[int, NDArray[np.bool_]] | None
    """Row and bits per output of the complement before pooling, where there is one."""
    after: tuple[int, NDArray[np.bool_]] | None
    """The same after pooling."""
    pool: Schedule
    result: int | None
    """Data row of the output bits; None where sums are wanted."""
    data_rows: int
    """Data rows of a subarray that are used, from D0 on."""

    @property
    def reads(self) -> int:
        """Rows read out while it computes."""
        if self.result is not None:
            return 1
        return sum(row is not None for steps in self.offsets for row in steps.total)

    @property
    def runs(self) -> tuple[Run, ...]:
        """Row commands of a column, alike ones together."""
        schedules = [self.pool]
        for steps in self.offsets:
            schedules += [*steps.counts, steps.combine, steps.decide]
        times: dict[RowCycle, int] = {}
        for run in (run for schedule in schedules for run in schedule.runs):
            times[run.cycle] = times.get(run.cycle, 0) + run.times
        return tuple(Run(cycle, some) for cycle, some in times.items())


def plan(stage: Stage, data_rows: int) -> WeightPlan:
    """Split the fan-in over as few subarrays as hold it; OutOfRowsError if none do."""
    return fit(
        stage.name,
        stage.weights.shape[2],
        stage.windows.patch,
        data_rows,
        lambda chunks: _Planner(stage, data_rows, chunks).plan(),
        lambda chunk: chunk.operands * stage.planes + weight_rows(stage, chunk),
        lambda chunk: max(chunk.highest(stage), 1).bit_length(),
    )


def complements(
    found: Thresholds, conjunction: NDArray[np.bool_], pooled: bool
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Complements before and after an OR that make it the pooling each output needs.

    A falling comparison is the complement of the rising one, and AND is OR between complements.
    """
    if not pooled:
        return np.zeros_like(conjunction), found.falling
    return found.falling ^ conjunction, conjunction


def constants(stage: Stage, offset: int) -> NDArray[np.int64]:
    """What sum = scale * count + constant adds, (outputs, positions): zero padding included.

    Zero padding is stored as -1, so a padded tap has contributed minus the sum of its weights.
    """
    constant = np.repeat(stage.offsets[:, None], stage.windows.positions, axis=1)
    if stage.zero_padding:
        constant += (stage.windows.padded(offset).astype(np.int64) @ stage.tap_sums).T
    return constant


def limits(stage: Stage, planned: WeightPlan, offset: int) -> NDArray[np.int64]:
    """Least counts that give a 1, (outputs, positions): what the threshold rows hold."""
    found = stage.thresholds
    if found is None:
        raise ValueError(f"stage {stage.name!r} has no thresholds")
    never = (1 << len(planned.offsets[offset].threshold_rows)) - 1
    least = -((constants(stage, offset) - found.at[:, None]) // stage.scale)
    least = np.clip(least, 0, never)
    outside = stage.windows.outputs[offset] < 0
    before = np.zeros(stage.outputs, np.bool_) if planned.before is None else planned.before[1]
    least[:, outside] = np.where(before, 0, never)[:, None]
    return least


class _Planner:
    def __init__(self, stage: Stage, data_rows: int, chunks: list[Chunk]) -> None:
        self._stage, self._chunks = stage, chunks
        self._map = ambit()
        self._rows = [RowAllocator(data_rows) for _ in chunks]
        self._operands, self._weights = [], []
        for rows, chunk in zip(self._rows, chunks, strict=True):
            count, more = chunk.operands * stage.planes, weight_rows(stage, chunk)
            rows.take(count + more, "operands")
            self._operands.append(count)
            self._weights.append(range(count, count + more))
        widths = [max(chunk.highest(stage), 1).bit_length() for chunk in chunks]
        self._arrivals = [
            [] if part == 0 else self._rows[0].take(width, "partial counts")
            for part, width in enumerate(widths)
        ]
        self._highest = stage.highest()

    def plan(self) -> WeightPlan:
        stage, home = self._stage, self._rows[0]
        offsets, width = range(stage.windows.offsets), (self._highest + 1).bit_length()
        before = after = None
        bits: list[int] = []
        limits: list[list[int]] = [[] for _ in offsets]
        if stage.thresholds is not None:
            limits = [home.take(width, "thresholds") for _ in offsets]
            first, last = complements(stage.thresholds, stage.conjunction, len(offsets) > 1)
            before, after = self._flags(first), self._flags(last)
            bits = home.take(len(offsets), "output bits")
        steps = [
            self._offset(offset, limits[offset], bits[offset] if bits else None, before)
            for offset in offsets
        ]
        pool, result = Schedule(1), None
        if bits:
            result = bits[0]
            if len(bits) > 1:
                sources = {f"x{i}": self._data(bit) for i, bit in enumerate(bits)}
                pool.append((reduction("C1", len(bits)),), None, **sources, out=self._data(result))
            if after is not None:
                self._flip(pool, result, after[0])
        return WeightPlan(
            self._chunks,
            self._operands,
            self._weights,
            steps,
            before,
            after,
            pool,
            result,
            max(rows.peak for rows in self._rows),  # the lowest free row is always taken first
        )

    def _offset(
        self,
        offset: int,
        limits: list[int],
        bit: int | None,
        before: tuple[int, NDArray[np.bool_]] | None,
    ) -> OffsetSteps:
        counts, partials = [], []
        for part in range(len(self._chunks)):
            schedule = Schedule(1)
            partials.append(self._count(schedule, offset, part))
            counts.append(schedule)
        moved: list[list[int]] = [[] for _ in partials]
        arrivals: list[list[int]] = [[] for _ in partials]
        combine = Schedule(1)
        total = partials[0]
        if len(partials) > 1:
            counter = Counter(combine, self._rows[0], self._highest, self._map)
            for part, partial in enumerate(partials):
                for level, row in enumerate(partial):
                    number = self._number(row)
                    if part == 0:
                        counter.add(level, row.address, False, owned=row.owned)
                    elif number is not None:
                        moved[part].append(number)
                        arrivals[part].append(self._arrivals[part][level])
                        counter.add(level, self._data(arrivals[part][-1]), False, owned=False)
            total = counter.finish()
            for rows, taken in zip(self._rows[1:], moved[1:], strict=True):
                rows.give_back(taken)
        decide = Schedule(1)
        if bit is not None:
            zero = self._map.address("C0")
            operands = {f"b{i}": self._data(row) for i, row in enumerate(limits)}
            operands |= {f"a{i}": zero for i in range(len(limits))}
            operands |= {f"a{i}": int(row.address) for i, row in enumerate(total)}
            decide.append((greater_equal(len(limits)),), None, **operands, out=self._data(bit))
            if before is not None:
                self._flip(decide, bit, before[0])
        numbers = [self._number(row) for row in total]
        self._rows[0].give_back(
            int(row.address) - self._map.first_data for row in total if row.owned
        )
        return OffsetSteps(counts, moved, arrivals, combine, numbers, decide, limits)

    def _count(self, schedule: Schedule, offset: int, part: int) -> list[Row]:
        """Multiply every operand bit of a chunk with its weight's digits, and count."""
        stage, chunk, rows = self._stage, self._chunks[part], self._rows[part]
        counter = Counter(schedule, rows, chunk.highest(stage), self._map)
        for product in products(stage, offset, chunk, self._weights[part].start):
            (number,) = rows.take(1, "products")
            where = {name: self._data(row) for name, row in product.rows.items()}
            schedule.append((product.program,), None, **where, out=self._data(number))
            counter.add(product.level, self._data(number), False, owned=True)
        return counter.finish()

    def _number(self, row: Row) -> int | None:
        """Data row of a bit of a count, None if it is always 0."""
        address = int(row.address)
        return None if address < self._map.first_data else address - self._map.first_data

    def _flags(self, bits: NDArray[np.bool_]) -> tuple[int, NDArray[np.bool_]] | None:
        if not bits.any():
            return None
        (row,) = self._rows[0].take(1, "complements")
        return row, bits

    def _flip(self, schedule: Schedule, row: int, flags: int) -> None:
        place = self._data(row)
        schedule.append((XOR,), None, a=place, b=self._data(flags), out=place)

    def _data(self, row: int) -> int:
        return self._map.first_data + row
