"""Weight-stationary: weights lie in rows, columns are (output, image or position) pairs.

The textbook mapping: the weight of every input to the column's output lies in one row of that
column, the activation in another; XNOR multiplies, a full-adder tree counts, and the count is
compared with a threshold that lies in rows too. Weights stay in the subarrays while images stream
through, but each activation is written once for every output that reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bnn.bitstrings import Values
from bnn.lower import Stage
from bnn.machine import Machine
from bnn.mapping.blocks import Blocks
from bnn.mapping.spread import tiling
from bnn.mapping.weight_plan import WeightPlan, constants, limits, plan, weights
from bnn.mapping.work import (
    Execute,
    Result,
    Work,
    operand_rows,
    plane,
    run_compiled,
    tile_images,
)
from pimsim.bits import unpack
from pimsim.dram.commands import Kind
from pimsim.dram.rowstore import Lanes
from pimsim.dram.subarray import Subarray
from pimsim.errors import InputError

name: str = "weight-stationary"
summary: str = "columns = (output, image or position); weights in rows; XNOR, then popcount"


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """What lies where."""

    plan: WeightPlan
    blocks: list[slice]
    """Outputs whose columns share a row."""
    tiles: list[slice]
    """Images whose columns share a row."""
    images: int
    """Images that a row has columns for."""


def prepare(stage: Stage, machine: Machine, images: int, *, compiled: bool) -> Execute:
    """Lay the stage out; see :class:`bnn.mapping.work.Mapping`."""
    planned = plan(stage, machine.data_rows)
    positions = stage.windows.positions
    block = min(stage.outputs, machine.columns // positions)
    together = min(tile_images(machine, positions * max(block, 1)), images)
    blocks = tiling(stage.outputs, block)
    resident = len(blocks) * len(planned.chunks)
    if resident > machine.standard.subarrays_per_bank:
        raise InputError(
            f"weights of {stage.name!r} must fit the {machine.standard.subarrays_per_bank} "
            f"subarrays of a bank, not need {resident}"
        )
    layout = _Layout(planned, blocks, tiling(images, together), together)
    if not compiled:
        return partial(_execute, layout)
    make = partial(Blocks, stage, planned, images)
    return partial(_execute_compiled, layout, make(look=False), partial(make, look=True))


def _execute_compiled(
    layout: _Layout, ready: Blocks, looking: Callable[[], Blocks], work: Work
) -> Result:
    book = partial(_book, layout, work.stage, work.machine)
    values, book_s, check_s = run_compiled(work, book, ready, looking)
    return replace(_result(layout, work, values), book_s=book_s, check_s=check_s)


def _execute(layout: _Layout, work: Work) -> Result:
    stage, machine, planned, tiles = work.stage, work.machine, layout.plan, layout.tiles
    _book(layout, stage, machine)
    positions = stage.windows.positions
    shape = (stage.outputs, work.images, positions)
    sums = stage.thresholds is None
    values = np.empty(shape, np.int64) if sums else np.empty(shape, np.uint8)
    rounds = [tiles[i : i + machine.banks] for i in range(0, len(tiles), machine.banks)]
    lanes = len(rounds[0])
    for number, outputs in enumerate(layout.blocks):
        columns = (outputs.stop - outputs.start) * layout.images * positions
        parts = [machine.subarrays(columns, lanes) for _ in planned.chunks]
        _load_weights(stage, planned, parts, outputs, layout.images)
        for turn, batch in enumerate(rounds):
            _Round(work, planned, parts, outputs, batch, layout.images).run(values)
            work.report(number * len(rounds) + turn + 1, len(layout.blocks) * len(rounds))
    return _result(layout, work, values.transpose(1, 2, 0))


def _result(layout: _Layout, work: Work, values: Values) -> Result:
    machine, blocks, tiles = work.machine, len(layout.blocks), len(layout.tiles)
    return Result(
        values,
        work.images * work.stage.windows.positions * work.stage.outputs,
        tiles * blocks * machine.columns,
        min(tiles, machine.banks) * blocks * len(layout.plan.chunks),
    )


def _book(layout: _Layout, stage: Stage, machine: Machine) -> None:
    """Book what :func:`_execute` executes, in its order."""
    planned, banks = layout.plan, machine.banks
    rounds = [len(layout.tiles[i : i + banks]) for i in range(0, len(layout.tiles), banks)]
    for number, outputs in enumerate(layout.blocks):
        columns = (outputs.stop - outputs.start) * layout.images * stage.windows.positions
        first, every = number * len(planned.chunks), range(rounds[0])
        machine.enter("weights")
        for part, rows in enumerate(planned.weight_rows):
            machine.access(Kind.WR, rows, columns, every, first + part)
        for flags in (planned.before, planned.after):
            if flags is not None:
                machine.access(Kind.WR, [flags[0]], columns, every, first)
        for steps in planned.offsets:
            machine.access(Kind.WR, steps.threshold_rows, columns, every, first)
        for lanes in rounds:
            _book_round(planned, columns, range(lanes), first, machine)


def _book_round(
    planned: WeightPlan,
    columns: int,
    banks: range,
    first: int,
    machine: Machine,
) -> None:
    output = [0] * len(banks)
    machine.enter("inputs")
    for part, rows in enumerate(planned.operand_rows):
        machine.access(Kind.WR, range(rows), columns, banks, first + part)
    machine.enter("compute")
    for steps in planned.offsets:
        for part, count in enumerate(steps.counts):
            machine.run(count, output, banks, first + part)
        pairs = zip(steps.moved[1:], steps.arrivals[1:], strict=True)
        for part, (moved, arrivals) in enumerate(pairs, start=1):
            for row, arrival in zip(moved, arrivals, strict=True):
                machine.access(Kind.RD, [row], columns, banks, first + part)
                machine.access(Kind.WR, [arrival], columns, banks, first)
        machine.run(steps.combine, output, banks, first)
        if planned.result is None:
            counts = [row for row in steps.total if row is not None]
            machine.access(Kind.RD, counts, columns, banks, first)
        else:
            machine.run(steps.decide, output, banks, first)
    if planned.result is not None:
        machine.run(planned.pool, output, banks, first)
        machine.access(Kind.RD, [planned.result], columns, banks, first)


class _Round:
    """One tile of images in each lane."""

    def __init__(
        self,
        work: Work,
        planned: WeightPlan,
        parts: list[Subarray],
        outputs: slice,
        tiles: list[slice],
        images: int,
    ) -> None:
        self._work, self._plan, self._parts = work, planned, parts
        self._outputs, self._tiles = outputs, tiles
        self._shape = (outputs.stop - outputs.start, images, work.stage.windows.positions)
        whole = len(tiles) == parts[0].lanes
        self._lanes: Lanes | None = None if whole else np.arange(len(tiles))
        self._output = np.zeros(len(tiles), dtype=np.intp)

    def run(self, values: NDArray[np.uint8] | NDArray[np.int64]) -> None:
        """Load operands, compute, and store into ``values`` (outputs, images, positions)."""
        for part, chunk in zip(self._parts, self._plan.chunks, strict=True):
            self._load(part, chunk)
        home = self._parts[0]
        for offset, steps in enumerate(self._plan.offsets):
            for part, count in zip(self._parts, steps.counts, strict=True):
                count.run(part, self._output, self._lanes)
            for part, moved, arrivals in zip(
                self._parts[1:], steps.moved[1:], steps.arrivals[1:], strict=True
            ):
                for row, arrival in zip(moved, arrivals, strict=True):
                    home.write(arrival, part.read(row, None, self._lanes), None, self._lanes)
            steps.combine.run(home, self._output, self._lanes)
            if self._work.audit is not None:
                self._audit(offset, self._sums(offset, read=False))
            if self._plan.result is None:
                self._store(values, self._sums(offset, read=True))
            else:
                steps.decide.run(home, self._output, self._lanes)
        if self._plan.result is not None:
            self._plan.pool.run(home, self._output, self._lanes)
            bits = unpack(home.read(self._plan.result, None, self._lanes), home.columns)
            self._store(values, bits.reshape(-1, *self._shape))
        if self._work.audit is not None:
            self._work.audit.forget()

    def _load(self, part: Subarray, chunk: slice) -> None:
        stage, (_, images, positions) = self._work.stage, self._shape
        group_of = stage.group_of[self._outputs]
        first, last = int(group_of[0]), int(group_of[-1]) + 1
        width, each = chunk.stop - chunk.start, stage.weights.shape[2]
        row = 0
        for place in range(stage.windows.patch):
            lanes = np.zeros((len(self._tiles), last - first, width, images, positions), np.uint32)
            for lane, tile in enumerate(self._tiles):
                for group in range(first, last):
                    own = slice(group * each + chunk.start, group * each + chunk.stop)
                    found = operand_rows(self._work, tile, place, own)
                    several = lanes[lane, group - first].reshape(width, -1)
                    several[:, : found.shape[1]] = found
            for channel in range(width):
                spread = lanes[:, group_of - first, channel].reshape(len(self._tiles), -1)
                for bit in range(stage.planes):
                    part.write(row, plane(spread, bit), None, self._lanes)
                    row += 1

    def _sums(self, offset: int, *, read: bool) -> NDArray[np.int64]:
        """Sums as the reference has them, (lanes, outputs, images, positions)."""
        stage, home = self._work.stage, self._parts[0]
        totals = np.zeros((len(self._tiles), home.columns), dtype=np.int64)
        for level, row in enumerate(self._plan.offsets[offset].total):
            if row is not None:
                words = home.read(row, None, self._lanes) if read else home.peek(row, self._lanes)
                totals += unpack(words, home.columns).astype(np.int64) << level
        constant = constants(stage, offset)[self._outputs, None]
        return stage.scale * totals.reshape(-1, *self._shape) + constant

    def _store(
        self,
        values: NDArray[np.uint8] | NDArray[np.int64],
        found: NDArray[np.uint8] | NDArray[np.int64],
    ) -> None:
        for lane, tile in enumerate(self._tiles):
            values[self._outputs, tile] = found[lane, :, : tile.stop - tile.start]

    def _audit(self, offset: int, sums: NDArray[np.int64]) -> None:
        audit = self._work.audit
        if audit is not None:
            for lane, tile in enumerate(self._tiles):
                for place, output in enumerate(range(self._outputs.start, self._outputs.stop)):
                    one = slice(output, output + 1)
                    found = sums[lane, place, : tile.stop - tile.start]
                    audit.compare(tile, offset, one, found[None])


def _load_weights(
    stage: Stage, planned: WeightPlan, parts: list[Subarray], outputs: slice, images: int
) -> None:
    """Write weights, thresholds and complements, the same in every lane."""
    repeats = images * stage.windows.positions
    for part, chunk, numbers in zip(parts, planned.chunks, planned.weight_rows, strict=True):
        rows = weights(stage, chunk)[:, outputs]
        for number, row in zip(numbers, rows, strict=True):
            bits = np.repeat(row.astype(np.uint8), repeats)
            part.write(number, plane(bits[None], 0))
    home = parts[0]
    for flags in (planned.before, planned.after):
        if flags is not None:
            row_number, by_output = flags
            bits = np.repeat(by_output[outputs].astype(np.uint8), repeats)
            home.write(row_number, plane(bits[None], 0))
    for offset, steps in enumerate(planned.offsets):
        if steps.threshold_rows:
            least = limits(stage, planned, offset)[outputs]
            whole = np.repeat(least[:, None], images, axis=1).reshape(1, -1)
            for bit, row_number in enumerate(steps.threshold_rows):
                home.write(row_number, plane(((whole >> bit) & 1).astype(np.uint8), 0))
