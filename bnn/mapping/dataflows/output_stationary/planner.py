"""The command schedules of the output-stationary mapping, for all outputs of a stage.

Every output of a stage runs the same adders over the same number of rows; which rows, and which of
them count complemented, its weights decide. Rows are taken in with the +1 weights first, so that
nearly every adder sees operands of one kind and lanes with different weights stay in lock-step.
Weights of 0 are left out: as many rows are taken in as the output with the fewest zeros has, and
one with more of them takes the constant C0 between its +1 and its -1 weights. A digit of weight
2**shift enters the adders that many levels up. An output of a group names the rows of that group.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bnn.lowering.stage import Stage
from bnn.mapping.dataflows.output_stationary.masks import Masks
from bnn.mapping.dataflows.output_stationary.operand_order import Order, order
from bnn.mapping.dataflows.output_stationary.steps import OffsetPlan, OutputPlan, joined, thrice
from bnn.mapping.dataflows.output_stationary.thresholding import decided, pooled, voted
from bnn.mapping.dataflows.output_stationary.zero_padding import ZeroPadding
from bnn.mapping.parity import check
from bnn.mapping.placement.chunk import Chunk, whole
from bnn.mapping.placement.fan_in import fit
from bnn.system.system import System
from pimsim.microprogram.allocation import RowAllocator
from pimsim.microprogram.counting import Counter, Row
from pimsim.microprogram.gc_paused import gc_paused
from pimsim.microprogram.logic import COPY
from pimsim.microprogram.schedule import Schedule


@gc_paused()
def plan(
    stage: Stage, system: System, *, first_row: int | None = None, held: range = range(0)
) -> OutputPlan:
    """Split the fan-in over as few subarrays as hold it, and write the schedules.

    With ``first_row`` all operands lie in one subarray, from there on, and the rows ``held`` are
    left alone.

    Groups of channels are not split: all of them lie in one subarray, or the stage has but one.

    Raises OutOfRowsError when a single operand, all groups, or what is counted apart do not fit a
    subarray.
    """
    if first_row is not None:
        every = [whole(stage)]
        return _Planner(stage, system, every, first_row, held).plan()
    if stage.groups > 1:
        return _Planner(stage, system, [whole(stage)]).plan()
    return fit(
        stage.name,
        stage.windows.channels,
        stage.windows.patch,
        system.data_rows,
        lambda chunks: _Planner(stage, system, chunks).plan(),
        lambda chunk: chunk.operands * stage.planes,
        lambda chunk: chunk.highest(stage).bit_length(),
    )


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
        self._times = 3 if tmr == "time" else 1
        """How often an output is computed in the same subarray."""
        self._apart = tmr == "banks"
        self._stage, self._chunks, self._first_row = stage, chunks, first_row
        self._map = system.address_map
        self._rows = [RowAllocator(data_rows) for _ in chunks]
        for rows, chunk in zip(self._rows, chunks, strict=True):
            count = chunk.operands * stage.planes
            rows.hold(range(first_row, first_row + count), "operands")
            rows.hold(held, "rows of others")
        widths = [chunk.highest(stage, self._of_group(chunk)).bit_length() for chunk in chunks]
        self._arrivals = [
            [] if part == 0 else self._rows[0].take(width, "partial counts")
            for part, width in enumerate(widths)
        ]
        self._masks = Masks(stage, self._rows[0])
        self._padding = ZeroPadding(stage, self._masks, self._map)
        self._orders: dict[tuple[int, int, tuple[int, ...]], Order] = {}

    def plan(self) -> OutputPlan:
        stage, empty = self._stage, self._schedule()
        places = range(stage.windows.offsets)
        if stage.thresholds is None:
            offsets = [steps for place in places for steps in self._sums(place)]
            pool, result = empty, None
        else:
            offsets, pool, result = self._bits(places)
        scale = stage.scale // (1 + self._padding.halves)
        chunks = self._chunks * (3 if self._apart else 1)
        voter = len(chunks) if self._apart else 0
        masks = self._masks.all()
        return OutputPlan(chunks, masks, offsets, scale, pool, result, self._first_row, voter)

    def _bits(self, places: range) -> tuple[list[OffsetPlan], Schedule, int]:
        """Steps to an output bit, what pools bits, and the row of the result."""
        stage, rows = self._stage, self._rows[0]
        offsets: list[OffsetPlan] = []
        bits: list[int] = []
        many = len(places) > 1
        # Nothing that is computed once more may overwrite what was found before.
        kept = rows.take(self._times, "results to be voted") if self._times > 1 else []
        for place in places:
            steps, total = self._count(place)
            taken = rows.take(1, "output bits") if many or not kept else kept
            decided = [self._decide(total, steps, row) for row in taken]
            offsets += [replace(steps, decide=decide) for decide in decided]
            bits += taken
            self._release(total)
        if many:
            results = kept or rows.take(1, "result")
            pools = [pooled(stage, bits, row, self._map) for row in results]
        else:
            results, pools = bits, [self._schedule()]
        if self._apart:
            once = [*offsets[:-1], replace(offsets[-1], decide=joined(offsets[-1].decide, *pools))]
            offsets = thrice(once, len(self._chunks), results, range(3))
            results = [0, 1, 2]
        elif self._times > 1 and many:
            before, last = offsets[:-1], offsets[-1]
            ends = [replace(last, decide=joined(last.decide, pool)) for pool in pools]
            offsets = [steps for end in ends for steps in (*before, end)]
        if len(results) == 1:
            return offsets, pools[0], results[0]
        vote = voted(stage.outputs, [(results, results[0])], self._map)
        offsets[-1] = replace(offsets[-1], vote=vote)
        return offsets, self._schedule(), results[0]

    def _sums(self, place: int) -> list[OffsetPlan]:
        """Steps to a count that is read out, one level of it a row."""
        rows = self._rows[0]
        found = [self._count(place) for _ in range(self._times)]
        offsets = [steps for steps, _ in found]
        held = [steps.total for steps in offsets]
        if self._apart:
            own = [row for row in held[0] if row is not None]
            arrivals = RowAllocator(self._capacity).take(3 * len(own), "counts to be voted")
            offsets = thrice(offsets, len(self._chunks), own, arrivals)
            arriving = iter(arrivals)
            held = [[row if row is None else next(arriving) for row in held[0]] for _ in range(3)]
        reads = held[0]
        if len(held) > 1:
            reads, levels_to = [], []
            for row, *levels in zip(found[0][1], *held, strict=True):
                into: int | None = None
                if levels[0] is not None:
                    own_row = self._apart or row.owned
                    into = levels[0] if own_row else rows.take(1, "a voted count")[0]
                    numbers = [level for level in levels if level is not None]
                    levels_to.append((numbers, into))
                reads.append(into)
            offsets[-1] = replace(
                offsets[-1], vote=voted(self._stage.outputs, levels_to, self._map)
            )
        offsets[-1] = replace(offsets[-1], reads=reads)
        for _, total in found:
            self._release(total)
        return offsets

    def _count(self, offset: int) -> tuple[OffsetPlan, list[Row]]:
        """Steps to a count, without what is done with it; and its rows, which are kept."""
        stage = self._stage
        most = (stage.highest() << self._padding.halves) + self._padding.highest(offset)
        counters = []
        for part, chunk in enumerate(self._chunks):
            single = len(self._chunks) == 1
            taps = chunk.taps(stage.windows, offset)
            highest = most if single else stage.highest(self._of_group(chunk), taps)
            counter = Counter(self._schedule(), self._rows[part], highest)
            self._add_products(counter, offset, part, self._padding.halves if single else 0)
            counters.append(counter)
        if len(self._chunks) == 1:
            counter = counters[0]
            counts = [counter.schedule]
            moved: list[list[int]] = [[]]
            arrivals: list[list[int]] = [[]]
            combine = self._schedule()
            constant = self._padding.add(counter, offset)
            total = counter.finish()
        else:
            # All parts count before anything is combined, so that no row is taken twice.
            partials = [each.finish() for each in counters]
            counts = [each.schedule for each in counters]
            combine = self._schedule()
            counter = Counter(combine, self._rows[0], most)
            constant = self._padding.add(counter, offset)
            for level, row in enumerate(partials[0]):
                counter.add(
                    level + self._padding.halves, row.address, row.inverted, owned=row.owned
                )
            moved, arrivals = [[]], [[]]
            for part, each in enumerate(counters[1:], start=1):
                partial = self._settled(partials[part], each.schedule, part)
                moved.append([])
                arrivals.append([])
                for level, row in enumerate(partial):
                    if not self._nothing(row):
                        arrival = self._arrivals[part][level]
                        moved[part].append(self._number(row))
                        arrivals[part].append(arrival)
                        place, higher = self._data(arrival), level + self._padding.halves
                        counter.add(higher, place, row.inverted, owned=False)
                each.release(partial)
            total = counter.finish()
        total = self._settled(total, combine if len(self._chunks) > 1 else counts[0], 0)
        inverted = np.stack([row.inverted for row in total])
        numbers = [None if self._nothing(row) else self._number(row) for row in total]
        empty = self._schedule()
        found = None
        if self._checked:
            level, added = self._padding.halves, self._padding.least_bits(offset)
            found = check(stage, (numbers[level:] or [None])[0], inverted[level], added)
        steps = OffsetPlan(
            offset,
            counts,
            moved,
            arrivals,
            combine,
            numbers,
            inverted,
            constant,
            None,
            empty,
            empty,
            found,
        )
        return steps, total

    def _schedule(self) -> Schedule:
        """An empty schedule for all outputs."""
        return Schedule(self._stage.outputs, self._map)

    def _release(self, total: list[Row]) -> None:
        """Give the rows of a count back."""
        self._rows[0].give_back(self._number(row) for row in total if row.owned)

    def _add_products(self, counter: Counter, offset: int, part: int, lift: int) -> None:
        """Add every operand bit of a chunk, complemented where a digit of the weight is -1."""
        stage, chunk = self._stage, self._chunks[part]
        own, taps = self._of_group(chunk), chunk.taps(stage.windows, offset)
        channels = np.arange(own.stop - own.start)
        places = stage.windows.taps[offset, taps] - chunk.places.start
        first = (places[:, None] * chunk.width + channels).reshape(-1) * stage.planes
        first = (first + self._data(self._first_row)).astype(np.int32)
        zero = self._map.address("C0")
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

    def _of_group(self, chunk: Chunk) -> slice:
        """Channels of a group that a chunk of all channels holds."""
        if self._stage.groups == 1:
            return chunk.channels
        return slice(0, self._stage.weights.shape[2])

    def _settled(self, bits: list[Row], schedule: Schedule, part: int) -> list[Row]:
        """Copy bits that lie in another row for every output into a row that all outputs share.

        A count of a single product is that operand, and so nothing has been added yet.
        """
        settled = []
        for row in bits:
            addresses = np.unique(row.address)
            if len(addresses) > 1:
                (number,) = self._rows[part].take(1, "a count")
                schedule.append((COPY,), None, a=row.address, out=self._data(number))
                row = row._replace(address=self._data(number), owned=True)
            settled.append(row)
        return settled

    def _nothing(self, row: Row) -> bool:
        """Whether a bit of a count is always 0."""
        return isinstance(row.address, int) and row.address == self._map.address("C0")

    def _decide(self, total: list[Row], steps: OffsetPlan, result: int) -> Schedule:
        """Steps from a count to an output bit, in the row ``result``."""
        scale = self._stage.scale // (1 + self._padding.halves)
        return decided(self._stage, (total, scale), steps, self._masks, result, self._map)

    def _data(self, row: int) -> int:
        return self._map.first_data + row

    def _number(self, row: Row) -> int:
        """Data row of a finished bit, the same for every output."""
        addresses = np.unique(row.address)
        if len(addresses) != 1 or addresses[0] < self._map.first_data:
            raise ValueError("bits of a count must share a data row")
        return int(addresses[0]) - self._map.first_data
