"""Output-stationary: columns are images or positions, weights are in the command stream.

Activations lie in rows, one bit of one input channel a row. A subarray computes one output after
the other: the count of an output stays where it is while the command stream walks over the input
rows, and the weight decides whether the adder takes a row or its complement. No XNOR is executed,
no weight is stored. Outputs (or, with many columns, tiles of columns) are spread over the banks.

A fan-in that does not fit one subarray is split over several; their partial counts are moved into
the first one (through the host, or from bank to bank) and added there. Groups of channels that do
not fit together are computed one after the other, each in subarrays of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bnn.machine import Machine
from bnn.mapping.faulty_outputs import FaultyOutputs
from bnn.mapping.injected import Injected
from bnn.mapping.output_books import book, usage
from bnn.mapping.output_plan import plan
from bnn.mapping.output_recipe import OutputRecipe
from bnn.mapping.output_steps import OffsetPlan, OutputPlan
from bnn.mapping.outputs import Outputs
from bnn.mapping.pieces import divide, one_after_another
from bnn.mapping.spread import Spread, spread
from bnn.mapping.tiles import Tile
from bnn.mapping.work import Draft, Execute, Result, Usage, Work, operand_rows, plane, run_compiled
from bnn.stage import Stage
from pimsim.bits import unpack
from pimsim.dram.rowstore import Lanes
from pimsim.dram.subarray import Subarray
from pimsim.microprogram.compiled.tiles import Layout
from pimsim.microprogram.literal.tape import Tape

_Number = TypeVar("_Number", bound=np.generic)

name: str = "output-stationary"
summary: str = "columns = images or positions; weights folded into the adders; counts stay put"
popcount: str = "in DRAM"


def draft(stage: Stage, machine: Machine, images: int, *, each: int = 1) -> Draft:
    """Lay the stage out; see :class:`bnn.mapping.work.Mapping`."""
    pieces = divide(stage, machine.data_rows, _planning(machine))
    return partial(
        _book,
        [
            (piece.plan, spread(piece.stage, machine, images, piece.plan, each), piece.stage, each)
            for piece in pieces
        ],
    )


def _planning(machine: Machine) -> Callable[[Stage], OutputPlan]:
    """What plans a stage for a machine."""
    return partial(plan, data_rows=machine.data_rows, tmr=machine.mitigation.tmr)


def _book(pieces: list[tuple[OutputPlan, Spread, Stage, int]], machine: Machine) -> Usage:
    used, first = Usage(), 0
    for planned, placed, stage, each in pieces:
        book(planned, placed, stage, machine, first, each)
        used += usage(planned, placed, machine)
        first += len(planned.chunks)
    return used


def prepare(stage: Stage, machine: Machine, images: int, *, compiled: bool) -> Execute:
    """Lay the stage out; see :class:`bnn.mapping.work.Mapping`."""
    pieces = divide(stage, machine.data_rows, _planning(machine))
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
    if machine.faults is not None:
        faulty = FaultyOutputs(stage, planned, placed, machine, first, machine.faults)
        return partial(_execute_faulty, planned, placed, first, faulty)
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
    booking = partial(book, planned, placed, work.stage, work.machine, first)
    values, book_s, check_s = run_compiled(work, booking, ready, looking)
    return usage(planned, placed, work.machine).result(values, book_s, check_s)


def _execute_faulty(
    planned: OutputPlan, placed: Spread, first: int, ready: FaultyOutputs, work: Work
) -> Result:
    started = time.perf_counter()
    book(planned, placed, work.stage, work.machine, first)
    booked = time.perf_counter()
    values, flips = ready.run(work)
    used = usage(planned, placed, work.machine)
    return replace(used.result(values, booked - started), flips=flips)


def _execute(planned: OutputPlan, placed: Spread, first: int, work: Work) -> Result:
    stage, machine = work.stage, work.machine
    book(planned, placed, stage, machine, first)
    bits = stage.thresholds is not None
    shape = (stage.outputs, work.images, stage.windows.positions)
    values = np.empty(shape, np.uint8) if bits else np.empty(shape, np.int64)
    total = sum(len(batch.tiles) for batch in placed.batches) * placed.outputs_per_group
    done, flips = 0, 0
    tape = _tape(stage, planned, machine)
    for batch in placed.batches:
        width = len(batch.tiles)
        parts = [machine.subarrays(placed.columns, width) for _ in planned.chunks]
        load(work, planned, parts, batch.tiles)
        injected = (
            None if tape is None else Injected(planned, tape, work, parts, batch.tiles, first)
        )
        for slot in range(placed.outputs_per_group):
            lanes, outputs = placed.slot(batch, slot)
            if len(lanes):
                if injected is not None:
                    injected.begin(lanes, outputs)
                Output(work, planned, parts, batch.tiles, lanes, outputs).run(values)
            done += len(batch.tiles)
            work.report(done, total)
        if work.audit is not None:
            work.audit.forget()
        flips += 0 if injected is None else injected.flips
    used = usage(planned, placed, machine)
    return replace(used.result(values.transpose(1, 2, 0)), flips=flips)


def _tape(stage: Stage, planned: OutputPlan, machine: Machine) -> Tape | None:
    """Commands of every output, by which noise is counted; None where nothing goes wrong."""
    if machine.faults is None:
        return None
    layout = Layout(machine.standard.rows_per_subarray, len(planned.chunks))
    return Tape(OutputRecipe(stage, planned).recipe, layout)


class Output:
    """One output a lane, computed in lock-step."""

    def __init__(
        self,
        work: Work,
        planned: OutputPlan,
        parts: list[Subarray],
        tiles: list[Tile],
        lanes: Lanes,
        outputs: NDArray[np.intp],
    ) -> None:
        self._work, self._plan, self._parts, self._tiles = work, planned, parts, tiles
        self._outputs = outputs
        self._lane_of = lanes
        self._lanes = None if len(lanes) == parts[0].lanes else lanes

    def run(self, values: NDArray[np.uint8] | NDArray[np.int64], *, read: bool = True) -> None:
        """Compute, and store into ``values`` (outputs, images, positions) what is read out.

        Without ``read`` result bits stay in their row and are looked at without a command.
        """
        first = self._parts[0]
        for steps in self._plan.offsets:
            home = self._parts[steps.home]
            for number, count in enumerate(steps.counts, start=steps.home):
                count.run(self._parts[number], self._outputs, self._lanes)
            for number, moved, arrivals in steps.parts():
                for row, arrival in zip(moved, arrivals, strict=True):
                    self._move(self._parts[number], row, home, arrival)
            steps.combine.run(home, self._outputs, self._lanes)
            if self._work.audit is not None:
                self._audit(self._counts(steps, steps.total, home, read=False), steps.place)
            steps.decide.run(home, self._outputs, self._lanes)
            for row, arrival in steps.results:
                self._move(home, row, first, arrival)
            steps.vote.run(first, self._outputs, self._lanes)
            if steps.reads is not None:
                counts = self._counts(steps, steps.reads, first, read=True)
                for lane, output, sums in zip(self._lane_of, self._outputs, counts, strict=True):
                    self._store(values, lane, output, sums)
        if self._plan.result is not None:
            home = first
            self._plan.pool.run(home, self._outputs, self._lanes)
            row = self._plan.result
            words = home.read(row, None, self._lanes) if read else home.peek(row, self._lanes)
            bits = unpack(words, home.columns)
            for lane, output, column in zip(self._lane_of, self._outputs, bits, strict=True):
                self._store(values, lane, output, self._by_image(lane, column))

    def _move(self, part: Subarray, row: int, to: Subarray, arrival: int) -> None:
        """Bring a data row of a subarray to another, through the host or from bank to bank."""
        if self._work.machine.moves == "host":
            to.write(arrival, part.read(row, None, self._lanes), None, self._lanes)
        else:
            to.receive(arrival, part.send(row, None, self._lanes), self._lanes)

    def _by_image(self, lane: int, columns: NDArray[_Number]) -> NDArray[_Number]:
        """``(images, positions)`` of a lane; the last tile leaves columns over."""
        tile = self._tiles[lane]
        return columns[: tile.columns].reshape(tile.shape)

    def _store(
        self,
        values: NDArray[np.uint8] | NDArray[np.int64],
        lane: int,
        output: int,
        found: NDArray[np.uint8] | NDArray[np.int64],
    ) -> None:
        tile = self._tiles[lane]
        values[output, tile.images, tile.positions] = found

    def _counts(
        self, steps: OffsetPlan, rows: list[int | None], home: Subarray, *, read: bool
    ) -> list[NDArray[np.int64]]:
        """Sums as the reference has them, (images, positions) a lane; read out or looked at."""
        totals = np.zeros((len(self._outputs), home.columns), dtype=np.int64)
        for level, row in enumerate(rows):
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
                tile = self._tiles[lane]
                audit.compare(tile.images, offset, place, sums[None], tile.positions)


def load(work: Work, planned: OutputPlan, parts: list[Subarray], tiles: list[Tile]) -> None:
    """Write operands (and masks, into every home) for every lane."""
    same = [tiles.index(tile) for tile in tiles]
    for part, chunk in zip(parts, planned.chunks, strict=True):
        row = planned.first_row
        for place in range(work.stage.windows.patch):
            cut = {first: operand_rows(work, tiles[first], place, chunk) for first in set(same)}
            lanes = np.zeros((len(tiles), chunk.stop - chunk.start, part.columns), np.uint32)
            for lane, tile in enumerate(tiles):
                lanes[lane, :, : tile.columns] = cut[same[lane]]
            for channel in range(lanes.shape[1]):
                for bit in range(work.stage.planes):
                    part.write(row, plane(lanes[:, channel], bit))
                    row += 1
    for row, mask in planned.masks:
        held = np.zeros((len(tiles), parts[0].columns), np.uint8)
        for lane, tile in enumerate(tiles):
            held[lane, : tile.columns] = np.tile(mask[tile.positions], tile.shape[0])
        for home in planned.homes:
            parts[home].write(row, plane(held, 0))
