"""Weight-stationary: weights lie in rows, columns are (output, image or position) pairs.

The textbook mapping: the weight of every input to the column's output lies in one row of that
column, the activation in another. Products are counted, and the count is compared with a threshold
that lies in rows too. Weights stay in the subarrays while images stream through, but each
activation is written once for every output that reads it.

All columns run one program. Everything that differs between outputs and positions is data in rows:
weights, the channels of a group, thresholds, the correction of zero padding, and the direction of
comparisons. Products are counted by ANDs or by XNORs, see
:mod:`bnn.mapping.dataflows.resident_counting`. The faster way is taken, judged by all banks of a
part with long rows. So the choice, and with it the faults that strike, does not depend on the
columns or banks that are used.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapped.mapped_stage import ConstantRows, Count, MappedStage, ReadBack
from bnn.mapped.placement.fan_in import Chunk
from bnn.mapped.placement.spent import least_ps, needed_ps, spent_ps, steps
from bnn.mapping.dataflows.resident_counting import (
    ResidentCounter,
    Widths,
    can_and,
    least_moved,
    xnors_need,
)
from bnn.mapping.dataflows.resident_weights import Plan, constants, fitted, placed
from bnn.system.system import System
from pimsim.dram.array.address_map import AddressMap
from pimsim.dram.commands import Kind
from pimsim.errors import InputError, OutOfRowsError, OutOfSubarraysError
from pimsim.microprogram.accumulation import Item, constant
from pimsim.microprogram.logic import XOR, reduction
from pimsim.microprogram.output_tree.deciding import decide
from pimsim.microprogram.product_counter import ProductCounter, is_zero
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.schedule import Schedule

name: str = "weight-stationary"
summary: str = "columns = (output, image or position); weights in rows; AND or XNOR, then popcount"
popcount: str = "in DRAM"
rank: int = 1
version: int = 2

_BURSTS = 128
"""Bursts of a row: 8 KiB in a rank of eight DDR3 chips."""


def map_stage(stage: Stage, system: System, images: int) -> list[MappedStage]:
    """Lay the stage out; see :class:`bnn.mapped.mapped_stage.Mapping`."""
    if system.moves != "host":  # all parts lie in one bank: there is nothing to move
        raise InputError(f"`moves` must be host for {name}, not {system.moves!r}")
    system.mitigation.refuse(name)
    columns = _BURSTS * system.standard.burst_bytes * 8

    @cache
    def plan(ands: bool) -> Plan:
        return _plan(stage, system, ands=ands)

    tried = ways(stage, system.address_map)
    if True in tried:  # which mostly takes so much less that the other way need not be planned
        xnors_ps = _least_ps(stage, system, columns)
        with suppress(OutOfRowsError, OutOfSubarraysError):
            if _price(plan(True), system, columns) < xnors_ps:
                return placed(stage, system, images, plan(True))
    plans: list[Plan] = []
    refused: OutOfRowsError | OutOfSubarraysError | None = None
    for ands in tried:
        try:
            plans.append(plan(ands))
        except OutOfRowsError as error:
            refused = refused or error
    for one in sorted(plans, key=partial(_price, system=system, columns=columns)):
        try:
            return placed(stage, system, images, one)
        except OutOfSubarraysError as error:
            refused = refused or error
    raise refused or AssertionError("there is a way")


def _price(plan: Plan, system: System, columns: int) -> int:
    """Time that all banks of a part take for a batch, with rows of so many columns."""
    written = Kind.WR, plan[0].rows_written("inputs")
    return spent_ps(system, system.standard.banks, columns, written, *steps(plan[0]))


def _least_ps(stage: Stage, system: System, columns: int) -> int:
    """What XNORs take at least, operands of so many columns included; 0 if that is not known."""
    need = xnors_need(stage, system)
    if need is None:
        return 0
    banks, moved = system.standard.banks, least_moved(stage, system.data_rows)
    written = stage.weights.shape[2] * stage.windows.patch * stage.planes
    rows = [(Kind.WR, written), (Kind.RD, moved), (Kind.WR, moved)]
    return sum([*least_ps(system, [banks], columns, rows), *needed_ps(system, [banks], [need])])


def ways(stage: Stage, address_map: AddressMap) -> tuple[bool, ...]:
    """Whether to count ANDs: what is tried."""
    return (False, True) if can_and(stage, address_map) else (False,)


def _plan(stage: Stage, system: System, *, ands: bool) -> Plan:
    widths = Widths(stage, ands=ands)

    def planned(chunks: list[Chunk]) -> Plan:
        return _Planner(stage, ResidentCounter(stage, system, chunks, widths)).plan()

    return fitted(stage, system, planned, widths.of)


def limits(
    stage: Stage,
    width: int,
    offset: int,
    before: NDArray[np.bool_],
    excess: NDArray[np.int64] | int = 0,
) -> NDArray[np.int64]:
    """Least counts that give a 1, (outputs, positions), in so many bits.

    Outside the pooled output every count gives a 1; where ``before`` (outputs,) complements, no
    count does. Counts are larger than those of the stage by ``excess`` (outputs,).
    """
    found = stage.thresholds
    if found is None:
        raise ValueError(f"stage {stage.name!r} has no thresholds")
    never = (1 << width) - 1
    least: NDArray[np.int64] = -((constants(stage, offset) - found.at[:, None]) // stage.scale)
    least = np.clip(least + np.reshape(excess, (-1, 1)), 0, never)
    outside = stage.windows.outputs[offset] < 0
    least[:, outside] = np.where(before, 0, never)[:, None]
    return least


class _Planner:
    def __init__(self, stage: Stage, counter: ResidentCounter) -> None:
        self._stage, self._counter = stage, counter
        self._held, self._map = counter.held, counter.address_map
        self._home = self._held.free[0]
        self._program = RowProgram(1)
        self._held.write(self._program)
        counter.write(self._program)
        self._counts: list[Count] = []

    def plan(self) -> Plan:
        stage, places = self._stage, range(self._stage.windows.offsets)
        if stage.thresholds is None:
            for place in places:
                counter, digits = self._count(place)
                counter.release(digits)
            return self._program, ReadBack(stage.scale, self._counts), self._held
        width = (self._counter.highest + 1).bit_length()
        limit_rows = [self._home.take(width, "thresholds") for _ in places]
        # A comparison "less than" is the complement of "at least", and AND is OR between
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
            least = limits(stage, width, place, before, self._counter.excess)
            held = least >> exponents & 1 > 0
            same = held[:, :, :1] if (held == held[:, :, :1]).all() else held
            self._program.write(rows, 0, ConstantRows(same))
        for place, rows, bit in zip(places, limit_rows, bits, strict=True):
            counter, total = self._count(place)
            digits = [*total, *[constant(-1)] * (width - len(total))]
            against = [Item(self._data(row), True) for row in rows]
            # both in digits of -1 and +1: twice the count, less twice the threshold, and 1
            accumulator, out = counter.accumulator, self._data(bit)
            decide(
                accumulator, dict(enumerate(digits)), dict(enumerate(against)),
                minus=False, carry=1, out=out,
            )  # fmt: skip
            self._flip(accumulator.schedule, bit, flips[0])
            self._program.run(counter.taken())
            counter.release(total)
        pool = Schedule(1, self._map)
        if pooled:
            sources = {f"x{i}": self._data(bit) for i, bit in enumerate(bits)}
            place_of = self._data(bits[0])
            pool.append((reduction("C1", len(bits)),), None, **sources, out=place_of)
        self._flip(pool, bits[0], flips[1])
        self._program.run(pool)
        result = self._program.read(bits[0])
        return self._program, ReadBack(stage.scale, self._counts, result), self._held

    def _count(self, place: int) -> tuple[ProductCounter, list[Item]]:
        """Count at a place of the pooling window; returns what may go on, and the digits."""
        stage, program, given = self._stage, self._program, self._stage.thresholds is None
        program.enter("compute")
        counter, digits = self._counter.count(program, place)
        see = program.read if given else program.look
        bits = [
            (level, see(digit.row - self._map.first_data))
            for level, digit in enumerate(digits)
            if not is_zero(digit)
        ]
        complements = np.array([[not is_zero(one) and one.complement] for one in digits])
        constant = constants(stage, place) - stage.scale * self._counter.excess[:, None]
        self._counts.append(Count(place, bits, len(digits), constant, complements, given=given))
        return counter, digits

    def _flags(self, bits: NDArray[np.bool_]) -> int | None:
        """Row of what is complemented, if anything is."""
        return self._home.take(1, "complements")[0] if bits.any() else None

    def _flip(self, schedule: Schedule, row: int, flags: int | None) -> None:
        if flags is not None:
            place = self._data(row)
            schedule.append((XOR,), None, a=place, b=self._data(flags), out=place)

    def _data(self, row: int) -> int:
        return self._map.first_data + row
