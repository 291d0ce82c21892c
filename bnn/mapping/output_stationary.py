"""Output-stationary: columns are images or positions, weights are in the command stream.

Activations lie in rows, one bit of one input channel a row. A subarray computes one output after
the other: the count of an output stays where it is while the command stream walks over the input
rows, and the weight decides whether the adder takes a row or its complement. No XNOR is executed,
no weight is stored. Outputs (or, with many columns, tiles of columns) are spread over the banks.

A fan-in that does not fit one subarray is split over several; their partial counts are read out,
written into the first one and added there. Groups of channels that do not fit together are computed
one after the other, each in subarrays of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bnn.bitstrings import Values
from bnn.lower import Stage
from bnn.machine import Machine
from bnn.mapping.output_plan import OutputPlan, plan
from bnn.mapping.outputs import Outputs
from bnn.mapping.pieces import divide, one_after_another
from bnn.mapping.spread import Batch, Spread, spread
from bnn.mapping.work import Execute, Result, Work, operand_rows, plane, run_compiled
from pimsim.bits import unpack
from pimsim.dram.commands import Kind
from pimsim.dram.rowstore import Lanes
from pimsim.dram.subarray import Subarray

_Number = TypeVar("_Number", bound=np.generic)

name: str = "output-stationary"
summary: str = "columns = images or positions; weights folded into the adders; counts stay put"


def prepare(stage: Stage, machine: Machine, images: int, *, compiled: bool) -> Execute:
    """Lay the stage out; see :class:`bnn.mapping.work.Mapping`."""
    pieces = divide(stage, machine.data_rows, partial(plan, data_rows=machine.data_rows))
    executes, first = [], 0
    for piece in pieces:
        some = _prepare(piece.stage, piece.plan, machine, images, first, compiled=compiled)
        executes.append(some)
        first += len(piece.plan.chunks)
    return one_after_another(pieces, executes)


def _prepare(
    stage: Stage, planned: OutputPlan, machine: Machine, images: int, first: int, *, compiled: bool
) -> Execute:
    """Lay a piece out in subarrays from number ``first`` on."""
    placed = spread(stage, machine, images, planned)
    if not compiled:
        return partial(_execute, planned, placed, first)
    rows = machine.standard.rows_per_subarray
    make = partial(Outputs, stage, planned, rows, images)
    return partial(
        _execute_compiled, planned, placed, first, make(look=False), partial(make, look=True)
    )


def _execute_compiled(
    planned: OutputPlan,
    placed: Spread,
    first: int,
    ready: Outputs,
    looking: Callable[[], Outputs],
    work: Work,
) -> Result:
    book = partial(_book, planned, placed, work.stage, work.machine, first)
    values, book_s, check_s = run_compiled(work, book, ready, looking)
    result = _result(work, placed, len(planned.chunks), values)
    return replace(result, book_s=book_s, check_s=check_s)


def _execute(planned: OutputPlan, placed: Spread, first: int, work: Work) -> Result:
    stage, machine = work.stage, work.machine
    _book(planned, placed, stage, machine, first)
    bits = stage.thresholds is not None
    shape = (stage.outputs, work.images, stage.windows.positions)
    values = np.empty(shape, np.uint8) if bits else np.empty(shape, np.int64)
    total = sum(len(batch.images) for batch in placed.batches) * placed.outputs_per_group
    done = 0
    columns = placed.images * stage.windows.positions
    for batch in placed.batches:
        width = len(batch.images)
        parts = [machine.subarrays(columns, width) for _ in planned.chunks]
        _load(work, planned, parts, batch.images, placed.images)
        for slot in range(placed.outputs_per_group):
            lanes, outputs = _slot(stage, placed, batch, slot)
            if len(lanes):
                _Output(work, planned, parts, batch.images, lanes, outputs).run(values)
            done += len(batch.images)
            work.report(done, total)
        if work.audit is not None:
            work.audit.forget()
    return _result(work, placed, len(planned.chunks), values.transpose(1, 2, 0))


def _slot(stage: Stage, placed: Spread, batch: Batch, slot: int) -> tuple[Lanes, NDArray[np.intp]]:
    """Lanes that have an output left, and which."""
    outputs = batch.groups * placed.outputs_per_group + slot
    lanes = np.flatnonzero(outputs < stage.outputs)
    return lanes, outputs[lanes]


def _book(planned: OutputPlan, placed: Spread, stage: Stage, machine: Machine, first: int) -> None:
    """Book what :func:`_execute` executes, in its order, in subarrays from ``first`` on."""
    columns = placed.images * stage.windows.positions
    patch = stage.windows.patch * stage.planes
    for batch in placed.batches:
        every = range(len(batch.images))
        machine.enter("inputs")
        for part, chunk in enumerate(planned.chunks):
            rows = range((chunk.stop - chunk.start) * patch)
            machine.access(Kind.WR, rows, columns, every, first + part)
        machine.access(Kind.WR, [row for row, _ in planned.masks], columns, every, first)
        machine.enter("compute")
        for slot in range(placed.outputs_per_group):
            lanes, outputs = _slot(stage, placed, batch, slot)
            if len(lanes):
                _book_output(planned, columns, outputs, lanes.tolist(), machine, first)


def _book_output(
    planned: OutputPlan,
    columns: int,
    outputs: NDArray[np.intp],
    banks: list[int],
    machine: Machine,
    first: int,
) -> None:
    for steps in planned.offsets:
        for part, count in enumerate(steps.counts):
            machine.run(count, outputs, banks, first + part)
        pairs = zip(steps.moved[1:], steps.arrivals[1:], strict=True)
        for part, (moved, arrivals) in enumerate(pairs, start=1):
            for row, arrival in zip(moved, arrivals, strict=True):
                machine.access(Kind.RD, [row], columns, banks, first + part)
                machine.access(Kind.WR, [arrival], columns, banks, first)
        machine.run(steps.combine, outputs, banks, first)
        if planned.result is None:
            counts = [row for row in steps.total if row is not None]
            machine.access(Kind.RD, counts, columns, banks, first)
        else:
            machine.run(steps.decide, outputs, banks, first)
    if planned.result is not None:
        machine.run(planned.pool, outputs, banks, first)
        machine.access(Kind.RD, [planned.result], columns, banks, first)


class _Output:
    """One output a lane, computed in lock-step."""

    def __init__(
        self,
        work: Work,
        planned: OutputPlan,
        parts: list[Subarray],
        images: list[slice],
        lanes: Lanes,
        outputs: NDArray[np.intp],
    ) -> None:
        self._work, self._plan, self._parts, self._images = work, planned, parts, images
        self._outputs = outputs
        self._lane_of = lanes
        self._lanes = None if len(lanes) == parts[0].lanes else lanes

    def run(self, values: NDArray[np.uint8] | NDArray[np.int64]) -> None:
        """Compute, read out, and store into ``values`` (outputs, images, positions)."""
        home = self._parts[0]
        for offset, steps in enumerate(self._plan.offsets):
            for part, count in zip(self._parts, steps.counts, strict=True):
                count.run(part, self._outputs, self._lanes)
            for part, moved, arrivals in zip(
                self._parts[1:], steps.moved[1:], steps.arrivals[1:], strict=True
            ):
                for row, arrival in zip(moved, arrivals, strict=True):
                    home.write(arrival, part.read(row, None, self._lanes), None, self._lanes)
            steps.combine.run(home, self._outputs, self._lanes)
            if self._work.audit is not None:
                self._audit(self._counts(offset, read=False), offset)
            if self._plan.result is None:
                counts = self._counts(offset, read=True)
                for lane, output, sums in zip(self._lane_of, self._outputs, counts, strict=True):
                    values[output, self._images[lane]] = sums
            else:
                steps.decide.run(home, self._outputs, self._lanes)
        if self._plan.result is not None:
            self._plan.pool.run(home, self._outputs, self._lanes)
            bits = unpack(home.read(self._plan.result, None, self._lanes), home.columns)
            for lane, output, column in zip(self._lane_of, self._outputs, bits, strict=True):
                values[output, self._images[lane]] = self._by_image(lane, column)

    def _by_image(self, lane: int, columns: NDArray[_Number]) -> NDArray[_Number]:
        """``(images, positions)`` of a lane; the last tile leaves columns over."""
        images, positions = self._images[lane], self._work.stage.windows.positions
        count = images.stop - images.start
        return columns[: count * positions].reshape(count, positions)

    def _counts(self, offset: int, *, read: bool) -> list[NDArray[np.int64]]:
        """Sums as the reference has them, (images, positions) a lane; read out or looked at."""
        home, steps = self._parts[0], self._plan.offsets[offset]
        totals = np.zeros((len(self._outputs), home.columns), dtype=np.int64)
        for level, row in enumerate(steps.total):
            if row is not None:
                words = home.read(row, None, self._lanes) if read else home.peek(row, self._lanes)
                inverted = steps.inverted[level, self._outputs]
                totals += (unpack(words, home.columns) ^ inverted[:, None]).astype(
                    np.int64
                ) << level
        sums = self._plan.scale * totals + steps.offsets[self._outputs, None]
        return [
            self._by_image(lane, found) for lane, found in zip(self._lane_of, sums, strict=True)
        ]

    def _audit(self, counts: list[NDArray[np.int64]], offset: int) -> None:
        audit = self._work.audit
        if audit is not None:
            for lane, output, sums in zip(self._lane_of, self._outputs, counts, strict=True):
                number = self._work.first_output + int(output)
                place = slice(number, number + 1)
                audit.compare(self._images[lane], offset, place, sums[None])


def _load(
    work: Work, planned: OutputPlan, parts: list[Subarray], images: list[slice], together: int
) -> None:
    """Write operands (and masks, into the first part) for every lane, ``together`` images each."""
    distinct = {(some.start, some.stop): some for some in images}
    for part, chunk in zip(parts, planned.chunks, strict=True):
        row = 0
        for place in range(work.stage.windows.patch):
            cut = {key: operand_rows(work, some, place, chunk) for key, some in distinct.items()}
            shape = (len(images), chunk.stop - chunk.start, part.columns)
            lanes = np.zeros(shape, np.uint32)
            for lane, some in enumerate(images):
                operands = cut[some.start, some.stop]
                lanes[lane, :, : operands.shape[1]] = operands
            for channel in range(lanes.shape[1]):
                for bit in range(work.stage.planes):
                    part.write(row, plane(lanes[:, channel], bit))
                    row += 1
    for row, mask in planned.masks:
        for_images = np.tile(mask, together).astype(np.uint8)
        parts[0].write(row, plane(for_images[None], 0))


def _result(
    work: Work,
    placed: Spread,
    parts: int,
    values: Values,
) -> Result:
    images = [part for batch in placed.batches for part in batch.images]
    used = sum(part.stop - part.start for part in images) * work.stage.windows.positions
    opened = len(images) * work.machine.columns
    return Result(values, used, opened, len(images) * parts)
