"""The row program of the output-stationary mapping, for all outputs of a stage.

Every output of a stage runs the same adders over the same number of rows. Its weights decide which
rows these are, and which of them count complemented. Rows with weights of +1 come first, so nearly
every adder has operands of one kind, and lanes with different weights stay in lock-step. Weights of
0 are left out. The number of rows is that of the output with the fewest zeros; outputs with more
zeros add the constant C0 between their +1 and their -1 weights. A digit of weight 2**shift enters
the adders that many levels up. An output of a group names the rows of that group.

With triple modular redundancy an output is computed three times: by the same parts one after the
other, or by three sets of parts with a home each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapped.mapped_stage import ConstantRows, Count, OperandRows, ReadBack
from bnn.mapped.parity import Check, check
from bnn.mapped.placement.fan_in import Chunk, fit, whole
from bnn.mapping.dataflows.fan_in_counter import Counted, FanInCounter
from bnn.mapping.dataflows.output_stationary.edges import Masks, ZeroPadding
from bnn.mapping.dataflows.output_stationary.operand_order import Order, order
from bnn.mapping.dataflows.output_stationary.thresholding import decided, pooled, voted
from bnn.system.system import System
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.counting import Counter
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.schedule import Schedule, gc_paused


@dataclass(frozen=True, slots=True, eq=False)
class OutputPlan:
    """Everything that subarrays need to compute any output of a stage."""

    program: RowProgram
    readback: ReadBack
    chunks: list[Chunk]
    """What each part of a set holds, a subarray that shares the fan-in."""
    sets: int
    """Sets of parts that compute the same."""
    voter: int
    """The part that gives the result: part 0. If three sets of parts are voted on, it is another
    one, without operands: in one of the sets, a weak column would spoil the vote, too."""
    result: int | None
    """Data row of the voter with the output bits; None where sums are wanted."""
    first_row: int
    """First data row of the operands, in each subarray."""

    @property
    def parts(self) -> int:
        """Subarrays that take part."""
        return max(len(self.chunks) * self.sets, self.voter + 1)


@gc_paused()
def plan(
    stage: Stage,
    system: System,
    *,
    first_row: int | None = None,
    held: range = range(0),
    stays: bool = False,
) -> OutputPlan:
    """Divide the fan-in among as few subarrays as possible, and write the row program.

    With ``first_row`` all operands lie in one subarray, from that row on, and the rows ``held`` are
    not used. With ``stays``, output bits are not read out, but stay in their rows for the next
    stage.

    Groups of channels are not divided: all of them lie in one subarray, or the stage has only one.

    Raises OutOfRowsError if a single operand, all groups together, or the partial counts do not fit
    into a subarray.
    """
    if first_row is not None or stage.groups > 1:
        return _Planner(stage, system, [whole(stage)], first_row or 0, held).plan(stays)
    return fit(
        stage.name,
        stage.windows.channels,
        stage.windows.patch,
        system.data_rows,
        lambda chunks: _Planner(stage, system, chunks).plan(stays),
        lambda chunk: chunk.operands * stage.planes,
        lambda chunk: chunk.highest(stage).bit_length(),
    )


class _Sum(NamedTuple):
    """A sum at a place of the pooling window: sum = scale * count + constant."""

    place: int
    counted: Counted
    constant: NDArray[np.int64]
    """``(outputs,)``."""
    check: Check | None
    """The row that is compared with its expected contents, once the count is there."""


class _Planner:
    def __init__(
        self,
        stage: Stage,
        system: System,
        chunks: list[Chunk],
        first_row: int = 0,
        held: range = range(0),
    ) -> None:
        tmr, data_rows = system.mitigation.tmr, system.data_rows
        self._checked, self._capacity = system.mitigation.retries > 0, data_rows
        self._apart, self._passes = tmr == "banks", 1 if tmr == "off" else 3
        self._voter = 3 * len(chunks) if self._apart else 0
        self._stage, self._chunks, self._first_row = stage, chunks, first_row
        self._map = system.address_map
        self._rows = [RowAllocator(data_rows) for _ in chunks]
        for rows, chunk in zip(self._rows, chunks, strict=True):
            rows.hold(self._operand_rows(chunk), "operands")
            rows.hold(held, "rows of others")
        widths = [chunk.highest(stage, self._of_group(chunk)).bit_length() for chunk in chunks]
        self._counter = FanInCounter(stage.outputs, self._map, self._rows, widths)
        self._masks = Masks(stage, self._rows[0])
        self._padding = ZeroPadding(stage, self._masks, self._map)
        self._scale = stage.scale // (1 + self._padding.halves)
        self._orders: dict[tuple[int, int, tuple[int, ...]], Order] = {}
        self._program, self._counts = RowProgram(stage.outputs), list[Count]()
        self._checks: list[tuple[int, int, Check]] = []

    def plan(self, stays: bool) -> OutputPlan:
        stage, program, result = self._stage, self._program, None
        sets = 3 if self._apart else 1
        program.enter("inputs")
        for part, chunk in enumerate(self._chunks * sets):
            program.write(self._operand_rows(chunk), part, OperandRows(chunk, of_group=False))
        for number in range(sets):
            for row, mask in self._masks.all():
                program.write([row], self._home(number), ConstantRows(mask[None, None]))
        program.enter("compute")
        seen = None
        if stage.thresholds is None:
            for place in range(stage.windows.offsets):
                self._give_sum(place)
        else:
            result = self._bits()
            see = partial(program.look, always=True) if stays else program.read
            seen = see(result, self._voter)
        readback = ReadBack(self._scale, self._counts, seen, self._checks)
        return OutputPlan(
            program, readback, self._chunks, sets, self._voter, result, self._first_row
        )

    def _home(self, number: int) -> int:
        """The part that adds up partial counts, and decides, in a repetition."""
        return number * len(self._chunks) if self._apart else 0

    def _bits(self) -> int:
        """Compute the output's bit, and say in which row of the voter it is."""
        stage, rows, program = self._stage, self._rows[0], self._program
        times = 1 if self._apart else self._passes
        """How often the bit is computed in the same subarray."""
        many = stage.windows.offsets > 1
        # A repetition must not overwrite the results of earlier ones.
        kept = rows.take(times, "results to be voted") if times > 1 else []
        sums: list[tuple[_Sum, list[Schedule]]] = []
        bits: list[int] = []
        for place in range(stage.windows.offsets):
            found = self._sum(place)
            taken = rows.take(1, "output bits") if many or not kept else kept
            sums.append((found, [self._decide(found, row) for row in taken]))
            bits += taken
            self._counter.release(found.counted)
        results = bits if not many else kept or rows.take(1, "result")
        pools = [pooled(stage, bits, row, self._map) for row in results] if many else []
        for number in range(self._passes):
            home, own = self._home(number), number % times
            for found, decide in sums:
                self._count(found, home)
                program.run(decide[own % len(decide)], home)
            if many:
                program.run(pools[own], home)
            if self._apart:
                program.move(results[0], home, number, self._voter)
        if self._apart:
            results = [0, 1, 2]
        if self._passes > 1:
            program.run(voted(stage.outputs, [(results, results[0])], self._map), self._voter)
        return results[0]

    def _give_sum(self, place: int) -> None:
        """Compute the sum at a place, and read its count, one level of it a row."""
        rows, program = self._rows[0], self._program
        if self._passes == 1:
            found = self._sum(place)
            self._count(found, 0, given=True)
            self._counter.release(found.counted)
            return
        sums = [self._sum(place) for _ in range(1 if self._apart else self._passes)]
        held = [found.counted.numbers for found in sums]
        own = [row for row in held[0] if row is not None]
        if self._apart:
            taken = RowAllocator(self._capacity).take(3 * len(own), "counts to be voted")
            places, arrivals = iter(taken), iter(taken)
            held = [[row if row is None else next(places) for row in held[0]] for _ in range(3)]
        votes: list[tuple[list[int], int]] = []
        given: list[int | None] = []
        for row, *levels in zip(sums[0].counted.rows, *held, strict=True):
            into, numbers = None, [level for level in levels if level is not None]
            if numbers:
                into = numbers[0] if self._apart or row.owned else rows.take(1, "a voted count")[0]
                votes.append((numbers, into))
            given.append(into)
        for number in range(self._passes):
            home = self._home(number)
            self._count(sums[number % len(sums)], home)
            if self._apart:
                for row in own:
                    program.move(row, home, next(arrivals), self._voter)
        program.run(voted(self._stage.outputs, votes, self._map), self._voter)
        self._see(sums[0], given, self._voter, given=True, seen=False)
        for found in sums:
            self._counter.release(found.counted)

    def _sum(self, place: int) -> _Sum:
        """Write the steps to the count at a place; its rows are kept."""
        stage, padding = self._stage, self._padding
        most = (stage.highest() << padding.halves) + padding.highest(place)
        taps = [chunk.taps(stage.windows, place) for chunk in self._chunks]
        highest = [
            stage.highest(self._of_group(chunk), some)
            for chunk, some in zip(self._chunks, taps, strict=True)
        ]
        constant = stage.offsets

        def add_products(counter: Counter, part: int, lift: int) -> None:
            self._add_products(counter, place, part, lift)

        def correct(counter: Counter) -> None:
            nonlocal constant
            constant = padding.add(counter, place)

        counted = self._counter.count(most, highest, add_products, correct, padding.halves)
        known = None
        if self._checked:
            level, added = padding.halves, padding.least_bits(place)
            row = (counted.numbers[level:] or [None])[0]
            known = check(stage, row, counted.inverted[level], added)
        return _Sum(place, counted, constant, known)

    def _count(self, found: _Sum, home: int, *, given: bool = False) -> None:
        """Let a set of parts count; the count is the result of the stage, or is only looked at."""
        found.counted.run(self._program, home)
        if found.check is not None:
            number = self._program.read(found.check.row, home)
            self._checks.append((number, found.place, found.check))
        self._see(found, found.counted.numbers, home, given=given)

    def _see(
        self,
        found: _Sum,
        rows: Sequence[int | None],
        part: int,
        *,
        given: bool,
        seen: bool = True,
    ) -> None:
        """Read a count that the stage gives, or look at one."""
        see = self._program.read if given else self._program.look
        bits = [(level, see(row, part)) for level, row in enumerate(rows) if row is not None]
        constant, inverted = found.constant[:, None].astype(np.int64), found.counted.inverted
        count = Count(found.place, bits, len(rows), constant, inverted, seen, given)
        self._counts.append(count)

    def _add_products(self, counter: Counter, offset: int, part: int, lift: int) -> None:
        """Add every operand bit of a chunk, complemented where a digit of the weight is -1."""
        stage, chunk = self._stage, self._chunks[part]
        own, taps = self._of_group(chunk), chunk.taps(stage.windows, offset)
        channels = np.arange(own.stop - own.start)
        places = stage.windows.taps[offset, taps] - chunk.places.start
        first = (places[:, None] * chunk.width + channels).reshape(-1) * stage.planes
        first = (first + self._map.first_data + self._first_row).astype(np.int32)
        zero = self._map.constant(0)
        for digit, shift in enumerate(stage.shifts):
            key = part, digit, tuple(taps.tolist())
            if key not in self._orders:
                some = stage.weights[digit, taps, own].reshape(-1, stage.outputs)
                self._orders[key] = order(some)
            found = self._orders[key]
            rows = first[found.products]
            if stage.groups > 1:
                rows += (stage.group_of * (len(channels) * stage.planes)).astype(np.int32)
            for bit in range(stage.planes):
                taken = rows + np.int32(bit)
                if found.nothing is not None:
                    taken[found.nothing] = zero
                counter.add_all(bit + shift + lift, taken, found.complements)

    def _operand_rows(self, chunk: Chunk) -> range:
        """Data rows of a chunk's operands."""
        first = self._first_row
        return range(first, first + chunk.operands * self._stage.planes)

    def _of_group(self, chunk: Chunk) -> slice:
        """Channels of a group that a chunk of all channels holds."""
        if self._stage.groups == 1:
            return chunk.channels
        return slice(0, self._stage.weights.shape[2])

    def _decide(self, found: _Sum, result: int) -> Schedule:
        """Steps from a count to an output bit, in the row ``result``."""
        return decided(
            self._stage,
            (found.counted.rows, self._scale, found.constant),
            found.place,
            self._masks,
            result,
            self._map,
        )
