"""Weight-stationary: weights lie in rows, columns are (output, image or position) pairs.

The textbook mapping: the weight of every input to the column's output lies in one row of that
column, the activation in another; XNOR multiplies, a full-adder tree counts, and the count is
compared with a threshold that lies in rows too. Weights stay in the subarrays while images stream
through, but each activation is written once for every output that reads it.

All columns run one program. What differs between outputs and positions (weights, the channels of a
group, thresholds, what zero padding takes back, whether a comparison falls) is data in rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.dataflows.resident_weights import Residence, constants, products, rows_at_least
from bnn.mapping.mapped_stage import ConstantRows, Count, MappedStage, ReadBack
from bnn.mapping.placement import side_by_side
from bnn.mapping.placement.chunk import Chunk
from bnn.mapping.placement.fan_in import fit
from bnn.system.system import System
from pimsim.errors import InputError
from pimsim.microprogram.arithmetic import greater_equal
from pimsim.microprogram.counting import Counter, Row
from pimsim.microprogram.logic import XOR, reduction
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.schedule import Schedule

name: str = "weight-stationary"
summary: str = "columns = (output, image or position); weights in rows; XNOR, then popcount"
popcount: str = "in DRAM"
rank: int = 1


def map_stage(stage: Stage, system: System, images: int, each: int = 1) -> list[MappedStage]:
    """Lay the stage out; see :class:`bnn.mapping.mapped_stage.Mapping`."""
    if system.moves != "host":  # all parts lie in one bank: there is nothing to move
        raise InputError(f"`moves` must be host for {name}, not {system.moves!r}")
    system.mitigation.refuse(name)
    planned = plan(stage, system)
    program, held = planned.program, planned.held
    parts = len(held.chunks)
    placement = side_by_side.place(stage, system, images, program, parts, held.weight_rows, each)
    rows = system.address_map.first_data + held.data_rows
    return [MappedStage(stage, system, program, placement, planned.readback, parts, rows)]


class Plan(NamedTuple):
    """What is held and done in every column."""

    program: RowProgram
    held: Residence
    readback: ReadBack


def plan(stage: Stage, system: System) -> Plan:
    """Split the fan-in over as few subarrays as hold it; OutOfRowsError if none do."""
    return fit(
        stage.name,
        stage.weights.shape[2],
        stage.windows.patch,
        system.data_rows,
        lambda chunks: _Planner(stage, system, chunks).plan(),
        lambda chunk: rows_at_least(stage, chunk),
        lambda chunk: max(chunk.highest(stage), 1).bit_length(),
    )


def limits(stage: Stage, width: int, offset: int, before: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Least counts that give a 1, (outputs, positions), in so many bits.

    Outside the pooled output all counts, or where ``before`` (outputs,) complements none, do.
    """
    found = stage.thresholds
    if found is None:
        raise ValueError(f"stage {stage.name!r} has no thresholds")
    never = (1 << width) - 1
    least = -((constants(stage, offset) - found.at[:, None]) // stage.scale)
    least = np.clip(least, 0, never)
    outside = stage.windows.outputs[offset] < 0
    least[:, outside] = np.where(before, 0, never)[:, None]
    return least


class _Planner:
    def __init__(self, stage: Stage, system: System, chunks: Sequence[Chunk]) -> None:
        self._stage, self._chunks, self._map = stage, chunks, system.address_map
        self._held = Residence(stage, system.data_rows, chunks)
        self._home = self._held.free[0]
        self._arrivals = [
            self._home.take(max(chunk.highest(stage), 1).bit_length(), "partial counts")
            for chunk in chunks[1:]
        ]
        self._highest = stage.highest()
        self._program = RowProgram(1)
        self._held.write(self._program)
        self._counts: list[Count] = []

    def plan(self) -> Plan:
        stage, places = self._stage, range(self._stage.windows.offsets)
        if stage.thresholds is None:
            for place in places:
                self._count(place)
            return Plan(self._program, self._held, ReadBack(stage.scale, self._counts))
        width = (self._highest + 1).bit_length()
        limit_rows = [self._home.take(width, "thresholds") for _ in places]
        # A falling comparison is the complement of the rising one, and AND is OR between
        # complements: so an OR pools all outputs.
        falling, every = stage.thresholds.falling, stage.conjunction
        pooled = len(places) > 1
        before = falling ^ every if pooled else np.zeros_like(every)
        flips = [self._flags(each) for each in (before, every if pooled else falling)]
        bits = self._home.take(len(places), "output bits")
        self._program.enter("weights")
        for row, flags in zip(flips, (before, every if pooled else falling), strict=True):
            if row is not None:
                self._program.write([row], 0, ConstantRows(flags[None, :, None]))
        exponents = np.arange(width)[:, None, None]
        for place, rows in zip(places, limit_rows, strict=True):
            held = limits(stage, width, place, before) >> exponents & 1 > 0
            same = held[:, :, :1] if (held == held[:, :, :1]).all() else held
            self._program.write(rows, 0, ConstantRows(same))
        for place, rows, bit in zip(places, limit_rows, bits, strict=True):
            total = self._count(place)
            decide, zero = Schedule(1, self._map), self._map.address("C0")
            operands = {f"b{i}": self._data(row) for i, row in enumerate(rows)}
            operands |= {f"a{i}": zero for i in range(width)}
            operands |= {f"a{i}": int(row.address) for i, row in enumerate(total)}
            decide.append((greater_equal(width),), None, **operands, out=self._data(bit))
            self._flip(decide, bit, flips[0])
            self._program.run(decide)
        pool = Schedule(1, self._map)
        if pooled:
            sources = {f"x{i}": self._data(bit) for i, bit in enumerate(bits)}
            place_of = self._data(bits[0])
            pool.append((reduction("C1", len(bits)),), None, **sources, out=place_of)
        self._flip(pool, bits[0], flips[1])
        self._program.run(pool)
        result = self._program.read(bits[0])
        return Plan(self._program, self._held, ReadBack(stage.scale, self._counts, result))

    def _count(self, place: int) -> list[Row]:
        """Count at a place of the pooling window; the rows of the count, which may be used."""
        program, partials = self._program, []
        program.enter("compute")
        for part in range(len(self._chunks)):
            schedule = Schedule(1, self._map)
            partials.append(self._products(schedule, place, part))
            program.run(schedule, part)
        total = partials[0]
        if len(partials) > 1:
            combine = Schedule(1, self._map)
            counter = Counter(combine, self._home, self._highest)
            for level, row in enumerate(partials[0]):
                counter.add(level, row.address, False, owned=row.owned)
            for part, (partial, arrivals) in enumerate(
                zip(partials[1:], self._arrivals, strict=True), start=1
            ):
                taken = [(n, self._number(row)) for n, row in enumerate(partial)]
                for level, number in taken:
                    if number is not None:
                        program.move(number, part, arrivals[level])
                        counter.add(level, self._data(arrivals[level]), False, owned=False)
                self._held.free[part].give_back(n for _, n in taken if n is not None)
            total = counter.finish()
            program.run(combine)
        numbers = [self._number(row) for row in total]
        see = program.look if self._stage.thresholds is not None else program.read
        bits = [(level, see(row)) for level, row in enumerate(numbers) if row is not None]
        given = self._stage.thresholds is None
        constant = constants(self._stage, place)
        self._counts.append(Count(place, bits, len(total), constant, given=given))
        self._home.give_back(row - self._map.first_data for row in self._owned(total))
        return total

    def _owned(self, total: Sequence[Row]) -> list[int]:
        return [int(row.address) for row in total if row.owned]

    def _products(self, schedule: Schedule, place: int, part: int) -> list[Row]:
        """Multiply every operand bit of a chunk with its weight's digits, and count."""
        stage, chunk, rows = self._stage, self._chunks[part], self._held.free[part]
        counter = Counter(schedule, rows, chunk.highest(stage))
        for product in products(stage, place, chunk, self._held.weights[part].start):
            (number,) = rows.take(1, "products")
            where = {symbol: self._data(row) for symbol, row in product.rows.items()}
            schedule.append((product.program,), None, **where, out=self._data(number))
            counter.add(product.level, self._data(number), False, owned=True)
        return counter.finish()

    def _number(self, row: Row) -> int | None:
        """Data row of a bit of a count, None if it is always 0."""
        address = int(row.address)
        return None if address < self._map.first_data else address - self._map.first_data

    def _flags(self, bits: NDArray[np.bool_]) -> int | None:
        """Row of what is complemented, if anything is."""
        return self._home.take(1, "complements")[0] if bits.any() else None

    def _flip(self, schedule: Schedule, row: int, flags: int | None) -> None:
        if flags is not None:
            place = self._data(row)
            schedule.append((XOR,), None, a=place, b=self._data(flags), out=place)

    def _data(self, row: int) -> int:
        return self._map.first_data + row
