"""Carrying out an output-stationary plan literally, row command by row command, in subarrays.

The lanes of a batch work in lock-step, each on an output of its own. Where counts are compared with
checksums, outputs that fail are computed again when the batch is done, by lanes with operands that
are written anew, see :mod:`bnn.mapping.repeats`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bnn.lowering.stage import Stage
from bnn.mapping.checksum import Parities
from bnn.mapping.injected import Injected
from bnn.mapping.output_books import book, usage
from bnn.mapping.output_recipe import OutputRecipe
from bnn.mapping.output_steps import OffsetPlan, OutputPlan
from bnn.mapping.repeats import Repeat, Repeats, repeated
from bnn.mapping.spread import Batch, Spread
from bnn.mapping.tiles import Tile
from bnn.mapping.work import Result, Work, operand_rows, plane
from bnn.system.ledger import CommandLedger
from pimsim.bits import unpack
from pimsim.dram.array.row_storage import Lanes
from pimsim.dram.array.subarray import Subarray
from pimsim.executors.compiled.run.tiles import Layout
from pimsim.executors.faulty.command_tape import Tape

_Number = TypeVar("_Number", bound=np.generic)

Failed = dict[tuple[int, int], NDArray[np.bool_]]
"""By lane of the batch and output, columns (images, positions) whose checksum was wrong."""


def execute(planned: OutputPlan, placed: Spread, first: int, work: Work) -> Result:
    """Execute a stage in subarrays from ``first`` on, and book every command."""
    stage = work.stage
    bits = stage.thresholds is not None
    shape = (stage.outputs, work.images, stage.windows.positions)
    values = np.empty(shape, np.uint8) if bits else np.empty(shape, np.int64)
    total = sum(len(batch.tiles) for batch in placed.batches) * placed.outputs_per_group
    done, flips = 0, 0
    repeats: Repeats = {}
    tape = _tape(stage, planned, work.machine)
    for number, batch in enumerate(placed.batches):
        own = _Pass(work, planned, placed, first, tape, batch.tiles, range(len(batch.tiles)))
        failed: Failed = {}
        for slot in range(placed.outputs_per_group):
            lanes, outputs = placed.slot(batch, slot)
            if len(lanes):
                failed |= own.run(values, lanes, outputs)
            done += len(batch.tiles)
            work.report(done, total)
        flips += own.flips
        repeats[number] = []
        while failed and len(repeats[number]) < work.machine.mitigation.retries:
            repeat = Repeat.of(failed)
            repeats[number].append(repeat)
            attempt = len(repeats[number])
            failed = _again(work, planned, placed, first, tape, batch, repeat, attempt,
                                    failed, values)  # fmt: skip
        if work.audit is not None:
            work.audit.forget()
    book(planned, placed, stage, work.machine, first, repeats=repeats)
    used = usage(planned, placed, work.machine, first)
    result = used.result(values.transpose(1, 2, 0))
    return replace(result, flips=flips, repeated=repeated(repeats))


def _again(
    work: Work,
    planned: OutputPlan,
    placed: Spread,
    first: int,
    tape: Tape | None,
    batch: Batch,
    repeat: Repeat,
    attempt: int,
    failed: Failed,
    values: NDArray[np.uint8] | NDArray[np.int64],
) -> Failed:
    """Compute what failed once more; return what failed again."""
    tiles = [batch.tiles[lane] for lane in repeat.lanes]
    own = _Pass(work, planned, placed, first, tape, tiles, repeat.lanes, attempt)
    still: Failed = {}
    for lanes, outputs in repeat.slots():
        still |= own.run(values, lanes, outputs, failed)
    return still


class _Pass:
    """Subarrays with the operands of some tiles, and the faults that they have."""

    def __init__(
        self,
        work: Work,
        planned: OutputPlan,
        placed: Spread,
        first: int,
        tape: Tape | None,
        tiles: Sequence[Tile],
        banks: Sequence[int],
        attempt: int = 0,
    ) -> None:
        self._work, self._plan, self._tiles, self._banks = work, planned, list(tiles), banks
        self._span = placed.span
        self._parts = [
            work.machine.subarrays(placed.columns, len(tiles)) for _ in range(planned.parts)
        ]
        load(work, planned, self._parts, self._tiles, self._span)
        self._injected: Injected | None = None
        if tape is not None:
            self._injected = Injected(
                planned, tape, work, self._parts, tiles, banks, first, placed.where, attempt
            )
        self._parities: dict[tuple[int, int], Parities] = {}

    @property
    def flips(self) -> int:
        """How often noise struck."""
        return 0 if self._injected is None else self._injected.flips

    def run(
        self,
        values: NDArray[np.uint8] | NDArray[np.int64],
        lanes: Lanes,
        outputs: NDArray[np.intp],
        only: Failed | None = None,
    ) -> Failed:
        """Compute an output a lane; return what failed of the columns, or of those in ``only``."""
        if self._injected is not None:
            self._injected.begin(lanes, outputs)
        banks = [self._banks[lane] for lane in lanes.tolist()]
        keys = list(zip(banks, outputs.tolist(), strict=True))
        masks = None if only is None else [only[key] for key in keys]
        output = Output(
            self._work, self._plan, self._parts, self._tiles, lanes, outputs, masks, self._span
        )
        output.run(values)
        found: Failed = {}
        for number, key in enumerate(keys):
            for steps, rows in output.checked:
                wrong = self._wrong(steps, int(lanes[number]), key[1], rows[number])
                found[key] = found.get(key, np.False_) | wrong
            if masks is not None and key in found:
                found[key] &= masks[number]
        return {key: wrong for key, wrong in found.items() if wrong.any()}

    def _wrong(
        self, steps: OffsetPlan, lane: int, output: int, row: NDArray[np.uint8]
    ) -> NDArray[np.bool_]:
        """Columns (images, positions) in which a row is not what the host knows it must be."""
        tile = self._tiles[lane]
        images = tile.images.start, tile.images.stop
        if images not in self._parities:
            own = self._work.integers[tile.images]
            self._parities[images] = Parities(self._work.stage, own)
        if steps.check is None:
            raise ValueError("the steps must have a check")
        parities = self._parities[images]
        expected = parities.bits(steps.check, steps.place, output, tile.positions)
        wrong: NDArray[np.bool_] = row[: tile.columns].reshape(tile.shape) != expected
        return wrong


def _tape(stage: Stage, planned: OutputPlan, machine: CommandLedger) -> Tape | None:
    """Commands of every output, by which noise is counted; None where nothing goes wrong."""
    if machine.faults is None:
        return None
    layout = Layout(machine.standard.rows_per_subarray, planned.parts)
    return Tape(OutputRecipe(stage, planned).recipe, layout)


class Output:
    """One output a lane, computed in lock-step; of all columns or of some (images, positions)."""

    def __init__(
        self,
        work: Work,
        planned: OutputPlan,
        parts: list[Subarray],
        tiles: list[Tile],
        lanes: Lanes,
        outputs: NDArray[np.intp],
        only: Sequence[NDArray[np.bool_]] | None = None,
        span: int | None = None,
    ) -> None:
        self._span = span
        self._work, self._plan, self._parts, self._tiles = work, planned, parts, tiles
        self._only = only and dict(zip(lanes.tolist(), only, strict=True))
        self.checked: list[tuple[OffsetPlan, NDArray[np.uint8]]] = []
        """Rows that were read out to be compared with checksums, (lanes, columns) each."""
        self._outputs = outputs
        self._lane_of = lanes
        self._lanes = None if len(lanes) == parts[0].lanes else lanes

    def run(self, values: NDArray[np.uint8] | NDArray[np.int64], *, read: bool = True) -> None:
        """Compute, and store into ``values`` (outputs, images, positions) what is read out.

        Without ``read`` result bits stay in their row and are looked at without a command.
        """
        voter = self._parts[self._plan.voter]
        for steps in self._plan.offsets:
            home = self._parts[steps.home]
            for number, count in enumerate(steps.counts, start=steps.home):
                count.run(self._parts[number], self._outputs, self._lanes)
            for number, moved, arrivals in steps.parts():
                for row, arrival in zip(moved, arrivals, strict=True):
                    self._move(self._parts[number], row, home, arrival)
            steps.combine.run(home, self._outputs, self._lanes)
            if steps.check is not None:
                held = home.read(steps.check.row, self._span, self._lanes)
                self.checked.append((steps, unpack(held, home.columns)))
            if self._work.audit is not None:
                self._audit(self._counts(steps, steps.total, home, read=False), steps.place)
            steps.decide.run(home, self._outputs, self._lanes)
            for row, arrival in steps.results:
                self._move(home, row, voter, arrival)
            steps.vote.run(voter, self._outputs, self._lanes)
            if steps.reads is not None:
                counts = self._counts(steps, steps.reads, voter, read=True)
                for lane, output, sums in zip(self._lane_of, self._outputs, counts, strict=True):
                    self._store(values, lane, output, sums)
        if self._plan.result is not None:
            home = voter
            self._plan.pool.run(home, self._outputs, self._lanes)
            row = self._plan.result
            words = home.read(row, self._span, self._lanes) if read else home.peek(row, self._lanes)
            bits = unpack(words, home.columns)
            for lane, output, column in zip(self._lane_of, self._outputs, bits, strict=True):
                self._store(values, lane, output, self._by_image(lane, column))

    def _move(self, part: Subarray, row: int, to: Subarray, arrival: int) -> None:
        """Bring a data row of a subarray to another, through the host or from bank to bank."""
        if self._work.machine.moves == "host":
            to.write(arrival, part.read(row, self._span, self._lanes), self._span, self._lanes)
        else:
            to.receive(arrival, part.send(row, self._span, self._lanes), self._lanes)

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
        if self._only:
            kept = values[output, tile.images, tile.positions]
            found = np.where(self._only[lane], found, kept)
        values[output, tile.images, tile.positions] = found

    def _counts(
        self, steps: OffsetPlan, rows: list[int | None], home: Subarray, *, read: bool
    ) -> list[NDArray[np.int64]]:
        """Sums as the reference has them, (images, positions) a lane; read out or looked at."""
        totals = np.zeros((len(self._outputs), home.columns), dtype=np.int64)
        for level, row in enumerate(rows):
            if row is not None:
                words = (
                    home.read(row, self._span, self._lanes) if read else home.peek(row, self._lanes)
                )
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


def load(
    work: Work,
    planned: OutputPlan,
    parts: list[Subarray],
    tiles: list[Tile],
    span: int | None = None,
) -> None:
    """Write operands (and masks, into every home) for every lane.

    ``span`` is how many columns of a row it takes to reach all that hold data, those of the
    subarray if None.
    """
    same = [tiles.index(tile) for tile in tiles]
    for part, chunk in zip(parts, planned.chunks, strict=False):
        row = planned.first_row
        for place in range(chunk.places.start, chunk.places.stop):
            cut = {
                first: operand_rows(work, tiles[first], place, chunk.channels)
                for first in set(same)
            }
            lanes = np.zeros((len(tiles), chunk.width, part.columns), np.uint32)
            for lane, tile in enumerate(tiles):
                lanes[lane, :, : tile.columns] = cut[same[lane]]
            for channel in range(lanes.shape[1]):
                for bit in range(work.stage.planes):
                    part.write(row, plane(lanes[:, channel], bit), span)
                    row += 1
    for row, mask in planned.masks:
        held = np.zeros((len(tiles), parts[0].columns), np.uint8)
        for lane, tile in enumerate(tiles):
            held[lane, : tile.columns] = np.tile(mask[tile.positions], tile.shape[0])
        for home in planned.homes:
            parts[home].write(row, plane(held, 0), span)
