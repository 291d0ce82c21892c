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

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapped.mapped_stage import ConstantRows, Count, MappedStage, ReadBack
from bnn.mapped.placement.fan_in import Chunk
from bnn.mapping.dataflows.fan_in_counter import FanInCounter
from bnn.mapping.dataflows.resident_weights import Plan, Residence, constants, mapped, products
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


def map_stage(stage: Stage, system: System, images: int) -> list[MappedStage]:
    """Lay the stage out; see :class:`bnn.mapped.mapped_stage.Mapping`."""
    if system.moves != "host":  # all parts lie in one bank: there is nothing to move
        raise InputError(f"`moves` must be host for {name}, not {system.moves!r}")
    system.mitigation.refuse(name)
    return mapped(
        stage,
        system,
        images,
        lambda chunks: _Planner(stage, system, chunks).plan(),
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
        self._stage, self._map = stage, system.address_map
        self._held = Residence(stage, system.data_rows, chunks)
        self._home = self._held.free[0]
        self._most = [chunk.highest(stage) for chunk in chunks]
        widths = [max(most, 1).bit_length() for most in self._most]
        self._counter = FanInCounter(1, self._map, self._held.free, widths)
        self._program = RowProgram(1)
        self._held.write(self._program)
        self._counts: list[Count] = []

    def plan(self) -> Plan:
        stage, places = self._stage, range(self._stage.windows.offsets)
        if stage.thresholds is None:
            for place in places:
                self._count(place)
            return self._program, ReadBack(stage.scale, self._counts), self._held
        width = (stage.highest() + 1).bit_length()
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
            decide, zero = Schedule(1, self._map), self._map.constant(0)
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
        return self._program, ReadBack(stage.scale, self._counts, result), self._held

    def _count(self, place: int) -> list[Row]:
        """Count at a place of the pooling window; the rows of the count, which may be used."""
        stage, program, given = self._stage, self._program, self._stage.thresholds is None

        def add_products(counter: Counter, part: int, _: int) -> None:
            free, weights = self._held.free[part], self._held.weights[part]
            chunk = self._held.chunks[part]
            for product in products(stage, place, chunk, weights.start):
                (number,) = free.take(1, "products")
                where = {symbol: self._data(row) for symbol, row in product.rows.items()}
                out = self._data(number)
                counter.schedule.append((product.program,), None, **where, out=out)
                counter.add(product.level, out, False, owned=True)

        program.enter("compute")
        counted = self._counter.count(stage.highest(), self._most, add_products)
        counted.run(program)
        see = program.read if given else program.look
        bits = [(level, see(row)) for level, row in enumerate(counted.numbers) if row is not None]
        constant = constants(stage, place)
        self._counts.append(Count(place, bits, len(counted.rows), constant, given=given))
        self._counter.release(counted)
        return counted.rows

    def _flags(self, bits: NDArray[np.bool_]) -> int | None:
        """Row of what is complemented, if anything is."""
        return self._home.take(1, "complements")[0] if bits.any() else None

    def _flip(self, schedule: Schedule, row: int, flags: int | None) -> None:
        if flags is not None:
            place = self._data(row)
            schedule.append((XOR,), None, a=place, b=self._data(flags), out=place)

    def _data(self, row: int) -> int:
        return self._map.first_data + row
